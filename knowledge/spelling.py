"""Misspelt words of a question, read as the word of the documents that was meant."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Protocol, runtime_checkable

from frontdesk.knowledge.terms import STOP_WORDS, stem

LONG = 8
"""Letters from which a word may have two slips; a shorter one is read as another word with one slip only."""
PLAINLY = 20
"""How much more often a word must stand in the documents than another that is as near, to be the one that was meant."""
_WORD = re.compile(r"(?<![\w@./-])[^\W\d_]{5,}(?![\w@./-]*[\w@/])")


@runtime_checkable
class Vocabulary(Protocol):
    """Knows the words of the language, whatever the documents say."""

    def knows(self, word: str) -> bool:
        """Whether `word`, in lower case, is one."""
        ...


class Spelling:
    """The words of a knowledge base's documents; `texts` gives them, and is asked when the first unknown word comes."""

    def __init__(self, texts: Callable[[], Iterable[str]]) -> None:
        self._texts = texts

    def corrected(self, question: str, known: Callable[[str], bool]) -> str:
        """Return `question` with each misspelt word replaced by the only word of the documents that can be meant.

        A word is misspelt if it is not `known`. A slip is a letter too many, missing, wrong or swapped with the next
        (optimal string alignment, by rapidfuzz), and never the first letter.
        """
        return _WORD.sub(lambda match: self._meant(match, known) or match.group(), question)

    def _meant(self, match: re.Match[str], known: Callable[[str], bool]) -> str:
        """Return the word that was meant, empty when none or several can be; what has a capital inside is a name."""
        word = match.group().lower()
        if (match.group() != word and match.start()) or word in STOP_WORDS or known(word):
            return ""
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        most = 1 if len(word) < LONG else 2
        alike = self._by_letter[word[0]]
        near = process.extract(word, alike, scorer=OSA.distance, score_cutoff=most, limit=None)
        least = min((slips for _, slips, _ in near), default=0)
        return self._plainest([one for one, slips, _ in near if slips == least])

    def _plainest(self, words: list[str]) -> str:
        """Return the most frequent word if the others are forms of it, or hardly in use."""
        words = sorted(words, key=lambda word: -self._counts[word])
        others = [word for word in words if stem(word) != stem(words[0])]
        plain = all(self._counts[word] * PLAINLY <= self._counts[words[0]] for word in others)
        return words[0] if words and plain else ""

    @cached_property
    def _counts(self) -> Counter[str]:
        found = Counter(word for text in self._texts() for word in re.findall(r"[^\W\d_]{4,}", text.lower()))
        return found + Counter({word: PLAINLY for word in STOP_WORDS if len(word) > 3})

    @cached_property
    def _by_letter(self) -> dict[str, list[str]]:
        letters: dict[str, list[str]] = defaultdict(list)
        for word in self._counts:
            letters[word[0]].append(word)
        return letters
