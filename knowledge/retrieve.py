"""A question and what was said before it -> hits: dense and BM25 lists of several phrasings, fused by reciprocal rank.

Query fusion after RAG-Fusion (2402.03367), a second look with what was found first
after Rocchio 1971. A follow-up is said in full first, and what goes by another name than it asks about is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from frontdesk.bot.errors import ModelError
from frontdesk.bot.types import Encoder
from frontdesk.knowledge.followup import LONG_CHARS, TURNS, Resolved, leans, resolved
from frontdesk.knowledge.fusion import Order, best, fuse, joined, ordered, scaled, telling, unit
from frontdesk.knowledge.index import Generation
from frontdesk.knowledge.parts import parts
from frontdesk.knowledge.phrasings import phrasings
from frontdesk.knowledge.rerank import RERANKED, reordered
from frontdesk.knowledge.shortlist import once, shortlist
from frontdesk.knowledge.spelling import Vocabulary
from frontdesk.knowledge.terms import stem, terms
from frontdesk.knowledge.values import ALONE, Helpers, Hit, Question

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PAST, NAMED = 0.5, 0.3
"""What the words said before, and being what the question is about, add to a cosine or a BM25 score scaled to 1."""
DEPTH = 60
"""How many passages each list contributes."""
DEEP = 120
"""The same for a long question, which needs many documents."""
RARE, RARE_SHARE = 3, 0.01
"""A word that is in so few documents, and in no larger share of all, brings one of them in."""
OWN_LONG = 0.05
"""What a passage's own rank counts for in a long question, which asks for documents rather than for one passage."""
TITLES = 0.5
"""What the list by title words counts for in a long question."""
LIKE, LIKE_WEIGHT, ASKED = 3, 0.6, 0.5
"""A long question is searched again with the mean of the best documents and of the question: how many, what for."""
_COMPARES = re.compile(
    r"\b(?:other|others|another|else|instead|alternatives?|compar\w+|similar|versus|vs|than|between|difference|"
    r"differ|which|any)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was searched and found: the question as searched, every text searched with, the passages, best first."""

    question: Question
    phrasings: tuple[str, ...] = ()
    hits: tuple[Hit, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Query:
    """A question said in full; what it is searched with, each with a vector and BM25 scores (passages).

    Of the question itself: `asked`, its terms, `vector`, and `lexical`, its BM25 scores. `allowed` is what may be
    found, `past` is how much each passage is what the conversation was about.
    """

    question: Question
    asked: list[str]
    vector: NDArray[np.float32]
    lexical: NDArray[np.float32]
    texts: list[str]
    vectors: NDArray[np.float32]
    words: list[NDArray[np.float32]]
    allowed: NDArray[np.bool_]
    past: NDArray[np.float32] | None

    @property
    def long(self) -> bool:
        """Whether the question is searched sentence by sentence."""
        return len(self.question.text) > LONG_CHARS

    @property
    def depth(self) -> int:
        """How many passages each list contributes."""
        return DEEP if self.long else DEPTH


def retrieve(index: Generation, encoder: Encoder, question: Question, k: int, helpers: Helpers = ALONE) -> list[Hit]:
    """Return the `k` best passages, best first."""
    return list(search(index, encoder, question, k, helpers).hits)


def search(index: Generation, encoder: Encoder, question: Question, k: int, helpers: Helpers = ALONE) -> Found:
    """Return the `k` best passages, best first, with the question as it was searched.

    A phraser or reranker that fails leaves what the rules find, with a note for the operator.
    """
    if not index.stored:
        return Found(question=question)
    notes: list[str] = []
    query, apart = _prepared(index, encoder, question, helpers, notes)
    lists = dict(zip(query.texts, _lists(index, query), strict=True))
    total = fuse([one for each in lists.values() for one in each], index.owner, OWN_LONG if query.long else 1.0)
    if query.long:
        total = _second_look(index, query, total)
        total = total + index.openings.gained(total, index.owner, query.allowed)
    ranked, scores = _reranked(index, query, best(total, max(k, DEPTH)), total, helpers, notes)
    wanted = [at for one in apart for at in _first(index, lists, one)] + list(_rare(index, query, ranked[:k]))
    chosen = shortlist(index, ranked, wanted, k)
    hits = tuple(once(list(_hits(index, chosen, scores, query))))
    return Found(question=query.question, phrasings=tuple(query.texts), hits=hits, notes=tuple(notes))


def _prepared(
    index: Generation, encoder: Encoder, question: Question, helpers: Helpers, notes: list[str]
) -> tuple[Query, list[Resolved]]:
    """Return what is searched for, and the questions of a message that asks several things, each said in full."""
    spelt = _spelt(index, encoder, question.text)
    said = resolved(spelt, question.history, index.names)
    apart, before = list[Resolved](), question.history
    for part in several if len(several := parts(spelt)) > 1 and len(spelt) <= LONG_CHARS else ():
        apart.append(resolved(part, before, index.names))
        before = (*before, part, "")
    texts = [*_phrased(said, question.topic, helpers, notes), *(text for one in apart for text in one.searched)]
    texts += [question.text] if spelt != question.text else []
    return _query(index, encoder, question, said, list(dict.fromkeys(texts))), apart


def _first(index: Generation, lists: Mapping[str, Sequence[Order]], part: Resolved) -> Iterator[int]:
    """Yield the passage that comes first for one question of several, if one was found."""
    total = fuse([one for text in part.searched for one in lists[text]], index.owner)
    if total.any():
        yield int(total.argmax())


def _rare(index: Generation, query: Query, ranked: Sequence[int]) -> Iterator[int]:
    """Yield for each word of the question that few documents and none of `ranked` have the best passage with it."""
    few = min(RARE, RARE_SHARE * len(index.firsts))
    if few < 1 or query.long:
        return
    for term in dict.fromkeys(query.asked):
        having = _few(index, query, index.words.having(term), few)
        if having and not any(at in ranked for at in having):
            yield having[int((index.matrix[having] @ query.vector).argmax())]


def _few(index: Generation, query: Query, having: Sequence[int], few: float) -> list[int]:
    """Return those of some passages that may be found; none when they are of more than a few documents."""
    found, owners = list[int](), set[int]()
    for at in having:
        if query.allowed[at]:
            found.append(at)
            owners.add(int(index.owner[at]))
            if len(owners) > few:
                return []
    return found


def _spelt(index: Generation, encoder: Encoder, text: str) -> str:
    """Return a question without the misspelt words, when the encoder can tell a misspelt word from a rare one."""
    if len(text) > LONG_CHARS or not isinstance(encoder, Vocabulary):
        return text
    return index.spelling.corrected(text, lambda word: stem(word) in index.words or encoder.knows(word))


def _phrased(said: Resolved, topic: str, helpers: Helpers, notes: list[str]) -> list[str]:
    """Return the phrasings by rule, and those of the chat model, of a question short enough to be said otherwise."""
    texts = phrasings(said, topic)
    if helpers.phraser and len(said.text) <= LONG_CHARS:
        try:
            texts += helpers.phraser(said.text)
        except ModelError as error:
            notes.append(f"no phrasings of the chat model: {error}")
    return list(dict.fromkeys(texts))


def _reranked(
    index: Generation,
    query: Query,
    order: NDArray[np.int64],
    total: NDArray[np.float64],
    helpers: Helpers,
    notes: list[str],
) -> tuple[list[int], NDArray[np.float64]]:
    """Return the passages in the order of a reranker, if there is one, and scores that stay with the places."""
    ranked = order.tolist()
    if not helpers.rerank:
        return ranked, total
    try:
        places = reordered(query.question.text, list(_hits(index, ranked[:RERANKED], total, query)), helpers.rerank)
    except ModelError as error:
        notes.append(f"not reranked: {error}")
        return ranked, total
    ranked = [*(ranked[place] for place in places), *ranked[RERANKED:]]
    scores = total.copy()
    scores[ranked] = total[order]
    return ranked, scores


def _query(index: Generation, encoder: Encoder, question: Question, said: Resolved, texts: list[str]) -> Query:
    import numpy as np

    allowed = index.allowed(question.scope)
    if said.about and said.sure and not _COMPARES.search(question.text):
        allowed = allowed.copy()
        allowed[index.names.others(said.about)] = False
    every = list(dict.fromkeys([*texts, said.text]))
    encoded = dict(zip(every, encoder.encode(every), strict=True))
    words = {text: terms(text) for text in every}
    scored = {text: index.words.scores(words[text]) for text in every}
    return Query(
        question=replace(question, text=said.text, new=said.new),
        asked=words[said.text],
        vector=encoded[said.text],
        lexical=scored[said.text],
        texts=texts,
        vectors=np.stack([encoded[text] for text in texts]),
        words=[scored[text] * allowed for text in texts],
        allowed=allowed,
        past=_past(index, question, said, allowed),
    )


def _lists(index: Generation, query: Query) -> Iterator[list[Order]]:
    """Yield for each phrasing its lists by meaning, by words and, in a long question, by title words."""
    near = [_shown(row, query) for row in _nearest(index, query)]
    past = query.past
    depth = query.depth
    recent = [best(past, depth)] if past is not None else []
    seen = [joined([row, best(score, depth), *recent]) for row, score in zip(near, query.words, strict=True)]
    dense = [index.matrix[at] @ vector for at, vector in zip(seen, query.vectors, strict=True)]
    for text, at, cosines, score, weight in zip(
        query.texts, seen, dense, query.words, telling(dense, query.words), strict=True
    ):
        bonus = past[at] if past is not None else 0.0
        by_words = scaled(score)[at] + bonus
        lists = [(ordered(at, cosines + bonus)[:depth], weight), (ordered(at, by_words)[:depth], weight)]
        if query.long:
            lists.append((best(index.titles.scores(terms(text)) * query.allowed, DEPTH), TITLES * weight))
        yield lists


def _shown(row: Sequence[int], query: Query) -> NDArray[np.int64]:
    """Return those of some passages that may be found."""
    import numpy as np

    at = np.array(row, dtype=np.int64)
    return at[query.allowed[at]]


def _nearest(index: Generation, query: Query) -> list[list[int]]:
    return index.nearest(query.vectors, query.depth, query.question.scope)


def _second_look(index: Generation, query: Query, total: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add what is like the best documents: a long question seldom has the words of all that it needs (Rocchio)."""
    import numpy as np

    found = best(total, DEPTH)
    if not len(found):
        return total
    first = np.sort(np.unique(index.owner[found], return_index=True)[1])[:LIKE]
    owners, weights = index.owner[found[first]], total[found[first]]
    means = np.stack([unit(index.matrix[index.owner == at].mean(axis=0)) for at in owners])
    told = np.array(telling([index.matrix[found] @ vector for vector in query.vectors], query.words))
    vector = unit(weights @ means / weights.sum()) + ASKED * unit(told @ query.vectors)
    rows = index.nearest(unit(vector)[None].astype(np.float32), DEEP, query.question.scope)
    again = fuse([(_shown(rows[0], query), 1.0)], index.owner, OWN_LONG)
    return np.add(total, LIKE_WEIGHT * float(total.max()) / max(float(again.max()), 1e-9) * again)


def _past(
    index: Generation, question: Question, said: Resolved, allowed: NDArray[np.bool_]
) -> NDArray[np.float32] | None:
    """Return how much each passage is what the conversation was about, at most PAST + NAMED; None without one."""
    if not question.history or len(question.text) > LONG_CHARS:
        return None
    past = PAST * scaled(index.words.scores(terms(" ".join(question.history[-TURNS:]))))
    for name in said.about:
        past[name.at] += NAMED
    return past * allowed * leans(question.text)


def _hits(index: Generation, order: Sequence[int], total: NDArray[np.float64], query: Query) -> Iterator[Hit]:
    at = list(order)
    scores, cosines = total[at].tolist(), (index.matrix[at] @ query.vector).tolist()
    for place, score, dense, lexical in zip(at, scores, cosines, query.lexical[at].tolist(), strict=True):
        one = index.stored[place]
        yield Hit(passage=one.passage, document=one.document, score=score, dense=dense, lexical=lexical)
