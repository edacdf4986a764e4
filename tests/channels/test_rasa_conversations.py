"""Rasa's HTTP API over conversations, and its callback channel."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import jwt
import pytest
from fastapi import FastAPI, Request
from pydantic import SecretStr

from frontdesk.bot.config import Limits, Messages, RasaCallback, RasaRest
from frontdesk.bot.types import Customer, Message
from frontdesk.channels.fakes.server import LocalServer
from frontdesk.channels.rasa import rasa_router
from frontdesk.channels.rasa_callback import CallbackSender, callback_router
from frontdesk.channels.rasa_conversations import NOT_MADE, conversations_router
from frontdesk.channels.testing import FakeDesk
from tests.channels.wire import done, event_with, kept, scripted, served

KEY = "k" * 32
SETTINGS = RasaRest(token=SecretStr("letmein"), jwt_secret=SecretStr(KEY))
Use = Callable[[httpx.AsyncClient, FakeDesk], Awaitable[Any]]


def used(use: Use, settings: RasaRest = SETTINGS) -> Any:
    """Have `u1` say hi, then use the API."""
    desk = scripted()

    async def go() -> Any:
        routers = (
            rasa_router(desk, Limits(), "shop", Messages()),
            conversations_router(desk, settings, Limits()),
        )
        async with served(*routers) as client:
            await client.post("/webhooks/rest/webhook", json={"sender": "u1", "message": "hi"})
            return await use(client, desk)

    return asyncio.run(go())


def test_the_tracker() -> None:
    async def use(client: httpx.AsyncClient, desk: FakeDesk) -> list[Any]:
        urls = ("?token=letmein", "?token=letmein&include_events=NONE", "?token=letmein&until=5")
        return [(await client.get(f"/conversations/u1/tracker{url}")).json() for url in urls]

    whole, bare, early = used(use)
    assert (whole["sender_id"], whole["conversation_id"], whole["paused"]) == ("u1", "u1", False)
    assert [event["event"] for event in whole["events"]] == ["user", "bot", "action"]
    assert whole["latest_message"]["text"] == "hi" and whole["latest_input_channel"] == "rest"
    assert bare["events"] is None and early["events"] == []


def bearer(role: str, name: str, key: str = KEY) -> dict[str, str]:
    return {"Authorization": "Bearer " + jwt.encode({"user": {"username": name, "role": role}}, key)}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Basic x"}, 401),
        ({"Authorization": "Bearer x"}, 401),
        (bearer("admin", "ops", "o" * 32), 401),
        ({"Authorization": "Bearer " + jwt.encode({"user": {"role": "admin"}}, "", algorithm="none")}, 401),
        (bearer("user", "u2"), 403),
        (bearer("nobody", "u1"), 403),
        (bearer("user", "u1"), 200),
        (bearer("admin", "ops"), 200),
    ],
)
def test_who_may_ask(headers: dict[str, str], status: int) -> None:
    async def use(client: httpx.AsyncClient, desk: FakeDesk) -> httpx.Response:
        return await client.get("/conversations/u1/tracker", headers=headers)

    answer = used(use)
    assert answer.status_code == status
    if status != 200:
        assert set(answer.json()) == {"version", "status", "message", "reason", "details", "help", "code"}


def test_a_user_may_not_name_a_conversation_of_another_channel() -> None:
    async def use(client: httpx.AsyncClient, desk: FakeDesk) -> list[Any]:
        urls = ("/conversations/rest:u1/tracker",)
        who = (bearer("user", "rest:u1"), bearer("admin", "ops"))
        return [(await client.get(url, headers=headers)).json()["events"] for url in urls for headers in who]

    as_user, as_admin = used(use)
    assert as_user == [] and len(as_admin) == 3


def test_without_a_token_in_the_settings_all_is_closed() -> None:
    async def use(client: httpx.AsyncClient, desk: FakeDesk) -> list[int]:
        paths = ("/conversations/u1/tracker", "/conversations/u1/tracker?token=", "/status", "/version")
        return [(await client.get(path)).status_code for path in paths]

    assert used(use, RasaRest()) == [401, 401, 401, 200]


def test_what_is_not_made_says_so() -> None:
    async def use(client: httpx.AsyncClient, desk: FakeDesk) -> set[int]:
        urls = [(method, path.replace("{id}", "u1") + "?token=letmein") for method, path in NOT_MADE]
        return {(await client.request(method, url)).status_code for method, url in urls}

    assert used(use) == {501}


def test_a_colleague_writes_and_hands_back() -> None:
    async def use(client: httpx.AsyncClient, desk: FakeDesk) -> list[Any]:
        url, found = "/conversations/u1/tracker/events?token=letmein", []
        for events in (
            {"event": "agent", "text": "I'll look.", "metadata": {"author": "Ada"}},
            [{"event": "resume"}],
            {"event": "slot", "name": "x", "value": 1},
            [{"event": "agent"}],
            7,
        ):
            answer = await client.post(url, json=events)
            found.append(answer.json().get("paused", answer.status_code))
        missing = await client.post("/conversations/none/tracker/events?token=letmein", json={"event": "resume"})
        return [*found, missing.status_code]

    assert used(use) == [True, False, 400, 400, 400, 404]


def test_a_customer_may_not_write_as_a_colleague() -> None:
    async def use(client: httpx.AsyncClient, desk: FakeDesk) -> list[Any]:
        url, me = "/conversations/u1/tracker/events", bearer("user", "u1")
        forged = {"event": "agent", "text": "Here is your refund.", "metadata": {"author": "Ada"}}
        answers = [await client.post(url, json=event, headers=me) for event in (forged, {"event": "resume"})]
        state = (await kept(desk, "rest:u1")).state
        allowed = await client.post(url, json=forged, headers=bearer("admin", "ops"))
        return [*(answer.status_code for answer in answers), state, allowed.status_code]

    assert used(use) == [403, 403, "bot", 200]


def test_a_message_is_noted() -> None:
    async def use(client: httpx.AsyncClient, desk: FakeDesk) -> list[Any]:
        url = "/conversations/u1/messages?token=letmein"
        bad = [(await client.post(url, json=body)).status_code for body in ({"text": "x"}, {"sender": "user"}, {})]
        noted = (await client.post(url, json={"text": "by telephone", "sender": "user"})).json()
        conversation = await kept(desk, "rest:u1")
        return [bad, noted["latest_message"]["text"], conversation.turns[-1].message.metadata["noted"]]

    assert used(use) == [[400, 400, 400], "by telephone", True]


def test_a_message_is_noted_in_a_conversation_of_another_channel() -> None:
    async def use(client: httpx.AsyncClient, desk: FakeDesk) -> list[Any]:
        body, here = {"text": "by telephone", "sender": "user"}, "a" * 32
        first = Message(
            text="hi", conversation_id=here, brand="shop", channel="web", customer=Customer(id="nora"), id="m1"
        )
        await desk.accept(first, first.id)
        url = "/conversations/{}/messages?token=letmein"
        answers = [await client.post(url.format(id), json=body) for id in (here, "nobody")]
        conversation = await kept(desk, here)
        said = conversation.turns[-1].message
        return [*(answer.status_code for answer in answers), said.text, said.channel, said.customer.id, len(desk.heard)]

    assert used(use) == [200, 404, "by telephone", "web", "nora", 3]


def test_the_callback_channel_posts_the_replies() -> None:
    got: list[dict[str, Any]] = []
    theirs, desk = FastAPI(openapi_url=None), scripted()

    async def reply(request: Request) -> dict[str, str]:
        got.append(await request.json())
        return {"status": "ok"}

    theirs.post("/bot")(reply)

    async def go(url: str) -> str:
        sender = CallbackSender(RasaCallback(url=SecretStr(f"{url}/bot")), Messages())
        async with served(callback_router(desk, Limits(), "shop")) as client:
            answer = await client.post("/webhooks/callback/webhook", json={"sender": "u1", "message": "return?"})
        [event] = await done(desk, "callback:u1")
        conversation = await kept(desk, "callback:u1")
        await sender.send(event, conversation)
        written = {"text": "I'll look.", "author": "Ada"}
        await sender.send(event_with(written, "callback:u1", 99, "sentence"), conversation)
        await sender.close()
        return answer.text

    with LocalServer(theirs) as server:
        assert asyncio.run(go(server.url)) == "success"
    assert [message["recipient_id"] for message in got] == ["u1"] * 3
    assert got[0]["text"].startswith("You may return it") and got[1]["text"].startswith("[1] Returns")
    assert got[2]["text"] == "Ada: I'll look."
