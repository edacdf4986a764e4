"""Cutting a text into pieces that a platform accepts, at the best place there is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

_SEAMS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"(?<=[.!?…])\s+"), re.compile(r"\s+"))
_JOINERS = frozenset("\u200d\ufe0e\ufe0f")
_LONGEST_CLUSTER = 32


def characters(char: str) -> int:
    """The size of a character where a platform counts code points."""
    return 1


def utf16_units(char: str) -> int:
    """The size of a character where a platform counts UTF-16 code units (Telegram)."""
    return 2 if ord(char) > 0xFFFF else 1


def size(text: str, unit: Callable[[str], int] = characters) -> int:
    """The size of a text: the sum of its characters' sizes."""
    return sum(map(unit, text))


def split(text: str, limit: int, unit: Callable[[str], int] = characters) -> list[str]:
    """Return pieces of at most `limit`, none blank: cut between paragraphs, lines, sentences, words, characters.

    Only white space at the seams is lost. A character is never cut, nor what belongs to the one before it
    (accents, emoji sequences), unless it has no end within 32 characters.
    """
    pieces, rest = [], text.strip()
    while rest:
        fit = _fit(rest, limit, unit)
        end = len(rest) if fit == len(rest) else _seam(rest, fit)
        pieces.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return pieces


def _fit(text: str, limit: int, unit: Callable[[str], int]) -> int:
    """How many leading characters stay within the limit; at least one."""
    total = 0
    for index, char in enumerate(text):
        total += unit(char)
        if total > limit:
            return max(1, index)
    return len(text)


def _seam(text: str, fit: int) -> int:
    """The best place to cut at or before `fit`; a seam in the first third makes too short a piece."""
    for pattern in _SEAMS:
        ends = [match.start() for match in pattern.finditer(text, 0, fit + 1) if match.start() > fit // 3]
        if ends:
            return ends[-1]
    return _cluster_start(text, fit)


def _cluster_start(text: str, fit: int) -> int:
    for end in range(fit, max(0, fit - _LONGEST_CLUSTER), -1):
        if not _belongs(text[end - 1], text[end]):
            return end
    return fit


def _belongs(before: str, char: str) -> bool:
    """Whether `char` is drawn together with the character before it."""
    skin_tone = 0x1F3FB <= ord(char) <= 0x1F3FF
    flag = all(0x1F1E6 <= ord(letter) <= 0x1F1FF for letter in (before, char))
    return char in _JOINERS or before == "\u200d" or skin_tone or flag or bool(unicodedata.combining(char))
