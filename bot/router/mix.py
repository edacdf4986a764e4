"""Several heads as one: how much each counts is fitted on texts that none of them learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from frontdesk.bot.router.calibrate import HeldOut, Ints
from frontdesk.bot.router.features import Floats
from frontdesk.bot.router.model import Head, Reading, softmax

if TYPE_CHECKING:
    from frontdesk.bot.router.tuning import Learned

Mix = tuple[float, ...]
"""The weight of each head's scores."""
_LEAST, _MOST = -6.0, 4.0
"""Bounds of a weight's logarithm."""


@dataclass(frozen=True, kw_only=True)
class Heard:
    """Texts as heads read them that never saw them: by each of `heads`, and by n-grams alone.

    `truth` and `rows` as in `HeldOut`; `known` where the text's own label is one that the heads know.
    """

    heads: tuple[Reading, ...]
    quick: Reading
    truth: Ints
    rows: Ints
    known: NDArray[np.bool_]

    def mixed(self, mix: Mix) -> tuple[HeldOut, HeldOut]:
        """Return what the mixed head reads, and what n-grams alone do."""
        scores = _sum([reading.plain for reading in self.heads], mix)
        hints = self.heads[0].hints.copy()
        if hints.shape[1] > 2:
            hints[:, 2] = _sum([reading.hints[:, 2] for reading in self.heads], mix)
        full = Reading(scores=scores, hints=hints, plain=scores)
        return (
            HeldOut(reading=full, truth=self.truth, rows=self.rows),
            HeldOut(reading=self.quick, truth=self.truth, rows=self.rows),
        )


def fit_mix(parts: Sequence[Heard], learned: Learned | None = None) -> Mix:
    """Return the weights with the least negative log-likelihood on texts in scope; the largest is 1.

    Stacking (Wolpert 1992) with weights that are not negative (Breiman 1996). With a tuned encoder its scores have the
    last weight, fitted on the texts that it has not learned from. Where that is not all of them, the heads are weighed
    among themselves on all, and stay so: together they must be worth hearing without it.
    """
    scores = [np.concatenate([part.heads[k].plain[part.known] for part in parts]) for k in range(len(parts[0].heads))]
    truth = np.concatenate([part.truth[part.known] for part in parts])
    if learned is None:
        return _stacked(scores, truth)
    rows = np.concatenate([part.rows[part.known] for part in parts])
    honest, tuned = learned.honest[rows], learned.scores[rows]
    if honest.all():
        return _stacked([*scores, tuned], truth)
    heads = _stacked(scores, truth)
    ours, theirs = _stacked([_sum(scores, heads)[honest], tuned[honest]], truth[honest])
    return (*(ours * weight for weight in heads), theirs)


def _stacked(scores: Sequence[Floats], truth: Ints) -> Mix:
    """Fit the weights of scores, each rows × labels, for the labels `truth`."""
    from scipy.optimize import minimize

    count, rows = len(scores), np.arange(len(truth))
    if count == 1 or not len(truth):
        return (1.0,) * count

    def loss(exponents: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = np.exp(exponents)
        shares = softmax(_sum(scores, weights.tolist()))
        slopes = [
            w * float(((shares * s).sum(axis=1) - s[rows, truth]).mean()) for w, s in zip(weights, scores, strict=True)
        ]
        return float(-np.log(np.maximum(shares[rows, truth], 1e-12)).mean()), np.asarray(slopes)

    found = minimize(loss, np.zeros(count), jac=True, bounds=[(_LEAST, _MOST)] * count, method="L-BFGS-B")
    return tuple(float(w) for w in np.exp(found.x - found.x.max()))


def mixed(heads: Sequence[Head], mix: Mix) -> Head:
    """Return the heads of one training as one: all are linear in the same columns."""
    weights, bias = _sum([head.weights for head in heads], mix), _sum([head.bias for head in heads], mix)
    return replace(heads[0], weights=weights, bias=bias)


def _sum(parts: Sequence[Floats], mix: Sequence[float]) -> Floats:
    return np.asarray(sum(np.float32(w) * part for w, part in zip(mix, parts, strict=True)), dtype=np.float32)
