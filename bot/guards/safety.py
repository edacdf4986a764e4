"""Content safety of what customers write: a pressing message gets fixed, humane words and a person, nothing else.

Phrases decide alone; else a small linear classifier over the router's sentence vectors decides, which must be surer
where no word gives reason to look, and then tells of nothing but what is pressing. It is fitted by
`python -m frontdesk.finetune.safety`; what it finds and misses: docs/safety.md.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from frontdesk.bot.config import Brand, Concern
from frontdesk.bot.guards.concerns import CONCERNS, PRESSING, cued, plain, sure
from frontdesk.bot.text import sentences
from frontdesk.bot.types import Answerer, Conversation, Encoder, Handoff, Message, Route, Sentence, Support

WEIGHTS = Path(__file__).parent / "safety.json"
LONGEST = 2000
"""Characters that are read, from the start and as many from the end."""
INTENT = "safety_"
"""How the intents of these routes begin."""
_CONFIGURED = Support(kind="profile", source="frontdesk.toml")
WORDS: Mapping[Concern, str] = {
    "emergency": "If anyone is hurt or in danger, please call your local emergency number now, and get away from fire, "
    "smoke, gas or bare wires first. Please don't wait for an answer here: this chat can't send help.",
    "self_harm": "I'm really sorry that it's this hard. I'm an automated assistant and not the right one for this, but "
    "you don't have to be alone with it. If you or somebody else might get hurt, please call your local emergency "
    "number or a crisis line now, and tell a person near you.",
    "threat": "I can't go on with this. Threats are taken seriously here. One of our people reads this message. "
    "If anyone is in danger right now, please call your local emergency number.",
    "minor": "Thanks for telling me. This is best done together with a parent or another grown-up you trust. Please "
    "don't send your full name, address, school or pictures here. If somebody hurts you or you feel unsafe, tell "
    "a grown-up you trust or call your local emergency number.",
    "harassment": "I'd like to help, but not in this tone. One of our people reads your message. If something went "
    "wrong with us, please tell us what it was.",
    "medical": "I can't give medical advice, and guessing about health would be wrong. Please ask a doctor or a "
    "pharmacist. If it may be serious, call a poison centre or your local emergency number.",
    "legal": "I can't give legal advice or decide about a legal claim. What you wrote goes to one of our people as it "
    "is. A lawyer or a consumer advice service can tell you where you stand.",
}
"""What is said where a brand has no words of its own; true in every country."""


Floats = NDArray[np.float32]


class Weights(BaseModel):
    """The classifier: `weights` is labels × dimension; past `threshold`, 1 - P(ordinary) makes a concern."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    fingerprint: str
    labels: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]
    threshold: float
    pressing_threshold: float
    """What the shares of the pressing concerns must pass together where no word gives reason to look."""

    def shares(self, vectors: Floats) -> Floats:
        """Return n × labels, each row summing to 1, for n sentence vectors."""
        scores = vectors @ np.asarray(self.weights, dtype=np.float32).T + np.asarray(self.bias, dtype=np.float32)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


@cache
def shipped() -> Weights:
    """Return the weights in the package."""
    return Weights.model_validate_json(WEIGHTS.read_text(encoding="utf-8"))


class Watch:
    """Finds what needs a person at once; safe to share between threads.

    Without an encoder, or with another than the weights were fitted on, phrases decide alone.
    """

    def __init__(self, encoder: Encoder | None = None, weights: Weights | None = None) -> None:
        self._encoder, self._weights = encoder, weights

    def found(self, text: str) -> tuple[Concern, str] | None:
        """Return the concern of a message and how it was told, or None; never raises on any text."""
        read = plain(text if len(text) <= 2 * LONGEST else f"{text[:LONGEST]} {text[-LONGEST:]}")
        if concern := sure(read):
            return concern, "a phrase"
        return self._judged(read)

    def route(self, message: Message, conversation: Conversation, brand: Brand) -> Route | None:
        """Return the route to a person, or None. A person who has the conversation reads for themselves."""
        if conversation.state == "human" or not (told := self.found(message.text)):
            return None
        concern, how = told
        said = [r.intent for t in conversation.turns[-1:] if t.reply for r in t.reply.routes]
        waiting = conversation.state == "waiting" and (concern not in PRESSING or INTENT + concern in said)
        if concern in brand.safety.ignore or waiting:
            return None
        return Route(
            kind="handoff", intent=INTENT + concern, confidence=1.0, reason=f"content safety: {concern} ({how})"
        )

    def _judged(self, read: str) -> tuple[Concern, str] | None:
        weights = self._weights or shipped()
        if self._encoder is None or self._encoder.fingerprint != weights.fingerprint:
            return None
        shares = dict(zip(weights.labels, weights.shares(self._encoder.encode([read]))[0].tolist(), strict=True))
        looked = cued(read)
        doubt = 1 - shares["ordinary"] if looked else sum(shares[concern] for concern in PRESSING)
        if doubt <= (weights.threshold if looked else weights.pressing_threshold):
            return None
        return max(CONCERNS if looked else PRESSING, key=lambda concern: shares[concern]), f"{doubt:.2f}"


def pressing(handoff: Handoff | None) -> bool:
    """Return whether a conversation came to people over what cannot wait."""
    return handoff is not None and handoff.intent.removeprefix(INTENT) in PRESSING


class SafetyAnswerer:
    """Says the fixed words of a concern, then lets the handoff follow; every other handoff is left as it is."""

    def __init__(self, handoff: Answerer, brands: Mapping[str, Brand]) -> None:
        self.handoff, self.brands = handoff, brands

    async def answer(self, message: Message, conversation: Conversation, route: Route) -> AsyncIterator[Sentence]:
        """Yield the brand's words for the concern, or the shipped ones, then what the handoff says."""
        for text in _words(route, self.brands[message.brand]):
            yield Sentence(text=text, support=_CONFIGURED)
        async for sentence in self.handoff.answer(message, conversation, route):
            yield sentence


def _words(route: Route, brand: Brand) -> list[str]:
    """Return the sentences of a concern; the shipped ones promise no people where a brand has none."""
    for concern in CONCERNS:
        if route.intent == INTENT + concern:
            shipped = [one for one in sentences(WORDS[concern]) if brand.handoff.enabled or "our people" not in one]
            return sentences(brand.safety.words[concern]) if concern in brand.safety.words else shipped
    return []
