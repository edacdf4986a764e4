"""`frontdesk tune`: a voice from support transcripts, up to the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from frontdesk.bot.commands import gating
from frontdesk.bot.commands.output import HERE, Json, ProjectFolder, emit, progress, quiet_libraries
from frontdesk.bot.config import Brand, Models
from frontdesk.bot.errors import ConfigError
from frontdesk.bot.project import Project

if TYPE_CHECKING:
    from frontdesk.adapters.registry import Voice
    from frontdesk.bot.router.route import Router
    from frontdesk.finetune.canaries import Canary
    from frontdesk.finetune.dataset import Dataset
    from frontdesk.finetune.exam import Exam
    from frontdesk.finetune.lessons import Cleaner, Lessons
    from frontdesk.finetune.transcripts import Report, Transcript

CANARIES, STYLE = 24, 600
"""Secrets planted among the transcripts, and replies that teach the scorer the style."""
_SEED = 20_261_121
"""The planted secrets are the same for every version, so that versions can be compared."""


def tune(
    transcripts: Annotated[
        list[Path] | None,
        typer.Argument(help="Transcripts or exports, files or folders; default transcripts/VOICE/, then transcripts/."),
    ] = None,
    voice: Annotated[str | None, typer.Option("--voice", "-v", help="The voice's name; default the brand's.")] = None,
    brand: Annotated[str | None, typer.Option(help="The brand whose placeholders and routes apply.")] = None,
    base: Annotated[
        str | None, typer.Option(help="The base model, a folder or hub id; default models.base of the settings.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, max=100, help="At most; it stops when held-out pairs get worse.")] = 10,
    rank: Annotated[int, typer.Option(min=1, max=256, help="Rank of the LoRA matrices.")] = 16,
    learning_rate: Annotated[float, typer.Option(min=1e-6, max=1.0)] = 3e-3,
    seed: int = 0,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Cores to train on.")] = 2,
    held_out: Annotated[float, typer.Option(min=0.01, max=0.5, help="Share of conversations not trained on.")] = 0.1,
    format: Annotated[str | None, typer.Option(help="The transcripts' format; default told by the content.")] = None,
    language: Annotated[
        list[str] | None, typer.Option("--language", help="Languages to learn from, ISO 639-1; default en.")
    ] = None,
    agent: Annotated[
        list[str] | None, typer.Option("--agent", help="Who answers, where the format does not say: id or @domain.")
    ] = None,
    any_brand: Annotated[bool, typer.Option("--any-brand", help="Accept agents who speak for another brand.")] = False,
    preview: Annotated[bool, typer.Option("--preview", help="Show the data and the loss mask; train nothing.")] = False,
    promote: Annotated[bool, typer.Option(help="Put the version through the gate and serve it if it passes.")] = True,
    project: ProjectFolder = HERE,
    as_json: Json = False,
) -> None:
    """Train a voice on transcripts as its next version; the gate decides whether it is served.

    Personal data is taken out first. Exit code 1 when the gate refuses the version.
    """
    from frontdesk.finetune.transcripts import Report, read_transcripts
    from frontdesk.finetune.tune import Recipe
    from frontdesk.finetune.tune import tune as train

    quiet_libraries()
    job = Job(Project.load(project), brand, voice, base)
    report = Report()
    read = read_transcripts(
        transcripts or job.default_transcripts(),
        format=format,
        report=report,
        brand=None if any_brand else job.brand_id,
        languages=language or ("en",),
        agents=agent or (),
    )
    with progress(as_json) as step:
        found = job.lessons(_counted(read, step), report, held_out=held_out, any_brand=any_brand)
    if preview:
        return _show(job, found, as_json)
    recipe = Recipe(rank=rank, alpha=2 * rank, epochs=epochs, learning_rate=learning_rate, seed=seed, threads=threads)
    with progress(as_json) as step:
        trained = train(job.voice, found.data, job.voices.registry, base=job.base, recipe=recipe, progress=step)
    return _decide(job, trained, found, promote, as_json)


class Job:
    """One run of the command: the voice, and the parts of the project that it needs, made when first asked for."""

    def __init__(self, project: Project, brand: str | None, voice: str | None, base: str | None) -> None:
        from frontdesk.bot.app import voices_of

        self.project, self.brand_id = project, brand or project.settings.brand_id
        named = project.settings.brand(brand)
        self.voice = voice or named.voice
        self.brand: Brand = project.settings.spoken(named, self.voice)
        self.base = base or project.settings.models.base
        self.voices = voices_of(project)
        self.voices.registry.versions(self.voice)  # refuses a bad name before the work, not after

    def default_transcripts(self) -> list[Path]:
        """The voice's own folder of transcripts, else all of them; ConfigError when all are of other voices."""
        folder = self.project.folder / "transcripts"
        if (own := folder / self.voice).is_dir():
            return [own]
        inside = sorted(folder.iterdir()) if folder.is_dir() else []
        if inside and all(path.is_dir() for path in inside):
            fix = f"name what to learn from: {', '.join(f'transcripts/{path.name}' for path in inside)}."
            raise ConfigError(f"no transcripts of the voice {self.voice}.", where=str(own), fix=fix)
        return [folder]

    def canaries(self) -> list[tuple[Transcript, Canary]]:
        """The secrets to plant, in intents that this brand's voice answers."""
        from frontdesk.finetune.canaries import planted

        routes = self.brand.routes
        return [(talk, secret) for talk, secret in planted(CANARIES, _SEED) if routes.get(secret.intent) == "voice"]

    def exam(self) -> Exam | None:
        """The exam that this voice's versions have had so far."""
        from frontdesk.finetune.exam import read_exam

        try:
            return read_exam(self.voices.registry, self.voice)
        except ConfigError:
            return None

    def lessons(self, read: Iterable[Transcript], report: Report, *, held_out: float, any_brand: bool) -> Lessons:
        """Make the dataset, with secrets planted among the transcripts before personal data is taken out."""
        from frontdesk.bot.app import objection_of
        from frontdesk.finetune.lessons import lessons

        exam = self.exam()
        return lessons(
            read,
            report,
            brand=self.brand,
            objection=objection_of(self.brand),
            clean=cleaner(self.brand),
            label=_label(self.project, self.brand_id),
            held_out=held_out,
            asked=exam.held_out if exam else (),
            planted=(transcript for transcript, _ in self.canaries()),
            any_brand=any_brand,
            generic=self.base == Models().base,
        )

    def keep_exam(self, data: Dataset) -> None:
        """Make the voice's exam of this dataset, for this version and those to come, when it has none yet.

        An exam that is there stays as it is, but asks for the secrets that were planted this time.
        """
        from frontdesk.finetune.dataset import draw
        from frontdesk.finetune.evaluate.contrast import StyleReply
        from frontdesk.finetune.evaluate.style import LEAST
        from frontdesk.finetune.exam import Exam, write_exam

        canaries = tuple(canary for _, canary in self.canaries())
        if exam := self.exam():
            if exam.canaries != canaries:
                write_exam(self.voices.registry, self.voice, exam.model_copy(update={"canaries": canaries}))
            return
        unseen = (*data.held_out, *data.spare)  # a voice that repeats what it learned must not score by that alone
        shown = unseen if len(unseen) >= LEAST else (*unseen, *data.train)
        chosen = sorted(shown, key=lambda pair: draw(pair.reply))[:STYLE]
        style = (StyleReply(style=self.voice, intent=pair.intent, text=pair.reply) for pair in chosen)
        exam = Exam(held_out=data.held_out, style=tuple(style), canaries=canaries)
        write_exam(self.voices.registry, self.voice, exam)


