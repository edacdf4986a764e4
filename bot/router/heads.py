"""Fit the router's linear classifiers, and ask them about examples that they have not learned from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from frontdesk.bot.router.calibrate import HeldOut, Ints
from frontdesk.bot.router.features import Floats, NGrams, away, has_letters
from frontdesk.bot.router.linear import regression, sparse_rows, svm, with_vectors
from frontdesk.bot.router.mix import Heard
from frontdesk.bot.router.model import ENOUGH_OUTSIDE, SENTENCE_WEIGHT, Head, Reading, nearness

_SOME_OUTSIDE = 5
"""Out-of-scope examples from which on they are learned from at all."""
_HARDLY_ANY, _MANY = 2000, 4000
_GROUPS = 3
_STRENGTH, _QUICK_STRENGTH, _SOFT_STRENGTH = 0.3, 0.6, 10.0
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
    """Whether examples are few enough for what helps only then: their labels' names, and tuning by contrast."""
    return len(texts) <= _MANY


def very_few(texts: Sequence[str]) -> bool:
    """Whether examples are so few that a second view of them, their peaks, helps."""
    return len(texts) <= _HARDLY_ANY


def some_outside(table: Table) -> bool:
    """Whether out of scope has examples enough to be learned from."""
    return int((table.truth < 0).sum()) >= _SOME_OUTSIDE


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Which rows to learn from and which to ask; `strange`: whole intents are kept from the learner as out of scope."""

    learn: NDArray[np.bool_]
    ask: NDArray[np.bool_]
    strange: bool = False


def plans(table: Table) -> Iterator[Plan]:
    """Yield folds of rows; then, where hardly any examples are out of scope, folds of whole intents.

    What examples there are out of scope are learned from with each of the latter.
    """
    count = 5 if len(table.texts) <= _MANY else 3
    fold, strange = folds(table.texts, table.truth, count), table.truth < 0
    for k in range(count):
        if (fold == k).any() and _several(table, fold != k):
            yield Plan(learn=fold != k, ask=fold == k)
    if int(strange.sum()) >= ENOUGH_OUTSIDE or len(table.labels) <= _GROUPS:
        return
    group, learned = np.append(_groups(table.labels), -1)[table.truth], strange & some_outside(table)
    for k in range(_GROUPS):
        learn = (group != k) & ~strange & (fold % _GROUPS != k)
        if _several(table, learn):
            yield Plan(learn=learn | learned, ask=((group == k) | (fold % _GROUPS == k)) & ~learned, strange=True)


def _several(table: Table, learn: NDArray[np.bool_]) -> bool:
    """Whether there are labels to tell apart among the rows."""
    return len(np.unique(table.truth[learn])) > 1


def folds(texts: Sequence[str], truth: Ints, count: int) -> Ints:
    """Return each row's fold, told by its text: routers compared on a text are then compared without the same others.

    The rows of one label never stand all in one fold, unless there is only one.
    """
    fold = np.asarray([crc32(text.casefold().encode("utf-8", "replace")) % count for text in texts])
    for label in np.unique(truth):
        rows = np.flatnonzero(truth == label)
        if (fold[rows] == fold[rows[0]]).all():
            fold[rows[1::2]] = (fold[rows[0]] + 1) % count
    return fold


def _groups(labels: Sequence[str]) -> Ints:
    """Deal the labels into groups, in an order told by their names."""
    group = np.empty(len(labels), dtype=np.int64)
    order = sorted(range(len(labels)), key=lambda k: crc32(labels[k].encode("utf-8", "replace")))
    group[order] = np.arange(len(labels)) % _GROUPS
    return group


def held_out(table: Table, plan: Plan) -> Heard:
    """Read the asked rows by heads trained without them. A label that they never saw scores lowest."""
    heads, asked = fit_heads(table.part(plan.learn), outside=some_outside(table)), table.part(plan.ask)
    places = [table.labels.index(label) for label in heads[0].labels]
    known = np.isin(asked.truth, places)
    rows = np.flatnonzero(plan.ask)

    def placed(reading: Reading) -> Reading:
        scores = np.repeat(reading.plain.min(axis=1, keepdims=True), len(table.labels), axis=1)
        scores[:, places] = reading.plain
        return Reading(scores=scores, hints=reading.hints, plain=scores)

    readings = [head.read(asked.texts, asked.vectors) for head in heads]
    if len(heads[0].outside):
        readings[0].hints[:, -1] = _beside_others(table, rows)
    return Heard(
        heads=tuple(map(placed, readings)),
        quick=placed(heads[0].skim(asked.texts)),
        truth=np.where(known, asked.truth, -1) if plan.strange else asked.truth,
        rows=rows,
        known=known,
    )


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


def fit_heads(table: Table, *, outside: bool) -> tuple[Head, ...]:
    """Fit heads to be mixed: with an SVM on n-grams and vectors, an SVM on n-grams, a softmax regression on vectors.

    All have the second as the quick one. The regression sees the peaks too where there are any, and where examples are
    few, each label's name is one more.
    """
    inside = table.truth >= 0
    used = (table if outside else table.part(inside)).named()
    seen = np.unique(used.truth[used.truth >= 0])
    classes = np.append(seen, -1) if outside else seen
    ngrams = NGrams.fit(used.texts)
    grams, peaks = sparse_rows(used.texts, ngrams), np.zeros((used.peaks.shape[1], len(classes)), dtype=np.float32)
    weights, bias = svm(with_vectors(grams, used.sentences), used.truth, classes, _STRENGTH)
    quick, quick_bias = svm(grams, used.truth, classes, _QUICK_STRENGTH)
    head = Head(
        labels=tuple(table.labels[k] for k in seen),
        ngrams=ngrams,
        weights=np.vstack([weights, peaks]),
        bias=bias,
        quick=quick,
        quick_bias=quick_bias,
        directions=np.zeros((len(seen), 0), dtype=np.float32),
        offsets=np.zeros(len(seen), dtype=np.float32),
        inside=table.sentences[inside],
        outside=table.sentences[~inside] if outside else table.sentences[:0],
        centre=used.peaks.mean(axis=0),
    )
    return head, _by_ngrams(head), _by_regression(head, used, classes)


def _by_regression(head: Head, used: Table, classes: Ints) -> Head:
    """The head with a softmax regression on vectors and peaks."""
    seen = np.hstack([used.sentences, away(used.peaks, head.centre)])
    soft, bias = regression(seen, used.truth, classes, _SOFT_STRENGTH)
    top, width = len(head.ngrams.rarity), used.sentences.shape[1]
    weights = np.zeros_like(head.weights)
    weights[top : top + width], weights[top + width :] = soft[:width] / np.float32(SENTENCE_WEIGHT), soft[width:]
    return replace(head, weights=weights, bias=bias)


def _by_ngrams(head: Head) -> Head:
    """The head with what n-grams alone say."""
    weights = np.zeros_like(head.weights)
    weights[: len(head.ngrams.rarity)] = head.quick
    return replace(head, weights=weights, bias=head.quick_bias)
