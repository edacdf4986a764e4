"""Text helpers that every part shares: sentence spans, and phrases found as whole words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

_END = re.compile(r"(?<=[.!?…])[\"'”’)\]*_]*\s+(?=[\"'“‘(\[]?[A-Z0-9*_`{])|\n+")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|etc|vs|approx|mr|mrs|ms|dr|st|inc|ltd|co|dept)\.$", re.IGNORECASE)

_BEFORE_FIGURE = re.compile(
    r"\b(?:no|fig|p|pp|vol|ver|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\.$", re.IGNORECASE
)
"""What is short for something only before a figure: `no. 5`, `Jan. 24th`."""
_LEXEME = re.compile(r"[^\W_]+(?:['-][^\W_]+)*|[^\w\s]")

_LONGEST = 8
"""Characters of an abbreviation and its full stop, and one before it."""


def said(phrases: Iterable[str], text: str) -> list[str]:
    """Return the phrases that stand in `text` as whole words or marks, whatever their case."""
    plain = _spaced(text)
    return [phrase for phrase in phrases if _spaced(phrase) in plain]


def _spaced(text: str) -> str:
    """Words and marks with one blank around each."""
    return f" {' '.join(_LEXEME.findall(text.lower().replace('’', chr(39))))} "


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Return the (start, end) of each sentence, in order; spans exclude surrounding white space."""
    spans, start = [], 0
    for match in _END.finditer(text):
        near = max(start, match.start() - _LONGEST)
        if "\n" not in match.group() and _shortened(text, near, match):
            continue
        spans.append((start, match.end()))
        start = match.end()
    spans.append((start, len(text)))
    trimmed = (_trim(text, a, b) for a, b in spans)
    return [(a, b) for a, b in trimmed if a < b]


def _shortened(text: str, near: int, end: re.Match[str]) -> bool:
    """Whether the full stop before `end` is that of an abbreviation."""
    if _ABBREVIATION.search(text, near, end.start()):
        return True
    return text[end.end() : end.end() + 1].isdigit() and bool(_BEFORE_FIGURE.search(text, near, end.start()))


def sentences(text: str) -> list[str]:
    """Return the sentences of `text`, trimmed, in order."""
    return [text[a:b] for a, b in sentence_spans(text)]


def joined(said: Sequence[str]) -> str:
    """Return sentences as one text; a list stands in a paragraph of its own."""
    text = ""
    for before, one in pairwise(["", *said]):
        text += ("\n\n" if "\n" in before + one else " ") + one
    return text.strip()


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
