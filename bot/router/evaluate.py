"""Measure a router on labelled rows: what it knows, what it refuses, how honest its confidence is, how fast it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frontdesk.bot.intervals import wilson
from frontdesk.bot.router.calibrate import coverage_at, error_at
from frontdesk.bot.router.features import clean
from frontdesk.bot.router.model import Model
from frontdesk.bot.router.nlu import OUT_OF_SCOPE, Example, checked, intent_name
from frontdesk.bot.router.train import fit
from frontdesk.bot.router.tuning import Tuner
from frontdesk.bot.types import Encoder

_MAX_ERROR = 0.05
_DRAWS, _TIMED, _BINS = 300, 300, 15

Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the router made of one test row; `answered` with the thresholds it was fitted, else turned away or asked."""

    text: str
    intent: str
    said: str
    probability: float
    """Its confidence that `said` is right."""
    turned_away: bool
    answered: bool

    @property
    def right(self) -> bool:
        """Whether the likeliest intent is the right one; never so out of scope."""
        return self.said == self.intent


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The figures as design.md §7 names them, each with its interval, and every row behind them."""

    figures: Mapping[str, Any]
    asked: tuple[Asked, ...]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the router made of the test rows; `outside` is the score that decides on out of scope."""

    strange: Flags
    right: Flags
    refused: Flags
    confidence: Doubles
    outside: Doubles


def evaluate_router(
    train_rows: Sequence[Mapping[str, Any]],
    test_rows: Sequence[Mapping[str, Any]],
    encoder: Encoder,
    *,
    tuner: Tuner | None = None,
    max_error: float = _MAX_ERROR,
) -> Evaluation:
    """Train on `{"text","intent"}` rows and measure on others.

    `accuracy`: all rows, with out of scope as a class when the training rows have it. `accuracy_in_scope`: the
    likeliest intent is right, on in-scope rows, refused or not. `ece` (15 bins), `coverage_at_error_5` and
    `error_at_coverage_80` use the confidence that the likeliest intent is right, which is never so out of scope;
    `answered` and `error_on_answered` are those of the fitted thresholds. Figures without rows are None.
    """
    started = time.perf_counter()
    examples = [Example(text=str(row["text"]), intent=intent_name(str(row["intent"]))) for row in train_rows]
    model, _ = fit(checked(examples, "--train").rows, encoder, max_error=max_error, tuner=tuner)
    seconds = time.perf_counter() - started
    outcome, asked = _outcome(model, test_rows, encoder)
    has_class = any(row.intent == OUT_OF_SCOPE for row in examples)
    figures = {
        "n": len(test_rows),
        **_accuracies(outcome, has_class),
        **_out_of_scope(outcome),
        **_calibration(outcome),
        **_rate("answered", np.asarray([one.answered for one in asked])),
        **_rate("error_on_answered", np.asarray([not one.right for one in asked if one.answered])),
        **_latency(model, test_rows, encoder),
        "train_seconds": round(seconds, 2),
    }
    return Evaluation(figures=figures, asked=asked)


def _outcome(model: Model, rows: Sequence[Mapping[str, Any]], encoder: Encoder) -> tuple[Outcome, tuple[Asked, ...]]:
    texts = [clean(str(row["text"])) for row in rows]
    truth = np.asarray([intent_name(str(row["intent"])) for row in rows])
    verdict = model.judge(texts, encoder)
    said = np.asarray(model.head.labels)[verdict.shares.argmax(axis=1)]
    outcome = Outcome(
        strange=truth == OUT_OF_SCOPE,
        right=said == truth,
        refused=verdict.outside > model.calibration.outside_threshold,
        confidence=verdict.confidence.astype(float),
        outside=verdict.outside.astype(float),
    )
    answered = ~outcome.refused & (outcome.confidence >= model.calibration.confidence_threshold)
    columns = zip(texts, truth, said, outcome.confidence, outcome.refused, answered, strict=True)
    asked = (
        Asked(text=t, intent=str(i), said=str(s), probability=float(p), turned_away=bool(o), answered=bool(a))
        for t, i, s, p, o, a in columns
    )
    return outcome, tuple(asked)


