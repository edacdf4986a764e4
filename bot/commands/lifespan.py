"""What starts and stops with the server, in which order, and how long each may take at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from frontdesk.bot.commands.platforms import Sender
from frontdesk.bot.delivery import Delivery
from frontdesk.bot.desk import FrontDesk

if TYPE_CHECKING:
    from frontdesk.channels.listening import Listener

TURN_SECONDS, SEND_SECONDS = 5.0, 2.0
"""What the turns and the deliveries in progress are given to end; the rest goes on with the next start."""


class Duty(Protocol):
    """What the server does beside answering, from its start to its end."""

    async def start(self) -> None:
        """Begin, in the background."""
        ...

    async def stop(self) -> None:
        """End; may be called again."""
        ...


class Running:
    """The desk and what works for it: delivery, the fetching of messages, and further duties."""

    def __init__(
        self, desk: FrontDesk, senders: Mapping[str, Sender], listeners: Sequence[Listener], duties: Sequence[Duty]
    ) -> None:
        self._desk, self._senders, self._listeners, self._duties = desk, senders, listeners, duties
        self._delivery = Delivery(desk.store, senders)

    @asynccontextmanager
    async def lifespan(self, app: object) -> AsyncIterator[None]:
        """Start everything, and stop it after the last request."""
        await self._desk.start()
        await self._delivery.start()
        for duty in self._duties:
            await duty.start()
        await asyncio.gather(*(listener.start() for listener in self._listeners))
        try:
            yield
        finally:
            await self.drain()
            for duty in self._duties:
                await duty.stop()
            await asyncio.gather(*(sender.close() for sender in self._senders.values()))
            await self._desk.stop()

    async def drain(self) -> None:
        """Fetch nothing more, end the turns in progress or give them back, send what is said, end the streams.

        What still comes in is committed and acknowledged, and answered after the next start. May be called again.
        """
        await asyncio.gather(*(listener.stop() for listener in self._listeners))
        await self._desk.dispatcher.stop(TURN_SECONDS)
        await self._delivery.stop(SEND_SECONDS)
        self._desk.store.end_following()
