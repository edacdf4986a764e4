"""An event loop in a thread of its own, so that plain code can wait on many requests with exact deadlines."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class LoopThread:
    """Runs coroutines for any number of calling threads; the thread starts with the first one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started = threading.Event()
        self._thread: threading.Thread | None = None

    def run(self, work: Coroutine[Any, Any, Result], seconds: float) -> Result:
        """Return the result of `work`, or raise its exception; TimeoutError after `seconds`."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="frontdesk-voice-server", daemon=True)
                self._thread.start()
                self._started.wait()
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(seconds)
        finally:
            future.cancel()

    def close(self) -> None:
        """End the thread; what still runs is cancelled."""
        with self._lock:
            if self._thread is not None:
                self._loop.call_soon_threadsafe(self._stop.set)
                self._thread.join()
                self._thread = None
                self._started.clear()

    def _serve(self) -> None:
        asyncio.run(self._wait())

    async def _wait(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._started.set()
        await self._stop.wait()
