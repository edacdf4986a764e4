"""Fit the router's linear classifiers, and ask them about examples that they have not learned from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from frontdesk.bot.router.calibrate import HeldOut, Ints, fit_temperature
from frontdesk.bot.router.features import Floats, NGrams, away, has_letters
from frontdesk.bot.router.model import SENTENCE_WEIGHT, Head, Reading, nearness, softmax

_ENOUGH_OUTSIDE = 20
"""Out-of-scope examples from which on they are a class of their own."""
_HARDLY_ANY, _MANY = 2000, 4000
_GROUPS = 3
_STRENGTH, _QUICK_STRENGTH, _SOFT_STRENGTH = 0.3, 0.6, 10.0
_BLENDS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)
_NEVER = -2.0
_SEPARATOR = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, kw_only=True)
class Table:
    """Cleaned texts, what the encoder sees in them and labels: the number in `labels`, -1 for out of scope.

    `vectors` are n × dimension; `peaked` where their second half are peaks. `names` is what the encoder sees in the
    labels' names (labels × dimension); none where examples are many.
    """

    texts: tuple[str, ...]
    vectors: Floats
    truth: Ints
    labels: tuple[str, ...]
    names: Floats
    peaked: bool = False

    @property
    def sentences(self) -> Floats:
        """The sentence vectors alone."""
        return self.vectors[:, : self._width]

    @property
    def peaks(self) -> Floats:
        """The peaks; without columns where there are none."""
        return self.vectors[:, self._width :]

    @property
    def _width(self) -> int:
        return int(self.vectors.shape[1]) // (2 if self.peaked else 1)

    def part(self, rows: NDArray[np.bool_]) -> Table:
        """Return the rows where `rows` is true."""
        texts = tuple(text for text, kept in zip(self.texts, rows, strict=True) if kept)
        return replace(self, texts=texts, vectors=self.vectors[rows], truth=self.truth[rows])

    def named(self) -> Table:
        """Return the table with each label's name as one more example of it: where examples are few, it says a lot."""
        if not len(self.names):
            return self
        seen = [int(k) for k in np.unique(self.truth) if k >= 0 and has_letters(self.labels[k])]
        return replace(
            self,
            texts=(*self.texts, *(spoken(self.labels[k]) for k in seen)),
            vectors=np.vstack([self.vectors, self.names[seen]]),
            truth=np.append(self.truth, seen),
        )


def spoken(label: str) -> str:
    """Return an intent's name as words: `cancelOrder` and `cancel_order` are both "cancel order"."""
    return " ".join(_SEPARATOR.sub(" ", label).lower().split())


def few(texts: Sequence[str]) -> bool:
    """Whether examples are few enough for what helps only then: names, and a softmax regression beside the SVM."""
    return len(texts) <= _MANY


def very_few(texts: Sequence[str]) -> bool:
    """Whether examples are so few that a second view of them, their peaks, helps."""
    return len(texts) <= _HARDLY_ANY


