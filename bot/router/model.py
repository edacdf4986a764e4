"""The trained router as a value: what it scores, how scores become confidences, and its arrays as one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from frontdesk.bot.router.features import Floats, NGrams

SENTENCE_WEIGHT = 3.0
"""How much the sentence vector counts against the two unit-length n-gram blocks (best on three public sets)."""
_NEAREST = 5


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the head sees in n texts: `scores` n × labels, `hints` n × hints on whether it is in scope at all."""

    scores: Floats
    hints: Floats


@dataclass(frozen=True, kw_only=True)
class Head:
    """A linear classifier over n-grams and sentence vectors, with the examples it can compare against.

    `weights` is (n-grams + dimension) × labels, with one more column when `outside` (vectors of out-of-scope
    examples) is not empty: that column scores out of scope itself.
    """

    labels: tuple[str, ...]
    ngrams: NGrams
    weights: Floats
    bias: Floats
    inside: Floats
    outside: Floats

    def read(self, texts: Sequence[str], vectors: Floats) -> Reading:
        """Return scores and hints for cleaned texts and their sentence vectors (n × dimension)."""
        top = len(self.ngrams.rarity)
        sparse = [values @ self.weights[columns] for columns, values in self.ngrams.rows(texts)]
        dense = SENTENCE_WEIGHT * vectors @ self.weights[top:]
        scores = np.asarray(sparse, dtype=np.float32).reshape(dense.shape) + dense + self.bias
        hints = [_nearness(vectors, self.inside), np.asarray([self.ngrams.unknown(text) for text in texts])]
        if len(self.outside):
            hints += [scores[:, -1], _nearness(vectors, self.outside)]
        return Reading(
            scores=scores[:, : len(self.labels)].astype(np.float32), hints=np.column_stack(hints).astype(np.float32)
        )


def _nearness(vectors: Floats, examples: Floats) -> Floats:
    """The mean cosine to the 5 nearest examples: far from everything means out of scope."""
    k = min(_NEAREST, len(examples))
    near = np.empty(len(vectors), dtype=np.float32)
    for start in range(0, len(vectors), 512):
        likeness = vectors[start : start + 512] @ examples.T
        near[start : start + 512] = np.partition(likeness, -k, axis=1)[:, -k:].mean(axis=1)
    return near


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Calibrated: `shares` n × labels (sum 1), `confidence` n that the likeliest is right, `outside` n log-odds."""

    shares: Floats
    confidence: Floats
    outside: Floats


class Calibration(BaseModel):
    """Numbers fitted on held-out predictions; see `frontdesk.bot.router.calibrate`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    temperature: float = Field(gt=0)
    outside_weights: tuple[float, ...]
    outside_bias: float
    confidence_weights: tuple[float, float]
    confidence_bias: float
    outside_threshold: float = 0.0
    confidence_threshold: float = 1.0
    guaranteed: bool = False

    def judge(self, reading: Reading) -> Verdict:
        """Turn scores into shares, a confidence and the log-odds of out of scope."""
        shares = softmax(reading.scores / self.temperature)
        signs = outside_signs(reading, self.temperature)
        outside = signs @ np.asarray(self.outside_weights) + self.outside_bias
        evidence = confidence_evidence(shares, outside) @ np.asarray(self.confidence_weights) + self.confidence_bias
        return Verdict(
            shares=shares,
            confidence=(1 / (1 + np.exp(-evidence))).astype(np.float32),
            outside=outside.astype(np.float32),
        )


def softmax(scores: Floats) -> Floats:
    """Return each row as shares that sum to 1."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def outside_signs(reading: Reading, temperature: float) -> NDArray[np.float64]:
    """Return what tells out of scope from in scope: best score, its lead, free energy (Liu et al. 2020), hints."""
    ordered = np.sort(reading.scores, axis=1)[:, ::-1].astype(np.float64)
    energy = np.log(np.exp((ordered - ordered[:, :1]) / temperature).sum(axis=1)) * temperature + ordered[:, 0]
    lead = ordered[:, 0] - (ordered[:, 1] if ordered.shape[1] > 1 else 0)
    return np.column_stack([ordered[:, 0], lead, energy, reading.hints])


def confidence_evidence(shares: Floats, outside: NDArray[Any]) -> NDArray[np.float64]:
    """Return log-odds of the largest share, and how far the message is inside the scope; n × 2."""
    best = np.clip(shares.max(axis=1).astype(np.float64), 1e-6, 1 - 1e-6)
    return np.column_stack([np.log(best / (1 - best)), -np.clip(outside, -8, 8)])


@dataclass(frozen=True, kw_only=True)
class Model:
    """A head with its calibration: everything needed to judge a text."""

    head: Head
    calibration: Calibration

    def judge(self, texts: Sequence[str], vectors: Floats) -> Verdict:
        """Judge cleaned texts by their sentence vectors."""
        return self.calibration.judge(self.head.read(texts, vectors))


def pack(head: Head) -> bytes:
    """Return the head as one file of arrays."""
    names = np.frombuffer("\n".join(head.ngrams.column).encode("utf-8"), dtype=np.uint8)
    file = BytesIO()
    np.savez(
        file,
        names=names,
        rarity=head.ngrams.rarity,
        weights=head.weights,
        bias=head.bias,
        inside=head.inside,
        outside=head.outside,
    )
    return file.getvalue()


def unpack(data: bytes, labels: tuple[str, ...]) -> Head:
    """Return the head of a file that `pack` wrote."""
    with np.load(BytesIO(data), allow_pickle=False) as arrays:
        held = {name: arrays[name] for name in arrays.files}
    names = held.pop("names").tobytes().decode("utf-8").split("\n")
    ngrams = NGrams(column={name: k for k, name in enumerate(names)}, rarity=held.pop("rarity"))
    return Head(labels=labels, ngrams=ngrams, **held)
