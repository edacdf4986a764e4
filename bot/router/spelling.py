"""Misspelt words of a message, read as the word of the examples that was meant."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

LONG = 8
"""Letters from which a word may have two slips; a shorter one is read as another word with one slip only."""
PLAINLY = 5
"""How many times as many examples must hold a word as another that is as near, to be the one that was meant."""
_WORD = re.compile(r"(?<![\w@./-])[^\W\d_]{4,}(?![\w@./-]*[\w@/])")


@runtime_checkable
class Vocabulary(Protocol):
    """Knows the words of the language, whatever the examples say."""

    def knows(self, word: str) -> bool:
        """Whether `word`, in lower case, is one."""
        ...


class Spelling:
    """The words of a router's examples and how many examples hold each, in any unit."""

    def __init__(self, counts: Mapping[str, float]) -> None:
        self._counts = counts
        self._by_letter: dict[str, list[str]] = defaultdict(list)
        for word in counts:
            if len(word) > 2 and word.isalpha():
                self._by_letter[word[0]].append(word)

    def corrected(self, text: str, vocabulary: Vocabulary) -> str:
        """Return `text` with each word that nobody knows replaced by the only word of the examples that can be meant.

        A slip is a letter too many, missing, wrong or swapped with the next (optimal string alignment, by rapidfuzz),
        and never the first letter. What has a capital inside a sentence is a name and stays.
        """
        return _WORD.sub(lambda match: self._meant(match, vocabulary) or match.group(), text)

    def _meant(self, match: re.Match[str], vocabulary: Vocabulary) -> str:
        """Return the word that was meant, empty when none or several can be."""
        word = match.group().lower()
        if word in self._counts or (match.group() != word and match.start()) or vocabulary.knows(word):
            return ""
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        most = 1 if len(word) < LONG else 2
        near = process.extract(word, self._by_letter[word[0]], scorer=OSA.distance, score_cutoff=most, limit=None)
        least = min((slips for _, slips, _ in near), default=0)
        return self._plainest([one for one, slips, _ in near if slips == least])

    def _plainest(self, words: list[str]) -> str:
        """Return the most frequent word if the others are hardly in use."""
        first, *others = sorted(words, key=lambda word: -self._counts[word]) or [""]
        plain = all(self._counts[word] * PLAINLY <= self._counts[first] for word in others)
        return first if plain else ""
