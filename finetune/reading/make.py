"""Make the pairs that the answer reader learns from: questions with what answers them and what only looks like it.

`python -m frontdesk.finetune.reading.make --out FOLDER --cache FOLDER NAME=DOCUMENTS ...` takes the questions of
`questions/NAME.jsonl`, written by hand: `{"doc", "question", "history"?, "spans": [[start, end], ...], "near": [...]}`,
`spans` being the characters of the document that answer (none: no document does) and `near` those that do not but
look like it. DOCUMENTS is a folder, or JSON lines `{"id", "title", "text"}`. Written are `train.jsonl` and, from
documents of their own, `held.jsonl`: `{"first": question, "second": quote under its names, "label", "weight"}`.

What does not answer is what the search finds for the question today, so the reader learns on what it will be shown.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from frontdesk.adapters.encoder import MiniLM
from frontdesk.adapters.graphs import user_cache
from frontdesk.bot.errors import KnowledgeError
from frontdesk.bot.types import Encoder
from frontdesk.finetune.knowledge_confidence import indexed, rows_of
from frontdesk.knowledge.answer import HITS
from frontdesk.knowledge.examples import named
from frontdesk.knowledge.index import Generation
from frontdesk.knowledge.made import alike
from frontdesk.knowledge.retrieve import search
from frontdesk.knowledge.select import Choice, Selector, Wanted
from frontdesk.knowledge.values import Document, Passage, Question, Quote, Span

QUESTIONS = files("frontdesk.finetune.reading") / "questions"
SEED, HELD = 5, 8
"""One document in HELD is kept from the training."""
ANSWERING = 3.0
"""What a pair that answers counts for: there are far fewer of these."""
RIGHT, NEAR, FOUND, FURTHER = 4, 4, 6, 2
"""Pairs of a question, at most: what answers, what is marked as near, what search puts first, what it puts later."""
SHARE = 0.6
"""A quote answers when this share of it, or of what was marked, is common to both."""

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A quote of a document as the reader sees it."""

    document: Document
    quote: Quote
    named: str

    @classmethod
    def of(cls, document: Document, passage: Passage, quote: Quote) -> Unit:
        """Return a quote under the names of what it stands in."""
        return cls(document=document, quote=quote, named=passage.named(document, quote))


def pairs(index: Generation, encoder: Encoder, rows: Iterable[Row], rng: random.Random) -> Iterator[Row]:
    """Yield the pairs of each question, with the `doc` it was written for."""
    own: dict[str, list[Unit]] = {}
    for one in index.stored:
        units = [Unit.of(one.document, one.passage, quote) for quote in one.passage.quotes]
        own.setdefault(one.document.id, []).extend(units)
    selector = Selector(encoder)
    for row in (_identified(row, own) for row in rows):
        question = Question(text=row["question"], history=tuple(row.get("history", ())))
        found = search(index, encoder, question, HITS)
        choices = selector.weigh(index, Wanted.of(index, found.question), found.hits)
        for unit, label in _labelled(row, own.get(row["doc"], []), [_unit(one) for one in choices], rng):
            said = {"first": found.question.text, "second": unit.named, "label": label}
            yield {**said, "weight": ANSWERING if label else 1.0, "doc": row["doc"]}


def _identified(row: Row, documents: Iterable[str]) -> Row:
    """Return a row with its document's whole id; raises KnowledgeError when there is none."""
    found = next((one for one in documents if named(one, [row["doc"]])), None)
    if found is None:
        fix = "give the documents that the questions were written for."
        raise KnowledgeError(f"the documents hold no {row['doc']!r}.", fix=fix)
    return {**row, "doc": found}


def _unit(choice: Choice) -> Unit:
    return Unit.of(choice.hit.document, choice.hit.passage, choice.quote)


def _labelled(row: Row, own: Sequence[Unit], found: Sequence[Unit], rng: random.Random) -> Iterator[tuple[Unit, int]]:
    """Yield what answers a row's question and what does not; what says the same elsewhere is left out."""
    right = [unit for unit in own if any(_covers(unit.quote, span) for span in row["spans"])]
    near = [unit for unit in own if any(_covers(unit.quote, span) for span in row.get("near", ()))]
    wrong = [unit for unit in found if not any(_touches(row, unit, one) for one in right)]
    later = wrong[FOUND:]
    for unit in _distinct(rng.sample(right, min(RIGHT, len(right)))):
        yield unit, 1
    chosen = [*near[:NEAR], *wrong[:FOUND], *rng.sample(later, min(FURTHER, len(later)))]
    for unit in _distinct(unit for unit in chosen if unit not in right):
        yield unit, 0


def _covers(quote: Quote, span: Span) -> bool:
    common = min(quote.end, span[1]) - max(quote.start, span[0])
    return common >= SHARE * min(quote.end - quote.start, span[1] - span[0])


def _touches(row: Row, unit: Unit, right: Unit) -> bool:
    """Whether a quote holds some of the answer: it overlaps what was marked, or says the same elsewhere."""
    marked = unit.document.id == row["doc"] and any(
        unit.quote.start < b and a < unit.quote.end for a, b in row["spans"]
    )
    return marked or alike(unit.quote.text, right.quote.text)


def _distinct(units: Iterable[Unit]) -> list[Unit]:
    return list({unit.named: unit for unit in units}.values())


def held(name: str) -> bool:
    """Whether a document is kept from the training."""
    return int(sha256(name.encode()).hexdigest(), 16) % HELD == 0


def main() -> None:
    """Make the pairs of every set that is named."""
    parser = argparse.ArgumentParser(description="Make the pairs of the answer reader.")
    parser.add_argument("sets", nargs="+", metavar="NAME=DOCUMENTS")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="where indexes are kept between runs")
    chosen = parser.parse_args()
    encoder, rng = MiniLM(user_cache()), random.Random(SEED)
    made: list[Row] = []
    for name, documents in (one.split("=", 1) for one in chosen.sets):
        with indexed(Path(documents), encoder, chosen.cache) as index:
            rows = rows_of(Path(str(QUESTIONS / f"{name}.jsonl")))
            made += [{**row, "doc": f"{name}/{row['doc']}"} for row in pairs(index, encoder, rows, rng)]
    rng.shuffle(made)
    chosen.out.mkdir(parents=True, exist_ok=True)
    for part, wanted in (("train", False), ("held", True)):
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in made if held(row["doc"]) == wanted]
        (chosen.out / f"{part}.jsonl").write_text("".join(lines), encoding="utf-8")
        print(f"{part}: {len(lines)} pairs")


if __name__ == "__main__":
    main()
