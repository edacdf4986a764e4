"""Where a message goes: payloads first, then the trained model, and doubt as an outcome of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from frontdesk.bot.router.features import clean, has_letters
from frontdesk.bot.router.model import Model
from frontdesk.bot.router.nlu import OUT_OF_SCOPE
from frontdesk.bot.router.versions import RouterVersions, Serving
from frontdesk.bot.types import Conversation, Encoder, Kind, Message, Route

ALTERNATIVES = 3

_PAYLOAD = re.compile(r"/([^\s{}@/]+)(?:@[\d.]+)?\s*(?=(\{)?)")
_FOLLOW_UP = re.compile(
    r"^(and|or|but|also|what about|how about|even|only|same)\b|\b(it|that|this|those|these|them|they|one|ones)\b",
    re.IGNORECASE,
)
_SHORT = 8


def load_router(folder: Path, encoder: Encoder, routes: Mapping[str, Kind], titles: Mapping[str, str]) -> Router:
    """Return the router served from `folder`; raises ModelError when absent, altered or of another encoder."""
    serving = Serving(RouterVersions(folder), encoder)
    return Router(routes=routes, titles=titles, serving=serving.now, encoder=encoder)


class Router:
    """Decides the route of each message of one brand; safe to share between threads.

    `serving` returns the model to judge the next message with.
    """

    def __init__(
        self, *, routes: Mapping[str, Kind], titles: Mapping[str, str], serving: Callable[[], Model], encoder: Encoder
    ) -> None:
        self._routes, self._serving, self._encoder = routes, serving, encoder
        self._titles = {title.casefold(): intent for intent, title in titles.items()}

    def route(self, message: Message, conversation: Conversation) -> tuple[Route, ...]:
        """Return the route of what the customer asks; one today. Never raises on any text."""
        text = clean(message.text)
        found = self._given(text) or self._judged(text)
        if found.kind == "clarify":
            found = self._with_context(text, conversation) or found
        return (_not_twice(found, conversation),)

    def likeliest(self, texts: Sequence[str], among: Collection[str]) -> list[str]:
        """Return, per text, the likeliest intent of those in `among`; ValueError when the model knows none of them."""
        model = self._serving()
        labels = model.head.labels
        columns = [k for k, label in enumerate(labels) if label in among]
        if not columns:
            raise ValueError(f"the router knows none of {', '.join(sorted(among)) or 'no intents'}")
        read = [clean(text) for text in texts]
        best = model.weigh(read, self._encoder).shares[:, columns].argmax(axis=1)
        return [labels[columns[int(place)]] for place in best]

    def _given(self, text: str) -> Route | None:
        """The route of a payload or of a button's title typed out; None for ordinary words."""
        if intent := self._titles.get(text.casefold()):
            return self._chosen(intent, f"the title of {intent}")
        match = _PAYLOAD.match(text)
        if not match:
            return None
        slots = _slots(text[match.end() :]) if match[2] else {}
        return replace(self._chosen(match[1], f"payload /{match[1]}"), slots=slots)

    def _chosen(self, intent: str, reason: str) -> Route:
        if intent in self._routes:
            return Route(kind=self._routes[intent], intent=intent, confidence=1.0, reason=reason)
        if intent == OUT_OF_SCOPE:
            return self._outside(1.0, reason)
        return Route(kind="clarify", intent=intent, confidence=1.0, reason=f"{reason}: no route is set for it")

    def _judged(self, text: str) -> Route:
        """The model's route for ordinary words."""
        if not has_letters(text):
            return self._outside(1.0, "no words to read")
        model = self._serving()
        fitted = model.calibration
        verdict = model.judge([text], self._encoder)
        shares, confidence, outside = verdict.shares[0], float(verdict.confidence[0]), float(verdict.outside[0])
        order = shares.argsort()[::-1]
        scale = confidence / float(shares[order[0]])
        ranked = [(model.head.labels[k], round(float(shares[k]) * scale, 4)) for k in order]
        likely = tuple(ranked[:ALTERNATIVES])
        if outside > fitted.outside_threshold:
            reason = f"unlike the examples: {outside:.2f} (limit {fitted.outside_threshold:.2f})"
            return replace(self._outside(1 - confidence, reason), alternatives=likely)
        return replace(self._decided(ranked, fitted.confidence_threshold), alternatives=likely)

    def _decided(self, ranked: Sequence[tuple[str, float]], threshold: float) -> Route:
        """The likeliest intent's route when it is likely enough; `knowledge` when its intents are so together.

        Knowledge answers the question, not the intent: which of its intents it is need not be known.
        """
        intent, confidence = ranked[0]
        reason = f"intent {intent} at {confidence:.2f} (threshold {threshold:.2f})"
        if confidence >= threshold:
            return replace(self._chosen(intent, reason), confidence=confidence)
        known = [(name, share) for name, share in ranked if self._routes.get(name) == "knowledge"]
        together = min(1.0, sum(share for _, share in known))
        if together >= threshold:
            reason = f"{reason}; knowledge intents together at {together:.2f}"
            return Route(kind="knowledge", intent=known[0][0], confidence=together, reason=reason)
        return Route(kind="clarify", intent=intent, confidence=confidence, reason=f"unsure: {reason}")

    def _outside(self, confidence: float, reason: str) -> Route:
        kind: Kind = "handoff" if self._routes.get(OUT_OF_SCOPE) == "handoff" else "clarify"
        return Route(kind=kind, intent=OUT_OF_SCOPE, confidence=confidence, reason=f"out of scope, {reason}")

    def _with_context(self, text: str, conversation: Conversation) -> Route | None:
        """The route of a short follow-up ("and for sale items?") read after the customer's last message, if sure."""
        before = conversation.turns[-1].message.text if conversation.turns else ""
        if not before or before.startswith("/") or len(text.split()) > _SHORT or not _FOLLOW_UP.search(text):
            return None
        found = self._judged(clean(f"{before} {text}"))
        return None if found.kind == "clarify" else replace(found, reason=f"follow-up, {found.reason}")


def _slots(text: str) -> dict[str, str]:
    """The slots of a payload's JSON object; anything else is ignored."""
    try:
        data, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return {}
    return {str(name): str(value) for name, value in data.items() if isinstance(value, str | int | float)}


def _not_twice(found: Route, conversation: Conversation) -> Route:
    """A second clarification in a row becomes a person."""
    last = conversation.turns[-1].reply if conversation.turns else None
    if found.kind != "clarify" or last is None or not any(route.kind == "clarify" for route in last.routes):
        return found
    return replace(found, kind="handoff", reason=f"asked once already; {found.reason}")
