"""Fits a knowledge base's confidence to an error target on questions with known answers.

The weights begin at the package's and move only as far as the questions say (a Gaussian prior). The threshold gives
the widest coverage that would keep the target if one more answer were wrong: the finite-sample bound on the expected
risk of conformal risk control (2208.02814), on predictions for questions left out of the fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from frontdesk.bot.errors import KnowledgeError
from frontdesk.bot.intervals import wilson
from frontdesk.knowledge import made
from frontdesk.knowledge.confidence import Confidence, Fit, Source
from frontdesk.knowledge.examples import Choose, Example, Row, asked
from frontdesk.knowledge.index import Generation, Progress, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]
    Booleans = NDArray[np.bool_]

LEAST = 30
"""Fewer questions tell nothing about an error of a few in a hundred."""
CERTAINTY = 0.95
FOLDS = 10
LOOSE, FIXED = 1.0, 1e6
"""How firmly the weights stay at the package's: the inverse variance of the prior on each."""


def calibrate(
    choose: Choose,
    index: Generation,
    rows: Sequence[Row],
    max_error: float,
    *,
    encoder: str,
    progress: Progress = silent,
) -> Confidence:
    """Return the confidence of a knowledge base fitted on `rows`, or on questions made from its documents without any.

    Made questions move the threshold alone: how customers word things is learned from customers only.
    """
    passages = len(index.stored)
    if rows:
        found = asked(choose, index, rows, progress)
        return fitted(found, max_error, source="questions", encoder=encoder, passages=passages)
    found = made.examples(choose, index, progress=progress)
    return fitted(found, max_error, source="documents", encoder=encoder, passages=passages, firmness=FIXED)


def fitted(
    examples: Sequence[Example],
    max_error: float,
    *,
    source: Source,
    encoder: str,
    passages: int,
    firmness: float = LOOSE,
    prior: Mapping[str, float] | None = None,
) -> Confidence:
    """Return the confidence fitted to `max_error`; `prior` holds other weights than the package's to begin with.

    Raises KnowledgeError when the questions cannot carry a fit, or no threshold keeps the target on them.
    """
    _enough(examples)
    table = Table.of(examples, Confidence.shipped().weights if prior is None else prior, firmness)
    weights, intercept = table.weights()
    threshold = limit(table.left_out(), table.right, max_error)
    if threshold >= 1:
        what = f"no threshold keeps the share of wrong answers at {max_error:.0%}: too many of the surest are wrong."
        fix = "raise knowledge.max_error, or see with `frontdesk ask --explain` why they are."
        raise KnowledgeError(what, fix=fix)
    named = dict(zip(table.names, (round(float(weight), 4) for weight in weights), strict=True))
    fit = _fit(table, max_error, source=source, encoder=encoder, passages=passages)
    return Confidence(weights=named, intercept=round(intercept, 4), threshold=round(threshold, 6), fit=fit)


