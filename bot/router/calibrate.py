"""From held-out scores to honest confidences and to thresholds that keep an error target.

Temperature scaling (Guo et al. 2017); a logistic model of "the likeliest intent is right"; the lowest threshold of the
confidence and the lowest limit of out of scope with which, of as many messages more as they were fitted on, no more
than the target are answered wrongly, or turned away in error, with 95 % certainty. Selective risk: Geifman and El-Yaniv
2017; fixed-sequence testing with several starts: Angelopoulos et al. 2021; conformal limits that hold for the examples
at hand: Vovk 2012; bounds on what will be counted, not on the rate behind it: Thatcher 1964.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log

import numpy as np
from numpy.typing import NDArray

from frontdesk.bot.router.model import (
    BEST,
    NEARNESS,
    STRANGE,
    Calibration,
    Reading,
    confidence_evidence,
    outside_signs,
    softmax,
)

CERTAINTY = 0.95
LASTING = 1 - (1 - CERTAINTY) / 20
"""The certainty of each of 20 limits, fitted one after the other, with which all of them hold with the one above."""
_STEPS, _STARTS = 200, 5
_LEAST, _LEAST_SPREAD = 1e-3, 1e-6
"""The least scale of what tells out of scope: it never counts the other way round."""

Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Scores of texts by heads that never saw them; `truth` is the label's number, -1 for out of scope.

    `rows` is where each text stands among the examples.
    """

    reading: Reading
    truth: Ints
    rows: Ints


def calibrate(known: HeldOut, strange: HeldOut, max_error: float, *, taught: bool) -> Calibration:
    """Fit every number of a Calibration.

    `known` is ordinary traffic: in-scope texts and the out-of-scope examples at hand. `strange` is what out of scope
    is learned from: the same, or texts of intents that the head was not shown. `taught`: there are enough examples out
    of scope to fit on them what tells it.
    """
    inside = known.truth >= 0
    temperature = fit_temperature(known.reading.scores[inside], known.truth[inside])
    signs = outside_signs(strange.reading, temperature)
    ordinary = outside_signs(known.reading, temperature)
    alike = None if taught else _alike(ordinary[inside])
    outside_weights, outside_bias = _fit_outside(signs, strange.truth < 0, alike)
    shares = softmax(known.reading.scores / temperature)
    outside = ordinary @ outside_weights + outside_bias
    right = shares.argmax(axis=1) == known.truth
    weights, bias = _fit_confidence(confidence_evidence(shares, outside), right)
    fitted = Calibration(
        temperature=temperature,
        outside_weights=tuple(map(float, outside_weights)),
        outside_bias=outside_bias,
        confidence_weights=(float(weights[0]), float(weights[1])),
        confidence_bias=bias,
    )
    return with_thresholds(fitted, known, max_error)


def with_thresholds(fitted: Calibration, known: HeldOut, max_error: float) -> Calibration:
    """Return the calibration with both thresholds fitted to `max_error` on held-out traffic."""
    verdict = fitted.judge(known.reading)
    inside = known.truth >= 0
    limit = conformal_limit(verdict.outside[inside].astype(float), max_error)
    heard = verdict.outside <= limit
    right = (verdict.shares.argmax(axis=1) == known.truth)[heard]
    threshold, guaranteed = selective_threshold(verdict.confidence[heard].astype(float), right, max_error)
    return fitted.model_copy(
        update={"outside_threshold": limit, "confidence_threshold": threshold, "guaranteed": guaranteed}
    )


def fit_temperature(scores: NDArray[np.float32], truth: Ints) -> float:
    """Return the temperature with the least negative log-likelihood, searched over a fixed range."""
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(truth))

    def loss(exponent: float) -> float:
        shares = softmax(scores / np.float32(np.exp(exponent)))
        return float(-np.log(np.maximum(shares[rows, truth], 1e-12)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-4.0, 2.0), method="bounded").x))


def conformal_limit(scores: Doubles, rate: float, certainty: float = LASTING) -> float:
    """Return the lowest limit that, with this certainty, at most `rate` of as many new scores of the same kind exceed.

    With too few scores for that it is the highest of them.
    """
    n = len(scores)
    above = np.arange(int(rate * n) + 1)
    spared = int(few_more(above, np.full(len(above), n), rate, certainty).sum())
    return float(np.sort(scores)[n - max(spared, 1)])


