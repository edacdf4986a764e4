"""Lists of passages, joined by reciprocal rank (Cormack 2009), and what makes such lists of scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RANK = 20
"""The constant of reciprocal rank fusion: the smaller, the more the first places count."""
UNRELATED = 0.3
"""MiniLM's cosine of texts that have nothing to do with each other, at most."""
Order = tuple["NDArray[np.int64]", float]
"""Passages, best first, and what the list counts for."""


def fuse(lists: Sequence[Order], owner: NDArray[np.int64], share: float = 1.0) -> NDArray[np.float64]:
    """Return the fused score of every passage: its own reciprocal ranks and those of its document, both weighted.

    `lists` are passage positions, best first, with the weight of the list; `owner` names each passage's document;
    `share` is what a passage's own ranks count for beside its document's.
    """
    import numpy as np

    own, whole = np.zeros(len(owner)), np.zeros(len(owner))
    for order, weight in lists:
        own[order] += share * weight / (RANK + 1 + np.arange(len(order)))
        documents = list(dict.fromkeys(owner[order].tolist()))
        whole[documents] += weight / (RANK + 1 + np.arange(len(documents)))
    return np.where(own > 0, own + whole[owner], 0.0)


def telling(dense: Sequence[NDArray[np.float32]], words: Sequence[NDArray[np.float32]]) -> list[float]:
    """Return how much each phrasing tells, at most 1: one that is near nothing, or common words only, tells little."""
    near = [max(float(one.max(initial=0.0)) - UNRELATED, 1e-3) for one in dense]
    top = [max(float(one.max(initial=0.0)), 1e-3) for one in words]
    return [(a / max(near) * b / max(top)) ** 2 for a, b in zip(near, top, strict=True)]


def unit(vector: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return a vector at length 1."""
    import numpy as np

    found: NDArray[np.floating] = vector / max(float(np.linalg.norm(vector)), 1e-9)
    return found


def joined(lists: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return what stands in any of some lists of passages, lowest first."""
    import numpy as np

    there = np.zeros(1 + max(int(row.max(initial=-1)) for row in lists), dtype=bool)
    for row in lists:
        there[row] = True
    return np.flatnonzero(there)


def scaled(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return scores with the highest at 1."""
    top = float(scores.max(initial=0.0))
    return scores / top if top > 0 else scores


def ordered(at: NDArray[np.int64], scores: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return passages by their scores, best first, those that score alike as they stand."""
    import numpy as np

    return at[np.argsort(-scores, kind="stable")]


def best(scores: NDArray[np.floating], k: int) -> NDArray[np.int64]:
    """Return the positions of the `k` highest scores above zero, best first."""
    import numpy as np

    chosen = np.flatnonzero(scores > 0)
    if len(chosen) > k:
        chosen = np.sort(chosen[np.argpartition(-scores[chosen], k)[:k]])
    return ordered(chosen, scores[chosen])
