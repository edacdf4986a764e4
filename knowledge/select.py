"""Weighing what may be quoted against a question: meaning, telling words, rank of the passage, kind of question."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from frontdesk.bot.types import Encoder
from frontdesk.knowledge import kinds
from frontdesk.knowledge.compose import composed
from frontdesk.knowledge.index import Generation
from frontdesk.knowledge.neighbours import neighbours
from frontdesk.knowledge.parts import parts
from frontdesk.knowledge.phrasings import reworded
from frontdesk.knowledge.terms import terms
from frontdesk.knowledge.values import Considered, Hit, Question, Quote, Scope, text_hash

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from frontdesk.knowledge.conflicts import Conflict, Resolved

    Resolve = Callable[[Sequence["Choice"], Scope], Resolved]

CANDIDATES = 64
"""The most quotes that are weighed for a question."""
NEAR = 0.1
"""Quotes that score within this of the best one may contradict it."""
PASSAGE, RANK, COVER, ABOUT, FIGURE = 0.5, 0.4, 0.2, 0.8, 0.1
"""Beside the quote's own meaning: what its passage's meaning and rank count for, telling words, the names the document
goes by, a time for a when, a figure for a how-much question."""
RIVALS, USUAL_GAP, USUAL_MARGIN = 10, 0.08, 0.05
"""Standing out is worth half as much among so many other documents, beyond what it is worth among many."""
NEW = 3.0
"""What a word of a follow-up counts for beside one of the question before, with which it is said in full."""
TURNS, FADING = 8, 0.8
"""How far back the conversation names what it is about, and what a turn further back counts for."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A question as quotes are compared with it.

    `weights` are its telling words; `said` has every word of the conversation, 1 for the question's, less the older.
    """

    texts: Sequence[str]
    weights: Mapping[str, float]
    said: Mapping[str, float]
    kind: re.Pattern[str] | None
    """What a quote must hold to answer this kind of question; None where several things are asked."""

    @classmethod
    def of(cls, index: Generation, question: Question) -> Wanted:
        """Weigh the words of a question by the index it is asked of."""
        texts = list(dict.fromkeys([question.text, reworded(question.text)]))
        said: dict[str, float] = {}
        for age, text in enumerate([texts[-1], *reversed(question.history[-TURNS:])]):
            for term in terms(text):
                said.setdefault(term, FADING**age)
        weights = {term: index.words.weight(term) for term in dict.fromkeys(terms(texts[-1]))}
        weights |= {term: weights[term] * NEW for term in terms(reworded(question.new)) if term in weights}
        kind = kinds.wanted(question.text) if len(parts(question.text)) == 1 else None
        return cls(texts=texts, weights=weights, said=said, kind=kind)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A quote, the passage it stands in, its score, and what the score is made of."""

    hit: Hit
    quote: Quote
    score: float
    cosine: float
    cover: float
    about: float


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The chosen quotes, best first, the features of the best one for the confidence, and all that was weighed."""

    choices: tuple[Choice, ...] = ()
    features: Mapping[str, float] = field(default_factory=dict)
    considered: tuple[Considered, ...] = ()
    conflicts: tuple[Conflict, ...] = ()

    def empty(self, why: str) -> Selection:
        """The same without choices: abstain."""
        considered = tuple(replace(one, why=why) if one.kept else one for one in self.considered)
        return replace(self, choices=(), considered=considered)


class Selector:
    """Weighs quotes against a question."""

    def __init__(self, encoder: Encoder, resolve: Resolve | None = None) -> None:
        self._encoder, self._resolve = encoder, resolve

    def select(self, index: Generation, question: Question, hits: Sequence[Hit]) -> Selection:
        """Return what of `hits` is said, best first; nothing when they hold no quotable sentence."""
        wanted = Wanted.of(index, question)
        weighed = self.weigh(index, wanted, hits)
        if not weighed:
            return Selection()
        near = [choice for choice in weighed if choice.score >= weighed[0].score - NEAR]
        resolved = self._resolve(near, question.scope) if self._resolve else None
        barred = {id(choice): why for choice, why in resolved.dropped} if resolved else {}
        left = [choice for choice in weighed if id(choice) not in barred]
        choices, considered = composed(weighed, barred)
        selection = Selection(
            choices=choices,
            features=features(index, wanted, hits, left) if left else {},
            considered=considered,
            conflicts=resolved.conflicts if resolved else (),
        )
        if wanted.kind and not question.new and not any(wanted.kind.search(choice.quote.text) for choice in choices):
            return replace(selection.empty("holds no time or figure of the kind asked for"), features={})
        return selection

    def weigh(self, index: Generation, wanted: Wanted, hits: Sequence[Hit]) -> list[Choice]:
        """Return the quotes of `hits`, and of what stands beside these, that are worth weighing, best first."""
        if not hits:
            return []
        asked = self._encoder.encode(wanted.texts)
        offered = _offered([*hits, *neighbours(index, hits, asked[0])], wanted.weights)
        if not offered:
            return []
        vectors = self._vectors(index, [_named(hit, quote) for hit, quote in offered])
        cosines = (vectors @ asked.T).max(axis=1)
        scored = [
            _scored(index, wanted, hit, quote, float(cosine), hits[0].score)
            for (hit, quote), cosine in zip(offered, cosines, strict=True)
        ]
        return sorted(scored, key=lambda choice: -choice.score)

    def _vectors(self, index: Generation, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of quotes: those of the index, which takes up those that had to be encoded here."""
        import numpy as np

        keys = {text: text_hash(text) for text in texts}
        new = [text for text, key in keys.items() if key not in index.known]
        if new:
            index.known.update(zip((keys[text] for text in new), self._encoder.encode(new), strict=True))
        return np.stack([index.known[keys[text]] for text in texts])


