"""The handoff: `bot -> waiting -> human -> bot`, decided by code, always with a visible message."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from frontdesk.bot.config import Brand
from frontdesk.bot.text import sentences
from frontdesk.bot.types import Conversation, Effect, Message, Route, Sentence, State

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


def held(conversation: Conversation) -> Route | None:
    """The route of a message that a person will answer, or None while the bot has the conversation."""
    if conversation.state == "bot":
        return None
    who = "a person has" if conversation.state == "human" else "a person was asked into"
    return Route(kind="handoff", intent="human_agent", confidence=1.0, reason=f"{who} this conversation")


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
            yield Sentence(text=brand.messages.waiting)
            return
        for text in sentences(" ".join(brand.replies.get(route.intent, ())[:1])):
            yield Sentence(text=text)
        yield Sentence(text=brand.messages.handoff, effect=Effect(state=moved(conversation.state, "waiting")))