def cleaner(brand: Brand) -> Cleaner:
    """Return what takes personal data out of a brand's transcripts; its models are read at first use."""
    from frontdesk.adapters.graphs import user_cache
    from frontdesk.finetune.redact import NameTagger, brand_redactor

    return brand_redactor(brand, NameTagger(user_cache()))


def _label(project: Project, brand_id: str) -> Callable[[str], str | None]:
    """Return what names the intent of a customer's text: the bot's router, loaded at the first text that asks."""
    from frontdesk.bot.app import encoder_of
    from frontdesk.bot.router.route import load_router
    from frontdesk.bot.types import Conversation, Customer, Message

    brand, customer = project.settings.brands[brand_id], Customer(id="transcript")

    @cache
    def router() -> Router:
        return load_router(project.state / "router", encoder_of(project.settings.models), brand.routes, brand.titles)

    @lru_cache(maxsize=10_000)
    def label(text: str) -> str | None:
        message = Message(text=text, conversation_id="", brand=brand_id, channel="", customer=customer, id="")
        route = router().route(message, Conversation(id="", brand=brand_id))[0]
        return None if route.kind == "clarify" else route.intent

    return label


def _counted(read: Iterable[Transcript], step: Callable[[str, int, int], None]) -> Iterator[Transcript]:
    for number, transcript in enumerate(read, start=1):
        yield transcript
        step("conversations", number, number)


