"""What the router reads in a text: a cleaned copy, its n-grams weighted by rarity, and what an encoder sees in it."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from math import exp, log, sqrt
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from frontdesk.bot.types import Encoder

Floats = NDArray[np.float32]

_CHARS = 2000
_REMEMBERED, _LONG_PART = 20_000, 40
_WORD = re.compile(r"\w+")
_DIGIT = re.compile(r"\d")
_NUMBER = re.compile(r"\d{4}")


def clean(text: str) -> str:
    """Return a copy to read: compatibility forms folded, control characters gone, at most 2,000 characters."""
    folded = unicodedata.normalize("NFKC", text[: 2 * _CHARS])
    visible = "".join(" " if unicodedata.category(c) in {"Cc", "Cs", "Co", "Cn"} else c for c in folded)
    return " ".join(visible.split())[:_CHARS]


def has_letters(text: str) -> bool:
    """Whether anything in `text` could be read as a word."""
    return any(character.isalpha() for character in text)


def readable(text: str) -> bool:
    """Whether there are words in `text`, or a number as long as those of orders are."""
    return has_letters(text) or bool(_NUMBER.search(text))


def words(text: str) -> list[str]:
    """Return the words in lower case; every digit reads 0, so that order numbers look alike."""
    return _WORD.findall(_shape(text))


def _shape(text: str) -> str:
    return _DIGIT.sub("0", text.lower())


def _word_grams(shape: str) -> list[str]:
    single = [f"w{word}" for word in _WORD.findall(shape)]
    return single + [f"{a} {b}" for a, b in pairwise(single)]


def _letter_grams(part: str) -> list[str]:
    """The n-grams of one run of characters without a space."""
    padded = f" {part} "
    return [f"c{padded[i : i + n]}" for n in (2, 3, 4) for i in range(len(padded) - n + 1)]


@dataclass(frozen=True, kw_only=True)
class NGrams:
    """TF-IDF over word 1-2-grams and character 2-4-grams inside words, each kind scaled to unit length.

    Sublinear term frequency, smoothed inverse document frequency (as scikit-learn computes them).
    """

    column: dict[str, int]
    rarity: Floats
    _known: dict[str, list[int]] = field(default_factory=dict, repr=False, compare=False)
    """The columns of the parts read before: words come back, and taking them apart is most of the work."""

    @classmethod
    def fit(cls, texts: Sequence[str]) -> NGrams:
        """Learn columns from examples; a character n-gram must occur in two of them."""
        seen: Counter[str] = Counter()
        for shape in map(_shape, texts):
            seen.update(set(_word_grams(shape)))
            seen.update(set(chain.from_iterable(map(_letter_grams, shape.split()))))
        names = sorted(name for name, n in seen.items() if n > 1 or name[0] == "w")
        rarity = [log((1 + len(texts)) / (1 + seen[name])) + 1 for name in names]
        return cls(column={name: k for k, name in enumerate(names)}, rarity=np.asarray(rarity, dtype=np.float32))

    def counts(self) -> dict[str, float]:
        """Return how many examples hold each word, the rarest at least one, as their rarity tells."""
        rarest = float(self.rarity.max(initial=0.0))
        found = ((name[1:], k) for name, k in self.column.items() if name[0] == "w" and " " not in name)
        return {word: 2 * exp(rarest - float(self.rarity[k])) - 1 for word, k in found}

    def row(self, text: str) -> tuple[NDArray[np.int64], Floats]:
        """Return (columns, values) of one text, those of words first; both empty when nothing in it is known."""
        shape = _shape(text)
        found = self._columns(_word_grams(shape))
        words = len(set(found))
        for part in shape.split():
            found += self._letters(part)
        counts = Counter(found)
        columns = np.fromiter(counts, dtype=np.int64, count=len(counts))
        values = self.rarity[columns]
        if len(found) > len(counts):
            values *= 1 + np.log(np.fromiter(counts.values(), dtype=np.float32, count=len(counts)))
        for block in (values[:words], values[words:]):
            block /= max(sqrt(block @ block), 1e-9)
        return columns, values

    def rows(self, texts: Sequence[str]) -> Iterator[tuple[NDArray[np.int64], Floats]]:
        """Yield `row` for each text."""
        return map(self.row, texts)

    def unknown(self, text: str) -> float:
        """Return the share of words that no example holds; 1 for a text without words."""
        read = words(text)
        return sum(f"w{word}" not in self.column for word in read) / len(read) if read else 1.0

    def _columns(self, grams: Iterable[str]) -> list[int]:
        return [self.column[gram] for gram in grams if gram in self.column]

    def _letters(self, part: str) -> list[int]:
        found = self._known.get(part)
        if found is None:
            found = self._columns(_letter_grams(part))
            if len(self._known) < _REMEMBERED and len(part) <= _LONG_PART:
                self._known[part] = found
        return found


@runtime_checkable
class Views(Encoder, Protocol):
    """An encoder that sees more in a text than its vector: beside it the highest state of its words."""

    def views(self, texts: Sequence[str]) -> Floats:
        """Return vectors and these peaks side by side, n × (2 · dimension), from one reading."""
        ...


def seen(texts: Sequence[str], encoder: Encoder, *, peaks: bool) -> Floats:
    """Return the vectors of cleaned texts, with their peaks where they are wanted and the encoder has them."""
    return encoder.views(texts) if peaks and isinstance(encoder, Views) else encoder.encode(texts)


def away(peaks: Floats, centre: Floats) -> Floats:
    """Return which way peaks lie from the centre, unit length."""
    apart = peaks - centre
    return np.asarray(apart / np.maximum(np.linalg.norm(apart, axis=1, keepdims=True), 1e-9), dtype=np.float32)
