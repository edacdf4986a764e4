"""People who work elsewhere: threads in Slack, signed webhooks both ways; over a real desk and real sockets."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from pydantic import SecretStr

from frontdesk.bot.config import Limits, Slack
from frontdesk.bot.desk import FrontDesk
from frontdesk.bot.errors import ConfigError
from frontdesk.bot.people import Agent, SlackDesk, WebhookDesk
from frontdesk.channels.fakes.fake_slack import FakeSlack
from frontdesk.channels.fakes.server import Fault, LocalServer
from frontdesk.channels.slack import SlackIntake, SlackSender, slack_router
from frontdesk.channels.slack_threads import SlackThreads
from frontdesk.channels.webhook_desk import Webhook, key_of, signed, verified, webhook_desk_router
from tests.bot.desks import desk_of, last_words, opened, state, told
from tests.bot.test_handoff import PLAIN
from tests.channels.wire import served

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HERE = "https://bot.example"


async def until(done: Any) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(20):
        while not done():
            await asyncio.sleep(0.02)


# --- Slack ------------------------------------------------------------------------------------------------------
CHANNEL = "C0DESK"


class SlackWorld:
    """A desk, a local Slack, and our webhook for it."""

    def __init__(self, desk: FrontDesk, fake: FakeSlack, url: str) -> None:
        self.desk, self.fake = desk, fake
        settings = Slack(
            bot_token=SecretStr(fake.bot_token), signing_secret=SecretStr(fake.signing_secret), api_url=url + "/api/"
        )
        self.sender = SlackSender(settings)
        people = {"ana": Agent(name="Ana", token=SecretStr("t" * 16), slack="U0ANA")}
        self.threads = SlackThreads(SlackDesk(channel=CHANNEL), self.sender.api, settings.bot_token, people, HERE)
        self.threads.staff, self.threads.find = desk.staff, desk.staff.conversation_at
        desk.staff.targets.append(self.threads)
        self.router = slack_router(SlackIntake(desk, Limits(), "b", settings, self.threads), settings, Limits())

    @property
    def thread(self) -> str:
        """The time stamp of the thread that stands for the conversation."""
        return str(self.fake.posted[0]["ts"])

    async def write(self, http: httpx.AsyncClient, text: str, **event: Any) -> int:
        """Write in the channel as a colleague."""
        fields = {"channel": CHANNEL, "user": "U0ANA", "thread_ts": self.thread} | event
        body, headers = self.fake.signed(self.fake.message(text, **fields))
        first = await http.post("/webhooks/slack/webhook", content=body, headers=headers)
        again = await http.post("/webhooks/slack/webhook", content=body, headers=headers)  # Slack repeats itself
        assert first.status_code == again.status_code
        return first.status_code


def test_a_waiting_conversation_is_a_thread_and_what_is_written_there_reaches_the_customer(tmp_path: Path) -> None:
    async def go(url: str, fake: FakeSlack) -> None:
        desk = desk_of(tmp_path, PLAIN)
        world = SlackWorld(desk, fake, url)
        async with opened(desk), served(world.router) as http:
            await told(desk, "may I return it? <!channel>")
            await told(desk, "a person please")
            await until(lambda: fake.posted)
            first = fake.posted[0]
            assert first["channel"] == CHANNEL and "thread_ts" not in first
            assert "Ada Byron waits for a person" in first["text"] and "may I return it?" in first["text"]
            assert "<!channel>" not in first["text"] and f"<{HERE}/inbox/conversation?id=x|" in first["text"]
            await asyncio.sleep(0.1)
            assert await world.write(http, "Yes, within 45 days.") == 200
            assert (await last_words(desk)).data == {
                "text": "Yes, within 45 days.",
                "citations": [],
                "author": "Ana",
                "via": "slack",
            }
            assert (await state(desk)).state == "human"
            for bare in ({"text": "<@U0BEN>"}, {"text": "", "files": [{"id": "F1"}], "subtype": "file_share"}):
                assert await world.write(http, **bare) == 200
            assert (await last_words(desk)).data["text"] == "Yes, within 45 days.", (
                "a bare mention or file says nothing"
            )
            await told(desk, "thank you")
            await until(lambda: len(fake.posted) == 2)
            assert (fake.posted[1]["thread_ts"], fake.posted[1]["text"]) == (world.thread, "*Ada Byron:* thank you")
            assert await world.write(http, "!note she is lovely") == 200
            assert [note.text for note in await desk.staff.notes("x")] == ["she is lovely"]
            assert await world.write(http, "!done") == 200
            assert (await state(desk)).state == "bot"
            await until(lambda: "assistant has this conversation again" in fake.posted[-1]["text"])
            said = [e for e in desk.store.events("x", 0, 500) if e.data.get("author") == "Ana"]
            assert len(said) == 1, "what Slack delivers twice is written once"
        await world.sender.close()

    fake = FakeSlack()
    with LocalServer(fake.app) as server:
        asyncio.run(go(server.url, fake))


def test_in_the_desk_channel_the_bot_answers_nobody_and_a_held_conversation_says_so(tmp_path: Path) -> None:
    async def go(url: str, fake: FakeSlack) -> None:
        desk = desk_of(tmp_path, PLAIN)
        world = SlackWorld(desk, fake, url)
        async with opened(desk), served(world.router) as http:
            await told(desk, "a person please")
            await until(lambda: fake.posted)
            await asyncio.sleep(0.1)
            mention = fake.mention("hello", channel=CHANNEL, user="U0BEN", ts="1.5")
            body, headers = fake.signed(mention)
            assert (await http.post("/webhooks/slack/webhook", content=body, headers=headers)).status_code == 200
            assert await desk.conversation(f"slack:T0LOCAL:{CHANNEL}:1.5") is None
            await desk.staff.claim("x", "Ben")
            assert await world.write(http, "me too") == 200
            await until(lambda: "Ben has this conversation" in fake.posted[-1]["text"])
            assert await world.write(http, "!take") == 200
            assert await world.write(http, "now me") == 200
            assert (await last_words(desk)).data["author"] == "Ana"
            wrong = dict(headers) | {"X-Slack-Signature": "v0=" + "0" * 64}
            assert (await http.post("/webhooks/slack/webhook", content=body, headers=wrong)).status_code == 401
        await world.sender.close()

    fake = FakeSlack()
    with LocalServer(fake.app) as server:
        asyncio.run(go(server.url, fake))


def test_a_slack_that_is_down_hears_of_it_later(tmp_path: Path) -> None:
    async def go(url: str, fake: FakeSlack) -> None:
        desk = desk_of(tmp_path, PLAIN)
        world = SlackWorld(desk, fake, url)
        fake.faults.add(Fault(kind="busy", seconds=0.2), Fault(kind="busy", seconds=0.2))
        async with opened(desk):
            await told(desk, "a person please")
            assert [each.id for each in await desk.staff.queue()] == ["x"], "the inbox has it in any case"
            await until(lambda: fake.posted)
            assert len(fake.posted) == 1
        await world.sender.close()

    fake = FakeSlack()
    with LocalServer(fake.app) as server:
        asyncio.run(go(server.url, fake))


# --- webhook ----------------------------------------------------------------------------------------------------
class Elsewhere:
    """Another desk: keeps what was posted to it, refuses the first post, and signs what it sends."""

    def __init__(self) -> None:
        self.key, self.got, self.refused = key_of(SECRET), list[dict[str, Any]](), 0
        self.down = False
        self.ids: list[str] = []
        self.app = FastAPI(openapi_url=None)
        self.app.post("/hook")(self._take)

    async def _take(self, request: Request) -> Any:
        from fastapi.responses import Response

        body = await request.body()
        assert verified(self.key, request.headers, body, time.time())
        if self.down or not self.refused:
            self.refused += 1
            return Response(status_code=503, headers={"Retry-After": "0.1"})
        self.got.append(json.loads(body))
        self.ids.append(request.headers["webhook-id"])
        return {}

    def signed(self, number: str = "n1", **body: Any) -> dict[str, Any]:
        """Return content and headers of a delivery to us."""
        raw, stamp = json.dumps(body).encode(), str(int(time.time()))
        headers = {"webhook-id": number, "webhook-timestamp": stamp}
        return {"content": raw, "headers": headers | {"webhook-signature": signed(self.key, number, stamp, raw)}}


def test_another_desk_hears_and_answers_over_signed_webhooks(tmp_path: Path) -> None:
    async def go(url: str, elsewhere: Elsewhere) -> None:
        desk = desk_of(tmp_path, PLAIN)
        hook = Webhook(WebhookDesk(url=url + "/hook", secret=SecretStr(SECRET)), HERE)
        desk.staff.targets.append(hook)
        async with opened(desk), served(webhook_desk_router(desk.staff, hook.key)) as http:
            await told(desk, "may I return it?")
            await told(desk, "a person please")
            await until(lambda: elsewhere.got)
            first = elsewhere.got[0]
            assert (first["type"], first["data"]["conversation_id"], first["data"]["trigger"]) == (
                "handoff.opened",
                "x",
                "asked",
            )
            assert first["data"]["turns"][0]["reply"]["citations"][0]["quote"].startswith("You may return")
            assert first["data"]["summary"]["asked"][0] == "“may I return it?”"
            message = {"type": "message", "conversation_id": "x", "agent": "Zoe", "text": "Certainly."}
            for _ in range(2):
                assert (await http.post("/webhooks/desk", **elsewhere.signed(**message))).status_code == 200
            assert (await last_words(desk)).data["author"] == "Zoe"
            await told(desk, "great")
            note = {"type": "note", "conversation_id": "x", "agent": "Zoe", "text": "only for us"}
            noted = [(await http.post("/webhooks/desk", **elsewhere.signed("n3", **note))).json() for _ in range(2)]
            assert [one["duplicate"] for one in noted] == [False, True]
            assert [one.text for one in await desk.staff.notes("x")] == ["only for us"]
            done = {"type": "give_back", "conversation_id": "x", "agent": "Zoe"}
            assert (await http.post("/webhooks/desk", **elsewhere.signed("n2", **done))).status_code == 200
            await until(lambda: elsewhere.got[-1]["type"] == "handoff.ended")
            said = [one["data"] for one in elsewhere.got if one["type"] == "handoff.message"]
            assert [one["text"] for one in said] == ["great"], "not what came from there, nor any note"
            written = [event for event in desk.store.events("x", 0, 500) if event.data.get("author") == "Zoe"]
            assert len(written) == 1 and len(set(elsewhere.ids)) == len(elsewhere.ids)
        await hook.close()

    elsewhere = Elsewhere()
    with LocalServer(elsewhere.app) as server:
        asyncio.run(go(server.url, elsewhere))


def test_all_that_is_written_while_another_desk_is_down_is_told_it_later(tmp_path: Path) -> None:
    async def go(url: str, elsewhere: Elsewhere) -> None:
        desk = desk_of(tmp_path, PLAIN)
        hook = Webhook(WebhookDesk(url=url + "/hook", secret=SecretStr(SECRET)), HERE)
        desk.staff.targets.append(hook)
        async with opened(desk):
            await told(desk, "a person please")
            await until(lambda: elsewhere.got)
            await desk.staff.claim("x", "Zoe")
            elsewhere.down = True
            written = [f"message {number}" for number in range(30)]
            for text in written:
                await told(desk, text)
            elsewhere.down = False
            await until(lambda: any(written[-1] == one["data"].get("text") for one in elsewhere.got))
        said = [one["data"]["text"] for one in elsewhere.got if one["type"] == "handoff.message"]
        assert [text for text in said if text in written] == written
        await hook.close()

    elsewhere = Elsewhere()
    with LocalServer(elsewhere.app) as server:
        asyncio.run(go(server.url, elsewhere))


def test_a_command_that_is_delivered_again_later_undoes_nothing_that_was_done_since(tmp_path: Path) -> None:
    async def go() -> None:
        desk, elsewhere = desk_of(tmp_path, PLAIN), Elsewhere()
        async with opened(desk), served(webhook_desk_router(desk.staff, elsewhere.key)) as http:

            async def sent(number: str, kind: str, **more: Any) -> dict[str, Any]:
                body = {"type": kind, "conversation_id": "x", "agent": "Zoe", **more}
                answer = await http.post("/webhooks/desk", **elsewhere.signed(number, **body))
                assert answer.status_code == 200, answer.text
                found: dict[str, Any] = answer.json()
                return found

            await told(desk, "a person please")
            assert (await sent("n1", "claim", force=True))["agent"] == "Zoe"
            await desk.staff.claim("x", "Ben", force=True)
            assert (await sent("n1", "claim", force=True))["agent"] == "Ben", "Ben took it since"
            assert (await sent("n2", "claim", force=True))["agent"] == "Zoe"
            await sent("n3", "give_back")
            await told(desk, "a person please")
            await sent("n3", "give_back")
            await sent("n1", "claim", force=True)
            assert (await state(desk)).state == "waiting", "neither is for the new stay"
            await sent("n4", "give_back")
            await sent("n5", "give_back")
            deeds = [deed.action for deed in await desk.staff.deeds() if deed.actor == "Zoe"]
            assert deeds == ["gave back", "gave back", "took over", "claimed"]

    asyncio.run(go())


def test_a_command_that_slack_delivers_again_later_undoes_nothing_that_was_done_since(tmp_path: Path) -> None:
    async def go(url: str, fake: FakeSlack) -> None:
        desk = desk_of(tmp_path, PLAIN)
        world = SlackWorld(desk, fake, url)
        async with opened(desk), served(world.router) as http:
            await told(desk, "a person please")
            await until(lambda: fake.posted)
            await asyncio.sleep(0.1)

            async def again(text: str) -> None:
                assert await world.write(http, text, ts={"!take": "7.1", "!done": "7.2"}[text]) == 200

            await again("!take")
            await desk.staff.claim("x", "Ben", force=True)
            await again("!take")
            handoff = (await state(desk)).handoff
            assert handoff is not None and handoff.agent == "Ben"
            await again("!done")
            await told(desk, "a person please")
            await again("!done")
            assert (await state(desk)).state == "waiting"
        await world.sender.close()

    fake = FakeSlack()
    with LocalServer(fake.app) as server:
        asyncio.run(go(server.url, fake))


def test_a_forged_stale_or_broken_webhook_does_nothing(tmp_path: Path) -> None:
    async def go() -> None:
        desk, elsewhere = desk_of(tmp_path, PLAIN), Elsewhere()
        async with opened(desk), served(webhook_desk_router(desk.staff, elsewhere.key)) as http:
            await told(desk, "a person please")
            message = {"type": "message", "conversation_id": "x", "agent": "Zoe", "text": "Hello."}
            good = elsewhere.signed(**message)
            stale = str(int(time.time()) - 400)
            old = signed(elsewhere.key, "n1", stale, good["content"])
            for headers in (
                {},
                {**good["headers"], "webhook-signature": "v1,AAAA"},
                {**good["headers"], "webhook-signature": good["headers"]["webhook-signature"].replace("v1,", "v1a,")},
                {**good["headers"], "webhook-id": "n2"},
                {**good["headers"], "webhook-timestamp": "soon"},
                {**good["headers"], "webhook-timestamp": stale, "webhook-signature": old},
            ):
                answer = await http.post("/webhooks/desk", content=good["content"], headers=headers)
                assert answer.status_code == 401
            changed = await http.post("/webhooks/desk", content=good["content"] + b" ", headers=good["headers"])
            assert changed.status_code == 401
            assert (await state(desk)).state == "waiting"
            for wrong, status in (
                (message | {"text": " "}, 400),
                (message | {"type": "shout"}, 400),
                (message | {"conversation_id": "nowhere"}, 404),
            ):
                sent = elsewhere.signed(f"w{status}{wrong['type']}", **wrong)
                assert (await http.post("/webhooks/desk", **sent)).status_code == status
            await desk.staff.claim("x", "Ben")
            assert (await http.post("/webhooks/desk", **elsewhere.signed("n9", **message))).status_code == 409

    asyncio.run(go())


def test_the_standards_own_vector_and_secrets_that_are_too_short() -> None:
    body, stamp = b'{"test": 2432232314}', "1614265330"
    known = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signed(key_of(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", stamp, body) == known
    for short in ("secret", "whsec_" + base64.b64encode(b"short").decode(), "whsec_not base64!"):
        with pytest.raises(ConfigError):
            key_of(short)
