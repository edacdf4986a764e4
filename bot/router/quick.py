"""When n-grams alone may settle a message: fitted so that skipping the encoder costs no accuracy.

Rule: texts are settled from the surest down, until both tiers together first make more errors on held-out predictions
than the full tier alone, the rates in scope and out of scope weighing alike. An error is a wrong answer, or a wrong
name for what the full tier names rightly or asks about. What is promised is equality on held-out texts, from which
neither tier has learned; how far it may be off elsewhere, a test set tells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from frontdesk.bot.router.calibrate import Doubles, HeldOut, fit_temperature
from frontdesk.bot.router.model import Calibration, Quick, Verdict, quick_signs

Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Tiers:
    """The same held-out texts as n-grams alone see them (`quick`) and by the full tier's word (`full`)."""

    quick: HeldOut
    full: Verdict

    @property
    def right(self) -> Flags:
        """Where n-grams alone name the intent."""
        found: Flags = self.quick.reading.scores.argmax(axis=1) == self.quick.truth
        return found

    def losses(self, fitted: Calibration) -> Doubles:
        """What settling each text costs: 1 is an error more, -1 one less."""
        heard = (self.full.outside <= fitted.outside_threshold) & (self.full.confidence >= fitted.confidence_threshold)
        misled = heard & (self.full.shares.argmax(axis=1) != self.quick.truth)
        return np.asarray((~self.right & ~misled).astype(float) - (self.right & misled), dtype=np.float64)


def fit_quick(known: Tiers, strange: Tiers, fitted: Calibration, max_error: float) -> Quick | None:
    """Return when to settle; None when nothing can be settled at no cost, or nothing tells what out of scope is like.

    `known` is ordinary traffic; of `strange` the texts out of scope are used, which count for as much as `max_error`
    of the traffic where sureness is fitted.
    """
    signs, right, outside = _rows(known, strange)
    if not outside.any():
        return None
    weight = np.where(outside, max_error * len(known.right) / int(outside.sum()), 1.0)
    weights, bias = _logistic(signs, right, weight)
    odds = signs @ weights + bias
    least = max(-fitted.outside_threshold, _log_odds(fitted.confidence_threshold))
    losses = np.append(known.losses(fitted), strange.losses(fitted)[strange.quick.truth < 0])
    strata = np.append(known.quick.truth < 0, outside[outside])
    threshold = _widest(odds, losses, strata, least)
    if threshold is None:
        return None
    inside = known.quick.truth >= 0
    temperature = fit_temperature(known.quick.reading.scores[inside], known.quick.truth[inside])
    return Quick(
        temperature=temperature, weights=tuple(map(float, weights)), bias=float(bias), threshold=float(threshold)
    )


def _rows(known: Tiers, strange: Tiers) -> tuple[Doubles, Flags, Flags]:
    """Signs and rightness of the ordinary texts and of the strange ones out of scope, and which are the latter."""
    far = strange.quick.truth < 0
    signs = np.vstack([quick_signs(known.quick.reading), quick_signs(strange.quick.reading)[far]]).astype(np.float64)
    right = np.append(known.right, np.zeros(int(far.sum()), dtype=bool))
    return signs, right, np.append(np.zeros(len(known.right), dtype=bool), np.ones(int(far.sum()), dtype=bool))


def _widest(odds: Doubles, losses: Doubles, strata: Flags, least: float) -> float | None:
    """The lowest odds, `least` or more, above which the two strata's loss rates never add up to more than 0."""
    share = np.where(strata, 1 / max(int(strata.sum()), 1), 1 / max(int((~strata).sum()), 1))
    order = np.argsort(-odds, kind="stable")
    order = order[odds[order] >= least]
    over = np.cumsum((losses * share)[order]) > 1e-12
    kept = int(over.argmax()) if over.any() else len(order)
    return float(odds[order[kept - 1]]) if kept else None


def _log_odds(share: float) -> float:
    return float(np.log(share / (1 - share))) if share < 1 else np.inf


def _logistic(signs: Doubles, right: Flags, weight: Doubles) -> tuple[Doubles, float]:
    """Fit the log-odds that n-grams are right; a neutral row each way keeps a one-sided set finite."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = signs.mean(axis=0), np.maximum(signs.std(axis=0), 1e-6)
    rows = np.vstack([(signs - mean) / scale, np.zeros((2, signs.shape[1]))])
    model = LogisticRegression(max_iter=1000)
    model.fit(rows, np.append(right, [False, True]), sample_weight=np.append(weight, [1.0, 1.0]))
    weights = model.coef_[0] / scale
    return weights, float(model.intercept_[0] - weights @ mean)
