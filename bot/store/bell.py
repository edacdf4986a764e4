"""Wake-ups inside the process: whoever waits for a conversation hears of it right after the commit."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from weakref import WeakSet

KEYS = 500
"""From twice as many keys on, those without a bell are looked for."""


class Bell:
    """What one waiting task of an event loop listens to; any thread may ring it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake the waiting task, or the next one to wait; a closed loop hears nothing."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._rung.set)

    async def wait(self, seconds: float) -> None:
        """Return when rung, or after `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        self._rung.clear()


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

    def tell(self, key: str) -> None:
        """Ring the bells of `key`."""
        with self._lock:
            bells = list(self._bells.get(key, ()))
            if not bells:
                self._bells.pop(key, None)
        for bell in bells:
            bell.ring()
