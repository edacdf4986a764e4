"""A question and what was said before it -> hits: dense and BM25 lists of several phrasings, fused by reciprocal rank.

Query fusion after RAG-Fusion (2402.03367), reciprocal rank after Cormack 2009. A question that leans on what was said
before ("and what does it cost?") is searched among the passages that the conversation is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from frontdesk.bot.types import Encoder
from frontdesk.knowledge.index import Generation
from frontdesk.knowledge.phrasings import LONG_CHARS, leans
from frontdesk.knowledge.phrasings import phrasings as phrasings
from frontdesk.knowledge.phrasings import reworded as reworded
from frontdesk.knowledge.terms import terms
from frontdesk.knowledge.values import Hit, Question

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DEPTH = 60
"""How many passages each list contributes."""
RANK = 20
"""The constant of reciprocal rank fusion: the smaller, the more the first places count."""
UNRELATED = 0.3
"""MiniLM's cosine of texts that have nothing to do with each other, at most."""
TURNS = 8


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was searched and found: the question as searched, every text searched with, the passages, best first."""

    question: Question
    phrasings: tuple[str, ...] = ()
    hits: tuple[Hit, ...] = ()
    notes: tuple[str, ...] = ()


def retrieve(index: Generation, encoder: Encoder, question: Question, k: int) -> list[Hit]:
    """Return the `k` best passages, best first."""
    return list(search(index, encoder, question, k).hits)


def search(index: Generation, encoder: Encoder, question: Question, k: int) -> Found:
    """Return the `k` best passages, best first, with the question as it was searched."""
    import numpy as np

    if not index.stored:
        return Found(question=question)
    texts = phrasings(question.text)
    vectors = encoder.encode(texts)
    allowed = index.allowed(question.scope)
    words = [_scaled(index.words.scores(terms(text)) * allowed) for text in texts]
    past = _past(index, question) * allowed if len(question.text) <= LONG_CHARS else np.zeros(len(index.stored))
    seen = [
        np.unique(np.concatenate([np.asarray(near, dtype=np.int64), _best(score), _best(past)]))
        for near, score in zip(index.nearest(vectors, DEPTH, question.scope), words, strict=True)
    ]
    dense = [index.matrix[at] @ vector for at, vector in zip(seen, vectors, strict=True)]
    lists = [
        (at[np.argsort(-(scores + past[at]), kind="stable")][:DEPTH], weight)
        for at, near, score, weight in zip(seen, dense, words, _telling(index, texts, dense, allowed), strict=True)
        for scores in (near, score[at])
    ]
    total = fuse(lists, index.owner)
    asked = index.words.scores(terms(question.text))
    hits = tuple(_hit(index, int(at), total, vectors[0], asked) for at in _best(total, k))
    return Found(question=question, phrasings=tuple(texts), hits=hits)


def fuse(lists: Sequence[tuple[NDArray[np.int64], float]], owner: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the fused score of every passage: its own reciprocal ranks and those of its document, both weighted.

    `lists` are passage positions, best first, with the weight of the list; `owner` names each passage's document.
    """
    import numpy as np

    own, whole = np.zeros(len(owner)), np.zeros(len(owner))
    for order, weight in lists:
        own[order] += weight / (RANK + 1 + np.arange(len(order)))
        _, first = np.unique(owner[order], return_index=True)
        whole[owner[order[np.sort(first)]]] += weight / (RANK + 1 + np.arange(len(first)))
    return np.where(own > 0, own + whole[owner], 0.0)


def _telling(
    index: Generation, texts: Sequence[str], dense: Sequence[NDArray[np.float32]], allowed: Any
) -> list[float]:
    """Return how much each phrasing tells, at most 1: one that is near nothing, or common words only, tells little."""
    near = [max(float(one.max(initial=0.0)) - UNRELATED, 1e-3) for one in dense]
    best = [max(float((index.words.scores(terms(text)) * allowed).max(initial=0.0)), 1e-3) for text in texts]
    return [(a / max(near) * b / max(best)) ** 2 for a, b in zip(near, best, strict=True)]


def _past(index: Generation, question: Question) -> NDArray[np.float32]:
    """Return how much each passage is what the conversation was about, from 0 to `leans`."""
    said = terms(" ".join(question.history[-TURNS:]))
    return _scaled(index.words.scores(said)) * leans(question.text)


def _scaled(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    top = float(scores.max(initial=0.0))
    return scores / top if top > 0 else scores


def _best(scores: NDArray[np.floating], k: int = DEPTH) -> NDArray[np.int64]:
    """Return the positions of the `k` highest scores above zero, best first."""
    import numpy as np

    chosen = np.argpartition(-scores, k)[:k] if len(scores) > k else np.arange(len(scores))
    chosen = chosen[scores[chosen] > 0]
    return chosen[np.argsort(-scores[chosen], kind="stable")]


def _hit(index: Generation, at: int, total: NDArray[np.float64], vector: NDArray[np.float32], asked: Any) -> Hit:
    one = index.stored[at]
    return Hit(
        passage=one.passage,
        document=one.document,
        score=float(total[at]),
        dense=float(index.matrix[at] @ vector),
        lexical=float(asked[at]),
    )
