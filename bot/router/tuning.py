"""A tuned encoder in the router: when it is worth its time, where its word is honest, and how much its word counts.

It learns from examples in scope only, and its word is honest on those it has not learned from; everything that depends
on it is fitted there: the weight of its scores, the calibration, the thresholds. Of many examples one in ten is kept
from it. Few are all needed: each fold of them is judged by an encoder tuned on the others, and the served one is tuned
on all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from frontdesk.bot.router.calibrate import HeldOut, Ints
from frontdesk.bot.router.features import Floats
from frontdesk.bot.router.heads import few, folds, part_of, very_few
from frontdesk.bot.router.model import Reading, Tunable
from frontdesk.bot.types import Encoder

Progress = Callable[[str, int, int], None]
Flags = NDArray[np.bool_]

ENOUGH = 10_000
"""Examples in scope from which on tuning with one in ten kept was seen to pay: at 9,000 (banking77) it did not yet."""
_LEAST, _LEAST_EACH = 100, 5
"""Of few examples, how many there must be in scope, and of each label on average."""
_HELD, _NEVER = 10, -30.0


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """What tuning makes: layers (a safetensors file), and a direction (classes × dimension) and offset per class."""

    layers: bytes
    directions: Floats
    offsets: Floats


Tuner = Callable[[Sequence[str], Ints, Progress], Tuned]
"""Tunes an encoder on texts and their classes, 0 to the number of classes less one."""


@dataclass(frozen=True, kw_only=True)
class Learned:
    """A tuned encoder, what tuning made, and what it says of the rows that it has not learned from.

    `scores` is rows × labels; `back` are the rows kept from it, of every label; `honest` are these and all others out
    of scope.
    """

    encoder: Encoder
    made: Tuned
    back: Flags
    honest: Flags
    scores: Floats

    def weighed(self, weight: float) -> Learned:
        """Return the same with scores that count so much."""
        by, made = np.float32(weight), self.made
        return replace(
            self,
            made=replace(made, directions=made.directions * by, offsets=made.offsets * by),
            scores=self.scores * by,
        )

    def heard(self, held: HeldOut, rows: Flags, *, hint: bool) -> HeldOut:
        """Return the given rows of held-out predictions with the tuned scores added, their highest as a hint."""
        kept = part_of(held, rows[held.rows])
        ours = self.scores[kept.rows]
        hints = np.column_stack([kept.reading.hints, ours.max(axis=1)]) if hint else kept.reading.hints
        made = Reading(scores=kept.reading.plain + ours, hints=hints, plain=kept.reading.plain)
        return replace(kept, reading=made)


def learn(texts: Sequence[str], truth: Ints, encoder: Encoder, tuner: Tuner, step: Progress) -> Learned | None:
    """Tune on the rows in scope; None where that is not worth its time, or this encoder cannot be tuned.

    `truth` numbers the labels, -1 is out of scope.
    """
    if not isinstance(encoder, Tunable):
        return None
    inside, labels = int((truth >= 0).sum()), len(np.unique(truth[truth >= 0]))
    if labels > 1 and few(texts) and inside >= max(_LEAST, _LEAST_EACH * labels):
        return _crossed(texts, truth, encoder, tuner, step)
    return _apart(texts, truth, encoder, tuner, step) if inside >= ENOUGH else None


def _apart(texts: Sequence[str], truth: Ints, encoder: Tunable, tuner: Tuner, step: Progress) -> Learned:
    """Tune once, on the rows in scope that are not kept back."""
    back = kept_back(texts, truth)
    honest = back | (truth < 0)
    made = _tuned(texts, truth, ~honest, tuner, step)
    tuned, scores = encoder.tuned(made.layers), np.zeros((len(texts), len(made.directions)), dtype=np.float32)
    step("asking the tuned encoder", 0, int(honest.sum()))
    scores[honest] = _asked(texts, honest, tuned, made)
    return Learned(encoder=tuned, made=made, back=back, honest=honest, scores=scores)


def _crossed(texts: Sequence[str], truth: Ints, encoder: Tunable, tuner: Tuner, step: Progress) -> Learned:
    """Tune on all rows in scope, and once without each fold, for an honest word on it."""
    count = 5 if very_few(texts) else 3
    fold, every = folds(texts, truth, count), np.ones(len(texts), dtype=bool)
    parts = [fold == k for k in range(count) if (fold == k).any()]

    def told(turn: int) -> Progress:
        return lambda what, done, total: step(what, turn * total + done, (len(parts) + 1) * total)

    made = _tuned(texts, truth, every, tuner, told(0))
    scores = np.zeros((len(texts), len(made.directions)), dtype=np.float32)
    for turn, part in enumerate(parts, 1):
        without = _tuned(texts, truth, ~part, tuner, told(turn))
        scores[part] = _asked(texts, part, encoder.tuned(without.layers), without)
    return Learned(encoder=encoder.tuned(made.layers), made=made, back=every, honest=every, scores=scores)


def _tuned(texts: Sequence[str], truth: Ints, rows: Flags, tuner: Tuner, step: Progress) -> Tuned:
    """Tune on the given rows in scope; a label that none of them has scores lowest."""
    learned = np.flatnonzero(rows & (truth >= 0))
    seen, classes = np.unique(truth[learned], return_inverse=True)
    made = tuner([texts[int(row)] for row in learned], classes, step)
    labels = int(truth.max()) + 1
    if len(seen) == labels:
        return made
    directions = np.zeros((labels, made.directions.shape[1]), dtype=np.float32)
    offsets = np.full(labels, _NEVER, dtype=np.float32)
    directions[seen], offsets[seen] = made.directions, made.offsets
    return replace(made, directions=directions, offsets=offsets)


def _asked(texts: Sequence[str], rows: Flags, tuned: Encoder, made: Tuned) -> Floats:
    """What a tuned encoder says of the given rows, rows × labels."""
    vectors = tuned.encode([texts[int(row)] for row in np.flatnonzero(rows)])
    return np.asarray(vectors @ made.directions.T + made.offsets, dtype=np.float32)


def kept_back(texts: Sequence[str], truth: Ints) -> Flags:
    """Return which rows are kept from the tuner: one in ten of each label, told by the text, the same every time."""
    code = np.asarray([crc32(text.casefold().encode("utf-8", "replace")) for text in texts])
    back = np.zeros(len(texts), dtype=bool)
    for label in np.unique(truth):
        rows = np.flatnonzero(truth == label)
        back[rows[np.argsort(code[rows], kind="stable")[: len(rows) // _HELD]]] = True
    return back
