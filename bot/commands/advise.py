"""`frontdesk advise`: for each intent, retrieval, the voice, an account action or a person, with the evidence."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

import typer

from frontdesk.bot.commands.output import HERE, Json, ProjectFolder, emit, progress, quiet_libraries
from frontdesk.bot.config import FILE, Brand
from frontdesk.bot.project import Project

if TYPE_CHECKING:
    from frontdesk.bot.app import Bot
    from frontdesk.finetune.advise.report import Advice
    from frontdesk.finetune.advise.values import Dossier, Proposal
    from frontdesk.finetune.transcripts import Pair

TIMED = 20
"""Messages that each route answers to be timed."""


def advise(
    brand: Annotated[str | None, typer.Option(help="The brand that is advised; default: the project's.")] = None,
    looks: Annotated[int, typer.Option(min=1, max=200, help="Examples of each intent asked of the documents.")] = 8,
    timed: Annotated[int, typer.Option(min=0, max=1000, help="Messages timed on each route; 0 for none.")] = TIMED,
    write: Annotated[bool, typer.Option("--write", help="Write the sure routes into frontdesk.toml.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
    project: ProjectFolder = HERE,
    as_json: Json = False,
) -> None:
    """Propose a route for each intent from the project's own data, with the evidence, the cost and the latency.

    A page with everything is written to .frontdesk/reports/advice.html. With --write the changes are shown first.
    """
    from frontdesk.bot.app import assemble
    from frontdesk.finetune.advise.report import write_report

    quiet_libraries()
    loaded = Project.load(project)
    chosen = brand or loaded.settings.brand_id
    loaded.settings.brand(chosen)
    bot = assemble(loaded)
    with progress(as_json) as step:
        advice = advised(bot, chosen, looks=looks, timed=timed, progress=step)
    page = write_report(loaded.state / "reports" / "advice.html", advice)
    emit({**as_data(advice), "report": str(page)}, as_json, "\n".join([*lines(advice), f"Report: {page}"]))
    if write:
        _write(loaded, chosen, advice.changes, yes=yes)


def advised(bot: Bot, brand: str, *, looks: int, timed: int, progress: Callable[[str, int, int], None]) -> Advice:
    """Return the advice for one brand of a loaded bot."""
    from frontdesk.bot.commands.timing import Desk
    from frontdesk.bot.router.nlu import read_nlu
    from frontdesk.finetune.advise.gather import dossiers
    from frontdesk.finetune.advise.propose import propose
    from frontdesk.finetune.advise.report import Advice

    settings, table, desk = bot.project.settings, bot.engine.brands[brand], Desk(bot, brand)
    found = dossiers(
        read_nlu(bot.project.nlu).rows,
        table,
        pairs=_pairs(bot, brand),
        documents=desk.documents,
        style=_style(bot, table),
        looks=looks,
        progress=progress,
    )
    proposals = [propose(one, max_error=settings.router.max_error) for one in found]
    return Advice(
        brand=table.name,
        dossiers=tuple(found),
        proposals=tuple(masked(table, found, proposals)),
        costs=tuple(desk.costs(proposals, found, timed)) if timed else (),
    )


def _pairs(bot: Bot, brand: str) -> Iterator[Pair] | None:
    """Return what the transcripts hold, the router naming the intents they lack; None without transcripts."""
    from frontdesk.bot.commands.oversight import routed
    from frontdesk.finetune.transcripts import Report, pairs, read_transcripts

    folder = bot.project.folder / "transcripts"
    if not folder.is_dir() or not any(folder.iterdir()):
        return None

    @lru_cache(maxsize=10_000)
    def label(text: str) -> str | None:
        route = routed(bot, brand, text)[0]
        return None if route.kind == "clarify" else route.intent

    return pairs(read_transcripts([folder], report=Report(), brand=brand), label)


def _style(bot: Bot, brand: Brand) -> Callable[[Sequence[str]], float] | None:
    """Return the share of replies that sound like the brand's voice; None when its style was never learned."""
    from frontdesk.bot.commands.gating import scorer_of

    scorer = scorer_of(bot.project, bot.voices.registry)
    if brand.voice not in scorer.voices:
        return None
    return lambda replies: scorer.share(brand.voice, replies)


def masked(brand: Brand, found: Sequence[Dossier], proposals: Sequence[Proposal]) -> Iterator[Proposal]:
    """Take personal data out of the replies that are shown."""
    from frontdesk.adapters.graphs import user_cache
    from frontdesk.bot.commands.oversight import Masker
    from frontdesk.finetune.redact import NameTagger, brand_redactor

    said = {reply for one in found for reply in one.replies or ()}
    shown = sorted({text for one in proposals for c in one.considerations for text in c.examples} & said)
    clean = dict(zip(shown, Masker(brand_redactor(brand, NameTagger(user_cache()))).masked(shown), strict=True))
    for one in proposals:
        asked = one.considerations
        kept = (replace(c, examples=tuple(clean.get(text, text) for text in c.examples)) for c in asked)
        yield replace(one, considerations=tuple(kept))


def as_data(advice: Advice) -> dict[str, Any]:
    """Return the advice as JSON types."""
    return {
        "brand": advice.brand,
        "changes": advice.changes,
        "costs": [asdict(cost) for cost in advice.costs],
        "intents": [{**asdict(one), "agrees": one.agrees} for one in advice.proposals],
    }


def lines(advice: Advice) -> Iterator[str]:
    """Yield the advice as lines to read."""
    wide = max((len(one.intent) for one in advice.proposals), default=0)
    for one in advice.proposals:
        mark = " " if one.agrees else "*"
        unsure = "" if one.sure else "  (unsure)"
        yield f"{mark} {one.intent:<{wide}}  {one.route:<9}  {one.score:.2f}  {one.reason}{unsure}"
        yield from (f"  {'':<{wide}}  missing: {text}" for text in one.missing)
    for cost in advice.costs:
        price = f", {cost.price:.2f} for 1,000" if cost.price is not None else ""
        took = f"half within {cost.p50_ms:.0f} ms, 19 in 20 within {cost.p95_ms:.0f} ms"
        yield f"{cost.route:<9}  {took}, {cost.cpu_seconds:.1f} CPU seconds for 1,000{price}; {cost.note}"
    otherwise = sum(not one.agrees for one in advice.proposals)
    yield f"{len(advice.proposals)} intents; * {otherwise} stand otherwise in frontdesk.toml."


def _write(project: Project, brand: str, changes: Mapping[str, str], *, yes: bool) -> None:
    """Show what would change in frontdesk.toml and change it when that is wanted."""
    from frontdesk.bot.commands.routes_file import difference, replaced, with_routes

    path = project.folder / FILE
    before = path.read_text(encoding="utf-8")
    after = with_routes(before, brand, changes)
    if after == before:
        print("frontdesk.toml has these routes already.", file=sys.stderr)
        return
    print(difference(before, after), file=sys.stderr)
    if yes or typer.confirm("Write this into frontdesk.toml?", err=True):
        replaced(path, after)
        print("Written. Restart the server to serve it.", file=sys.stderr)
