"""`frontdesk eval`: figures with intervals; all but `voice` need no bot project."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from frontdesk.bot.commands.output import HERE, Json, ProjectFolder, emit, progress, quiet_libraries, read_rows
from frontdesk.bot.config import Models
from frontdesk.bot.errors import ConfigError
from frontdesk.bot.project import Project

if TYPE_CHECKING:
    from frontdesk.knowledge.evaluate import Evaluation

app = typer.Typer(no_args_is_help=True, help="Measure the router, retrieval, answers and voices.")

Report = Annotated[Path | None, typer.Option("--out", help="Write a page with plots into this folder.")]
Documents = Annotated[Path, typer.Option("--documents", help='JSONL rows {"id","title","text"}.')]


@app.command()
def router(
    train: Annotated[Path, typer.Option(help='JSONL rows {"text","intent"}; intent oos = out of scope.')],
    test: Annotated[Path, typer.Option(help="JSONL rows of the same shape.")],
    out: Report = None,
    as_json: Json = False,
) -> None:
    """Train a router on one set of rows and measure it on another."""
    from frontdesk.bot.router.evaluate import evaluate_router
    from frontdesk.finetune.router_encoder import tuner

    quiet_libraries()
    labelled, asked = (read_rows(path, "text", "intent") for path in (train, test))
    encoder = _encoder()
    found = evaluate_router(labelled, asked, encoder, tuner=tuner(encoder))
    if out:
        from frontdesk.bot.commands.router_report import write_router_report

        print(f"report: {write_router_report(out, found)}", file=sys.stderr)
    emit(found.figures, as_json)


@app.command()
def retrieval(
    documents: Documents,
    questions: Annotated[Path, typer.Option(help='JSONL rows {"question","doc_ids","history"?}.')],
    out: Report = None,
    as_json: Json = False,
) -> None:
    """Index the documents and measure which of them the questions find."""
    from frontdesk.knowledge.evaluate import evaluate_retrieval

    quiet_libraries()
    rows = read_rows(documents, "id", "text"), read_rows(questions, "question", "doc_ids")
    _told("Retrieval", evaluate_retrieval(*rows, _encoder()), out, as_json)


@app.command()
def answers(
    documents: Annotated[
        Path | None, typer.Option("--documents", help='JSONL rows {"id","title","text"}; not with --fit.')
    ] = None,
    questions: Annotated[
        Path | None, typer.Option(help='JSONL rows {"question","doc_ids","answerable","answer"?,"history"?}.')
    ] = None,
    fit: Annotated[
        bool, typer.Option("--fit", help="Fit when to abstain to knowledge.max_error, and keep it in the project.")
    ] = False,
    brand: Annotated[str | None, typer.Option(help="With --fit: whose knowledge base.")] = None,
    out: Report = None,
    project: ProjectFolder = HERE,
    as_json: Json = False,
) -> None:
    """Index the documents and measure the answers: abstention, citations, support. Or, in a project, fit abstention.

    Without questions, --fit makes its own from the project's documents.
    """
    from frontdesk.knowledge.evaluate import evaluate_answers

    quiet_libraries()
    asked = read_rows(questions, "question", "doc_ids", "answerable") if questions else []
    if fit:
        _fitted(Project.load(project), brand, asked, as_json)
    elif documents is None or not asked:
        raise ConfigError("nothing to measure.", fix="give --documents and --questions, or --fit in a bot project.")
    else:
        _told("Answers", evaluate_answers(read_rows(documents, "id", "text"), asked, _encoder()), out, as_json)


def _fitted(project: Project, brand: str | None, rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    from frontdesk.bot.app import helpers_of, knowledge_of

    project.settings.brand(brand)
    bases = knowledge_of(project, helpers=helpers_of(project))
    base = bases.of(brand or project.settings.brand_id)
    try:
        base.load()
        with progress(as_json) as step:
            found = base.fit(rows, step)
    finally:
        bases.close()
    fit = found.fit
    made = "questions" if fit.source == "questions" else "questions made from the documents"
    kept = "with 95 % certainty" if fit.promised else "by the expected error only: more questions would make it surer"
    line = (
        f"Fitted on {fit.questions} {made}: answers {fit.answered:.0%} of what can be answered; {fit.error:.1%} of the "
        f"answers are wrong ({fit.error_ci[0]:.1%} to {fit.error_ci[1]:.1%}), on questions left out of the fit. "
        f"The target of {fit.max_error:.0%} is kept {kept}."
    )
    emit({"threshold": found.threshold, **fit.model_dump()}, as_json, line)


def _told(title: str, evaluation: Evaluation, out: Path | None, as_json: bool) -> None:
    """Print the figures, and write the page when a folder is named for it."""
    if out:
        from frontdesk.knowledge.report import write_report

        print(f"report: {write_report(out, title, evaluation)}", file=sys.stderr)
    emit(evaluation.figures, as_json)


@app.command()
def voice(
    voice: Annotated[str, typer.Option("--voice", help="The voice's name, e.g. warm.")],
    messages: Annotated[Path, typer.Option("--messages", help='JSONL rows {"text","intent"?}.')],
    out: Annotated[Path | None, typer.Option(help="Write every reply with its figures here, as JSONL.")] = None,
    project: ProjectFolder = HERE,
    as_json: Json = False,
) -> None:
    """Answer the messages in a voice and measure its score, the content kept, the facts and the speed."""
    from frontdesk.bot.commands.voice_evaluation import measured, written

    quiet_libraries()
    rows = read_rows(messages, "text")
    found, scorer, brand = measured(Project.load(project), voice, rows, str(messages), quiet=as_json)
    if out:
        written(out, voice, found, scorer, brand)
    emit(found.figures, as_json)


def _encoder() -> Any:
    from frontdesk.bot.app import encoder_of

    return encoder_of(Models())
