"""Which token comes next: the likeliest, or one drawn from the nucleus (Holtzman et al. 2020) with a seed."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

TEMPERATURE, TOP_P = 0.7, 0.9

Choice = Callable[[NDArray[np.float32]], int]


def chooser(seed: int, prompt: Sequence[int]) -> Choice:
    """Return what picks a token from one row of logits: greedy for seed 0, else drawn by seed and prompt alone."""
    if not seed:
        return lambda logits: int(logits.argmax())
    draw = np.random.default_rng([abs(seed), zlib.crc32(np.array(prompt, dtype="<i8").tobytes())])
    return lambda logits: drawn(logits, draw.random())


def drawn(logits: NDArray[np.float32], at: float) -> int:
    """Return the token at the share `at` (0..1) of the nucleus: the fewest likeliest tokens that hold TOP_P."""
    weights = np.exp((logits - logits.max()) / np.float32(TEMPERATURE))
    total = float(weights.sum())
    likely = np.flatnonzero(weights > total * (1 - TOP_P) / len(weights))  # the rest together hold less than 1 - TOP_P
    order = likely[np.argsort(-weights[likely], kind="stable")]
    mass = np.cumsum(weights[order], dtype=np.float64) / total
    kept = int(np.searchsorted(mass, TOP_P)) + 1
    return int(order[min(int(np.searchsorted(mass[:kept], at * mass[:kept][-1], side="right")), len(order) - 1)])