def has_outside(table: Table) -> bool:
    """Whether out of scope is a class of its own."""
    return int((table.truth < 0).sum()) >= _ENOUGH_OUTSIDE


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Which rows to learn from and which to ask; `strange`: whole intents are kept from the learner as out of scope."""

    learn: NDArray[np.bool_]
    ask: NDArray[np.bool_]
    strange: bool = False


def plans(table: Table) -> Iterator[Plan]:
    """Yield folds of rows; then, without examples of out of scope, folds of whole intents."""
    count = 5 if len(table.texts) <= _MANY else 3
    fold = _folds(table, count)
    for k in range(count):
        if (fold == k).any():
            yield Plan(learn=fold != k, ask=fold == k)
    if has_outside(table) or len(table.labels) <= _GROUPS:
        return
    group = np.append(_groups(table.labels), -1)[table.truth]
    for k in range(_GROUPS):
        learn = (group != k) & (group >= 0) & (fold % _GROUPS != k)
        yield Plan(learn=learn, ask=(group == k) | (fold % _GROUPS == k), strange=True)


def _folds(table: Table, count: int) -> Ints:
    """Return each row's fold, told by its text: routers compared on a text are then compared without the same others.

    The rows of one label never stand all in one fold, unless there is only one.
    """
    fold = np.asarray([crc32(text.casefold().encode("utf-8", "replace")) % count for text in table.texts])
    for label in np.unique(table.truth):
        rows = np.flatnonzero(table.truth == label)
        if (fold[rows] == fold[rows[0]]).all():
            fold[rows[1::2]] = (fold[rows[0]] + 1) % count
    return fold


def _groups(labels: Sequence[str]) -> Ints:
    """Deal the labels into groups, in an order told by their names."""
    group = np.empty(len(labels), dtype=np.int64)
    order = sorted(range(len(labels)), key=lambda k: crc32(labels[k].encode("utf-8", "replace")))
    group[order] = np.arange(len(labels)) % _GROUPS
    return group


def fit_blend(table: Table) -> float:
    """Return how much a softmax regression on the sentence vectors counts beside the SVM, by one fold's held-out loss.

    With few examples of each intent it knows better than the SVM, with many it does not: beyond 4,000 examples it is
    not tried, and the answer is 0.
    """
    plan = next(plans(table))
    learn, asked = table.part(plan.learn), table.part(plan.ask)
    seen = np.unique(learn.truth[learn.truth >= 0])
    asked = asked.part(np.isin(asked.truth, seen))
    if not few(table.texts) or len(seen) <= 1 or not asked.texts:
        return 0.0
    head = fit_head(learn, outside=False)
    plain = head.read(asked.texts, asked.vectors).plain
    known = learn.part(learn.truth >= 0).named()
    soft, bias, centre = _soft(known, seen)
    more, truth = _dense(asked, centre) @ soft + bias, np.searchsorted(seen, asked.truth)

    def loss(blend: float) -> float:
        scores = (plain + blend * more).astype(np.float32)
        shares = softmax(scores / np.float32(fit_temperature(scores, truth)))
        return float(-np.log(np.maximum(shares[np.arange(len(truth)), truth], 1e-12)).mean())

    return min(_BLENDS, key=loss)


def held_out(table: Table, plan: Plan, blend: float) -> tuple[HeldOut, HeldOut]:
    """Score the asked rows by a head trained without them: by all it reads, and by n-grams alone.

    A label that the head never saw scores lowest.
    """
    head = fit_head(table.part(plan.learn), outside=has_outside(table), blend=blend)
    asked = table.part(plan.ask)
    places = [table.labels.index(label) for label in head.labels]
    truth = np.where(np.isin(asked.truth, places), asked.truth, -1) if plan.strange else asked.truth
    rows = np.flatnonzero(plan.ask)

    def placed(reading: Reading) -> HeldOut:
        scores = np.full((len(asked.texts), len(table.labels)), _NEVER, dtype=np.float32)
        scores[:, places] = reading.plain
        return HeldOut(reading=Reading(scores=scores, hints=reading.hints, plain=scores), truth=truth, rows=rows)

    full = head.read(asked.texts, asked.vectors)
    if len(head.outside):
        full.hints[:, -1] = _beside_others(table, rows)
    return placed(full), placed(head.skim(asked.texts))


def _beside_others(table: Table, rows: Ints) -> Floats:
    """The rows' nearness to all examples out of scope but themselves.

    Among as many examples as the finished head has: the more there are, the nearer is the nearest.
    """
    strange = np.flatnonzero(table.truth < 0)
    vectors = table.sentences
    near = nearness(vectors[rows], vectors[strange])
    for place in np.flatnonzero(table.truth[rows] < 0):
        row = rows[place]
        near[place] = nearness(vectors[[row]], vectors[strange[strange != row]])[0]
    return near


def joined(parts: Sequence[HeldOut]) -> HeldOut:
    """Return held-out predictions one after the other."""
    read = {
        name: np.concatenate([getattr(part.reading, name) for part in parts]) for name in ("scores", "hints", "plain")
    }
    truth, rows = (np.concatenate([getattr(part, name) for part in parts]) for name in ("truth", "rows"))
    return HeldOut(reading=Reading(**read), truth=truth, rows=rows)


def part_of(held: HeldOut, kept: NDArray[np.bool_]) -> HeldOut:
    """Return the held-out predictions where `kept` is true."""
    reading = held.reading
    made = Reading(scores=reading.scores[kept], hints=reading.hints[kept], plain=reading.plain[kept])
    return HeldOut(reading=made, truth=held.truth[kept], rows=held.rows[kept])


def fit_head(table: Table, *, outside: bool, blend: float = 0.0) -> Head:
    """Fit one-against-rest SVMs (squared hinge): on n-grams and sentence vectors together, and on n-grams alone.

    Where examples are few, each label's name is one more. To the first are added `blend` times the scores of softmax
    regressions on the vectors and on the peaks; all are linear in them.
    """
    inside = table.truth >= 0
    used = (table if outside else table.part(inside)).named()
    seen = np.unique(used.truth[used.truth >= 0])
    classes = np.append(seen, -1) if outside else seen
    ngrams = NGrams.fit(used.texts)
    grams = _sparse(used.texts, ngrams)
    weights, bias = _svm(_with_vectors(grams, used.sentences), used.truth, classes, _STRENGTH)
    centre = np.zeros(0, dtype=np.float32)
    if blend:
        soft, soft_bias, centre = _soft(used, classes)
        width = used.sentences.shape[1]
        weights[len(ngrams.rarity) :] += np.float32(blend / SENTENCE_WEIGHT) * soft[:width]
        weights = np.vstack([weights, np.float32(blend) * soft[width:]])
        bias = bias + np.float32(blend) * soft_bias
    quick, quick_bias = _svm(grams, used.truth, classes, _QUICK_STRENGTH)
    return Head(
        labels=tuple(table.labels[k] for k in seen),
        ngrams=ngrams,
        weights=weights,
        bias=bias,
        quick=quick,
        quick_bias=quick_bias,
        directions=np.zeros((len(seen), 0), dtype=np.float32),
        offsets=np.zeros(len(seen), dtype=np.float32),
        inside=table.sentences[inside],
        outside=table.sentences[~inside] if outside else table.sentences[:0],
        centre=centre,
    )


def _sparse(texts: Sequence[str], ngrams: NGrams) -> Any:
    from scipy import sparse

    rows = list(ngrams.rows(texts))
    starts = np.cumsum([0, *(len(columns) for columns, _ in rows)])
    values, columns = np.concatenate([v for _, v in rows]), np.concatenate([c for c, _ in rows])
    return sparse.csr_matrix((values, columns, starts), shape=(len(rows), len(ngrams.rarity)))


def _with_vectors(grams: Any, vectors: Floats) -> Any:
    from scipy import sparse

    return sparse.hstack([grams, sparse.csr_matrix(SENTENCE_WEIGHT * vectors)]).tocsr()


def _svm(data: Any, truth: Ints, classes: Ints, strength: float) -> tuple[Floats, Floats]:
    from sklearn.svm import LinearSVC

    return _linear(LinearSVC(C=strength, tol=1e-2, random_state=0).fit(data, truth), classes)


def _soft(table: Table, classes: Ints) -> tuple[Floats, Floats, Floats]:
    """Weights and bias of softmax regressions on the vectors and on the peaks, added up, and the peaks' centre."""
    centre = table.peaks.mean(axis=0)
    parts = [table.sentences, away(table.peaks, centre)][: 2 if table.peaked else 1]
    weights, biases = zip(*(_softmax(part, table.truth, classes) for part in parts), strict=True)
    return np.vstack(weights), np.sum(biases, axis=0, dtype=np.float32), centre


def _dense(table: Table, centre: Floats) -> Floats:
    """What the weights of `_soft` are for."""
    return np.hstack([table.sentences, away(table.peaks, centre)])


def _softmax(vectors: Floats, truth: Ints, classes: Ints) -> tuple[Floats, Floats]:
    from sklearn.linear_model import LogisticRegression

    return _linear(LogisticRegression(C=_SOFT_STRENGTH, max_iter=200).fit(vectors, truth), classes)


def _linear(model: Any, classes: Ints) -> tuple[Floats, Floats]:
    """The weights (columns × classes) and bias of a fitted linear model, classes in the order given."""
    weights, bias = model.coef_.T, model.intercept_
    if len(model.classes_) == 2:
        weights, bias = np.hstack([-weights, weights]), np.array([-bias[0], bias[0]])
    order = np.searchsorted(model.classes_, classes)
    return np.ascontiguousarray(weights[:, order], dtype=np.float32), bias[order].astype(np.float32)
