"""How sure we are that the chosen sentence answers: a logistic over a few features, its constants in confidence.json.

Fitted by `finetune/knowledge_confidence.py` on development questions; see the note in the file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from math import exp


@dataclass(frozen=True, kw_only=True)
class Confidence:
    """A logistic regression with a threshold on its probability."""

    weights: Mapping[str, float]
    intercept: float
    threshold: float

    @classmethod
    def shipped(cls) -> Confidence:
        """Read the constants of the package."""
        data = json.loads(files("frontdesk.knowledge").joinpath("confidence.json").read_text(encoding="utf-8"))
        return cls(weights=data["weights"], intercept=data["intercept"], threshold=data["threshold"])

    def probability(self, features: Mapping[str, float]) -> float:
        """Return the probability that the best sentence answers the question; 0 when nothing was found."""
        if not features:
            return 0.0
        return 1 / (1 + exp(-self.intercept - sum(weight * features[name] for name, weight in self.weights.items())))

    def accepts(self, features: Mapping[str, float]) -> bool:
        """Whether to answer rather than abstain."""
        return self.probability(features) >= self.threshold
