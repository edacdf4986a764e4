"""Words of a text, as the names classifier sees them, and what their spelling shows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Span = tuple[int, int]
SHAPES = 20
_WORD = re.compile(
    r"[^\W_]+(?:[\u0300-\u036f\u0900-\u0dff\u0e31-\u0e4e]+[^\W_]*)*(?:['.-](?!s\b)[^\W_]+)*|'s\b|[^\w\s]", re.UNICODE
)
_TITLES = re.compile(
    r"(?:mr|mrs|ms|miss|mx|dr|prof|sir|madam|mister|sra?|herr|frau|mme|monsieur|señora?)$", re.IGNORECASE
)


def words(text: str) -> list[Span]:
    """Return the spans of words (hyphens, apostrophes and inner full stops included) and of single marks."""
    return [match.span() for match in _WORD.finditer(text)]


def shapes(text: str, spans: Sequence[Span]) -> NDArray[np.float32]:
    """Return what each word's spelling shows: case, marks, script, place in the sentence; words × SHAPES."""
    found = np.zeros((len(spans), SHAPES), dtype=np.float32)
    letters = [char for char in text if char.isalpha()]
    shouted = len(letters) > 3 and all(char == char.upper() for char in letters)
    whispered = not any(char.isupper() for char in letters)
    latin = sum(_latin(char) for char in letters) * 2 >= len(letters)
    for k, (start, end) in enumerate(spans):
        found[k, :14] = _shape(text[start:end])
        found[k, 14:18] = shouted, whispered, latin, k == 0
    for k, ((_, end), (start, _)) in enumerate(pairwise(spans), start=1):
        found[k, 18] = "\n" in text[end:start]
        found[k, 19] = start == end
    return found


def _shape(word: str) -> tuple[bool, ...]:
    return (
        word.istitle(),
        word.isupper() and len(word) > 1,
        word.islower(),
        word[0].isupper() and not word.istitle() and not word.isupper(),
        len(word) == 1 and word.isupper(),
        any(char.isdigit() for char in word),
        not word[0].isalnum(),
        word in ".!?",
        word == ",",
        "-" in word[1:],
        "'" in word[1:] or "." in word[1:],
        _TITLES.match(word) is not None,
        word[0].isalpha() and not _latin(word[0]),
        not word.isascii(),
    )


def _latin(char: str) -> bool:
    return char.isascii() or unicodedata.name(char, "").startswith("LATIN")
