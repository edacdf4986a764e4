"""What a channel may ask of the desk, and what the desk may ask of a channel that pushes its replies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from frontdesk.bot.types import Conversation, Event, Message, Receipt


class Desk(Protocol):
    """The bot as a channel sees it; the wiring provides it."""

    async def accept(self, message: Message, event_id: str) -> Receipt:
        """Commit the message under (channel, event_id), wake the workers, return its receipt.

        A repeated event returns the first receipt with `duplicate` set. Raises StoreError when nothing
        was committed (answer 503), ChannelError when the text is empty or too long.
        """
        ...

    async def receipts(self, channel: str, prefix: str) -> list[Receipt]:
        """Return the newest receipts of events whose id begins with `prefix`, lower-case hexadecimal digits.

        A few at most, newest first, and none of a message after which another one already waits.
        """
        ...

    def events(self, conversation_id: str, after: int = 0) -> AsyncIterator[Event]:
        """Replay the committed events after position `after`, then follow; never ends by itself."""
        ...

    async def conversation(self, conversation_id: str) -> Conversation | None:
        """Return the conversation, or None if there is none."""
        ...

    async def position(self, conversation_id: str) -> int:
        """Return the outbox position of the conversation's last event; 0 for none."""
        ...

    async def post(self, conversation_id: str, text: str, author: str) -> Event:
        """Write to the customer as a person; takes the conversation over (state `human`)."""
        ...

    async def hand_back(self, conversation_id: str) -> None:
        """Return the conversation to the bot."""
        ...

    async def waiting(self) -> list[Conversation]:
        """Return the conversations that wait for, or are with, a person."""
        ...

    async def feedback(self, conversation_id: str, message_id: str, value: Mapping[str, Any]) -> None:
        """Store a vote on one reply."""
        ...


class Push(Protocol):
    """A channel that delivers replies to a platform (Slack, Telegram)."""

    name: str

    async def send(self, event: Event, conversation: Conversation) -> None:
        """Deliver one `done` event (its data is the REPLY of the web API plus `metadata` of the message).

        Called at least once per event; pass the event id as idempotency key where the platform takes one.
        """
        ...
