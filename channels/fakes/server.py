"""What the fake platforms share: a server in a thread, and faults that are served in order."""

from __future__ import annotations

import asyncio
import random
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Self, TypeVar

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

START_SECONDS = 20.0
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to one request instead of the good answer.

    `delay` waits `seconds`, then answers well; `busy` is a 429 that asks for `seconds`; `broken` is a 500;
    `reset` takes the message and then drops the connection, so that the sender cannot know.
    """

    kind: Literal["delay", "busy", "broken", "reset"]
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Faults for the requests to come, in order; None lets one request through."""

    queue: deque[Fault | None] = field(default_factory=deque)

    def add(self, *faults: Fault | None) -> None:
        """Line up faults for the next requests."""
        self.queue.extend(faults)

    def take(self) -> Fault | None:
        """Return the fault of this request, if any."""
        return self.queue.popleft() if self.queue else None


def disturbed(deliveries: Sequence[T], dice: random.Random, *, again: float = 0.3, reach: int = 10) -> list[T]:
    """Return deliveries as a troubled platform makes them: a share comes `again`, each is up to `reach` places late."""
    every = [one for delivery in deliveries for one in [delivery] * (2 if dice.random() < again else 1)]
    late = [place + dice.random() * reach for place in range(len(every))]
    return [every[place] for place in sorted(range(len(every)), key=late.__getitem__)]


class ResetConnection:
    """ASGI middleware: where a handler set `request.state.reset`, the connection drops instead of the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        state = scope["state"] = {"reset": False}

        async def send_or_reset(message: Message) -> None:
            if not state["reset"]:
                await send(message)

        await self._app(scope, receive, send_or_reset)
        if state["reset"]:
            # ASGI has no word for this: abort uvicorn's own transport, then wait until it has noticed.
            receive.__self__.transport.abort()  # type: ignore[attr-defined]
            while (await receive())["type"] != "http.disconnect":
                pass
        return None


class LocalServer:
    """Serves an ASGI app on a free loopback port from a thread: `with LocalServer(app) as server: server.url`."""

    def __init__(self, app: ASGIApp) -> None:
        config = uvicorn.Config(
            ResetConnection(app), http="h11", ws="auto", lifespan="off", proxy_headers=False, log_config=None
        )
        self._server = uvicorn.Server(config)
        self._socket = socket.socket()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.url = ""

    def reserve(self) -> str:
        """Return the address it will answer at; until it starts, nobody can be reached there."""
        if not self.url:
            self._socket.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        return self.url

    def __enter__(self) -> Self:
        """Start, and wait until the port answers."""
        self.reserve()
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError(f"the local server on {self.url} did not start")
            time.sleep(0.005)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and wait for the thread."""
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(START_SECONDS)
        self._socket.close()

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))
