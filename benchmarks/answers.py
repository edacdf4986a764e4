"""What is said beside what should be said: questions whose answers are marked in the documents, character by character.

`python -m benchmarks.answers [SET ...]` prints for each set and arm how many of the answerable questions are told the
whole of the marked answer (three quarters of its characters) and a part of it, with 95 % intervals, and how many
characters that takes; nobody abstains. Arms: ours, its best quote alone, and the first passage found by LangChain's
recipe (vectors alone; here the same vectors by exact search, shown whole). The set `pages` is our own; `banking`,
`dstc10` and `plausible` need ../shared/data.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from frontdesk.adapters.encoder import MiniLM
from frontdesk.adapters.graphs import user_cache
from frontdesk.bot.intervals import wilson
from frontdesk.bot.types import Encoder
from frontdesk.finetune.knowledge_confidence import indexed, rows_of
from frontdesk.knowledge.answer import Asked, Extractive
from frontdesk.knowledge.examples import named
from frontdesk.knowledge.index import Generation
from frontdesk.knowledge.values import Question

ROOT = Path(__file__).parent.parent
MARKED, DATA = ROOT / "tests" / "knowledge" / "marked", ROOT.parent / "shared" / "data"
DOCUMENTS = {
    "pages": MARKED / "pages",
    "plausible": DATA / "helpcentre_plausible",
    "banking": DATA / "tau2_bench" / "banking_knowledge" / "documents.jsonl",
    "dstc10": DATA / "dstc10_knowledge" / "documents.jsonl",
}
WHOLE, PART = 0.75, 0.3
"""The share of the marked characters that must be said."""

Said = list[tuple[str, int, int]]
"""Spans by document."""
Row = Mapping[str, Any]


def share(row: Row, said: Said) -> float:
    """Return the share of the marked characters of a row that were said."""
    marked = {at for start, end in row["spans"] for at in range(start, end)}
    told = {at for document, start, end in said if named(document, [row["doc"]]) for at in range(start, end)}
    return len(marked & told) / len(marked)


def arms(index: Generation, encoder: Encoder, answers: Extractive, row: Row) -> dict[str, Said]:
    """Return what each arm says to a question."""
    question = Question(text=row["question"], history=tuple(row.get("history", ())))
    found = answers.candidates(Asked(index=index, question=question))
    ours = [(one.hit.document.id, one.quote.start, one.quote.end) for one in found.choices]
    best = next(((one.document_id, one.start, one.end) for one in found.considered), None)
    first = index.stored[int((index.matrix @ encoder.encode([question.text])[0]).argmax())]
    passage = (first.document.id, first.passage.start, first.passage.end)
    return {"ours": ours, "best quote": [best] if best else [], "first passage": [passage]}


def figures(told: Sequence[float], lengths: Iterable[int]) -> dict[str, Any]:
    """Return the shares with their intervals and the mean length."""
    out: dict[str, Any] = {"n": len(told)}
    for name, least in (("whole", WHOLE), ("part", PART)):
        count = sum(one >= least for one in told)
        out |= {name: round(count / len(told), 3), f"{name}_ci": [round(x, 3) for x in wilson(count, len(told))]}
    return out | {"characters": round(float(np.mean(list(lengths))))}


def measure(name: str, encoder: Encoder, folder: Path) -> dict[str, Any]:
    """Return the figures of every arm on one set."""
    rows = [row for row in rows_of(MARKED / "questions" / f"{name}.jsonl") if row["spans"]]
    answers, told = Extractive(encoder), list[dict[str, Said]]()
    with indexed(DOCUMENTS[name], encoder, folder) as index:
        told = [arms(index, encoder, answers, row) for row in rows]
    return {
        arm: figures(
            [share(row, one[arm]) for row, one in zip(rows, told, strict=True)],
            (sum(end - start for _, start, end in one[arm]) for one in told),
        )
        for arm in told[0]
    }


def main() -> None:
    """Measure the sets that are named, or all whose documents are here."""
    chosen = sys.argv[1:] or [name for name, documents in DOCUMENTS.items() if documents.exists()]
    encoder = MiniLM(user_cache(), threads=2)
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as folder:
        for name in chosen:
            print(json.dumps({"set": name, **measure(name, encoder, Path(folder))}))


if __name__ == "__main__":
    main()
