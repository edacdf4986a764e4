"""The contract of a channel, as tests: subclass ChannelContract among your own tests and say how yours is called.

    class TestMine(ChannelContract):
        def routes(self, desk): ...
        def delivery(self, number): ...

pytest then runs every test of the contract against it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import APIRouter, FastAPI

from frontdesk.bot.types import Reply, Sentence
from frontdesk.channels.desk import Desk
from frontdesk.channels.fakes.server import disturbed
from frontdesk.channels.testing import FakeDesk

MESSAGES = 20
DAMAGED = 60


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One request of the platform."""

    path: str
    body: bytes
    headers: Mapping[str, str]


Send = Callable[[Delivery], Coroutine[Any, Any, httpx.Response]]


class ChannelContract:
    """What a channel with a webhook must do, whatever the platform."""

    busy = 503
    """How a full queue is told: 503 to a platform that sends again, 429 to a program that a person waits at."""

    def routes(self, desk: Desk) -> APIRouter:
        """Return the channel's routes over a desk."""
        raise NotImplementedError

    def delivery(self, number: int) -> Delivery:
        """Return a genuine delivery of a message whose words are `message NUMBER`, always of the same customer."""
        raise NotImplementedError

    def forged(self, delivery: Delivery) -> Delivery | None:
        """Return the delivery as somebody else would make it; None where the format proves nothing."""
        return None

    def test_it_acknowledges_only_what_is_stored(self) -> None:
        """A store that is down is a 503; the same delivery, sent again, is taken."""

        async def use(send: Send, desk: FakeDesk) -> None:
            desk.broken = True
            assert (await send(self.delivery(1))).status_code == 503
            desk.broken = False
            assert (await send(self.delivery(1))).status_code < 300

        assert self._said(use) == ["message 1"]

    def test_a_full_queue_is_told_before_anything_is_taken(self) -> None:
        """The refusal says when to come again, and who does is taken."""

        async def use(send: Send, desk: FakeDesk) -> None:
            desk.full = True
            refused = await send(self.delivery(1))
            assert (refused.status_code, int(refused.headers["Retry-After"]) > 0) == (self.busy, True)
            desk.full = False
            assert (await send(self.delivery(1))).status_code < 300

        assert self._said(use) == ["message 1"]

    def test_repeated_and_late_deliveries_make_one_turn_each(self) -> None:
        """Platforms send again what they think was lost, and in no order."""
        order = disturbed(range(MESSAGES), random.Random(1), again=0.5)
        statuses: set[int] = set()

        async def use(send: Send, desk: FakeDesk) -> None:
            statuses.update([(await send(self.delivery(number))).status_code for number in order])

        said = self._said(use)
        assert sorted(said) == sorted(f"message {number}" for number in range(MESSAGES))
        assert all(status < 300 for status in statuses), statuses

    def test_a_forgery_is_refused(self) -> None:
        """Who cannot prove to be the platform changes nothing."""
        forged = self.forged(self.delivery(1))

        async def use(send: Send, desk: FakeDesk) -> None:
            if forged:
                assert (await send(forged)).status_code in (401, 403)

        assert self._said(use) == []

    def test_damaged_requests_are_the_callers_fault(self) -> None:
        """Cut, doubled, too large and no text at all: never a 5xx."""
        dice, whole = random.Random(2), self.delivery(1)
        bodies = [whole.body[: dice.randrange(len(whole.body))] for _ in range(DAMAGED)]
        bodies += [b"", whole.body * 2, b"\xff\x00", b"[" * 100_000, b" " * 3_000_000]

        async def use(send: Send, desk: FakeDesk) -> None:
            for body in bodies:
                answer = await send(Delivery(path=whole.path, body=body, headers=whole.headers))
                assert answer.status_code < 500, body[:80]

        self._said(use)

    def _said(self, use: Callable[[Send, FakeDesk], Coroutine[Any, Any, None]]) -> list[str]:
        """Use the channel over a desk that answers everything; return what was taken, in order."""
        desk = FakeDesk(lambda message: Reply(text="Yes.", routes=(), sentences=(Sentence(text="Yes."),)))

        async def go() -> None:
            app = FastAPI(openapi_url=None)
            app.include_router(self.routes(desk))
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://channel.test") as client:

                async def send(one: Delivery) -> httpx.Response:
                    return await client.post(one.path, content=one.body, headers=dict(one.headers))

                await use(send, desk)

        asyncio.run(go())
        return desk.heard
