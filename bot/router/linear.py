"""Linear classifiers over n-grams and vectors, as weights and bias."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frontdesk.bot.router.features import Floats, NGrams
from frontdesk.bot.router.model import SENTENCE_WEIGHT

Ints = NDArray[np.int64]


def sparse_rows(texts: Sequence[str], ngrams: NGrams) -> Any:
    """Return the texts' n-grams as a sparse matrix, n × columns."""
    from scipy import sparse

    rows = list(ngrams.rows(texts))
    starts = np.cumsum([0, *(len(columns) for columns, _ in rows)])
    values, columns = np.concatenate([v for _, v in rows]), np.concatenate([c for c, _ in rows])
    return sparse.csr_matrix((values, columns, starts), shape=(len(rows), len(ngrams.rarity)))


def with_vectors(grams: Any, vectors: Floats) -> Any:
    """Return sparse rows with the sentence vectors beside them, weighted."""
    from scipy import sparse

    return sparse.hstack([grams, sparse.csr_matrix(SENTENCE_WEIGHT * vectors)]).tocsr()


def svm(data: Any, truth: Ints, classes: Ints, strength: float) -> tuple[Floats, Floats]:
    """Fit one-against-rest SVMs (squared hinge): weights (columns × classes) and bias, classes in the order given."""
    from sklearn.svm import LinearSVC

    return _linear(LinearSVC(C=strength, tol=1e-2, random_state=0).fit(data, truth), classes)


def regression(vectors: Floats, truth: Ints, classes: Ints, strength: float) -> tuple[Floats, Floats]:
    """Fit a softmax regression: weights (columns × classes) and bias, classes in the order given."""
    from sklearn.linear_model import LogisticRegression

    return _linear(LogisticRegression(C=strength, max_iter=200).fit(vectors, truth), classes)


def _linear(model: Any, classes: Ints) -> tuple[Floats, Floats]:
    weights, bias = model.coef_.T, model.intercept_
    if len(model.classes_) == 2:
        weights, bias = np.hstack([-weights, weights]), np.array([-bias[0], bias[0]])
    order = np.searchsorted(model.classes_, classes)
    return np.ascontiguousarray(weights[:, order], dtype=np.float32), bias[order].astype(np.float32)
