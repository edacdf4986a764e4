"""The trained router as a value: what it scores, how scores become confidences, and its arrays as one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from frontdesk.bot.router.features import Floats, NGrams, away, seen
from frontdesk.bot.router.spelling import Spelling, Vocabulary
from frontdesk.bot.types import Encoder

SENTENCE_WEIGHT = 3.0
"""How much the sentence vector counts against the two unit-length n-gram blocks (best on three public sets)."""
ENCODER = "encoder.safetensors"
"""The file of tuned layers among a version's files."""
LIKELY = 0.001
"""The least share of an intent that counts, and is kept of a held-out prediction."""
BEST, NEARNESS, STRANGE = 0, 3, 5
"""Where `outside_signs` has the best score, the nearness to the examples, and, if any, out of scope's score."""
ENOUGH_OUTSIDE = 20
"""Out-of-scope examples from which on what tells them is fitted on them."""
_NEAREST = 5


@runtime_checkable
class Tunable(Encoder, Protocol):
    """An encoder whose layers can be replaced by ones tuned on a bot's examples."""

    def tuned(self, layers: bytes) -> Encoder:
        """Return the encoder with these layers (a safetensors file) in place of its own."""
        ...


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the head sees in n texts: `scores` n × labels, `hints` n × hints on whether it is in scope at all.

    `plain` are the scores without a tuned encoder's part: what out of scope is told by.
    """

    scores: Floats
    hints: Floats
    plain: Floats


@dataclass(frozen=True, kw_only=True)
class Head:
    """Linear classifiers: one over n-grams and sentence vectors, a quick one over n-grams, one over tuned vectors.

    `weights` is (n-grams + dimension) × labels and `quick` n-grams × labels, each with one more column when `outside`
    (vectors of out-of-scope examples) is not empty: that column scores out of scope itself. `inside` are the vectors of
    the examples. `directions` is labels × dimension of the tuned encoder; without one it has no columns. With a
    `centre`, the mean of the examples' peaks, peaks are read too, and `weights` has as many rows more.
    """

    labels: tuple[str, ...]
    ngrams: NGrams
    weights: Floats
    bias: Floats
    quick: Floats
    quick_bias: Floats
    directions: Floats
    offsets: Floats
    inside: Floats
    outside: Floats
    centre: Floats

    @property
    def peaked(self) -> bool:
        """Whether peaks are read."""
        return len(self.centre) > 0

    def read(self, texts: Sequence[str], vectors: Floats, tuned: Floats | None = None) -> Reading:
        """Return scores and hints for cleaned texts and what the encoder sees in them (`seen`)."""
        top, width = len(self.ngrams.rarity), self.inside.shape[1]
        vectors, peaks = vectors[:, :width], vectors[:, width:]
        sparse = [values @ self.weights.take(columns, axis=0) for columns, values in self.ngrams.rows(texts)]
        dense = SENTENCE_WEIGHT * vectors @ self.weights[top : top + width]
        if self.peaked:
            dense += away(peaks, self.centre) @ self.weights[top + width :]
        scores = np.asarray(sparse, dtype=np.float32).reshape(dense.shape) + dense + self.bias
        hints = [nearness(vectors, self.inside), np.asarray([self.ngrams.unknown(text) for text in texts])]
        if len(self.outside):
            hints += [scores[:, -1], nearness(vectors, self.outside)]
        plain = scores[:, : len(self.labels)].astype(np.float32)
        named = np.zeros_like(plain) if tuned is None else tuned @ self.directions.T + self.offsets
        if len(self.outside) >= ENOUGH_OUTSIDE and tuned is not None:
            hints.append(named.max(axis=1))
        return Reading(
            scores=(plain + named).astype(np.float32), hints=np.column_stack(hints).astype(np.float32), plain=plain
        )

    def skim(self, texts: Sequence[str]) -> Reading:
        """Return what n-grams alone say of cleaned texts: no encoder runs."""
        rows = [values @ self.quick.take(columns, axis=0) for columns, values in self.ngrams.rows(texts)]
        scores = np.asarray(rows, dtype=np.float32).reshape(len(texts), self.quick.shape[1]) + self.quick_bias
        unknown = np.asarray([[self.ngrams.unknown(text)] for text in texts], dtype=np.float32).reshape(-1, 1)
        n = len(self.labels)
        hints = np.concatenate([unknown, scores[:, n:]], axis=1)
        return Reading(scores=scores[:, :n], hints=hints, plain=scores[:, :n])


def nearness(vectors: Floats, examples: Floats) -> Floats:
    """Return the mean cosine to the 5 nearest examples: far from everything means out of scope."""
    k = min(_NEAREST, len(examples))
    near = np.empty(len(vectors), dtype=np.float32)
    for start in range(0, len(vectors), 512):
        likeness = vectors[start : start + 512] @ examples.T
        near[start : start + 512] = np.partition(likeness, -k, axis=1)[:, -k:].mean(axis=1)
    return near


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Calibrated: `shares` n × labels (sum 1), `confidence` n that the likeliest is right, `outside` n log-odds.

    `settled` tells which texts the quick tier decided alone.
    """

    shares: Floats
    confidence: Floats
    outside: Floats
    settled: NDArray[np.bool_]

    def ranked(self, row: int, labels: Sequence[str]) -> tuple[tuple[str, float], ...]:
        """Return the labels of a row with their shares, the likeliest first, scaled so that it has its confidence."""
        shares = self.shares[row]
        order = np.argsort(shares)[::-1]
        scale = float(self.confidence[row]) / float(shares[order[0]])
        return tuple((labels[k], round(float(shares[k]) * scale, 4)) for k in order)

    def part(self, rows: NDArray[np.int64]) -> Verdict:
        """Return the given rows."""
        return Verdict(**{name: getattr(self, name)[rows] for name in _PARTS})


