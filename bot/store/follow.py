"""Follow a conversation: its committed events replayed from a position, then each new one as it is committed."""

from __future__ import annotations

from collections import deque
from typing import Self

from frontdesk.bot.store.bell import Bell
from frontdesk.bot.store.store import Store
from frontdesk.bot.types import Event

BACKSTOP_SECONDS = 15.0
"""A look at the table although nobody rang."""
BATCH = 100


class _Ear(Bell):
    """Keeps the events that ring it, so that nobody need look them up; `behind`: the table has more than that."""

    def __init__(self) -> None:
        super().__init__()
        self.behind = True
        self._heard: deque[Event] = deque()

    def hear(self, event: Event | None) -> None:
        """Keep the event; after too many, or a ring that names none, only the table knows all."""
        super().hear(event)
        if event is None or len(self._heard) >= BATCH:
            self.behind = True
        if not self.behind:
            self._heard.append(event) if event else None

    def heard(self) -> list[Event]:
        """Return what was heard since the last time."""
        found = list(self._heard)
        self._heard.clear()
        return found


class Follower:
    """The events of one conversation after a position, until the store ends it; create it in a running event loop.

    `__anext__` may be cancelled (a timeout for a keep-alive comment, say) and called again: no event is lost.
    """

    def __init__(self, store: Store, conversation_id: str, after: int = 0) -> None:
        self._store, self._conversation_id, self._after = store, conversation_id, after
        self._ready: deque[Event] = deque()
        self._ear = _Ear()
        store.spoken.join(conversation_id, self._ear)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._ready:
            found = await self._looked_up() if self._ear.behind else self._ear.heard()
            self._ready.extend(event for event in found if event.id > self._after)
            if self._ready or self._ear.behind:
                continue
            if self._store.ending:
                raise StopAsyncIteration
            if not await self._ear.wait(BACKSTOP_SECONDS):
                self._ear.behind = True
        event = self._ready.popleft()
        self._after = event.id
        return event

    async def _looked_up(self) -> list[Event]:
        """Return what the table has; what rings meanwhile is in it, or is heard after it."""
        self._ear.behind = False
        self._ear.heard()
        try:
            found = await self._store.call(self._store.events, self._conversation_id, self._after, BATCH)
        except BaseException:
            self._ear.behind = True
            raise
        self._ear.behind = self._ear.behind or len(found) == BATCH
        return found

    async def aclose(self) -> None:
        """Stop listening."""
        self._store.spoken.leave(self._conversation_id, self._ear)


def follow(store: Store, conversation_id: str, after: int = 0) -> Follower:
    """Return the events after position `after`, then those to come."""
    return Follower(store, conversation_id, after)
