"""Questions made from the documents themselves, for a knowledge base that has none of its own.

Each is asked twice: of the whole index, which can answer it, and of the index without its document, which mostly
cannot.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from frontdesk.knowledge.examples import Choose, Example
from frontdesk.knowledge.index import Generation, Progress, silent
from frontdesk.knowledge.select import Selection
from frontdesk.knowledge.terms import STOP_WORDS, terms
from frontdesk.knowledge.values import Document, Passage, Question, Scope
from frontdesk.knowledge.words import Words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST = 150
"""Questions made, at most; each is asked twice."""
KEPT, NAMED, MOST_WORDS = 0.35, 0.25, 6
"""The share of a sentence's and of its title's telling words that a question keeps, and the most of the former:
customers have words of their own."""
ALIKE = 0.7
"""Two sentences say the same when they share this much of the shorter one's words, and all figures."""
_QUESTION = re.compile(
    r"(?:how (?!to\b)|what|when|where|which|who|why|can|do|does|is|are|will|should)\b", re.IGNORECASE
)
_FORMS = [
    (re.compile(r"how to (.+)", re.IGNORECASE), r"how do I \1"),
    (re.compile(r"(?:about|introduction to|overview of) (.+)", re.IGNORECASE), r"what is \1"),
    (re.compile(r"(if .+)", re.IGNORECASE), r"what can I do \1"),
]
_ACTION = re.compile(
    r"(?:add|change|cancel|reset|set|use|find|track|return|place|start|create|delete|remove|update|verify|recover|enable|"
    r"disable|install|connect|configure|choose|contact|order|pay|download|upload|upgrade|export|import|share|manage|"
    r"review|join|check|get|make|open|clean|fix|turn|send|edit|move|restore|subscribe|unsubscribe)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_][\w'’-]*")


@dataclass(frozen=True, kw_only=True)
class Made:
    """A question and the document it was made from."""

    text: str
    document: Document


def questions(index: Generation, most: int = MOST, seed: int = 0) -> list[Made]:
    """Return up to `most` questions over documents that customers may read, the same every time."""
    chance = random.Random(seed)
    shown = index.allowed(Scope())
    open_ = [one for one, allowed in zip(index.stored, shown, strict=True) if allowed]
    passages: dict[str, list[Passage]] = {}
    by_id = {one.document.id: one.document for one in open_}
    for one in open_:
        passages.setdefault(one.document.id, []).append(one.passage)
    ids = sorted(by_id)
    chance.shuffle(ids)
    made = [one for at, name in enumerate(ids) for one in _of(by_id[name], passages[name], at, chance)]
    return made[:most] if len(ids) >= most else chance.sample(made, min(most, len(made)))


def _of(document: Document, passages: Sequence[Passage], at: int, chance: random.Random) -> Iterator[Made]:
    """Yield the questions of one document: after its title or a heading, and after two of its sentences."""
    headings = [document.title, *(passage.heading[-1] for passage in passages if passage.heading)]
    quotes = [quote.text for passage in passages for quote in passage.quotes if len(terms(quote.text)) >= 4]
    titles = [worded(asked(chance.choice(headings)), document.title, chance)] if any(headings) else []
    said = [worded(text, document.title, chance) for text in chance.sample(quotes, min(2, len(quotes)))]
    for text in (said + titles) if at % 3 else (titles + said):
        yield Made(text=text, document=document)


def asked(heading: str) -> str:
    """Return a heading as a question: `Reset your password` is `how do I reset my password`."""
    said = heading.strip()
    if said.endswith("?") or _QUESTION.match(said):
        return said
    said = re.sub(r"\byour\b", "my", re.sub(r"\byou\b", "I", said, flags=re.IGNORECASE), flags=re.IGNORECASE)
    for form, question in _FORMS:
        if match := form.fullmatch(said):
            return match.expand(question)
    return f"how do I {said[0].lower()}{said[1:]}" if _ACTION.match(said) else said


def worded(sentence: str, title: str, chance: random.Random) -> str:
    """Return a question that a sentence answers: some of its words without the figures, and some of its title's."""
    kept = [word for word in _telling(sentence) if chance.random() < KEPT][:MOST_WORDS] or _telling(sentence)[:2]
    about = [word for word in _telling(title) if chance.random() < NAMED]
    return " ".join(dict.fromkeys([_opening(sentence), *kept, *about])).strip()


