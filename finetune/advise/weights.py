"""How much each signal counts: a multinomial logistic regression, fitted on intents whose route a person decided.

Three kinds of intent are told apart: `voice`, `knowledge` and `record` (the customer's own record, or a person's
decision); whether a record is read by an action or seen to by a person is no matter of words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from math import exp
from pathlib import Path

from pydantic import BaseModel, ConfigDict

FILE = Path(__file__).with_name("weights.json")
KINDS = ("knowledge", "record", "voice")
STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Strengths of the regression (scikit-learn's C) that are tried; the fit keeps the best on labels left out."""

Signals = Mapping[str, float | None]


class Weights(BaseModel):
    """The fitted figures; a signal that is unknown counts as its mean.

    `sure_from` is the least probability from which on no more than `max_error` of the labels left out were wrong.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    means: Mapping[str, float]
    weights: Mapping[str, Mapping[str, float]]
    """By kind of intent, then by signal."""
    intercepts: Mapping[str, float]
    sure_from: float
    max_error: float
    labels: int
    right_left_out: int
    """How many labels were right when their project was left out of the fit."""

    @classmethod
    @cache
    def shipped(cls) -> Weights:
        """Return the weights in the package."""
        return cls.model_validate_json(FILE.read_text(encoding="utf-8"))

    def shares(self, signals: Signals) -> dict[str, float]:
        """Return the probability of each kind of intent."""
        scores = {kind: self.intercepts[kind] + sum(self.pulls(signals, kind).values()) for kind in KINDS}
        top = max(scores.values())
        powers = {kind: exp(score - top) for kind, score in scores.items()}
        return {kind: power / sum(powers.values()) for kind, power in powers.items()}

    def pulls(self, signals: Signals, kind: str) -> dict[str, float]:
        """Return what each signal adds to the score of a kind, against an average intent."""
        return {
            name: weight * (_known(signals[name], self.means[name]) - self.means[name])
            for name, weight in self.weights[kind].items()
        }

    def save(self, path: Path) -> None:
        """Write the weights as JSON, rounded to what matters."""
        path.write_text(json.dumps(_rounded(self.model_dump()), indent=1) + "\n", encoding="utf-8")


def fit(rows: Sequence[Signals], kinds: Sequence[str], projects: Sequence[str], *, max_error: float) -> Weights:
    """Fit the weights on labelled intents of two or more projects, each with all three kinds left in the others.

    Strength and `sure_from` are chosen on a project left out, as the advisor's next one will be new to it too.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

    names = tuple(rows[0])
    means = {name: _mean([row[name] for row in rows]) for name in names}
    table = np.asarray([[_known(row[name], means[name]) - means[name] for name in names] for row in rows])
    truth = np.asarray(kinds)
    tried = {}
    for strength in STRENGTHS:
        model = LogisticRegression(C=strength, max_iter=5000)
        unseen = cross_val_predict(model, table, truth, groups=projects, cv=LeaveOneGroupOut(), method="predict_proba")
        places = np.searchsorted(KINDS, truth)
        tried[strength] = (float(np.log(unseen[np.arange(len(truth)), places]).mean()), unseen)
    best = max(tried, key=lambda strength: tried[strength][0])
    model = LogisticRegression(C=best, max_iter=5000).fit(table, truth)
    unseen = tried[best][1]
    right = np.asarray(KINDS)[unseen.argmax(axis=1)] == truth
    return Weights(
        means=means,
        weights={
            kind: dict(zip(names, map(float, row), strict=True)) for kind, row in zip(KINDS, model.coef_, strict=True)
        },
        intercepts=dict(zip(KINDS, map(float, model.intercept_), strict=True)),
        sure_from=_sure_from(unseen.max(axis=1).tolist(), right.tolist(), max_error),
        max_error=max_error,
        labels=len(rows),
        right_left_out=int(right.sum()),
    )


def _sure_from(sure: Sequence[float], right: Sequence[bool], max_error: float) -> float:
    """Return the least probability from which on no more than `max_error` of the labels left out are wrong."""
    ordered = sorted(zip(sure, right, strict=True), reverse=True)
    threshold, wrong = 1.0, 0
    for place, (probability, hit) in enumerate(ordered, 1):
        wrong += not hit
        if wrong / place <= max_error:
            threshold = probability
    return threshold


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else 0.0


def _known(value: float | None, instead: float) -> float:
    return instead if value is None else value


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return round(value, 4) if isinstance(value, float) else value