def _show(job: Job, found: Lessons, as_json: bool) -> None:
    """Print the account of the data and the loss mask of a few pairs."""
    from rich.console import Console

    from frontdesk.adapters.base_model import load_base
    from frontdesk.finetune.preview import coloured, preview

    shown = preview(found.data, load_base(job.base)[1])
    if as_json:
        pairs = [{"intent": one.intent, "tokens": [list(token) for token in one.tokens]} for one in shown]
        return emit({**found.as_dict(), "preview": pairs}, as_json)
    console = Console(highlight=False)
    for line in found.lines():
        console.print(line, markup=False)
    console.print("\nWhat is learned is green, what is only read is red:", style="bold")
    for one in shown:
        console.print(f"\n{one.intent}", style="bold")
        console.print(coloured(one), end="\n")
    return None


def _decide(job: Job, trained: Voice, found: Lessons, promote: bool, as_json: bool) -> None:
    """Put the version through the gate and serve it if it passes; exit code 1 when it does not."""
    job.keep_exam(found.data)
    manifest = trained.manifest
    data = {"voice": trained.id, **found.as_dict(), "metrics": manifest.metrics, "curve": manifest.curve}
    said = [*found.lines(), _trained(trained)]
    word = None
    if promote and job.base == job.project.settings.models.base:
        verdict, report = gating.examined(job.project, job.voices, job.voice, manifest.version, quiet=as_json)
        word = verdict.word
        said += [gating.lines(word), *([f"Report: {report}"] if report else [])]
        data |= {"gate": gating.as_data(word), "report": str(report) if report else None}
    served = word is not None and word.passed
    if word is not None and served:
        job.voices.registry.promote(job.voice, manifest.version, word)
    after = f"put it through the gate with `frontdesk voices promote {trained.id}`."
    if job.base != job.project.settings.models.base:
        after = f'set models.base = "{job.base}", then {after}'
    said.append(f"{trained.id} is served from the next reply on." if served else f"It is not served; {after}")
    emit({**data, "served": served}, as_json, "\n".join(said))
    if word is not None and not served:
        raise typer.Exit(1)


def _trained(voice: Voice) -> str:
    metrics, curve = voice.manifest.metrics, voice.manifest.curve
    looks = ", ".join(f"{held:.3f}" for _, _, held in curve if held is not None)
    return (
        f"{voice.id}: trained on {voice.manifest.pairs} pairs in {metrics['seconds']:.0f} s, {curve[-1][0]} steps; "
        f"held-out loss {metrics['held_out_loss_before']:.3f} -> {metrics['held_out_loss']:.3f} (looks: {looks})"
    )
