"""Following one turn through the outbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from frontdesk.bot.types import Event, Receipt
from frontdesk.channels.desk import Desk

LAST = frozenset({"done", "error"})
"""The kinds of event that close a turn."""


async def collect(desk: Desk, receipt: Receipt, timeout: float) -> AsyncIterator[Event]:
    """Yield the events of the received message up to and including its `done` or `error`.

    Ends early, without one of those, after `timeout` seconds; the turn itself goes on and stays in the outbox.
    """
    deadline = asyncio.get_running_loop().time() + timeout
    events = desk.events(receipt.conversation_id, after=receipt.position)
    try:
        while True:
            async with asyncio.timeout_at(deadline):
                event = await anext(events)
            if event.message_id != receipt.message_id:
                continue
            yield event
            if event.kind in LAST:
                return
    except (TimeoutError, StopAsyncIteration):
        return
    finally:
        close = getattr(events, "aclose", None)
        if close:
            await close()