def selective_threshold(confidence: Doubles, right: NDArray[np.bool_], max_error: float) -> tuple[float, bool]:
    """Return (threshold, guaranteed): answering at or above it errs in at most `max_error` of the answers.

    From several starts, coverage is widened step by step while, of as many answers more, no more than the target will
    be wrong with 95 % certainty; the doubt is shared between the starts. None within reach: the widest coverage whose
    observed error keeps the target, not guaranteed. Where all may be answered, nothing was seen below the least
    confident, so whatever would be right often enough by its own confidence is answered too.
    """
    order = np.argsort(-confidence, kind="stable")
    ranked, wrong = confidence[order], np.cumsum(~right[order])
    n = len(ranked)
    doubt = (1 - CERTAINTY) / _STARTS
    least = ceil((ceil(log(doubt, 0.5)) - 1) / max_error)  # with none wrong so far, j more are with less than .5 ** j
    sizes = np.unique(np.linspace(least, n, _STEPS).astype(int)) if n >= least else np.array([], dtype=int)
    passes = few_more(wrong[sizes - 1], sizes, max_error, 1 - doubt).tolist()
    passed = [_walk(passes, start * len(passes) // _STARTS) for start in range(_STARTS)] if passes else [-1]
    kept = np.flatnonzero(wrong <= max_error * np.arange(1, n + 1))
    guaranteed = max(passed) >= 0
    if not guaranteed and not len(kept):
        return 1.0, False
    last = int(sizes[max(passed)] - 1 if guaranteed else kept[-1])
    return float(ranked[last]) if last < n - 1 else min(float(ranked[last]), 1 - max_error), guaranteed


def few_more(errors: Ints, sizes: Ints, rate: float, certainty: float) -> Flags:
    """Return where, after `errors` among so many, at most `rate` of as many more will be errors, with this certainty.

    A bound on what will be counted is wider than one on the rate behind it, since the count is a matter of chance too.
    """
    from scipy.stats import betabinom

    beyond = betabinom.sf(np.floor(rate * sizes), sizes, errors + 1, np.maximum(sizes - errors, 1))
    found: Flags = beyond <= 1 - certainty
    return found


def upper(errors: int, n: int, certainty: float) -> float:
    """Return the exact upper bound of an error rate (Clopper and Pearson 1934)."""
    from scipy.stats import beta

    return 1.0 if errors >= n else float(beta.ppf(certainty, errors + 1, n - errors))


def coverage_at(confidence: Doubles, right: NDArray[np.bool_], error: float) -> float:
    """Return the largest share of rows, most confident first, with at most `error` of them wrong."""
    wrong = np.cumsum(~right[np.argsort(-confidence, kind="stable")])
    kept = np.flatnonzero(wrong <= error * np.arange(1, len(right) + 1))
    return float((kept[-1] + 1) / len(right)) if len(kept) else 0.0


def error_at(confidence: Doubles, right: NDArray[np.bool_], coverage: float) -> float:
    """Return the share of wrong ones among the most confident rows that make up `coverage` of all; 0 for none."""
    kept = np.argsort(-confidence, kind="stable")[: round(coverage * len(right))]
    return float((~right[kept]).mean()) if len(kept) else 0.0


def _walk(passes: list[bool], start: int) -> int:
    """The last step reached from `start` without a failure; -1 when the start itself fails."""
    reached = -1
    for step in range(start, len(passes)):
        if not passes[step]:
            break
        reached = step
    return reached


def _alike(inside: Doubles) -> Doubles:
    """Weights with which what tells out of scope counts alike, each by its spread among texts in scope.

    Best score, nearness and, where there are some examples out of scope, the best score's lead over that of these.
    Weights fitted on intents kept from the head do worse on what really is out of scope (as Dawes 1979 found wherever
    examples are few or of another kind).
    """
    weights = np.zeros(inside.shape[1])
    for sign in (BEST, NEARNESS):
        weights[sign] = -1 / max(float(inside[:, sign].std()), _LEAST_SPREAD)
    if inside.shape[1] > STRANGE:
        lead = 1 / max(float((inside[:, BEST] - inside[:, STRANGE]).std()), _LEAST_SPREAD)
        weights[BEST] -= lead
        weights[STRANGE] = lead
    return weights


def _fit_outside(signs: Doubles, strange: Flags, alike: Doubles | None) -> tuple[Doubles, float]:
    """Fit the log-odds of out of scope, sides equally likely; a neutral row each keeps a one-sided set finite.

    With `alike` only their scale is fitted.
    """
    seen = signs if alike is None else signs @ alike[:, None]
    neutral = np.repeat(seen.mean(axis=0, keepdims=True), 2, axis=0)
    weights, bias = _logistic(np.vstack([seen, neutral]), np.append(strange, [False, True]), None)
    return weights if alike is None else alike * max(float(weights[0]), _LEAST), bias


def _fit_confidence(evidence: Doubles, right: NDArray[np.bool_]) -> tuple[Doubles, float]:
    """Fit the log-odds that the likeliest is right, beginning with a few rows that say: the shares are honest."""
    odds = np.tile(np.linspace(-5, 5, 11), 2)
    prior = np.column_stack([odds, np.full(len(odds), np.median(evidence[:, 1]))])
    truth = np.repeat([True, False], len(odds) // 2)
    weight = 1 / (1 + np.exp(np.where(truth, -odds, odds)))
    return _logistic(np.vstack([evidence, prior]), np.append(right, truth), np.append(np.ones(len(right)), weight))


def _logistic(signs: Doubles, truth: NDArray[np.bool_], weight: Doubles | None) -> tuple[Doubles, float]:
    """Return weights and bias on unscaled signs; without row weights the two sides count alike."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = signs.mean(axis=0), np.maximum(signs.std(axis=0), 1e-6)
    model = LogisticRegression(class_weight="balanced" if weight is None else None, max_iter=1000)
    model.fit((signs - mean) / scale, truth, sample_weight=weight)
    weights = model.coef_[0] / scale
    return weights, float(model.intercept_[0] - weights @ mean)
