"""What the trained model makes of a text, and the route that follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from frontdesk.bot.router.bars import Bars, Ranked, Stakes, fit_bars, likeliest
from frontdesk.bot.router.features import readable as can_be_read
from frontdesk.bot.router.model import Judged as Example
from frontdesk.bot.router.model import Model
from frontdesk.bot.router.nlu import OUT_OF_SCOPE
from frontdesk.bot.types import Encoder, Kind, Route

ALTERNATIVES = 3
EVEN = Stakes()
"""The same error target for every route, and nothing that names a record."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One text as the model sees it: its route, each intent's share and the log-odds that it is out of scope.

    `ranked` holds (intent, confidence), the likeliest first; it is empty for a text without words. `sure` says whether
    the likeliest is likely enough by itself.
    """

    text: str
    route: Route
    ranked: tuple[tuple[str, float], ...] = ()
    shares: Mapping[str, float] = field(default_factory=dict)
    outside: float = 0.0
    sure: bool = False

    @property
    def likeliest(self) -> tuple[str, float]:
        """The likeliest intent and the confidence that it is right."""
        return self.ranked[0] if self.ranked else (OUT_OF_SCOPE, 0.0)


class Judge:
    """Judges cleaned texts with the model served now, and gives each a route: its intent's, or that of several."""

    def __init__(
        self,
        *,
        routes: Mapping[str, Kind],
        serving: Callable[[], Model],
        encoder: Encoder,
        stakes: Stakes = EVEN,
    ) -> None:
        self.routes, self._serving, self._encoder, self._stakes = routes, serving, encoder, stakes
        self._fitted: tuple[Model, tuple[Bars, Bars]] | None = None

    def __call__(self, texts: Sequence[str]) -> list[Judged]:
        """Return one judgement per cleaned text, all in one go."""
        readable = [text for text in texts if can_be_read(text)]
        found = dict(zip(readable, self._judged(readable), strict=True)) if readable else {}
        return [found.get(text) or Judged(text=text, route=self.outside(1.0, "no words to read")) for text in texts]

    def _judged(self, texts: Sequence[str]) -> Iterator[Judged]:
        model = self._serving()
        labels, threshold, bars = model.head.labels, model.calibration.confidence_threshold, self._bars(model)
        verdict = model.judge(texts, self._encoder)
        for row, text in enumerate(texts):
            outside, ranked = float(verdict.outside[row]), verdict.ranked(row, labels)
            by_name = dict(zip(labels, map(float, verdict.shares[row]), strict=True))
            route = self._route(ranked, outside, threshold, bars[self._stakes.keyed(text)])
            route = replace(route, alternatives=ranked[:ALTERNATIVES])
            sure = ranked[0][1] >= threshold
            yield Judged(text=text, route=route, ranked=ranked, shares=by_name, outside=outside, sure=sure)

    def _bars(self, model: Model) -> tuple[Bars, Bars]:
        """The bars of a model for these routes, fitted when it is first asked."""
        fitted = self._fitted
        if fitted is None or fitted[0] is not model:
            fitted = (model, fit_bars(model.held, model.calibration, self.routes, self._stakes))
            self._fitted = fitted
        return fitted[1]

    def _route(self, ranked: Ranked, outside: float, threshold: float, bars: Bars) -> Route:
        if outside > bars.outside:
            return self.outside(1 - ranked[0][1], f"unlike the examples: {outside:.2f} (limit {bars.outside:.2f})")
        return self.decided(ranked, threshold, bars)

    def decided(self, ranked: Ranked, threshold: float, bars: Bars) -> Route:
        """Return the likeliest intent's route when it is likely enough; else the likeliest route, when that is.

        Of a route that its intents reach only together, the likeliest intent is taken.
        """
        intent, confidence = ranked[0]
        reason = f"intent {intent} at {confidence:.2f} (threshold {threshold:.2f})"
        if confidence >= threshold:
            return replace(self.chosen(intent, reason), confidence=confidence)
        kind, share = likeliest(ranked, self.routes)
        if share >= bars.together.get(kind, 2.0):
            first = next(name for name, _ in ranked if self.routes.get(name) == kind)
            reason = f"{reason}; {kind} intents together at {share:.2f} (bar {bars.together[kind]:.2f})"
            return Route(kind=kind, intent=first, confidence=share, reason=reason)
        return Route(kind="clarify", intent=intent, confidence=confidence, reason=f"unsure: {reason}")

    def doubted(self) -> list[Example]:
        """Return the examples that would be asked back, by what was predicted of them when they were held out."""
        model = self._serving()
        threshold, bars = model.calibration.confidence_threshold, self._bars(model)
        asked = [one for one in model.held if one.ranked]
        routed = [self._route(one.ranked, one.outside, threshold, bars[self._stakes.keyed(one.text)]) for one in asked]
        return [one for one, route in zip(asked, routed, strict=True) if route.kind == "clarify"]

    def known(self, ranked: Ranked) -> float:
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
