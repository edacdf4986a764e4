"""Listening to a platform that does not call us: one round after another, with growing pauses when it fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from frontdesk.bot.errors import FrontdeskError, Overloaded
from frontdesk.channels.delivery import Retry
from frontdesk.channels.outgoing import Doubtful

log = logging.getLogger(__name__)
_LONGEST_PAUSE = 60.0
_ROOM_SECONDS = 0.5


async def patiently(take: Callable[[], Awaitable[None]]) -> None:
    """Commit what was fetched as soon as there is room for it; what is behind it waits at the platform meanwhile."""
    while True:
        try:
            return await take()
        except Overloaded:
            await asyncio.sleep(_ROOM_SECONDS)


class Listener:
    """Runs `listen` in the background until it is stopped; a round that returns is followed by the next at once.

    A round ends with Retry when the platform does not serve us now; its seconds are the least that is waited, and the
    pause doubles with every failure in a row, from `pause` seconds to a minute.
    """

    def __init__(self, platform: str, listen: Callable[[], Awaitable[None]], pause: float = 1.0) -> None:
        self._platform, self._listen, self._pause = platform, listen, pause
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin, in the background."""
        self._task = asyncio.create_task(self._run(), name=f"frontdesk-listener {self._platform}")

    async def stop(self) -> None:
        """End; what was not acknowledged comes again, and what was committed is known by its key."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        failures = 0
        while True:
            reason = await self._round()
            failures = failures + 1 if reason else 0
            if reason:
                growing = min(self._pause * 2 ** min(failures - 1, 10), _LONGEST_PAUSE)
                pause = max(growing, reason.seconds)
                log.error("%s: %s (trying again in %.0f s)", self._platform, reason, pause)
                await asyncio.sleep(pause)

    async def _round(self) -> Retry | None:
        """Listen once, and return why that failed; whatever it is, the next round must come."""
        try:
            await self._listen()
        except Retry as retry:
            return retry
        except Doubtful as doubt:
            return Retry(0.0, f"the connection broke ({doubt})")
        except FrontdeskError as error:
            return Retry(0.0, f"a message could not be taken and will come again: {error.what}")
        except Exception as error:
            log.exception("%s: listening failed", self._platform)
            return Retry(0.0, type(error).__name__)
        return None
