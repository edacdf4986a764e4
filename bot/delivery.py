"""Delivery to platforms that take replies by a call (Slack, Telegram): from the outbox, at least once, in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

from frontdesk.bot.errors import StoreError
from frontdesk.bot.store import Store
from frontdesk.bot.store.bell import Bell
from frontdesk.bot.store.store import ANY
from frontdesk.bot.types import Conversation, Event

log = logging.getLogger(__name__)

PAUSE = 0.2
"""Seconds until the next look at the outbox although nothing was said."""
GATHER = 0.02
"""Seconds at least between looks, so that under load one look finds many events."""
AT_ONCE = 100
"""Deliveries in progress at most."""
GRACE = 5.0
"""Seconds that deliveries in progress may take at the end."""
LEASE = 60.0
"""Seconds one delivery may take before another process tries it."""
RETRY_AFTER = 5.0
"""Seconds until a failed delivery is tried again, where the platform names none."""


class Push(Protocol):
    """A platform that takes one event; an error with `seconds` says when to try again."""

    async def send(self, event: Event, conversation: Conversation) -> None:
        """Deliver one event; raise to have it tried again. Of the conversation's turns, the last is there."""
        ...


class Delivery:
    """Takes unsent events from the outbox and gives them to the channel they belong to."""

    def __init__(self, store: Store, senders: Mapping[str, Push]) -> None:
        self.store, self.senders = store, senders
        self._task: asyncio.Task[None] | None = None
        self._sending: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin; what an earlier run did not deliver comes first."""
        if self.senders:
            self._task = asyncio.create_task(self._run(), name="frontdesk-delivery")

    async def stop(self, grace: float = GRACE) -> None:
        """Let what is being sent arrive within `grace` seconds; the rest stays in the outbox."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._sending:
            _, late = await asyncio.wait(self._sending, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _run(self) -> None:
        self._bell = Bell()
        self.store.spoken.join(ANY, self._bell)
        while True:
            for event, conversation in await self._unsent():
                task = asyncio.create_task(self._deliver(event, conversation), name=f"frontdesk-delivery {event.id}")
                self._sending.add(task)
                task.add_done_callback(self._sent)
            await asyncio.sleep(GATHER)
            await self._bell.wait(PAUSE)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._bell.ring()  # the conversation's next event may follow

    async def _unsent(self) -> list[tuple[Event, Conversation | None]]:
        free = AT_ONCE - len(self._sending)
        if free <= 0:
            return []
        try:
            return await asyncio.wrap_future(self.store.unsent_async(list(self.senders), free, LEASE))
        except Exception:  # whatever it is, the next look must come
            log.exception("the outbox could not be read")
            return []

    async def _deliver(self, event: Event, known: Conversation | None) -> None:
        try:
            of = event.conversation_id
            conversation = known or await self.store.call(self.store.conversation, of, last_turns=1)
            if conversation:
                await self.senders[conversation.channel].send(event, conversation)
            await asyncio.shield(asyncio.wrap_future(self.store.mark_sent_async(event.id)))
        except Exception as error:
            seconds = float(getattr(error, "seconds", RETRY_AFTER))
            log.warning("event %d was not delivered: %s", event.id, type(error).__name__)
            with suppress(StoreError):  # its lease runs out, then it is offered again
                await self.store.call(self.store.postpone, event.id, seconds)
