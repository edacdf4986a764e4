"""The names that documents go by (a product, a hotel, a plan), where a text mentions them, and who goes by another.

A name is a context value of a document, or the head of its title when the prose of the document writes it with the
same capitals in mid-sentence: "the Wren Kettle holds 1.7 L" names a thing, a page titled "Returns" names none.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from frontdesk.knowledge.terms import terms
from frontdesk.knowledge.values import Document

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LONGEST = 6
"""The most terms of a name."""
BROAD = 0.1
"""A name that covers more than this share of the passages tells nothing apart."""
_HEAD = re.compile(r"\s*(?:[:|—–(]|\s-\s|,\s+(?:an? )?(?:set|pack|box|pair|\d))")
_MID_SENTENCE = r"(?<=[a-z,;] )"
_LOWER = re.compile(r"\b[a-z]{3,}\b")
_WORD = re.compile(r"[^\W_]+")
_CALLED = re.compile(r"\b(?:the|your|my) ((?:[\w'’-]+ ?){1,6})", re.IGNORECASE)
Terms = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Name:
    """A name as it is written, its search terms, what kind of name it is, and the passages of whom it names."""

    said: str
    terms: Terms
    kind: str
    at: NDArray[np.int64] = field(repr=False, compare=False)


class Names:
    """All names of a knowledge base. `documents` and `corpus` (search terms) are those of each passage, by position."""

    def __init__(self, documents: Sequence[Document], corpus: Sequence[Sequence[str]]) -> None:
        import numpy as np

        self._corpus = corpus
        self._holders: dict[str, list[int]] = defaultdict(list)
        for at, row in enumerate(corpus):
            for term in set(row):
                self._holders[term].append(at)
        common = {word for text in {one.id: one.text for one in documents}.values() for word in _LOWER.findall(text)}
        self._names: dict[Terms, Name] = {}
        self._kind_of: dict[str, NDArray[np.int64]] = {}
        for (kind, key), (said, own) in _collected(documents).items():
            told = len(key) > 1 or _proper(said, common)
            if told and len(own) <= max(BROAD * len(documents), 1):
                self._names[key] = Name(said=said, terms=key, kind=kind, at=np.array(own, dtype=np.int64))
        for kind in {name.kind for name in self._names.values()}:
            self._kind_of[kind] = np.concatenate([name.at for name in self._names.values() if name.kind == kind])
        self._having: dict[str, list[Name]] = defaultdict(list)
        for name in self._names.values():
            for term in set(name.terms):
                self._having[term].append(name)
        self._short = self._shortened(common)

    def mentioned(self, text: str) -> list[Name]:
        """Return the names in `text`, in order, each once: whole ones, else by a first word that only one name has."""
        said, words, at = terms(text), _words(text), 0
        whole, short = dict[Terms, Name](), dict[Terms, Name]()
        while at < len(said):
            name, step = self._starting(said, at)
            if name:
                whole.setdefault(name.terms, name)
            elif (name := self._short.get(said[at])) and words & _words(name.said):
                short.setdefault(name.terms, name)
            at += step
        return list((whole or short).values())

    def called(self, text: str) -> list[Name]:
        """Return the names in `text`; without one, those called by their end, or by two words of it: "the skillet"."""
        found = dict[Terms, Name]()
        for words in () if (known := self.mentioned(text)) else _CALLED.findall(text):
            said = terms(words)
            for size in range(min(LONGEST, len(said)), 0, -1):
                having = self._with(said[:size])
                if len(having) == 1 and (size > 1 or having[0].terms[-1] == said[0]):
                    found.setdefault(having[0].terms, having[0])
                    break
        return known or list(found.values())

    def _with(self, said: Sequence[str]) -> list[Name]:
        """Return the names that have all these terms."""
        having = min((self._having.get(term, []) for term in said), key=len)
        return [name for name in having if set(said) <= set(name.terms)]

    def others(self, about: Sequence[Name]) -> NDArray[np.int64]:
        """Return the passages of documents that go by another name of the same kind and do not speak of `about`."""
        import numpy as np

        alike = [self._kind_of[kind] for kind in dict.fromkeys(name.kind for name in about)]
        if not alike:
            return np.zeros(0, dtype=np.int64)
        spoken = [
            np.array([at for at in self._among(name) if self._speaks(at, name)], dtype=np.int64) for name in about
        ]
        return np.setdiff1d(np.concatenate(alike), np.concatenate([*spoken, *(name.at for name in about)]))

    def _starting(self, said: Sequence[str], at: int) -> tuple[Name | None, int]:
        """Return the longest name that starts at a term, and how many terms to go on."""
        for size in range(min(LONGEST, len(said) - at), 0, -1):
            if name := self._names.get(tuple(said[at : at + size])):
                return name, size
        return None, 1

    def _shortened(self, common: set[str]) -> dict[str, Name]:
        """Return the terms that stand for one whole name: its first word, which no other has and no text uses."""
        first = {name.terms[0]: name for name in self._names.values() if _proper(_WORD.findall(name.said)[0], common)}
        return {term: name for term, name in first.items() if self._having[term] == [name]}

    def _among(self, name: Name) -> list[int]:
        """Return the passages that have the rarest term of a name."""
        return min((self._holders[term] for term in name.terms), key=len)

    def _speaks(self, at: int, name: Name) -> bool:
        row, size = self._corpus[at], len(name.terms)
        return any(tuple(row[k : k + size]) == name.terms for k, term in enumerate(row) if term == name.terms[0])


def _proper(word: str, common: set[str]) -> bool:
    """Whether a word is only ever written with a capital."""
    return len(word) >= 3 and not word.isdigit() and word.lower() not in common


def _words(text: str) -> set[str]:
    """Return the words of a text as they are written, but for plurals: `cut` is no mention of a cutting board."""
    return {word.rstrip("s") for word in _WORD.findall(text.lower())}


def _collected(documents: Sequence[Document]) -> dict[tuple[str, Terms], tuple[str, list[int]]]:
    """Return for each (kind, terms) how the name is written and the passages of its documents."""
    found: dict[tuple[str, Terms], tuple[str, list[int]]] = {}
    known: dict[str, list[tuple[str, str]]] = {}
    for at, document in enumerate(documents):
        if document.id not in known:
            known[document.id] = list(_names_of(document))
        for kind, said in known[document.id]:
            if key := tuple(terms(said))[:LONGEST]:
                found.setdefault((kind, key), (said, []))[1].append(at)
    return found


def _names_of(document: Document) -> Iterator[tuple[str, str]]:
    """Yield (kind, name) of a document."""
    yield from document.context.items()
    if said := _titled(document.title, document.text):
        yield f"in {PurePosixPath(document.id).parent}", said


def _titled(title: str, text: str) -> str:
    """Return the longest beginning of a title that the text uses as a name; empty when it uses none."""
    words = _HEAD.split(title.strip(), maxsplit=1)[0].split()[:LONGEST]
    for size in range(len(words), 0 if len(words) == 1 else 1, -1):
        said = " ".join(words[:size])
        if said[:1].isupper() and re.search(_MID_SENTENCE + re.escape(said) + r"\b", text):
            return said
    return ""
