"""What the inbox and other places where people work may ask of the desk; the wiring provides it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from frontdesk.bot.types import Conversation, Event, Handoff, Reply


class Note(Protocol):
    """What one person left for the others; no customer ever sees it."""

    @property
    def agent(self) -> str:
        """Who left it."""
        ...

    @property
    def text(self) -> str:
        """What it says."""
        ...

    @property
    def written_at(self) -> datetime:
        """When."""
        ...


class Deed(Protocol):
    """One line of the audit log."""

    @property
    def actor(self) -> str:
        """Who did it."""
        ...

    @property
    def action(self) -> str:
        """What was done."""
        ...

    @property
    def conversation_id(self) -> str:
        """To which conversation; empty for none."""
        ...

    @property
    def detail(self) -> str:
        """More about it."""
        ...

    @property
    def done_at(self) -> datetime:
        """When."""
        ...


class Staff(Protocol):
    """The people's side of the desk."""

    async def claim(
        self, conversation_id: str, agent: str, *, force: bool = False, via: str = "", key: str = ""
    ) -> Handoff:
        """Give the conversation to `agent` unless another has it, or `key` came from `via` before.

        Returns who has it now. Raises ChannelError 404.
        """
        ...

    async def write(self, conversation_id: str, text: str, agent: str, *, via: str = "", key: str = "") -> Event | None:
        """Write to the customer as `agent`; None when `key` came before. ChannelError 409 when another has it."""
        ...

    async def give_back(
        self, conversation_id: str, agent: str, outcome: str = "resolved", *, via: str = "", key: str = ""
    ) -> bool:
        """Give the conversation back to the bot, which says so; False when the bot has it, or `key` came before."""
        ...

    async def note(self, conversation_id: str, agent: str, text: str, *, via: str = "", key: str = "") -> bool:
        """Leave a note that only people read; False when `key` came before."""
        ...

    async def log(self, actor: str, action: str, conversation_id: str = "", detail: str = "") -> None:
        """Add a line to the audit log."""
        ...

    async def queue(self) -> list[Conversation]:
        """Return the conversations that wait for or are with a person, the longest first."""
        ...

    async def notes(self, conversation_id: str) -> Sequence[Note]:
        """Return a conversation's notes, the oldest first."""
        ...

    async def deeds(self, limit: int = 500, conversation_id: str = "") -> Sequence[Deed]:
        """Return the newest lines of the audit log, of one conversation or of all."""
        ...

    def summary(self, conversation: Conversation) -> Mapping[str, tuple[str, ...]]:
        """Return what was asked, tried, cited and is open, and why it came to people."""
        ...

    def canned(self, conversation: Conversation) -> Mapping[str, str]:
        """Return the brand's ready replies by name, filled."""
        ...

    async def suggest(self, conversation: Conversation) -> Reply | None:
        """Return what the bot would answer to the last question; None where it has nothing. Nothing is sent."""
        ...

    def changes(self) -> AsyncIterator[None]:
        """Yield at once, and whenever a conversation may have changed."""
        ...
