"""uvicorn's server, ended in good order: at SIGTERM it drains and is gone within ten seconds, with exit code 0."""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import NoReturn

import uvicorn

CONNECTION_SECONDS = 8
"""What open requests are given to end; longer than a drain takes."""
EXIT_SECONDS = 9.5
"""After this the process ends whatever hangs: all it has accepted is committed."""

log = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """Drains while uvicorn waits for the open requests: their streams end, and no turn is broken off needlessly."""

    def __init__(self, config: uvicorn.Config, drain: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._drain = drain

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop to listen, drain, end the requests, then what runs beside them."""
        last = threading.Timer(EXIT_SECONDS, _leave)
        last.daemon = True
        last.start()
        draining = asyncio.create_task(self._drained())
        await super().shutdown(sockets)
        await draining

    async def _drained(self) -> None:
        try:
            await self._drain()
        except Exception:
            log.exception("the server could not drain")

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Take SIGTERM and Ctrl-C as uvicorn does, and end with exit code 0 instead of by the signal."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()


def leave() -> NoReturn:
    """End the process, once all is closed: taking the libraries apart, as Python does at its end, takes seconds."""
    atexit._run_exitfuncs()
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)


def _leave() -> None:
    log.warning("something did not end within %g s; what it was doing goes on with the next start", EXIT_SECONDS)
    logging.shutdown()
    os._exit(0)
