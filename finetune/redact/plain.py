"""One plain spelling of a text for the recognizers, with the way back to the original's characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

BLANK = "\N{BLACK SQUARE}"
"""Stands where something is already dealt with; no recognizer reads across it."""
_INVISIBLE = frozenset("\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\ufeff")


@dataclass(frozen=True, kw_only=True)
class Plain:
    """`text` in ASCII digits, dashes, spaces and marks; character k came from `places[k]` of the original."""

    text: str
    places: tuple[int, ...]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Return the original's span for [start, end) of the plain text; the span is not empty."""
        return self.places[start], self.places[end - 1] + 1


def plain(text: str) -> Plain:
    """Spell digits, dashes, spaces and full-width forms alike; drop what has no width."""
    kept = [(place, _one(char)) for place, char in enumerate(text) if char not in _INVISIBLE]
    return Plain(text="".join(char for _, char in kept), places=tuple(place for place, _ in kept))


def _one(char: str) -> str:
    if char.isascii():
        return char
    if (digit := unicodedata.decimal(char, None)) is not None:
        return str(digit)
    category = unicodedata.category(char)
    if category == "Pd" or char == "\u2212":
        return "-"
    if category == "Zs":
        return " "
    if char in "\u2018\u2019\u02bc":
        return "'"
    same = unicodedata.normalize("NFKC", char)
    return same if len(same) == 1 else char


def blanked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Return `text`, as long as before, with every span overwritten."""
    for start, end in spans:
        text = text[:start] + BLANK * (end - start) + text[end:]
    return text


def spans(pattern: re.Pattern[str], text: str, group: int | str = 0) -> list[tuple[int, int]]:
    """Return the spans of one group over all matches, those that took no part left out."""
    return [match.span(group) for match in pattern.finditer(text) if match.start(group) < match.end(group)]