def _telling(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text) if word.lower() not in STOP_WORDS]


def _opening(sentence: str) -> str:
    if not re.search(r"\d", sentence):
        return ""
    if re.search(r"[$€£]", sentence):
        return "how much"
    return "how long" if re.search(r"\b(?:days?|hours?|weeks?|months?|years?|minutes?)\b", sentence) else "how many"


def examples(choose: Choose, index: Generation, most: int = MOST, progress: Progress = silent) -> list[Example]:
    """Ask every made question with and without its document, and return what the confidence is fitted on."""
    withheld, found = Withholding(index), []
    made = questions(index, most)
    for at, one in enumerate(made, 1):
        question = Question(text=one.text)
        for answerable, part in ((True, index), (False, withheld.without(one.document.id))):
            selection = choose(part, question)
            right = bool(selection.choices) and _says(selection, one.document, index)
            found.append(Example(features=selection.features, right=right, answerable=answerable))
        progress("calibrating", at, len(made))
    return found


def _says(selection: Selection, document: Document, index: Generation) -> bool:
    """Whether the best sentence is of `document`, or says what a sentence of it says."""
    best = selection.choices[0]
    if best.hit.document.id == document.id:
        return True
    quotes = (q for one in index.stored if one.document.id == document.id for q in one.passage.quotes)
    return any(alike(best.quote.text, quote.text) for quote in quotes)


def alike(one: str, other: str) -> bool:
    """Whether two sentences say the same: most words of the shorter one, and the same figures."""
    a, b = set(terms(one)), set(terms(other))
    figures = {t for t in a if t[0].isdigit()} == {t for t in b if t[0].isdigit()}
    return figures and len(a & b) >= ALIKE * max(min(len(a), len(b)), 1)


@dataclass(frozen=True, kw_only=True)
class Partial(Generation):
    """An index seen without some of its passages, searched exactly instead of by Chroma."""

    gone: NDArray[np.bool_] = field(repr=False)

    def allowed(self, scope: Scope) -> NDArray[np.bool_]:
        """Return which passages may be shown in `scope`, those withheld left out."""
        return super().allowed(scope) & ~self.gone

    def nearest(self, vectors: NDArray[np.float32], k: int, scope: Scope) -> list[list[int]]:
        """Return for each query vector the positions of its `k` nearest passages, best first."""
        import numpy as np

        at = np.flatnonzero(self.allowed(scope))
        cosines = vectors @ self.matrix[at].T
        return [[int(one) for one in at[np.argsort(-row, kind="stable")[:k]]] for row in cosines]


class Fewer(Words):
    """The keyword index as it would be if no passage had the hidden terms."""

    def __init__(self, whole: Words, hidden: frozenset[str]) -> None:
        self._whole, self._hidden, self.size = whole, hidden, whole.size

    def scores(self, query: Sequence[str]) -> NDArray[np.float32]:
        """Return the BM25 score of every passage."""
        return self._whole.scores([term for term in query if term not in self._hidden])

    def weight(self, term: str) -> float:
        """Return how telling a term is; a hidden one stands nowhere."""
        return self._whole.weight("" if term in self._hidden else term)

    def __contains__(self, term: str) -> bool:
        return term not in self._hidden and term in self._whole


class Withholding:
    """Gives an index without one document at a time."""

    def __init__(self, index: Generation) -> None:
        self._index = index
        self._terms = [frozenset(terms(one.passage.search_text(one.document))) for one in index.stored]
        self._spread = Counter(term for here in self._terms for term in here)

    def without(self, document_id: str) -> Partial:
        """Return the index as if the document had never been in it."""
        import numpy as np

        gone = np.array([one.document.id == document_id for one in self._index.stored])
        here = Counter(term for at in np.flatnonzero(gone) for term in self._terms[at])
        hidden = frozenset(term for term, count in here.items() if count == self._spread[term])
        parts = {one.name: getattr(self._index, one.name) for one in fields(Generation)}
        return Partial(**{**parts, "words": Fewer(self._index.words, hidden), "gone": gone})
