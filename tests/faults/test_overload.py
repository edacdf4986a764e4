"""A full queue: refused before the acknowledgement, known messages still acknowledged, and open again afterwards."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from frontdesk.bot.admission import Admission
from frontdesk.bot.config import Limits
from frontdesk.bot.errors import Overloaded
from frontdesk.bot.store import Room, Store
from frontdesk.bot.types import Conversation, Customer, Message, Reply
from frontdesk.channels.fakes.fake_slack import FakeSlack
from frontdesk.channels.fakes.fake_telegram import FakeTelegram
from frontdesk.channels.fakes.server import LocalServer
from frontdesk.channels.problems import busy
from frontdesk.channels.turnstile import Turnstile
from tests.faults.standin import SECRETS, StandIn, app_of, platforms, project_in

FIVE = Room(messages=5, in_conversation=3, conversations=5)


class Held(StandIn):
    """Answers nobody until it is let go."""

    async def respond(self, message: Message, conversation: Conversation, send: Any) -> Reply:
        await self.free.wait()
        return await super().respond(message, conversation, send)

    free: asyncio.Event


def message(number: int) -> Message:
    who = Customer(id="c")
    return Message(
        text=str(number), conversation_id=f"c{number % 3}", brand="b", channel="web", customer=who, id=f"m{number}"
    )


def test_the_store_takes_no_more_than_may_wait(store_url: str) -> None:
    with Store(store_url) as store:
        taken = [store.put_async(message(n), f"e{n}", room=FIVE) for n in range(5)]
        assert [future.result().duplicate for future in taken] == [False] * 5
        group = [store.put_async(message(n), f"e{n}", room=FIVE) for n in (4, 5, 6)]
        assert group[0].result().duplicate, "what is known is acknowledged"
        for refused in group[1:]:
            with pytest.raises(Overloaded):
                refused.result()
        assert store.counts()["pending"] == 5
        [lane] = store.claim("w", 1, 60)
        pending = store.next(lane)
        assert pending
        store.close_turn(lane, pending, {"text": "x"}, {}, None, pending.message.customer)
        assert not store.put_async(message(5), "e5", room=FIVE).result().duplicate


def test_nobody_fills_the_queue_alone(store_url: str) -> None:
    with Store(store_url) as store:
        room = Room(messages=100, in_conversation=2, conversations=100)
        for number in (0, 3):
            store.put_async(message(number), f"e{number}", room).result()
        with pytest.raises(Overloaded):
            store.put_async(message(6), "e6", room).result()
        assert store.put_async(message(3), "e3", room).result().duplicate
        assert not store.put_async(message(1), "e1", room).result().duplicate, "others have room"


def test_only_so_many_conversations_wait_for_a_worker(store_url: str) -> None:
    with Store(store_url) as store:
        room = Room(messages=100, in_conversation=100, conversations=2)
        for number in (0, 3, 1):
            store.put_async(message(number), f"e{number}", room).result()
        with pytest.raises(Overloaded):
            store.put_async(message(2), "e2", room).result()
        store.claim("w", 1, 60)
        assert not store.put_async(message(2), "e2", room).result().duplicate, "one was taken up"


class Workers:
    """A dispatcher whose workers are behind for as long as told."""

    taken, late, turn_seconds = 0, 0.0, 0.2

    def behind(self) -> float:
        return self.late


def test_a_burst_waits_and_a_lasting_rush_is_cut_off() -> None:
    workers = Workers()
    admission = Admission(Limits(queue=200), cast(Any, workers), 8)

    def room(refusing: bool = False) -> Room:
        with suppress(Refused), admission.place() as found:
            if refusing:
                raise Refused("no room")
        return found

    assert room(refusing=True).messages == 200
    assert room().conversations == 120, "a burst that found the queue full: the next one looks again"
    workers.late = 4.0
    assert room(refusing=True).conversations == 2
    assert admission.turn_away()
    workers.taken += 1
    assert not admission.turn_away(), "a worker took something up: there may be room"
    with ExitStack() as asking:
        for _ in range(2):
            asking.enter_context(admission.place())
        assert admission.turn_away(), "no more ask the store at once than may wait"
    workers.late = 0.0
    assert room().conversations == 2, "the rush is not over as soon as a worker is free"


def test_where_turns_are_slow_a_burst_may_last_longer() -> None:
    workers = Workers()
    workers.late, workers.turn_seconds = 15.0, 5.0
    admission = Admission(Limits(queue=50), cast(Any, workers), 8)
    with admission.place() as found:
        assert found.conversations == 32
    workers.late = 21.0
    with admission.place() as found:
        assert found.conversations == 2


class Refused(Overloaded):
    """What the store says, in this test."""


def requests(slack: FakeSlack, telegram: FakeTelegram) -> dict[str, dict[str, Any]]:
    """One message to each channel, as keyword arguments of `client.request`."""
    body, headers = slack.signed(slack.message("hi"))
    asked = {"model": "shop", "messages": [{"role": "user", "content": "hi"}]}
    sent: dict[str, dict[str, Any]] = {
        "/webhooks/slack/webhook": {"content": body, "headers": headers},
        "/webhooks/telegram/webhook": {"content": json.dumps(telegram.message("hi")), "headers": telegram.headers},
        "/webhooks/rest/webhook": {"json": {"sender": "u", "message": "hi"}},
        "/api/chat": {"json": {"text": "hi", "message_id": str(uuid4())}},
        "/v1/chat/completions": {"json": asked, "headers": {"host": "localhost"}},
    }
    return sent


async def full_then_free(app: Any, slack: FakeSlack, telegram: FakeTelegram, free: asyncio.Event) -> list[Any]:
    """Fill the queue with one message, send one to each channel, let go, and send them again."""
    found: list[Any] = []
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        update = telegram.message("first")
        first: Mapping[str, Any] = {"content": json.dumps(update), "headers": telegram.headers}
        assert (await client.post("/webhooks/telegram/webhook", **first)).status_code == 200
        sent = requests(slack, telegram)
        found.append({url: await client.post(url, **kwargs) for url, kwargs in sent.items()})
        found.append(await client.post("/webhooks/telegram/webhook", **first))
        free.set()
        taken = found[0] | {}
        for url, kwargs in sent.items():
            while (await app.state.desk.store.call(app.state.desk.store.counts))["pending"]:
                await asyncio.sleep(0.01)
            taken[url] = await client.post(url, **kwargs)
        found.append(taken)
    return found


def test_each_channel_says_it_in_its_own_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slack, telegram = FakeSlack(), FakeTelegram()
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)

    async def go(channels: str) -> list[Any]:
        engine = Held()
        engine.free = asyncio.Event()
        project = project_in(tmp_path / "shop", queue=1, channels=channels)
        return await full_then_free(app_of(project, engine), slack, telegram, engine.free)

    with LocalServer(slack.app) as slack_server, LocalServer(telegram.app) as telegram_server:
        refused, known, taken = asyncio.run(go(platforms(slack_server.url, telegram_server.url)))
    said_kindly(refused)
    assert known.status_code == 200, "a repetition of what is committed is acknowledged"
    assert {answer.status_code for answer in taken.values()} == {200}


def said_kindly(refused: Mapping[str, httpx.Response]) -> None:
    """Check what each channel says to a message for which there is no room."""
    assert {url: answer.status_code for url, answer in refused.items()} == {
        "/webhooks/slack/webhook": 503,
        "/webhooks/telegram/webhook": 503,
        "/webhooks/rest/webhook": 503,
        "/api/chat": 429,
        "/v1/chat/completions": 429,
    }
    assert {answer.headers["Retry-After"] for answer in refused.values()} == {"5"}
    assert refused["/webhooks/rest/webhook"].json()[0]["text"].startswith("Very many people are writing")
    assert refused["/api/chat"].json()["error"]["message"].startswith("Very many people are writing")
    wrong = refused["/v1/chat/completions"].json()["error"]
    assert (wrong["type"], wrong["code"]) == ("rate_limit_error", "rate_limit_exceeded")


def test_in_a_rush_the_same_is_said_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Admission, "turn_away", lambda self: True)
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    project = project_in(tmp_path / "shop", channels=platforms("http://127.0.0.1:9", "http://127.0.0.1:9"))
    sent = requests(FakeSlack(), FakeTelegram())

    async def go() -> dict[str, httpx.Response]:
        app = app_of(project, StandIn())
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            found = {}
            for url, kwargs in sent.items():
                garbled = {**kwargs, "content": b"\xff"} if "content" in kwargs else {"content": b"\xff"}
                found[url] = await client.post(url, **garbled)
        return found

    said_kindly(asyncio.run(go()))


def test_only_messages_are_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    async def behind(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("inside")(scope, receive, send)

    door = Turnstile(behind, lambda: True, {"/say": busy(503)}, origins=["https://shop.example"])

    async def go() -> list[int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://bot.example") as client:
            asked = [client.post("/say"), client.get("/say"), client.post("/vote")]
            asked.append(client.post("/say", headers={"Origin": "https://shop.example"}))
            return [(await each).status_code for each in asked]

    assert asyncio.run(go()) == [503, 200, 200, 200]
