"""A tuned encoder in the router: when there are examples enough, which are kept from it, and how much its word counts.

The encoder learns from nine in ten of the in-scope examples and from none out of scope. On the rest its word is honest,
so everything that depends on it is fitted there: the weight of its scores, the calibration, the thresholds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from frontdesk.bot.router.calibrate import HeldOut, Ints, fit_temperature
from frontdesk.bot.router.features import Floats
from frontdesk.bot.router.heads import part_of
from frontdesk.bot.router.model import Reading, Tunable, softmax
from frontdesk.bot.types import Encoder

Progress = Callable[[str, int, int], None]
Flags = NDArray[np.bool_]

ENOUGH = 10_000
"""Examples in scope from which on tuning was seen to beat not tuning: at 9,000 (banking77) it did not yet."""
_HELD = 10
_WEIGHTS = np.geomspace(0.005, 1.0, 24)


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
    """A tuned encoder and what it says of the rows that it has not learned from: `scores` is rows × labels.

    `back` are the rows kept from it, of every label; `honest` are these and all others out of scope.
    """

    encoder: Encoder
    layers: bytes
    directions: Floats
    offsets: Floats
    back: Flags
    honest: Flags
    scores: Floats

    def heard(self, held: HeldOut, weight: float, rows: Flags, *, hint: bool) -> HeldOut:
        """Return the given rows of held-out predictions with the tuned scores added, their highest as a hint."""
        kept = part_of(held, rows[held.rows])
        ours = (self.scores[kept.rows] * weight).astype(np.float32)
        hints = np.column_stack([kept.reading.hints, ours.max(axis=1)]) if hint else kept.reading.hints
        made = Reading(scores=kept.reading.plain + ours, hints=hints, plain=kept.reading.plain)
        return replace(kept, reading=made)


def learn(texts: Sequence[str], truth: Ints, encoder: Encoder, tuner: Tuner, step: Progress) -> Learned | None:
    """Tune on the rows in scope that are not kept back; None when this encoder cannot be tuned."""
    if not isinstance(encoder, Tunable):
        return None
    back = kept_back(texts, truth)
    honest = back | (truth < 0)
    rows = np.flatnonzero(~honest)
    made = tuner([texts[int(row)] for row in rows], truth[rows], step)
    tuned, asked = encoder.tuned(made.layers), np.flatnonzero(honest)
    scores = np.zeros((len(texts), len(made.directions)), dtype=np.float32)
    step("asking the tuned encoder", 0, len(asked))
    scores[asked] = tuned.encode([texts[int(row)] for row in asked]) @ made.directions.T + made.offsets
    return Learned(
        encoder=tuned,
        layers=made.layers,
        directions=made.directions,
        offsets=made.offsets,
        back=back,
        honest=honest,
        scores=scores,
    )


def enough(truth: Ints) -> bool:
    """Whether tuning is worth its time; `truth` numbers the labels, -1 is out of scope."""
    return int((truth >= 0).sum()) >= ENOUGH


def kept_back(texts: Sequence[str], truth: Ints) -> Flags:
    """Return which rows are kept from the tuner: one in ten of each label, told by the text, the same every time."""
    code = np.asarray([crc32(text.casefold().encode("utf-8", "replace")) for text in texts])
    back = np.zeros(len(texts), dtype=bool)
    for label in np.unique(truth):
        rows = np.flatnonzero(truth == label)
        back[rows[np.argsort(code[rows], kind="stable")[: len(rows) // _HELD]]] = True
    return back


def fit_weight(held: HeldOut, learned: Learned) -> float:
    """Return the weight of the tuned scores with the least negative log-likelihood on honest in-scope rows."""
    kept = learned.back[held.rows] & (held.truth >= 0)
    plain, truth, ours = held.reading.plain[kept], held.truth[kept], learned.scores[held.rows[kept]]
    rows = np.arange(len(truth))

    def loss(weight: float) -> float:
        scores = (plain + ours * weight).astype(np.float32)
        shares = softmax(scores / np.float32(fit_temperature(scores, truth)))
        return float(-np.log(np.maximum(shares[rows, truth], 1e-12)).mean())

    return float(min(_WEIGHTS, key=loss))
