"""Rasa's socket.io channel, through the client that python-socketio ships."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from frontdesk.bot.config import Limits, Messages, RasaSocket
from frontdesk.bot.errors import StoreError
from frontdesk.bot.store import Store, follow
from frontdesk.bot.types import Event
from frontdesk.channels.fakes.server import LocalServer
from frontdesk.channels.rasa_socketio import Rooms, socket_app, socket_health
from frontdesk.channels.testing import FakeDesk
from tests.channels.wire import BESIDE, script, scripted

socketio: Any = pytest.importorskip("socketio", reason="needs the extra `rasa`")
KEY = "k" * 32


@contextmanager
def served(
    settings: RasaSocket, limits: Limits | None = None, desk: FakeDesk | None = None
) -> Iterator[tuple[str, Any]]:
    desk, app = desk or scripted(), FastAPI()
    app.include_router(socket_health())
    app.mount("/socket.io", socket_app(desk, settings, limits or Limits(), "shop", Messages()))
    with LocalServer(app) as server:
        yield server.url, desk


def talk(url: str, *said: dict[str, Any], token: str = "") -> list[tuple[str, Any]]:
    """Send messages one after another; return what came."""
    heard: list[tuple[str, Any]] = []
    with socketio.SimpleClient() as client:
        client.connect(url, transports=["websocket"], auth={"token": token})
        client.emit("session_request", {"session_id": "s1"})
        heard.append(tuple(client.receive(timeout=10)))
        for message in said:
            client.emit("user_uttered", message)
            heard.append(tuple(client.receive(timeout=10)))
    return heard


def test_health() -> None:
    with served(RasaSocket()) as (url, _):
        assert httpx.get(f"{url}/webhooks/socketio/").json() == {"status": "ok"}


def test_a_session_an_answer_and_its_buttons() -> None:
    with served(RasaSocket(session_persistence=True)) as (url, desk):
        confirmed, answer, choice = talk(
            url,
            {"message": "hi", "session_id": "s1", "metadata": {"page": "/"}},
            {"message": "choose", "session_id": "s1"},
        )
    assert confirmed == ("session_confirm", "s1")
    assert answer[0] == "bot_uttered" and answer[1]["text"] == "You said: hi"
    assert choice[1]["quick_replies"][0] == {"content_type": "text", "title": "Choice 1", "payload": "/choice_1"}
    [turn, _] = desk._conversations["socketio:s1"].turns
    assert turn.message.metadata["client"] == {"page": "/"} and turn.message.customer.identity == "anonymous"


def test_what_an_action_shows_beside_its_words_comes_as_rasa_sends_it() -> None:
    with served(RasaSocket(session_persistence=True)) as (url, _), socketio.SimpleClient() as client:
        client.connect(url, transports=["websocket"])
        client.emit("user_uttered", {"message": "show it", "session_id": "s1"})
        words, *beside = [client.receive(timeout=10)[1] for _ in range(5)]
    assert words["text"] == "Here it is."
    assert beside == [
        {"attachment": {"type": "image", "payload": {"src": "https://shop.example/kettle.png"}}},
        BESIDE[1],
        {"attachment": {"type": "template", "payload": {"template_type": "generic", **BESIDE[2]}}},
        {"type": "map", "zoom": 3},
    ]


def test_a_fact_comes_with_its_source_and_without_a_session_the_connection_is_one() -> None:
    with served(RasaSocket(bot_message_evt="bot", user_message_evt="user_uttered")) as (url, desk):
        _, answer = talk(url, {"message": "return?"})
    assert answer[0] == "bot" and answer[1]["text"].startswith("You may return it")
    assert "socketio:s1" not in desk._conversations and len(desk._conversations) == 1


def test_a_session_id_that_nobody_has_is_repeated_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    with served(RasaSocket()) as (url, _):
        asked = {"EIO": "4", "transport": "polling", "sid": "sid-of-somebody-4711"}
        for answer in (httpx.get(f"{url}/socket.io/", params=asked), httpx.post(f"{url}/socket.io/", params=asked)):
            assert (answer.status_code, answer.text) == (400, "There is no such session.")
    assert [one for one in caplog.records if "4711" in one.getMessage() and not one.name.startswith("http")] == []


def test_only_signed_clients_where_a_key_is_set() -> None:
    settings = RasaSocket(jwt_key=SecretStr(KEY))
    with served(settings) as (url, _):
        assert talk(url, {"message": "hi"}, token=jwt.encode({"sub": "u"}, KEY))[1][1]["text"] == "You said: hi"
        for forged in ("", "x", jwt.encode({"sub": "u"}, "o" * 32), jwt.encode({"sub": "u"}, "", algorithm="none")):
            with pytest.raises(socketio.exceptions.ConnectionError):
                talk(url, token=forged)


@pytest.mark.parametrize(
    ("origin", "welcome"), [("", True), ("https://shop.example", True), ("https://x.example", False)]
)
def test_listed_pages_and_the_servers_own_may_connect(origin: str, welcome: bool) -> None:
    app = FastAPI()
    app.mount(
        "/socket.io", socket_app(scripted(), RasaSocket(), Limits(), "shop", Messages(), ["https://shop.example"])
    )
    with LocalServer(app) as server:
        asked = {"EIO": "4", "transport": "polling"}
        answer = httpx.get(f"{server.url}/socket.io/", params=asked, headers={"Origin": origin or server.url})
    assert (answer.status_code == 200) is welcome


NONSENSE: list[Any] = [None, 7, [], {"message": 7}, {"message": ""}, {"session_id": {}}]


@pytest.mark.parametrize("data", NONSENSE)
def test_nonsense_is_passed_over_and_ends_nothing(data: Any) -> None:
    with served(RasaSocket()) as (url, desk), socketio.SimpleClient() as client:
        client.connect(url, transports=["websocket"])
        client.emit("user_uttered", data)
        client.emit("user_uttered", {"message": "hi"})
        assert client.receive(timeout=10)[1]["text"] == "You said: hi"
    assert desk.heard == ["hi"]


def test_what_is_not_taken_is_said_in_words() -> None:
    with served(RasaSocket()) as (url, _):
        _, refused, answer = talk(url, {"message": "x" * 9000}, {"message": "hi"})
    assert "too long" in refused[1]["text"] and answer[1]["text"] == "You said: hi"


class Faulty(FakeDesk):
    """Fails the first look at a position, or the first reading of events."""

    def __init__(self, *, position: bool = False, events: bool = False) -> None:
        super().__init__(script)
        self.position_fails, self.events_fail = position, events

    async def position(self, conversation_id: str) -> int:
        failed, self.position_fails = self.position_fails, False
        if failed:
            raise StoreError("the disk is full.")
        return await super().position(conversation_id)

    async def events(self, conversation_id: str, after: int = 0) -> AsyncIterator[Event]:
        failed, self.events_fail = self.events_fail, False
        if failed:
            raise StoreError("the disk is full.")
        async for event in super().events(conversation_id, after):
            yield event


def test_a_store_that_fails_before_a_message_is_taken_is_said() -> None:
    with served(RasaSocket(), desk=Faulty(position=True)) as (url, _):
        _, refused, answer = talk(url, {"message": "hi"}, {"message": "hi"})
    assert refused[1]["text"] == Messages().apology and answer[1]["text"] == "You said: hi"


def test_a_store_that_fails_once_does_not_end_the_answers() -> None:
    with served(RasaSocket(), desk=Faulty(events=True)) as (url, _):
        _, answer = talk(url, {"message": "hi"})
    assert answer[1]["text"] == "You said: hi"


class Stored(FakeDesk):
    """Its events are those of a store."""

    def __init__(self, store: Store) -> None:
        super().__init__(script)
        self.store = store

    def events(self, conversation_id: str, after: int = 0) -> AsyncIterator[Event]:
        return follow(self.store, conversation_id, after)


def test_who_left_or_went_to_another_conversation_follows_nothing(tmp_path: Path) -> None:
    async def go(store: Store) -> list[set[str]]:
        server = socketio.AsyncServer(async_mode="asgi")
        rooms = Rooms(server, Stored(store), RasaSocket(session_persistence=True), "shop", Messages())
        found: list[set[str]] = []
        await rooms.connect("s", {})
        for name in ("a", "b", "c", "c"):
            await asyncio.gather(*(rooms.session_request("s", {"session_id": name}) for _ in range(2)))
            await asyncio.sleep(0.05)
            found.append(set(store.spoken._bells))
        await rooms.disconnect("s")
        await rooms.session_request("s", {"session_id": "late"})
        await asyncio.sleep(0.05)
        return [*found, set(store.spoken._bells)]

    with Store(f"sqlite:///{tmp_path}/store.db") as store:
        found = asyncio.run(go(store))
    assert found == [{"socketio:a"}, {"socketio:b"}, {"socketio:c"}, {"socketio:c"}, set()]
