"""The handoff: `bot -> waiting -> human -> bot`, decided by code, always with a visible message."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from frontdesk.bot.config import Brand
from frontdesk.bot.dialogue.voice import known_values
from frontdesk.bot.guards.firewall import filled, violations
from frontdesk.bot.text import sentences
from frontdesk.bot.types import Button, Conversation, Effect, Message, Route, Sentence, State

NEXT: Mapping[State, frozenset[State]] = {
    "bot": frozenset({"waiting", "human"}),
    "waiting": frozenset({"human", "bot"}),
    "human": frozenset({"bot"}),
}


def moved(state: State, to: State) -> State:
    """Return the state after a move; staying is allowed, any other move raises ValueError."""
    if to != state and to not in NEXT[state]:
        raise ValueError(f"a conversation cannot move from {state} to {to}")
    return to


BACK = "/back_to_bot"
"""What the button sends with which a waiting customer goes on with the bot."""


def held(message: Message, conversation: Conversation) -> Route | None:
    """The route of a message that a person will answer, or None while the bot has the conversation."""
    if conversation.state == "bot":
        return None
    if conversation.state == "waiting" and message.text.strip() == BACK:
        return Route(kind="handoff", intent="back_to_bot", confidence=1.0, reason="the customer goes on with the bot")
    who = "a person has" if conversation.state == "human" else "a person was asked into"
    return Route(kind="handoff", intent="human_agent", confidence=1.0, reason=f"{who} this conversation")


def _back(brand: Brand) -> Sentence:
    return Sentence(text=brand.messages.back, effect=Effect(state=moved("waiting", "bot")))


def _still_waiting(brand: Brand) -> Sentence:
    button = Button(title=brand.messages.back_button, payload=BACK)
    return Sentence(text=brand.messages.waiting, effect=Effect(buttons=(button,)))


class HandoffAnswerer:
    """Says that a person takes over, and moves the conversation to `waiting`."""

    def __init__(self, brands: Mapping[str, Brand]) -> None:
        self.brands = brands

    async def answer(self, message: Message, conversation: Conversation, route: Route) -> AsyncIterator[Sentence]:
        """Yield the intent's approved words, if any, and the handoff message; while waiting, say so."""
        brand = self.brands[message.brand]
        if conversation.state == "human":
            return
        if conversation.state == "waiting":
            yield _back(brand) if route.intent == "back_to_bot" else _still_waiting(brand)
            return
        known = known_values(brand, message, conversation)
        approved = [t for t in brand.replies.get(route.intent, ()) if not violations(t, known, message.text)]
        for text in sentences(filled(approved[0], known) if approved else ""):
            yield Sentence(text=text)
        yield Sentence(text=brand.messages.handoff, effect=Effect(state=moved(conversation.state, "waiting")))
