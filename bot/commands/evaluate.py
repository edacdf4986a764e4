"""`frontdesk eval`: figures with intervals; all but `voice` need no bot project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from frontdesk.bot.commands.output import HERE, Json, ProjectFolder, emit, quiet_libraries, read_rows
from frontdesk.bot.config import Models
from frontdesk.bot.project import Project

app = typer.Typer(no_args_is_help=True, help="Measure the router, retrieval, answers and voices.")

Documents = Annotated[Path, typer.Option("--documents", help='JSONL rows {"id","title","text"}.')]


@app.command()
def router(
    train: Annotated[Path, typer.Option(help='JSONL rows {"text","intent"}; intent oos = out of scope.')],
    test: Annotated[Path, typer.Option(help="JSONL rows of the same shape.")],
    as_json: Json = False,
) -> None:
    """Train a router on one set of rows and measure it on another."""
    from frontdesk.bot.router.evaluate import evaluate_router

    quiet_libraries()
    labelled, asked = (read_rows(path, "text", "intent") for path in (train, test))
    emit(evaluate_router(labelled, asked, _encoder()), as_json)


@app.command()
def retrieval(
    documents: Documents,
    questions: Annotated[Path, typer.Option(help='JSONL rows {"question","doc_ids","history"?}.')],
    as_json: Json = False,
) -> None:
    """Index the documents and measure which of them the questions find."""
    from frontdesk.knowledge.evaluate import evaluate_retrieval

    quiet_libraries()
    rows = read_rows(documents, "id", "text"), read_rows(questions, "question", "doc_ids")
    emit(evaluate_retrieval(*rows, _encoder()), as_json)


@app.command()
def answers(
    documents: Documents,
    questions: Annotated[
        Path, typer.Option(help='JSONL rows {"question","doc_ids","answerable","answer"?,"history"?}.')
    ],
    as_json: Json = False,
) -> None:
    """Index the documents and measure the answers: abstention, citations, support."""
    from frontdesk.knowledge.evaluate import evaluate_answers

    quiet_libraries()
    rows = read_rows(documents, "id", "text"), read_rows(questions, "question", "doc_ids", "answerable")
    emit(evaluate_answers(*rows, _encoder()), as_json)


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
