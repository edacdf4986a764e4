"""Chatwoot's agent bot: acknowledged before it is answered, refused when it cannot be kept, opened at a handoff."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from pydantic import SecretStr

from frontdesk.bot.channel_config import Chatwoot
from frontdesk.bot.config import Limits
from frontdesk.bot.delivery import Delivery
from frontdesk.bot.desk import FrontDesk
from frontdesk.bot.types import Conversation, Message, Route, Sentence
from frontdesk.channels.chatwoot import ChatwootIntake, ChatwootSender, chatwoot_router
from frontdesk.channels.fakes.server import LocalServer
from frontdesk.channels.signatures import chatwoot_signature
from frontdesk.channels.testing import FakeDesk, FakeStaff
from tests.bot.desks import desk_of, opened, state
from tests.bot.test_handoff import PLAIN
from tests.channels.wire import script, served

URL, TOKEN = "/webhooks/chatwoot/webhook?secret=" + "s" * 16, "token-of-the-bot"
HERE = "chatwoot:1:10"


def incoming(text: str, number: int = 118, **changes: Any) -> dict[str, Any]:
    """Return a message of a customer as Chatwoot tells it."""
    return {
        "event": "message_created",
        "id": number,
        "content": text,
        "message_type": "incoming",
        "content_type": "text",
        "private": False,
        "sender": {"id": 7, "name": "Nora", "type": "contact"},
        "inbox": {"id": 1},
        "conversation": {"id": 10, "status": "pending", "inbox_id": 1, "channel": "Channel::WebWidget", "meta": {}},
        "account": {"id": 1},
    } | changes


def resolved(number: int = 10, **changes: Any) -> dict[str, Any]:
    """Return what Chatwoot tells of a resolved conversation: only its last message names the account."""
    sender = {"id": 7, "name": "Nora", "type": "contact", "additional_attributes": {}, "custom_attributes": {}}
    last = {"id": 118, "content": "thanks", "account_id": 1, "conversation_id": number, "message_type": 0}
    return {
        "event": "conversation_resolved",
        "id": number,
        "status": "resolved",
        "channel": "Channel::WebWidget",
        "can_reply": True,
        "contact_inbox": {"id": 4, "contact_id": 7, "inbox_id": 1},
        "inbox_id": 1,
        "messages": [last],
        "labels": [],
        "meta": {"sender": sender, "assignee": None, "team": None, "hmac_verified": False},
        "additional_attributes": {},
        "custom_attributes": {},
        "timestamp": 1767225600,
    } | changes


class Theirs:
    """A local Chatwoot: keeps what the bot posts, and each conversation's status."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.status = "pending"
        self.app = FastAPI(openapi_url=None)
        self.app.post("/api/v1/accounts/1/conversations/10/{path}")(self._take)

    async def _take(self, path: str, request: Request) -> Response:
        if request.headers.get("api_access_token") != TOKEN:
            return JSONResponse({"error": "no"}, 401)
        body = await request.json()
        if path == "toggle_status":
            self.status = body["status"]
        else:
            self.messages.append(body)
        return JSONResponse({"id": len(self.messages)})


def settings(url: str = "http://127.0.0.1:9") -> Chatwoot:
    return Chatwoot(url=url, token=SecretStr(TOKEN), secret=SecretStr("s" * 16))


async def posted(
    http: httpx.AsyncClient, body: dict[str, Any], url: str = URL, headers: dict[str, str] | None = None
) -> int:
    return (await http.post(url, content=json.dumps(body), headers=headers)).status_code


def test_it_is_acknowledged_while_the_answer_is_still_being_made(tmp_path: Path) -> None:
    gate = asyncio.Event()

    class Slow:
        async def answer(self, message: Message, conversation: Conversation, route: Route) -> AsyncIterator[Sentence]:
            await gate.wait()
            yield Sentence(text="Hello, Nora.")

    async def go(url: str, theirs: Theirs) -> None:
        desk, sender = desk_of(tmp_path, PLAIN), ChatwootSender(settings(url))
        desk.engine.answerers = {**desk.engine.answerers, "voice": Slow()}
        desk.staff.targets.append(sender)
        delivery = Delivery(desk.store, {"chatwoot": sender})
        intake = ChatwootIntake(desk, desk.staff, Limits(), "b")
        async with opened(desk), served(chatwoot_router(intake, settings(), Limits())) as http:
            await delivery.start()
            assert await posted(http, incoming("hello")) == 200
            assert theirs.messages == [] and theirs.status == "pending", "acknowledged, and no answer is made yet"
            gate.set()
            await wait(lambda: theirs.messages)
            assert theirs.messages[0] == {"content": "Hello, Nora.", "message_type": "outgoing", "private": False}
            assert theirs.status == "pending", "nothing was handed over by accident"
            await delivery.stop()
        await sender.close()

    theirs = Theirs()
    with LocalServer(theirs.app) as server:
        asyncio.run(go(server.url, theirs))


