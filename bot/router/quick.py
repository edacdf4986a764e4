"""When n-grams alone may settle a message: fitted so that skipping the encoder costs no accuracy.

Rule: texts are settled from the surest down, and no further than the first that is lost: n-grams name it wrongly where
the full tier names it rightly or asks. Nothing that n-grams win makes up for it. So of n held-out texts none is lost,
and with 95 % certainty at most about 3/n of the traffic is (the largest of n scores is exceeded with probability p
by chance (1 - p)^n). Texts out of scope count for `max_error` of the traffic: of them as many may be lost as keep the
exact upper bound (Clopper and Pearson 1934) of their part under the same. The bound is for messages like the
examples; neither tier has learned from the text it is asked about.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from frontdesk.bot.router.calibrate import CERTAINTY, Doubles, HeldOut, fit_temperature, upper
from frontdesk.bot.router.model import Calibration, Quick, Verdict, quick_signs

Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Tiers:
    """The same held-out texts as n-grams alone see them (`quick`) and by the full tier's word (`full`).

    `fitted` is what the full tier decides by.
    """

    quick: HeldOut
    full: Verdict
    fitted: Calibration

    @property
    def right(self) -> Flags:
        """Where n-grams alone name the intent."""
        found: Flags = self.quick.reading.scores.argmax(axis=1) == self.quick.truth
        return found

    @property
    def outside(self) -> Flags:
        """Which texts are out of scope."""
        return self.quick.truth < 0

    @property
    def lost(self) -> Flags:
        """Where settling makes an error that the full tier does not make."""
        heard = self.full.outside <= self.fitted.outside_threshold
        answered = heard & (self.full.confidence >= self.fitted.confidence_threshold)
        misled = answered & (self.full.shares.argmax(axis=1) != self.quick.truth)
        return np.asarray(~self.right & ~misled)


def fit_quick(known: Tiers, strange: Tiers, tuned: Tiers | None, max_error: float) -> Quick | None:
    """Return when to settle; None when nothing can be settled at no cost, or nothing tells what out of scope is like.

    `known` is ordinary traffic, read without a tuned encoder that has learned from most of it; of `strange` the texts
    out of scope are used, which count for as much as `max_error` of the traffic. `tuned` are those of the ordinary
    texts that such an encoder has not learned from, read by it too: nothing of them may be lost either.
    `strange.fitted` is what the finished router decides by.
    """
    if not strange.outside.any():
        return None
    weights, bias = _sureness(known, strange, max_error)

    def odds(tiers: Tiers) -> Doubles:
        return np.asarray(quick_signs(tiers.quick.reading) @ weights + bias, dtype=np.float64)

    far = strange.lost & strange.outside
    spared = _spared(len(known.right), int(strange.outside.sum()), max_error)
    limits = [_highest(odds(one)[one.lost], 0) for one in (known, tuned) if one]
    limits.append(_highest(odds(strange)[far], spared))
    fitted = strange.fitted
    least = max(-fitted.outside_threshold, _log_odds(fitted.confidence_threshold))
    every = odds(known)
    settled = every[(every > max(limits)) & (every >= least)]
    if not len(settled):
        return None
    inside = ~known.outside
    temperature = fit_temperature(known.quick.reading.scores[inside], known.quick.truth[inside])
    return Quick(
        temperature=temperature,
        weights=tuple(map(float, weights)),
        bias=float(bias),
        threshold=float(settled.min()),
    )


def _sureness(known: Tiers, strange: Tiers, max_error: float) -> tuple[Doubles, float]:
    """Fit the log-odds that n-grams are right."""
    far = strange.outside
    signs = np.vstack([quick_signs(known.quick.reading), quick_signs(strange.quick.reading)[far]]).astype(np.float64)
    right = np.append(known.right, np.zeros(int(far.sum()), dtype=bool))
    weight = np.append(np.ones(len(known.right)), np.full(int(far.sum()), max_error * len(known.right) / far.sum()))
    return _logistic(signs, right, weight)


def _spared(n: int, strange: int, max_error: float) -> int:
    """How many of the texts out of scope may be lost: their part stays under the bound of none lost among n."""
    most = upper(0, n, CERTAINTY) / max_error
    return next((k - 1 for k in range(1, strange + 1) if upper(k, strange, CERTAINTY) > most), strange)


def _highest(odds: Doubles, spared: int) -> float:
    """The highest of the odds after the `spared` highest; minus infinity when there are no more."""
    return float(np.sort(odds)[::-1][spared]) if len(odds) > spared else -np.inf


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