_PARTS = ("shares", "confidence", "outside", "settled")


def overruled(verdict: Verdict, rows: NDArray[np.int64], by: Verdict) -> Verdict:
    """Return the verdict with the given rows replaced by another's, in order."""
    parts = {name: getattr(verdict, name).copy() for name in _PARTS}
    for name, values in parts.items():
        values[rows] = getattr(by, name)
    return Verdict(**parts)


class Quick(BaseModel):
    """When n-grams alone settle a message: numbers fitted on held-out predictions, see `frontdesk.bot.router.quick`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    temperature: float = Field(gt=0)
    weights: tuple[float, ...]
    bias: float
    threshold: float
    """Log-odds of being right from which a message is settled."""

    def judge(self, reading: Reading, fitted: Calibration) -> Verdict:
        """Turn what n-grams say into a verdict; a text is settled only where it would also be answered."""
        odds = quick_signs(reading) @ np.asarray(self.weights, dtype=np.float32) + np.float32(self.bias)
        confidence = 1 / (1 + np.exp(-odds))
        sure = (odds >= self.threshold) & (confidence >= fitted.confidence_threshold)
        return Verdict(
            shares=softmax(reading.scores / np.float32(self.temperature)),
            confidence=confidence,
            outside=-odds,
            settled=sure & (-odds <= fitted.outside_threshold),
        )


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
    quick: Quick | None = None

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
            settled=np.zeros(len(shares), dtype=np.bool_),
        )


def softmax(scores: Floats) -> Floats:
    """Return each row as shares that sum to 1."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def outside_signs(reading: Reading, temperature: float) -> NDArray[np.float64]:
    """Return what tells out of scope from in scope: best score, its lead, free energy (Liu et al. 2020), hints."""
    ordered = np.sort(reading.plain, axis=1)[:, ::-1].astype(np.float64)
    energy = np.log(np.exp((ordered - ordered[:, :1]) / temperature).sum(axis=1)) * temperature + ordered[:, 0]
    lead = ordered[:, 0] - (ordered[:, 1] if ordered.shape[1] > 1 else 0)
    return np.column_stack([ordered[:, 0], lead, energy, reading.hints])


