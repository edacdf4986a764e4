"""What the trained model makes of a text, and the route that follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from frontdesk.bot.router.features import readable as can_be_read
from frontdesk.bot.router.model import Calibration, Model
from frontdesk.bot.router.nlu import OUT_OF_SCOPE
from frontdesk.bot.types import Encoder, Kind, Route

ALTERNATIVES = 3


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One text as the model sees it: its route, each intent's share and the log-odds that it is out of scope.

    `ranked` holds (intent, confidence), the likeliest first; it is empty for a text without words.
    """

    text: str
    route: Route
    ranked: tuple[tuple[str, float], ...] = ()
    shares: Mapping[str, float] = field(default_factory=dict)
    outside: float = 0.0

    @property
    def likeliest(self) -> tuple[str, float]:
        """The likeliest intent and the confidence that it is right."""
        return self.ranked[0] if self.ranked else (OUT_OF_SCOPE, 0.0)


class Judge:
    """Judges cleaned texts with the model served now, and gives each the route of its intent."""

    def __init__(self, *, routes: Mapping[str, Kind], serving: Callable[[], Model], encoder: Encoder) -> None:
        self.routes, self._serving, self._encoder = routes, serving, encoder

    def __call__(self, texts: Sequence[str]) -> list[Judged]:
        """Return one judgement per cleaned text, all in one go."""
        readable = [text for text in texts if can_be_read(text)]
        found = dict(zip(readable, self._judged(readable), strict=True)) if readable else {}
        return [found.get(text) or Judged(text=text, route=self.outside(1.0, "no words to read")) for text in texts]

    def _judged(self, texts: Sequence[str]) -> Iterator[Judged]:
        model = self._serving()
        labels, fitted = model.head.labels, model.calibration
        verdict = model.judge(texts, self._encoder)
        for text, shares, confidence, outside in zip(
            texts, verdict.shares, verdict.confidence, verdict.outside, strict=True
        ):
            order = np.argsort(shares)[::-1]
            scale = float(confidence) / float(shares[order[0]])
            ranked = tuple((labels[k], round(float(shares[k]) * scale, 4)) for k in order)
            by_name = dict(zip(labels, map(float, shares), strict=True))
            route = replace(self._route(ranked, float(outside), fitted), alternatives=ranked[:ALTERNATIVES])
            yield Judged(text=text, route=route, ranked=ranked, shares=by_name, outside=float(outside))

    def _route(self, ranked: Sequence[tuple[str, float]], outside: float, fitted: Calibration) -> Route:
        if outside > fitted.outside_threshold:
            reason = f"unlike the examples: {outside:.2f} (limit {fitted.outside_threshold:.2f})"
            return self.outside(1 - ranked[0][1], reason)
        return self.decided(ranked, fitted.confidence_threshold)

    def decided(self, ranked: Sequence[tuple[str, float]], threshold: float) -> Route:
        """Return the likeliest intent's route when it is likely enough; `knowledge` when its intents are so together.

        Knowledge answers the question, not the intent: which of its intents it is need not be known.
        """
        intent, confidence = ranked[0]
        reason = f"intent {intent} at {confidence:.2f} (threshold {threshold:.2f})"
        if confidence >= threshold:
            return replace(self.chosen(intent, reason), confidence=confidence)
        together = min(1.0, self.known(ranked))
        if together >= threshold:
            reason = f"{reason}; knowledge intents together at {together:.2f}"
            likeliest = next(name for name, _ in ranked if self.routes.get(name) == "knowledge")
            return Route(kind="knowledge", intent=likeliest, confidence=together, reason=reason)
        return Route(kind="clarify", intent=intent, confidence=confidence, reason=f"unsure: {reason}")

    def known(self, ranked: Sequence[tuple[str, float]]) -> float:
        """Return what the intents of knowledge have together."""
        return sum(share for name, share in ranked if self.routes.get(name) == "knowledge")

    def chosen(self, intent: str, reason: str) -> Route:
        """Return the route that is set for an intent; without one it is clarified."""
        if intent in self.routes and intent != OUT_OF_SCOPE:
            return Route(kind=self.routes[intent], intent=intent, confidence=1.0, reason=reason)
        if intent == OUT_OF_SCOPE:
            return self.outside(1.0, reason)
        return Route(kind="clarify", intent=intent, confidence=1.0, reason=f"{reason}: no route is set for it")

    def outside(self, confidence: float, reason: str) -> Route:
        """Return the route of what is out of scope."""
        kind: Kind = "handoff" if self.routes.get(OUT_OF_SCOPE) == "handoff" else "clarify"
        return Route(kind=kind, intent=OUT_OF_SCOPE, confidence=confidence, reason=f"out of scope, {reason}")
