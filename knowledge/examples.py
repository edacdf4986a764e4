"""What a knowledge base finds for questions with known answers: what its confidence is fitted on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from frontdesk.bot.errors import KnowledgeError
from frontdesk.knowledge.index import Generation, Progress, silent
from frontdesk.knowledge.select import Selection
from frontdesk.knowledge.values import Question

Row = Mapping[str, Any]
Choose = Callable[[Generation, Question], Selection]
"""Returns the best sentences for a question with their features, before any abstention."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """What was found for a question, whether its best sentence answers it, and whether any could."""

    features: Mapping[str, float]
    right: bool
    answerable: bool


def asked(choose: Choose, index: Generation, rows: Sequence[Row], progress: Progress = silent) -> list[Example]:
    """Ask the questions of `rows`; one is answered rightly when the best sentence is of one of its documents."""
    found = []
    for at, row in enumerate(questions(rows), 1):
        selection = choose(index, Question(text=row["question"], history=tuple(row["history"])))
        cited = selection.choices[0].hit.document.id if selection.choices else ""
        right = row["answerable"] and named(cited, row["doc_ids"])
        found.append(Example(features=selection.features, right=right, answerable=row["answerable"]))
        progress("calibrating", at, len(rows))
    return found


def named(document_id: str, wanted: Iterable[str]) -> bool:
    """Whether a document is one of those `wanted`, each named by its id or by the end of its path."""
    return any(document_id == one or document_id.endswith(f"/{one}") for one in wanted)


def questions(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with every key; raises KnowledgeError naming the first that is malformed."""
    for row in rows:
        lists = all(isinstance(row.get(key) or [], list) for key in ("doc_ids", "history"))
        if not isinstance(row.get("question"), str) or not lists:
            fix = 'each row must be {"question", "doc_ids": [...], "answerable"?: true, "history"?: [...]}.'
            raise KnowledgeError(f"a question row is malformed: {str(dict(row))[:80]}", fix=fix)
    return [
        {
            **row,
            "doc_ids": row.get("doc_ids") or [],
            "history": row.get("history") or [],
            "answerable": bool(row.get("answerable", True)),
        }
        for row in rows
    ]