def _scored(index: Generation, wanted: Wanted, hit: Hit, quote: Quote, cosine: float, top: float) -> Choice:
    cover = covered(_named(hit, quote), wanted.weights)
    about = said(index, wanted, " ".join(value for value in hit.document.context.values() if not value.isdigit()))
    figure = float(wanted.kind is not None and bool(wanted.kind.search(quote.text)))
    score = cosine + PASSAGE * hit.dense + RANK * hit.score / top + COVER * cover + ABOUT * about + FIGURE * figure
    return Choice(hit=hit, quote=quote, score=score, cosine=cosine, cover=cover, about=about)


def said(index: Generation, wanted: Wanted, names: str) -> float:
    """Return how much of some names was said in the conversation, by weight: what tells look-alikes apart."""
    weights = {term: index.words.weight(term) for term in dict.fromkeys(terms(names))}
    total = sum(weights.values())
    return sum(weight * wanted.said.get(term, 0.0) for term, weight in weights.items()) / total if total else 0.0


def features(index: Generation, wanted: Wanted, hits: Sequence[Hit], scored: Sequence[Choice]) -> dict[str, float]:
    """Return what the confidence looks at, each about 0 to 1; `scored` is ordered, best first."""
    best, weights = scored[0], wanted.weights
    top = max(hits, key=lambda hit: hit.dense)
    total = sum(weights.values()) or 1.0
    unknown = sum(weight for term, weight in weights.items() if term not in index.words)
    rare = max(weights, key=lambda term: weights[term], default="")
    passage = " ".join((*best.hit.heading, best.hit.text))
    here = set(terms(passage))
    other = next((one.score for one in scored if one.hit.document.id != best.hit.document.id), best.score - 1)
    return {
        "cosine": best.cosine,
        "cover": best.cover,
        "about": best.about or said(index, wanted, best.hit.document.title),
        "passage_cosine": best.hit.dense,
        "passage_cover": covered(passage, weights),
        "unknown": unknown / total,
        "rare": float(rare in here),
        "gap": _telling(index, top.dense - sum(hit.dense for hit in hits) / len(hits), USUAL_GAP),
        "margin": _telling(index, min(best.score - other, 0.5), USUAL_MARGIN),
        "first": float(best.hit is hits[0]),
    }


def _telling(index: Generation, ahead: float, usual: float) -> float:
    """Return how far something is ahead of its rivals, less of it where there are few: anything stands out there."""
    rivals = len(index.firsts) - 1
    return min(ahead, usual + max(ahead - usual, 0.0) * rivals / (rivals + RIVALS))


def covered(text: str, weights: Mapping[str, float]) -> float:
    """Return the share of the question's telling words, by weight, that stand in `text`."""
    here = set(terms(text))
    total = sum(weights.values())
    return sum(weight for term, weight in weights.items() if term in here) / total if total else 0.0


def _offered(hits: Sequence[Hit], weights: Mapping[str, float]) -> list[tuple[Hit, Quote]]:
    """Return the quotes worth scoring, each once: all, or those nearest by passage and telling words when many."""
    every: dict[tuple[str, int, int], tuple[Hit, Quote]] = {}
    for hit in hits:
        for quote in hit.passage.quotes:
            every.setdefault((hit.document.id, quote.start, quote.end), (hit, quote))
    units = list(every.values())
    if len(units) <= CANDIDATES:
        return units
    return sorted(units, key=lambda one: -one[0].dense - covered(_named(*one), weights))[:CANDIDATES]


def _named(hit: Hit, quote: Quote) -> str:
    return hit.passage.named(hit.document, quote)