def _accuracies(outcome: Outcome, has_class: bool) -> dict[str, Any]:
    refused = outcome.refused if has_class else np.zeros_like(outcome.refused)
    correct = np.where(refused, outcome.strange, outcome.right)
    return {**_rate("accuracy", correct), **_rate("accuracy_in_scope", outcome.right[~outcome.strange])}


def _out_of_scope(outcome: Outcome) -> dict[str, Any]:
    figures = {
        **_rate("oos_recall", outcome.refused[outcome.strange]),
        **_rate("oos_precision", outcome.strange[outcome.refused]),
    }
    if not outcome.strange.any() or outcome.strange.all():
        return {**figures, "oos_precision": None, "oos_precision_ci": None, "oos_auroc": None, "oos_auroc_ci": None}
    return figures | _figure(
        "oos_auroc", lambda rows: auroc(outcome.outside[rows], outcome.strange[rows]), len(outcome.right)
    )


def _calibration(outcome: Outcome) -> dict[str, Any]:
    n, confidence, right = len(outcome.right), outcome.confidence, outcome.right
    return {
        **_figure("ece", lambda rows: calibration_error(confidence[rows], right[rows]), n),
        **_figure("coverage_at_error_5", lambda rows: coverage_at(confidence[rows], right[rows], 0.05), n),
        **_figure("error_at_coverage_80", lambda rows: error_at(confidence[rows], right[rows], 0.8), n),
    }


def _latency(model: Model, rows: Sequence[Mapping[str, Any]], encoder: Encoder) -> dict[str, Any]:
    """Time single messages, as they are served."""
    times = []
    for row in rows[:: max(1, len(rows) // _TIMED)][:_TIMED]:
        started = time.perf_counter()
        text = clean(str(row["text"]))
        model.judge([text], encoder)
        times.append((time.perf_counter() - started) * 1000)
    ms = np.asarray(times)
    return {
        **_figure("p50_ms", lambda picked: float(np.percentile(ms[picked], 50)), len(ms), digits=2),
        **_figure("p95_ms", lambda picked: float(np.percentile(ms[picked], 95)), len(ms), digits=2),
    }


def auroc(scores: Doubles, positive: Flags) -> float:
    """Return the chance that a positive scores above a negative (Mann and Whitney 1947); 0.5 when one side is empty."""
    from scipy.stats import rankdata

    p, n = int(positive.sum()), int((~positive).sum())
    if not p or not n:
        return 0.5
    return float((rankdata(scores)[positive].sum() - p * (p + 1) / 2) / (p * n))


def calibration_error(confidence: Doubles, right: Flags) -> float:
    """Return the expected calibration error over 15 equal-width bins (Naeini et al. 2015)."""
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = np.bincount(bins, weights=right.astype(float) - confidence, minlength=_BINS)
    return float(np.abs(gaps).sum() / max(len(right), 1))


def _rate(name: str, hits: Flags) -> dict[str, Any]:
    if not len(hits):
        return {name: None, f"{name}_ci": None}
    interval = wilson(int(hits.sum()), len(hits))
    return {name: round(float(hits.mean()), 4), f"{name}_ci": [round(x, 4) for x in interval]}


def _figure(name: str, measure: Callable[[NDArray[np.int64]], float], n: int, digits: int = 4) -> dict[str, Any]:
    """A figure over all rows and its percentile-bootstrap 95 % interval (Efron 1979)."""
    random = np.random.default_rng(0)
    draws = [measure(random.integers(0, n, n)) for _ in range(_DRAWS)]
    low, high = np.percentile(draws, [2.5, 97.5])
    value = measure(np.arange(n))
    return {name: round(value, digits), f"{name}_ci": [round(float(low), digits), round(float(high), digits)]}
