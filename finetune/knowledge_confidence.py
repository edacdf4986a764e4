"""Fit the confidence that the package ships, over several sets together and from nothing.

`python -m frontdesk.finetune.knowledge_confidence --error 0.2 --cache FOLDER DOCUMENTS=QUESTIONS.jsonl ...`: DOCUMENTS
is a folder or JSON lines `{"id", "title", "text"}`, a question `{"question", "doc_ids", "answerable", "history"?}`.
The weights are learned from all sets; the threshold too, or from those of `--bar` alone, which are worded as customers
word things. Indexes are kept in the cache between runs. `frontdesk eval answers --fit` fits a project's own, beginning
at this one.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from frontdesk.adapters.encoder import MiniLM
from frontdesk.adapters.graphs import user_cache
from frontdesk.bot import config
from frontdesk.bot.types import Encoder
from frontdesk.knowledge.answer import Asked, Extractive
from frontdesk.knowledge.base import Knowledge
from frontdesk.knowledge.calibrate import FIXED, fitted
from frontdesk.knowledge.evaluate import documents_of
from frontdesk.knowledge.examples import Example, asked
from frontdesk.knowledge.index import Generation

PACKAGE = Path(__file__).parent.parent / "knowledge"


@contextmanager
def indexed(documents: Path, encoder: Encoder, cache: Path) -> Iterator[Generation]:
    """Give the index of a folder, or of JSON lines, made in `cache` or found there."""
    source = documents.resolve()
    folder = cache / sha256(str(source).encode()).hexdigest()[:12]
    knowledge = Knowledge(folder, encoder, config.Knowledge(sources=(str(source),)))
    try:
        if source.is_dir():
            knowledge.ingest(source.parent)
        else:
            knowledge.put(documents_of(rows_of(source)), quotes=False)
        with knowledge.lease() as index:
            yield index
    finally:
        knowledge.close()


def collect(documents: Path, questions: Path, encoder: Encoder, cache: Path) -> tuple[list[Example], int]:
    """Return what is found for the questions of one set, and how many passages its index has."""
    answers = Extractive(encoder)
    with indexed(documents, encoder, cache) as index:
        found = asked(
            lambda i, question: answers.candidates(Asked(index=i, question=question)), index, rows_of(questions)
        )
        return found, len(index.stored)


def gathered(sets: Sequence[str], encoder: Encoder, cache: Path) -> tuple[list[Example], int]:
    """Return what is found for the questions of all sets, and how many passages they have."""
    pairs = [tuple(map(Path, one.rsplit("=", 1))) for one in sets]
    parts = [collect(documents, questions, encoder, cache) for documents, questions in pairs]
    return [example for found, _ in parts for example in found], sum(count for _, count in parts)


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def main() -> None:
    """Fit and replace the constants of the package."""
    parser = argparse.ArgumentParser(description="Fit the confidence that the package ships.")
    parser.add_argument("sets", nargs="+", metavar="DOCUMENTS=QUESTIONS")
    parser.add_argument("--bar", action="append", default=[], metavar="DOCUMENTS=QUESTIONS")
    parser.add_argument("--error", type=float, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    chosen = parser.parse_args()
    encoder = MiniLM(user_cache())
    (bar, first), (rest, others) = (gathered(sets, encoder, chosen.cache) for sets in (chosen.bar, chosen.sets))
    examples, passages = bar + rest, first + others
    nothing = dict.fromkeys(next(one.features for one in examples if one.features), 0.0)
    about: dict[str, Any] = {"source": "questions", "encoder": encoder.fingerprint, "passages": passages}
    fit = fitted(examples, chosen.error, prior=nothing, **about)
    if bar:
        fit = fitted(bar, chosen.error, prior=fit.weights, firmness=FIXED, **about)
    fit.save(PACKAGE)
    sys.stdout.write(fit.fit.model_dump_json(indent=1) + "\n")


if __name__ == "__main__":
    main()