def quick_signs(reading: Reading) -> Floats:
    """Return what tells whether n-grams alone are right: best score, its lead, hints."""
    if reading.scores.shape[1] == 1:
        return np.concatenate([reading.scores, reading.scores, reading.hints], axis=1)
    two = np.partition(reading.scores, -2, axis=1)[:, -2:]
    return np.concatenate([two[:, 1:], two[:, 1:] - two[:, :1], reading.hints], axis=1)


def confidence_evidence(shares: Floats, outside: NDArray[Any]) -> NDArray[np.float64]:
    """Return log-odds of the largest share, and how far the message is inside the scope; n × 2."""
    best = np.clip(shares.max(axis=1).astype(np.float64), 1e-6, 1 - 1e-6)
    return np.column_stack([np.log(best / (1 - best)), -np.clip(outside, -8, 8)])


class Judged(BaseModel):
    """One example and what a router that had not learned from it made of it; `said` is empty where none was asked.

    `ranked` holds (intent, confidence), the likeliest first; the unlikely ones are left out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    intent: str
    said: str = ""
    confidence: float = 0.0
    outside: float = 0.0
    """Log-odds that it is out of scope."""
    ranked: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Model:
    """A head with its calibration and, when one was tuned, its own encoder: everything needed to judge a text.

    `held` are its examples with what was said of them by routers that had not learned from them.
    """

    head: Head
    calibration: Calibration
    tuned: Encoder | None = None
    held: tuple[Judged, ...] = ()

    def judge(self, texts: Sequence[str], encoder: Encoder) -> Verdict:
        """Judge cleaned texts: n-grams settle what they are sure of, `encoder` (the published one) reads the rest.

        A misspelt word is read as the word of the examples that was meant, where the encoder can tell that it is none.
        """
        if isinstance(encoder, Vocabulary):
            texts = [self._spelling.corrected(text, encoder) for text in texts]
        if self.calibration.quick is None:
            return self.weigh(texts, encoder)
        quick = self.calibration.quick.judge(self.head.skim(texts), self.calibration)
        if quick.settled.all():
            return quick
        rest = np.flatnonzero(~quick.settled)
        return overruled(quick, rest, self.weigh([texts[int(k)] for k in rest], encoder))

    @cached_property
    def _spelling(self) -> Spelling:
        return Spelling(self.head.ngrams.counts())

    def weigh(self, texts: Sequence[str], encoder: Encoder) -> Verdict:
        """Judge cleaned texts by all there is, whatever n-grams are sure of."""
        return self.calibration.judge(self.read(texts, encoder))

    def read(self, texts: Sequence[str], encoder: Encoder) -> Reading:
        """Read cleaned texts with the published encoder and, when one was tuned, with its own."""
        tuned = self.tuned.encode(texts) if self.tuned else None
        return self.head.read(texts, seen(texts, encoder, peaks=self.head.peaked), tuned)


_ARRAYS = ("weights", "bias", "quick", "quick_bias", "directions", "offsets", "inside", "outside", "centre")


def pack(head: Head) -> bytes:
    """Return the head as one file of arrays."""
    names = np.frombuffer("\n".join(head.ngrams.column).encode("utf-8"), dtype=np.uint8)
    file = BytesIO()
    np.savez(file, names=names, rarity=head.ngrams.rarity, **{name: getattr(head, name) for name in _ARRAYS})
    return file.getvalue()


def unpack(data: bytes, labels: tuple[str, ...]) -> Head:
    """Return the head of a file that `pack` wrote."""
    with np.load(BytesIO(data), allow_pickle=False) as arrays:
        held = {name: arrays[name] for name in arrays.files}
    names = held.pop("names").tobytes().decode("utf-8").split("\n")
    held.setdefault("centre", np.zeros(0, dtype=np.float32))  # routers trained before peaks were read have none
    ngrams = NGrams(column={name: k for k, name in enumerate(names)}, rarity=held.pop("rarity"))
    return Head(labels=labels, ngrams=ngrams, **held)