def test_a_handoff_opens_the_conversation_there_and_resolved_gives_it_back(tmp_path: Path) -> None:
    async def go(url: str, theirs: Theirs) -> None:
        desk, sender = desk_of(tmp_path, PLAIN), ChatwootSender(settings(url))
        desk.staff.targets.append(sender)
        delivery = Delivery(desk.store, {"chatwoot": sender})
        intake = ChatwootIntake(desk, desk.staff, Limits(), "b")
        async with opened(desk), served(chatwoot_router(intake, settings(), Limits())) as http:
            await delivery.start()
            await posted(http, incoming("may I return it?", 1))
            await posted(http, incoming("a person please", 2))
            await wait(lambda: theirs.status == "open" and len(theirs.messages) == 3)
            public = [one["content"] for one in theirs.messages if not one["private"]]
            assert "[1] Returns" in public[0] and public[1] == PLAIN.messages.handoff
            (note,) = [one["content"] for one in theirs.messages if one["private"]]
            assert "may I return it?" in note and "Cited" in note
            theirs_now = incoming("are you there?", 3)
            theirs_now["conversation"]["status"] = "open"
            assert await posted(http, theirs_now) == 200
            assert len((await state(desk, HERE)).turns) == 2, "what is said to people there is theirs"
            assert await posted(http, resolved()) == 200
            assert (await state(desk, HERE)).state == "bot"
            await delivery.stop()
            assert len(theirs.messages) == 3, "what the bot says by itself is not said there"
        await sender.close()

    theirs = Theirs()
    with LocalServer(theirs.app) as server:
        asyncio.run(go(server.url, theirs))


def test_a_resolved_conversation_without_messages_is_known_by_its_number_if_only_one_has_it() -> None:
    async def go() -> None:
        desk = FakeDesk(script)
        intake = ChatwootIntake(desk, FakeStaff(desk), Limits(), "shop")
        async with served(chatwoot_router(intake, settings(), Limits())) as http:
            for account in (1, 2):
                await posted(http, incoming("hello", account={"id": account}))
                await desk.post(f"chatwoot:{account}:10", "Hello.", "Ana")
            assert await posted(http, resolved(messages=[])) == 200
            assert len(await desk.waiting()) == 2, "two accounts have a conversation of that number"
            assert await posted(http, resolved(messages=[{"account_id": 2}])) == 200
            assert [each.id for each in await desk.waiting()] == [HERE]
            for other in (resolved(99, messages=[]), resolved(messages=["?"], id=None), resolved(0, messages=None)):
                assert await posted(http, other) == 200
            assert [each.id for each in await desk.waiting()] == [HERE]
            assert await posted(http, resolved(messages=[])) == 200
            assert await desk.waiting() == []

    asyncio.run(go())


def test_a_resolved_that_is_delivered_again_later_gives_nothing_back_again(tmp_path: Path) -> None:
    async def go() -> None:
        desk = desk_of(tmp_path, PLAIN)
        intake = ChatwootIntake(desk, desk.staff, Limits(), "b")
        async with opened(desk), served(chatwoot_router(intake, settings(), Limits())) as http:
            for number, delivery in enumerate(({}, {"x-chatwoot-delivery": "7c1"})):
                await posted(http, incoming("a person please", 2 * number))
                assert (await answered(desk, 2 * number + 1)).state == "waiting"
                first = resolved(timestamp=1767225600 + number)
                assert await posted(http, first, headers=delivery) == 200
                assert (await state(desk, HERE)).state == "bot"
                await posted(http, incoming("a person please", 2 * number + 1))
                assert (await answered(desk, 2 * number + 2)).state == "waiting"
                assert await posted(http, first, headers=delivery) == 200
                assert (await state(desk, HERE)).state == "waiting", "it says what is long past"
                assert await posted(http, resolved(timestamp=1767225700 + number)) == 200
                assert (await state(desk, HERE)).state == "bot"

    asyncio.run(go())


