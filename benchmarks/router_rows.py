"""The rows that `benchmarks.router` teaches and asks, from the development splits of ../shared/data.

All examples: the training rows are learned from, the development rows asked. With few examples of each intent, examples
are drawn from the training rows, and everything else may be asked, training and development rows alike: 5,000 in scope,
and a fifth as many out of scope. The draws are of this program alone (`DRAWN`): what the router does with few examples
was chosen on others. In folds, all rows of both splits are asked, each by arms that learned from the other folds.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

from frontdesk.bot.router.features import clean
from frontdesk.bot.router.nlu import OUT_OF_SCOPE, intent_name

DATA = Path(__file__).parents[1].parent / "shared" / "data"
SETS = ("clinc150", "banking77", "bitext_intents", "multidogo", "rasa_nlu")
DRAWN = "compared"
"""What tells these draws and folds from any other."""
Rows = list[tuple[str, str]]
"""(text, intent) pairs."""


@dataclass(frozen=True, kw_only=True)
class Round:
    """What an arm learns from, and what it is asked."""

    learn: Rows
    ask: Rows


def rounds_of(name: str, shots: int, draws: int, folds: int, most: int) -> list[Round]:
    """Return the rounds of a set; no row is asked in two of them. `shots` and `folds` are 0 where not wanted."""
    train_rows, dev_rows = rows_of(name)
    if not shots and not folds:
        return [Round(learn=train_rows, ask=dev_rows)]
    parts, count = _parts(_distinct(train_rows + dev_rows), folds or draws), folds or draws
    if folds:
        others = [[row for j in range(count) if j != k for row in parts[j]] for k in range(count)]
        return [Round(learn=learn, ask=ask) for learn, ask in zip(others, parts, strict=True)]
    drawn = [few(train_rows, shots, k) for k in range(count)]
    return [
        Round(learn=learn, ask=_unseen(part, learn, most // count)) for learn, part in zip(drawn, parts, strict=True)
    ]


def _parts(rows: Rows, count: int) -> list[Rows]:
    return [[row for row in rows if _code(row[0], "part") % count == k] for k in range(count)]


def _unseen(rows: Rows, learned: Rows, most: int) -> Rows:
    """Return rows that were not learned from, in scope at most so many, out of scope a fifth as many."""
    known = {text.casefold() for text, _ in learned}
    fresh = sorted((row for row in rows if row[0].casefold() not in known), key=lambda row: _code(row[0], "asked"))
    inside = [row for row in fresh if row[1] != OUT_OF_SCOPE]
    return inside[:most] + [row for row in fresh if row[1] == OUT_OF_SCOPE][: most // 5]


def _code(text: str, what: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{DRAWN} {what} {text}".encode()).digest()[:8])


def _distinct(rows: Rows) -> Rows:
    """Return the rows whose text no earlier one has."""
    found: dict[str, tuple[str, str]] = {}
    for row in rows:
        found.setdefault(row[0].casefold(), row)
    return list(found.values())


def rows_of(name: str) -> tuple[Rows, Rows]:
    """Return a set's training rows and those to ask, texts cleaned."""
    if name == "multidogo":
        return _multidogo()
    if name == "rasa_nlu":
        rows = [(row["text"], f"{row['domain']}/{row['intent']}") for row in _lines(DATA / name / "rasa_nlu.jsonl")]
        return _known([r for r in rows if crc32(r[0].encode()) % 5], [r for r in rows if not crc32(r[0].encode()) % 5])
    train_rows, dev_rows = (_lines(DATA / name / f"{part}.jsonl") for part in ("train", "dev"))
    return _known(*([(row["text"], intent_name(row["intent"])) for row in part] for part in (train_rows, dev_rows)))


def _multidogo() -> tuple[Rows, Rows]:
    """Sentences with one intent of their own; what only fills a slot needs the conversation and is left out."""
    parts: dict[str, Rows] = {"train": [], "val": []}
    seen = set[str]()
    for row in _lines(DATA / "multidogo" / "customer_sentences.jsonl.gz"):
        text, intent = clean(row["text"]), row["intent"]
        if row["split"] in parts and "<div>" not in intent and intent != "contentonly" and text not in seen:
            seen.add(text)
            parts[row["split"]].append((text, OUT_OF_SCOPE if intent == "outofdomain" else intent))
    for rows in parts.values():
        rows.sort(key=lambda row: crc32(row[0].encode()))
    return _known(parts["train"], parts["val"])


def _known(train_rows: Rows, asked: Rows) -> tuple[Rows, Rows]:
    """Clean the texts; intents with fewer than three examples are left out, as are questions for unknown ones."""
    counts: dict[str, int] = {}
    for _, intent in train_rows:
        counts[intent] = counts.get(intent, 0) + 1
    kept = {intent for intent, n in counts.items() if n > 2}
    inside = [(clean(text), intent) for text, intent in train_rows if intent in kept]
    return inside, [(clean(text), intent) for text, intent in asked if intent in kept or intent == OUT_OF_SCOPE]


def few(rows: Rows, shots: int, draw: int) -> Rows:
    """Return so many rows of each intent, told by their texts."""
    found: dict[str, Rows] = {}
    for row in sorted(rows, key=lambda row: _code(row[0], f"draw {draw}")):
        found.setdefault(row[1], []).append(row)
    return [row for of_one in found.values() for row in of_one[:shots]]


def _lines(path: Path) -> list[Mapping[str, Any]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as text:
        return [json.loads(line) for line in text if line.strip()]