def _fit(table: Table, max_error: float, *, source: Source, encoder: str, passages: int) -> Fit:
    """Say what the fit keeps on questions that neither its weights nor its threshold saw."""
    answered, could = table.answered(max_error), int(table.answerable.sum())
    wrong, given = int((answered & ~table.right).sum()), int(answered.sum())
    reached = int((answered & table.answerable).sum())
    return Fit(
        source=source,
        questions=len(table.right),
        answerable=could,
        max_error=max_error,
        promised=_upper(wrong, given) <= max_error,
        error=round(wrong / max(given, 1), 4),
        error_ci=_rounded(wilson(wrong, given)),
        answered=round(reached / max(could, 1), 4),
        answered_ci=_rounded(wilson(reached, could)),
        encoder=encoder,
        passages=passages,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _enough(examples: Sequence[Example]) -> None:
    """Refuse sets that are too small or one-sided."""
    if len(examples) < LEAST:
        what = f"{len(examples)} questions are too few to fit a threshold on."
        fix = f"give at least {LEAST}; a third of them should be such that the documents do not answer."
        raise KnowledgeError(what, fix=fix)
    unanswerable = sum(not one.answerable for one in examples)
    if not 5 <= unanswerable <= len(examples) - 5:
        what = f"{unanswerable} of {len(examples)} questions have no answer in the documents: a fit needs both kinds."
        raise KnowledgeError(what, fix="give at least 5 questions of each kind, marked by `answerable`.")


@dataclass(frozen=True, kw_only=True)
class Table:
    """The examples as arrays: `features` of shape (n, features), one row per question that found anything."""

    names: tuple[str, ...]
    features: Doubles
    right: Booleans
    answerable: Booleans
    prior: Doubles
    firmness: float

    @classmethod
    def of(cls, examples: Sequence[Example], prior: Mapping[str, float], firmness: float = LOOSE) -> Table:
        """Line the examples up by the features that `prior` weighs; an empty row answers nothing."""
        import numpy as np

        names = tuple(prior)
        none = dict.fromkeys(names, 0.0)
        return cls(
            names=names,
            features=np.array([[(one.features or none)[name] for name in names] for one in examples]),
            right=np.array([one.right for one in examples]),
            answerable=np.array([one.answerable for one in examples]),
            prior=np.array([prior[name] for name in names], dtype=float),
            firmness=firmness,
        )

    def part(self, rows: NDArray[np.int64]) -> Table:
        """Return the table of some rows."""
        right, answerable = self.right[rows], self.answerable[rows]
        return replace(self, features=self.features[rows], right=right, answerable=answerable)

    def weights(self) -> tuple[Doubles, float]:
        """Return the likeliest weights and intercept under the prior."""
        import numpy as np
        from scipy.optimize import minimize

        signs = np.where(self.right, 1.0, -1.0)

        def loss(point: Doubles) -> tuple[float, Doubles]:
            odds = signs * (self.features @ point[1:] + point[0])
            moved = point[1:] - self.prior
            pull = -signs / (1 + np.exp(odds))
            slope = np.append(pull.sum(), self.features.T @ pull + self.firmness * moved)
            return float(np.logaddexp(0, -odds).sum() + self.firmness / 2 * moved @ moved), slope

        found = minimize(loss, np.append(0.0, self.prior), jac=True, method="L-BFGS-B").x
        return found[1:], float(found[0])

    def left_out(self) -> Doubles:
        """Return the probability of every row by weights that never saw it."""
        import numpy as np

        out = np.zeros(len(self.right))
        for inside, outside in self._folds():
            out[outside] = _probability(self.features[outside], *self.part(inside).weights())
        return out

    def answered(self, max_error: float) -> Booleans:
        """Return which rows are answered when weights and threshold are both fitted without them."""
        import numpy as np

        out = np.zeros(len(self.right), dtype=bool)
        for inside, outside in self._folds():
            part = self.part(inside)
            threshold = limit(part.left_out(), part.right, max_error)
            out[outside] = _probability(self.features[outside], *part.weights()) >= threshold
        return out

    def _folds(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Yield (inside, outside) rows, the right ones spread evenly, the same every time."""
        import numpy as np

        shuffled = np.random.default_rng(0).permutation(len(self.right))
        order = shuffled[np.argsort(self.right[shuffled], kind="stable")]
        for fold in range(FOLDS):
            yield np.sort(np.delete(order, np.s_[fold::FOLDS])), order[fold::FOLDS]


def limit(probability: Doubles, right: Booleans, max_error: float) -> float:
    """Return the lowest threshold at which one more wrong answer would still keep `max_error`; 1 answers nothing."""
    import numpy as np

    order = np.argsort(-probability, kind="stable")
    ranked, wrong = probability[order], np.cumsum(~right[order])
    given = np.arange(1, len(ranked) + 1)
    fine = np.flatnonzero(wrong + 1 <= max_error * (given + 1))
    return float(ranked[fine[-1]]) if len(fine) else 1.0


def _upper(errors: int, n: int) -> float:
    """Return the exact upper bound of an error rate, with 95 % certainty (Clopper and Pearson 1934)."""
    from scipy.stats import beta

    return 1.0 if errors >= n else float(beta.ppf(CERTAINTY, errors + 1, n - errors))


def _probability(features: Doubles, weights: Doubles, intercept: float) -> Doubles:
    import numpy as np

    odds: Doubles = features @ weights + intercept
    return np.where(features.any(axis=1), 1 / (1 + np.exp(-odds)), 0.0)


def _rounded(pair: tuple[float, float]) -> tuple[float, float]:
    return round(pair[0], 4), round(pair[1], 4)