def test_with_a_signing_secret_only_what_chatwoot_signed_just_now_counts() -> None:
    async def go() -> None:
        desk, secret = FakeDesk(script), "the-secret-of-the-agent-bot"
        signing = settings().model_copy(update={"signing_secret": SecretStr(secret)})
        intake = ChatwootIntake(desk, FakeStaff(desk), Limits(), "shop")
        body, now = json.dumps(incoming("hello")).encode(), int(time.time())
        stale, good = (
            {"x-chatwoot-timestamp": str(at), "x-chatwoot-signature": chatwoot_signature(secret, body, str(at))}
            for at in (now - 400, now)
        )
        wrong: tuple[dict[str, str], ...] = (
            {},
            {**good, "x-chatwoot-timestamp": str(now + 1)},
            {**good, "x-chatwoot-signature": "sha256=é"},
            {**good, "x-chatwoot-timestamp": "abc"},
            stale,
        )
        async with served(chatwoot_router(intake, signing, Limits())) as http:
            for headers in wrong:
                sent = {name: value.encode("utf-8") for name, value in headers.items()}
                assert (await http.post(URL, content=body, headers=sent)).status_code == 401  # type: ignore[arg-type]
            assert await desk.conversation(HERE) is None
            assert (await http.post(URL + "x", content=body, headers=good)).status_code == 401
            assert (await http.post(URL, content=body, headers=good)).status_code == 200
            assert await desk.conversation(HERE) is not None

    asyncio.run(go())


def test_what_cannot_be_kept_is_refused_so_that_a_person_there_has_it() -> None:
    async def go() -> None:
        desk = FakeDesk(script)
        intake = ChatwootIntake(desk, FakeStaff(desk), Limits(), "shop")
        async with served(chatwoot_router(intake, settings(), Limits())) as http:
            desk.broken = True
            assert await posted(http, incoming("hello")) == 503
            desk.broken = False
            assert await posted(http, incoming("hello")) == 200
            assert await posted(http, incoming("hello")) == 200
            found = await desk.conversation(HERE)
            assert found is not None and len(found.turns) == 1

    asyncio.run(go())


def test_what_is_not_for_the_bot_is_acknowledged_and_left_alone() -> None:
    async def go() -> None:
        desk = FakeDesk(script)
        intake = ChatwootIntake(desk, FakeStaff(desk), Limits(), "shop")
        others: tuple[dict[str, Any], ...] = (
            incoming("ours", message_type="outgoing"),
            incoming("hush", private=True),
            incoming("open", conversation={"id": 10, "status": "open"}),
            incoming(" "),
            {"event": "webwidget_triggered"},
            {"event": "conversation_resolved", "id": 99, "account": {"id": 1}},
            {"event": "message_created", "conversation": "10", "account": [], "sender": None},
            {},
        )
        async with served(chatwoot_router(intake, settings(), Limits())) as http:
            for body in others:
                assert await posted(http, body) == 200
            assert await posted(http, incoming("hello"), URL + "x") == 401
            assert await desk.conversation(HERE) is None
            pressed = incoming("Which one?", 5, event="message_updated", message_type="outgoing")
            pressed["content_attributes"] = {"submitted_values": [{"title": "Returning", "value": "/return_policy"}]}
            assert await posted(http, pressed) == 200
            found = await desk.conversation(HERE)
            assert found is not None and found.turns[0].message.text == "/return_policy"

    asyncio.run(go())


async def wait(done: Any) -> None:
    async with asyncio.timeout(20):
        while not done():
            await asyncio.sleep(0.02)


async def answered(desk: FrontDesk, turns: int) -> Conversation:
    """Return the conversation once so many turns of it are answered."""
    async with asyncio.timeout(20):
        while True:
            found = await desk.conversation(HERE)
            if found and sum(turn.reply is not None for turn in found.turns) == turns:
                return found
            await asyncio.sleep(0.02)
