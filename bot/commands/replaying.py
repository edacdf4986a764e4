"""`frontdesk test --replay`: past conversations against the present version, as counts, as lines, as a page."""

from __future__ import annotations

import asyncio
import difflib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from frontdesk.bot.commands.output import emit, progress, read_rows
from frontdesk.bot.errors import ConfigError
from frontdesk.bot.intervals import wilson
from frontdesk.bot.project import Project

if TYPE_CHECKING:
    from frontdesk.bot.acceptance.replay import Asked, Compared

TEMPLATE = Path(__file__).parent / "replay.html"
KINDS = ("route", "citations", "words")
SHOWN = 20
"""The most changed messages that are printed; the page and --json have them all."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is replayed: a JSONL export, or the store's conversations; and how it is reported."""

    file: Path | None
    since: datetime | None
    allow: float
    page: Path | None
    as_json: bool


def replay(project: Project, wanted: Wanted) -> bool:
    """Replay, report, and return whether the share of messages that changed route or documents is allowed."""
    asked = list(_asked(project, wanted))
    if not asked:
        fix = "widen --since, or name another export."
        raise ConfigError("there is no message that the bot answered.", where=str(wanted.file or "store"), fix=fix)
    compared = asyncio.run(_compared(project, asked, wanted.as_json))
    report = report_of(compared, wanted.allow)
    if wanted.page:
        _write(wanted.page, page_of(compared, report))
    if wanted.as_json:
        emit({**report, "messages": [_row(one) for one in compared if one.changed]}, True)
    else:
        print("\n".join(lines_of(compared, report)))
    return bool(report["allowed"])


def _asked(project: Project, wanted: Wanted) -> Iterator[Asked]:
    from frontdesk.bot.acceptance.replay import asked_in, asked_in_row
    from frontdesk.bot.store.archive import archive

    settings = project.settings
    if wanted.file:
        for row in read_rows(wanted.file, "id", "turns"):
            yield from asked_in_row(row, settings.brands, settings.brand_id)
        return
    since = wanted.since and wanted.since.replace(tzinfo=UTC)
    for past in archive(project.store_url, since=since):
        if past.conversation.brand in settings.brands:
            yield from asked_in(past)


async def _compared(project: Project, asked: Sequence[Asked], quiet: bool) -> list[Compared]:
    from frontdesk.bot.acceptance.replay import replayed
    from frontdesk.bot.app import assemble

    bot = assemble(project)
    bot.warm_up()
    compared = []
    with progress(quiet) as step:
        async for one in replayed(asked, bot.engine):
            compared.append(one)
            step("replaying", len(compared), len(asked))
    return compared


def report_of(compared: Sequence[Compared], allow: float) -> dict[str, Any]:
    """Return the counts, each with its share and the 95 % interval of that."""
    from frontdesk.bot.acceptance.replay import route_of

    moves = Counter((route_of(one.asked.reply), route_of(one.now)) for one in compared if "route" in one.changed)
    serious = sum(bool({"route", "citations"} & set(one.changed)) for one in compared)
    return {
        "conversations": len({one.asked.before.id for one in compared}),
        "n": len(compared),
        "unchanged": _share(sum(not one.changed for one in compared), len(compared)),
        **{kind: _share(sum(kind in one.changed for one in compared), len(compared)) for kind in KINDS},
        "route_or_citations": _share(serious, len(compared)),
        "moves": [{"from": a, "to": b, "n": n} for (a, b), n in moves.most_common()],
        "allow": allow,
        "allowed": serious <= allow * len(compared),
    }


def _share(count: int, n: int) -> dict[str, Any]:
    low, high = wilson(count, n)
    return {"n": count, "share": round(count / n, 4), "ci": [round(low, 4), round(high, 4)]}


def lines_of(compared: Sequence[Compared], report: dict[str, Any]) -> Iterator[str]:
    """Yield the report as lines to read."""
    yield f"{report['n']} messages of {report['conversations']} conversations, answered anew"
    for name, key in _ROWS:
        one = report[key]
        low, high = one["ci"]
        yield f"  {name:<34} {one['n']:>6}  {one['share']:6.1%}  ({low:.1%} to {high:.1%})"
    if report["moves"]:
        yield "\nRoutes"
        yield from (f"  {move['n']:>4}  {move['from']} -> {move['to']}" for move in report["moves"][:SHOWN])
    changed = _changed(compared)
    for one in changed[:SHOWN]:
        row = _row(one)
        yield f"\n{row['conversation_id']}: {row['text']}"
        yield f"  changed: {', '.join(row['changed'])}"
        for when in ("then", "now"):
            yield f"  {when:<5}{row[when]['route']}; cites {', '.join(row[when]['documents']) or 'nothing'}"
            yield f"       {row[when]['text']}"
    if len(changed) > SHOWN:
        yield f"\n... and {len(changed) - SHOWN} more; --report FILE.html shows them all."
    verdict = "allowed" if report["allowed"] else "not allowed"
    share = report["route_or_citations"]["share"]
    yield f"\nRoute or documents changed for {share:.1%} of the messages: {verdict} (--allow {report['allow']:g})."


def _changed(compared: Sequence[Compared]) -> list[Compared]:
    """Return what changed, other routes first, mere words last."""
    return sorted((one for one in compared if one.changed), key=lambda one: KINDS.index(one.changed[0]))


_ROWS = (
    ("the same in every way", "unchanged"),
    ("another route", "route"),
    ("other documents cited", "citations"),
    ("other words", "words"),
)


def _row(one: Compared) -> dict[str, Any]:
    from frontdesk.bot.acceptance.replay import route_of

    def told(reply: Any) -> dict[str, Any]:
        documents = list(dict.fromkeys(citation.document_id for citation in reply.citations))
        return {"route": route_of(reply), "documents": documents, "text": " ".join(reply.text.split())}

    return {
        "conversation_id": one.asked.before.id,
        "message_id": one.asked.message.id,
        "text": one.asked.message.text,
        "changed": list(one.changed),
        "then": told(one.asked.reply),
        "now": told(one.now),
    }


def page_of(compared: Sequence[Compared], report: dict[str, Any]) -> str:
    """Return the report as one HTML page: counts, moves, and every changed message with its words side by side."""
    from jinja2 import Environment

    page = Environment(autoescape=True).from_string(TEMPLATE.read_text(encoding="utf-8"))
    rows = [_row(one) for one in _changed(compared)]
    for row in rows:
        row["words"] = list(_marked(row["then"]["text"].split(), row["now"]["text"].split()))
    return page.render(report=report, rows=rows, shares=[(name, report[key]) for name, key in _ROWS])


def _marked(then: Sequence[str], now: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield (same, gone or new, words), so that what was said and what is said can be read in one line."""
    for kind, a, b, c, d in difflib.SequenceMatcher(None, then, now, autojunk=False).get_opcodes():
        if kind == "equal":
            yield "same", " ".join(then[a:b])
            continue
        if a < b:
            yield "gone", " ".join(then[a:b])
        if c < d:
            yield "new", " ".join(now[c:d])


def _write(path: Path, text: str) -> None:
    """Write a file that only its owner can read: it holds what customers wrote."""
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}.", where=str(path), fix="name another file.") from None
