"""Make the pairs that the support check learns from: quotes of documents with what they carry and what they do not.

`python -m frontdesk.finetune.support.make --documents DIR_OR_JSONL ... --begin DEV.jsonl --out FOLDER` writes
`train.jsonl` (documents, half of begin's contexts), `bar.jsonl` (a tenth, and documents of their own) and
`report.jsonl` (the other contexts of begin, never trained on). Rows: `{"first", "second", "label", "kind"}`.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from frontdesk.finetune.support import restate
from frontdesk.knowledge.passages import split
from frontdesk.knowledge.support import evidence
from frontdesk.knowledge.terms import terms
from frontdesk.knowledge.values import Document

SEED = 11
COUNT, MOST = 2_000, 1_000
"""Quotes drawn in all, each gives about two pairs, and at most of one source."""
BEGIN_WORDS = 60
REPEATS = 2
"""How often each of begin's rows is trained on, in different letters."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """A quote of a document: what it says, and as much of what stands around it as is shown with it."""

    text: str
    shown: str
    document: str
    near: tuple[str, ...] = ()
    """Other quotes of the same document."""


Row = dict[str, Any]
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}(?: [A-Z][a-z]+)*")


def main() -> None:
    """Read documents and begin, write the three files."""
    parser = argparse.ArgumentParser(description="Make the pairs of the support check.")
    parser.add_argument("--documents", type=Path, nargs="+", required=True, help="folders of Markdown, or JSON lines")
    parser.add_argument("--begin", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=COUNT)
    chosen = parser.parse_args()
    rng = random.Random(SEED)
    rows = [json.loads(line) for line in chosen.begin.read_text(encoding="utf-8").splitlines()]
    parts = {
        name: [begin_row(row) for row in rows if part_of(row["context"]) == name] for name in ("train", "bar", "report")
    }
    said = [one for source in chosen.documents for one in some(quotes_of(read_documents(source), rng), rng)]
    contexts = [
        Document(id=str(k), title="", text=row["context"])
        for k, row in enumerate(rows)
        if part_of(row["context"]) == "train"
    ]
    said += some(quotes_of(contexts, rng), rng)
    drawn = rng.sample(said, min(chosen.count, len(said)))
    made = list(pairs_of(drawn, said, rng))
    held, made = made[: len(made) // 40], made[len(made) // 40 :]
    mine = [row for row in written() if row["part"] == "train"]
    begin = [dict(row, second=letters(row["second"], rng)) for row in parts["train"] for _ in range(REPEATS)]
    chosen.out.mkdir(parents=True, exist_ok=True)
    write(chosen.out / "train.jsonl", made + begin + mine * REPEATS)
    write(chosen.out / "bar.jsonl", parts["bar"] + held)
    write(chosen.out / "report.jsonl", parts["report"])


def some(said: Iterable[Said], rng: random.Random) -> list[Said]:
    """Return as much of a source as does not drown the others."""
    every = list(said)
    return rng.sample(every, min(MOST, len(every)))


def part_of(context: str) -> str:
    """Return which part a context of begin is of: all its rows are of one."""
    place = sha256(context.encode()).digest()[0] / 256
    return "train" if place < 0.5 else "bar" if place < 0.6 else "report"


def begin_row(row: Mapping[str, Any]) -> Row:
    """Return a row of begin as a pair; only `Fully attributable` is carried."""
    label = int(row["label"] == "Fully attributable")
    first = evidence(row["context"], row["response"], BEGIN_WORDS)
    return {"first": first, "second": row["response"], "label": label, "kind": f"begin {row['label']}"}


def letters(text: str, rng: random.Random) -> str:
    """Return a text as it is, in lower case, or with its marks closed up."""
    way = rng.random()
    return text if way < 0.4 else text.lower() if way < 0.6 else re.sub(r"\s+([.,!?'])", r"\1", text)


def written() -> list[Row]:
    """Return the pairs written by hand about the demo documents, two of a quote: what it carries and what not."""
    lines = files("frontdesk.finetune.support").joinpath("written.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line]
    return [
        {"first": row["quote"], "second": row[key], "label": label, "kind": f"written {key}", "part": row["part"]}
        for row in rows
        for key, label in (("true", 1), ("false", 0))
    ]


def read_documents(source: Path) -> list[Document]:
    """Return the documents of a folder of Markdown files, or of JSON lines with "text"."""
    if source.is_dir():
        return [
            Document(id=str(path), title=path.stem, text=path.read_text(encoding="utf-8", errors="replace"))
            for path in sorted(source.rglob("*.md"))
        ]
    rows = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()]
    return [Document(id=str(k), title=row.get("title") or "", text=row["text"]) for k, row in enumerate(rows)]


def quotes_of(documents: Sequence[Document], rng: random.Random) -> Iterator[Said]:
    """Yield the quotes of documents; half of them are shown with the sentence that stands beside them."""
    for document in documents:
        texts = [quote.text for passage in split(document, 700) for quote in passage.quotes if fits(quote.text)]
        for k, text in enumerate(texts):
            beside = texts[k - 1 : k] if rng.random() < 0.5 else texts[k + 1 : k + 2]
            order = [*beside, text] if rng.random() < 0.5 else [text, *beside]
            shown = " ".join(order) if rng.random() < 0.4 else text
            if rng.random() < 0.35 and document.title:
                shown = f"{document.title.replace('-', ' ')}: {shown}"
            near = tuple(one for one in texts[max(k - 3, 0) : k + 4] if one not in shown)
            yield Said(text=text, shown=shown, document=document.id, near=near)


def fits(text: str) -> bool:
    """Whether a quote is neither a scrap nor longer than a sentence or two."""
    return 5 <= len(text.split()) <= 50


def pairs_of(drawn: Sequence[Said], every: Sequence[Said], rng: random.Random) -> Iterator[Row]:
    """Yield of each quote one thing it carries and one or two that it does not."""
    vocabulary = [
        word
        for one in rng.sample(list(every), min(2_000, len(every)))
        for word in re.findall(r"\b[a-z]{5,}\b", one.text)
    ]
    alike = Alike(every)
    for one in drawn:
        true = one.text if rng.random() < 0.12 else restate.restated(one.text, rng)
        yield {"first": one.shown, "second": true, "label": 1, "kind": "restated"}
        kinds = list(_WRONG)
        for kind in rng.sample(kinds, k=len(kinds)):
            if wrong := _WRONG[kind](one, alike, vocabulary, rng):
                said = restate.restated(wrong, rng) if rng.random() < 0.4 else wrong
                yield {"first": one.shown, "second": said, "label": 0, "kind": kind}
                if rng.random() < 0.6:
                    break


class Alike:
    """Finds quotes of other documents that share telling words with one."""

    def __init__(self, every: Sequence[Said]) -> None:
        self._every = every
        self._places: dict[str, list[int]] = {}
        for k, one in enumerate(every):
            for term in set(terms(one.text)):
                self._places.setdefault(term, []).append(k)

    def find(self, one: Said, rng: random.Random) -> str:
        """Return a quote that shares rare words but says something else; empty when there is none."""
        mine = set(terms(one.shown))
        rare = sorted((term for term in mine if term in self._places), key=lambda term: len(self._places[term]))[:4]
        found = [k for term in rare for k in rng.sample(self._places[term], min(6, len(self._places[term])))]
        rng.shuffle(found)
        for k in found:
            there = self._every[k]
            theirs = set(terms(there.text))
            if there.document != one.document and len(theirs & mine) < 0.7 * len(theirs):
                return there.text
        return ""


def _change(change: restate.Change) -> Callable[[Said, Alike, Sequence[str], random.Random], str]:
    return lambda one, alike, vocabulary, rng: change(one.text, rng)


def _neighbour(one: Said, alike: Alike, vocabulary: Sequence[str], rng: random.Random) -> str:
    mine = set(terms(one.shown))
    others = [text for text in one.near if len(set(terms(text)) & mine) < 0.6 * len(set(terms(text)))]
    return rng.choice(others) if others else ""


def _added(one: Said, alike: Alike, vocabulary: Sequence[str], rng: random.Random) -> str:
    """The quote, and something it does not say."""
    more = rng.choice(
        (_neighbour(one, alike, vocabulary, rng), alike.find(one, rng), rng.choice(restate.wording()["chat"]))
    )
    if not more:
        return ""
    joint = rng.choice((" ", " ", ", and "))
    return one.text.rstrip(".") + ("." if joint == " " else "") + joint + more


def _named(one: Said, alike: Alike, vocabulary: Sequence[str], rng: random.Random) -> str:
    """Another name in the place of one."""
    names = list(_NAME.finditer(one.text))
    texts = (*one.near, alike.find(one, rng))
    there: list[str] = [name for text in texts for name in _NAME.findall(text) if name not in one.shown]
    if not names or not there:
        return ""
    old = rng.choice(names)
    return one.text[: old.start()] + rng.choice(there) + one.text[old.end() :]


_WRONG: Mapping[str, Callable[[Said, Alike, Sequence[str], random.Random], str]] = {
    "figure": _change(restate.figure),
    "unit": _change(restate.unit),
    "negation": _change(restate.negation),
    "other word": _change(restate.other),
    "stronger": _change(restate.stronger),
    "unconditional": _change(restate.unconditional),
    "stranger": lambda one, alike, vocabulary, rng: restate.word(one.text, rng, vocabulary),
    "neighbour": _neighbour,
    "look-alike": lambda one, alike, vocabulary, rng: alike.find(one, rng),
    "added": _added,
    "name": _named,
    "chat": lambda one, alike, vocabulary, rng: rng.choice(restate.wording()["chat"]) if rng.random() < 0.4 else "",
}


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write JSON lines."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main()
