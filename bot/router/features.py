"""What the router reads in a text: a cleaned copy, and its word and character n-grams weighted by rarity."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_CHARS = 2000
_WORD = re.compile(r"\w+")
_DIGIT = re.compile(r"\d")


def clean(text: str) -> str:
    """Return a copy to read: compatibility forms folded, control characters gone, at most 2,000 characters."""
    folded = unicodedata.normalize("NFKC", text[: 2 * _CHARS])
    visible = "".join(" " if unicodedata.category(c) in {"Cc", "Cs", "Co", "Cn"} else c for c in folded)
    return " ".join(visible.split())[:_CHARS]


def has_letters(text: str) -> bool:
    """Whether anything in `text` could be read as a word."""
    return any(character.isalpha() for character in text)


def words(text: str) -> list[str]:
    """Return the words in lower case; every digit reads 0, so that order numbers look alike."""
    return _WORD.findall(_shape(text))


def _shape(text: str) -> str:
    return _DIGIT.sub("0", text.lower())


def _word_grams(text: str) -> list[str]:
    single = [f"w{word}" for word in words(text)]
    return single + [f"{a} {b}" for a, b in pairwise(single)]


def _letter_grams(text: str) -> list[str]:
    padded = [f" {part} " for part in _shape(text).split()]
    return [f"c{p[i : i + n]}" for p in padded for n in (2, 3, 4) for i in range(len(p) - n + 1)]


@dataclass(frozen=True, kw_only=True)
class NGrams:
    """TF-IDF over word 1-2-grams and character 2-4-grams inside words, each kind scaled to unit length.

    Sublinear term frequency, smoothed inverse document frequency (as scikit-learn computes them).
    """

    column: dict[str, int]
    rarity: Floats

    @classmethod
    def fit(cls, texts: Sequence[str]) -> NGrams:
        """Learn columns from examples; a character n-gram must occur in two of them."""
        seen: Counter[str] = Counter()
        for text in texts:
            seen.update(set(_word_grams(text)))
            seen.update(set(_letter_grams(text)))
        names = sorted(name for name, n in seen.items() if n > 1 or name[0] == "w")
        rarity = [log((1 + len(texts)) / (1 + seen[name])) + 1 for name in names]
        return cls(column={name: k for k, name in enumerate(names)}, rarity=np.asarray(rarity, dtype=np.float32))

    def row(self, text: str) -> tuple[NDArray[np.int64], Floats]:
        """Return (columns, values) of one text; both empty when nothing in it is known."""
        parts = [self._block(_word_grams(text)), self._block(_letter_grams(text))]
        return np.concatenate([c for c, _ in parts]), np.concatenate([v for _, v in parts])

    def rows(self, texts: Sequence[str]) -> Iterator[tuple[NDArray[np.int64], Floats]]:
        """Yield `row` for each text."""
        return map(self.row, texts)

    def unknown(self, text: str) -> float:
        """Return the share of words that no example holds; 1 for a text without words."""
        read = words(text)
        return sum(f"w{word}" not in self.column for word in read) / len(read) if read else 1.0

    def _block(self, grams: list[str]) -> tuple[NDArray[np.int64], Floats]:
        counts = Counter(gram for gram in grams if gram in self.column)
        columns = np.fromiter((self.column[gram] for gram in counts), dtype=np.int64, count=len(counts))
        tf = 1 + np.log(np.fromiter(counts.values(), dtype=np.float32, count=len(counts)))
        values = (tf * self.rarity[columns]).astype(np.float32)
        return columns, values / max(float(np.linalg.norm(values)), 1e-9)
