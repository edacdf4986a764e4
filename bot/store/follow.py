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


class Follower:
    """The events of one conversation after a position, until the store ends it; create it in a running event loop.

    `__anext__` may be cancelled (a timeout for a keep-alive comment, say) and called again: no event is lost.
    """

    def __init__(self, store: Store, conversation_id: str, after: int = 0) -> None:
        self._store, self._conversation_id, self._after = store, conversation_id, after
        self._ready: deque[Event] = deque()
        self._bell = Bell()
        store.spoken.join(conversation_id, self._bell)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._ready:
            found = await self._store.call(self._store.events, self._conversation_id, self._after, BATCH)
            self._ready.extend(found)
            if not found and self._store.ending:
                raise StopAsyncIteration
            if not found:
                await self._bell.wait(BACKSTOP_SECONDS)
        event = self._ready.popleft()
        self._after = event.id
        return event

    async def aclose(self) -> None:
        """Stop listening."""
        self._store.spoken.leave(self._conversation_id, self._bell)


def follow(store: Store, conversation_id: str, after: int = 0) -> Follower:
    """Return the events after position `after`, then those to come."""
    return Follower(store, conversation_id, after)
