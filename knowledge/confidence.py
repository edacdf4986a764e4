"""How sure we are that the best sentence answers: a logistic over a few features, and the threshold to answer at.

Every knowledge base has its own, fitted by `knowledge/calibrate.py` and kept in its folder; until then the package's
stands in. A running server takes up a new fit with the next question.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from math import exp
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

FILE = "confidence.json"
Source = Literal["questions", "documents"]
"""What a fit was made on: questions with known answers, or questions made from the documents."""
_log = logging.getLogger(__name__)


class Record(BaseModel):
    """A table of the file: frozen, and strict about its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Fit(Record):
    """Where the numbers come from, and what they keep on questions that were left out of the fit."""

    source: Source
    questions: int
    answerable: int
    max_error: float
    """The share of wrong answers among those given that was aimed at."""
    promised: bool
    """Whether the upper 95 % bound of the cross-validated error keeps the aim as well; it takes many questions."""
    error: float
    """The share of wrong answers among those given, cross-validated, with its 95 % interval."""
    error_ci: tuple[float, float]
    answered: float
    """The share of answerable questions that are answered, cross-validated, with its 95 % interval."""
    answered_ci: tuple[float, float]
    encoder: str
    """The fingerprint of the encoder; with another one the numbers mean nothing."""
    passages: int
    """How many passages the index had."""
    made_at: str


class Confidence(Record):
    """A logistic regression with a threshold on its probability."""

    weights: Mapping[str, float]
    intercept: float
    threshold: float
    fit: Fit

    @staticmethod
    @cache
    def shipped() -> Confidence:
        """Read the constants of the package, once."""
        text = files("frontdesk.knowledge").joinpath(FILE).read_text(encoding="utf-8")
        return Confidence.model_validate_json(text)

    def probability(self, features: Mapping[str, float]) -> float:
        """Return the probability that the best sentence answers the question; 0 when nothing was found."""
        if not features:
            return 0.0
        odds = self.intercept + sum(weight * features[name] for name, weight in self.weights.items())
        return 1 / (1 + exp(-max(-700.0, odds)))

    def accepts(self, features: Mapping[str, float]) -> bool:
        """Whether to answer rather than abstain."""
        return self.probability(features) >= self.threshold

    def save(self, folder: Path) -> Path:
        """Replace the fit of the knowledge base in `folder`, whole; return its file."""
        path = folder / FILE
        draft = path.with_suffix(".new")
        draft.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        return draft.replace(path)


class Confidences:
    """The confidence of one knowledge base, read again when its file changes. Cheap to make."""

    def __init__(self, folder: Path, encoder: str) -> None:
        self._path, self._encoder = folder / FILE, encoder
        self._seen: tuple[int, int] | None = None
        self._current: Confidence | None = None

    @property
    def current(self) -> Confidence:
        """The knowledge base's own fit, or the package's when it has none that fits this encoder and version."""
        seen = self._stamp()
        if self._current is None or seen != self._seen:
            self._current, self._seen = self._read(), seen
        return self._current

    def _stamp(self) -> tuple[int, int] | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_ino

    def _read(self) -> Confidence:
        shipped = Confidence.shipped()
        try:
            own = Confidence.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return shipped
        except (OSError, ValidationError) as error:
            why = f"it cannot be read ({str(error).splitlines()[0]})"
        else:
            if own.fit.encoder == self._encoder and set(own.weights) == set(shipped.weights):
                return own
            why = "it was fitted with another encoder or version"
        _log.warning("%s: %s; run `frontdesk eval answers --fit`. Until then the package's is used", self._path, why)
        return shipped
