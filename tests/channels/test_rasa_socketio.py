"""Rasa's socket.io channel, through the client that python-socketio ships."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jwt
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from frontdesk.bot.config import Limits, Messages, RasaSocket
from frontdesk.channels.fakes.server import LocalServer
from frontdesk.channels.rasa_socketio import socket_app
from tests.channels.wire import scripted

socketio: Any = pytest.importorskip("socketio", reason="needs the extra `rasa`")
KEY = "k" * 32


@contextmanager
def served(settings: RasaSocket, limits: Limits | None = None) -> Iterator[tuple[str, Any]]:
    desk, app = scripted(), FastAPI()
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


def test_a_fact_comes_with_its_source_and_without_a_session_the_connection_is_one() -> None:
    with served(RasaSocket(bot_message_evt="bot", user_message_evt="user_uttered")) as (url, desk):
        _, answer = talk(url, {"message": "return?"})
    assert answer[0] == "bot" and answer[1]["text"].startswith("You may return it")
    assert "socketio:s1" not in desk._conversations and len(desk._conversations) == 1


def test_only_signed_clients_where_a_key_is_set() -> None:
    settings = RasaSocket(jwt_key=SecretStr(KEY))
    with served(settings) as (url, _):
        assert talk(url, {"message": "hi"}, token=jwt.encode({"sub": "u"}, KEY))[1][1]["text"] == "You said: hi"
        for forged in ("", "x", jwt.encode({"sub": "u"}, "o" * 32), jwt.encode({"sub": "u"}, "", algorithm="none")):
            with pytest.raises(socketio.exceptions.ConnectionError):
                talk(url, token=forged)


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
