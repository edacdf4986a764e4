"""Wake-ups inside the process: whoever waits for a conversation hears of it right after the commit."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from weakref import WeakSet

from frontdesk.bot.types import Event

KEYS = 500
"""From twice as many keys on, those without a bell are looked for."""


class Bell:
    """What one waiting task of an event loop listens to; any thread may ring it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()

    def ring(self, event: Event | None = None) -> None:
        """Wake the waiting task, or the next one to wait; a closed loop hears nothing."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.hear, event)

    def hear(self, event: Event | None) -> None:
        """Be rung, in the loop: by an event that was just committed, or without one."""
        self._rung.set()

    async def wait(self, seconds: float) -> bool:
        """Return when rung, or after `seconds`; whether it was rung."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        rung = self._rung.is_set()
        self._rung.clear()
        return rung


class Signal:
    """Bells by key; those no longer used elsewhere drop out by themselves, and so do keys that no bell is left for."""

    def __init__(self) -> None:
        self._swept = KEYS
        self._bells: dict[str, WeakSet[Bell]] = {}
        self._lock = threading.Lock()

    def join(self, key: str, bell: Bell) -> None:
        """Ring `bell` whenever `key` is told."""
        with self._lock:
            if len(self._bells) >= 2 * self._swept:
                self._bells = {known: bells for known, bells in self._bells.items() if bells}
                self._swept = max(KEYS, len(self._bells))
            self._bells.setdefault(key, WeakSet()).add(bell)

    def leave(self, key: str, bell: Bell) -> None:
        """Ring it no more."""
        with self._lock:
            bells = self._bells.get(key, WeakSet())
            bells.discard(bell)
            if not bells:
                self._bells.pop(key, None)

    def tell_all(self) -> None:
        """Ring every bell."""
        for key in list(self._bells):
            self.tell(key)

    def tell(self, key: str, event: Event | None = None) -> None:
        """Ring the bells of `key`, by an event that was committed after all that rang before, or without one."""
        with self._lock:
            bells = list(self._bells.get(key, ()))
            if not bells:
                self._bells.pop(key, None)
        for bell in bells:
            bell.ring(event)
