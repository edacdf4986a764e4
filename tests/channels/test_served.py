"""Slack and Telegram over the real store, desk and delivery, each on its own port: only the engine is a stand-in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from frontdesk.bot.config import Brand, Limits, Messages, RasaRest, Slack, Telegram
from frontdesk.bot.delivery import Delivery
from frontdesk.bot.desk import FrontDesk
from frontdesk.bot.engine import Engine, Send
from frontdesk.bot.store import Store
from frontdesk.bot.types import Conversation, Message, Reply
from frontdesk.channels.fakes.fake_slack import TEAM, FakeSlack
from frontdesk.channels.fakes.fake_telegram import FakeTelegram
from frontdesk.channels.fakes.server import Fault, LocalServer
from frontdesk.channels.rasa import rasa_router
from frontdesk.channels.rasa_conversations import conversations_router
from frontdesk.channels.slack import SlackIntake, SlackSender, slack_router
from frontdesk.channels.telegram import TelegramIntake, TelegramSender, telegram_router
from tests.channels.wire import script, served

PATIENCE = 20.0


class Scripted:
    """Stands in for the engine: answers with the shared script."""

    brands: Mapping[str, Brand] = {"shop": Brand(name="Shop")}

    async def respond(self, message: Message, conversation: Conversation, send: Send) -> Reply:
        reply = script(message)
        for sentence in reply.sentences:
            await send(sentence)
        return reply


@asynccontextmanager
async def running(folder: Path, slack: Slack, telegram: Telegram) -> AsyncIterator[tuple[FrontDesk, httpx.AsyncClient]]:
    """Run desk, delivery and both channels, and yield the desk and a client of the webhooks."""
    store = Store(f"sqlite:///{folder / 'desk.db'}")
    desk = FrontDesk(cast(Engine, Scripted()), store, Limits(), workers=2)
    slack_sender, telegram_sender = SlackSender(slack), TelegramSender(telegram)
    app = FastAPI()
    app.include_router(slack_router(SlackIntake(desk, Limits(), "shop", slack), slack, Limits()))
    app.include_router(telegram_router(TelegramIntake(desk, Limits(), "shop", telegram_sender), telegram, Limits()))
    delivery = Delivery(store, {"slack": slack_sender, "telegram": telegram_sender})
    await desk.start()
    await delivery.start()
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://frontdesk.test") as client:
        yield desk, client
    await delivery.stop()
    await slack_sender.close()
    await telegram_sender.close()
    await desk.stop()


async def until(met: Callable[[], bool]) -> None:
    """Wait until something has happened."""
    async with asyncio.timeout(PATIENCE):
        while not met():
            await asyncio.sleep(0.01)


async def talk_on_slack(desk: FrontDesk, client: httpx.AsyncClient, fake: FakeSlack) -> None:
    async def post(payload: Mapping[str, Any]) -> None:
        body, headers = fake.signed(payload)
        assert (await client.post("/webhooks/slack/webhook", content=body, headers=headers)).status_code == 200

    mention = fake.mention("can I return it?", ts="5.5")
    await asyncio.gather(
        *(post(m) for m in [mention, fake.message(mention["event"]["text"], channel="C1", ts="5.5")] * 3)
    )
    await until(lambda: len(fake.posted) == 1)
    await post(fake.message("choose", channel="C1", ts="6.6", thread_ts="5.5"))
    await until(lambda: len(fake.posted) == 2)
    await post(fake.press(fake.posted[1], "/choice_3"))
    await until(lambda: len(fake.posted) == 3)
    await desk.post(f"slack:{TEAM}:C1:5.5", "I'll look into it.", "Ada")
    await until(lambda: len(fake.posted) == 4)


async def talk_on_telegram(client: httpx.AsyncClient, fake: FakeTelegram) -> None:
    for update in [fake.message("/start"), fake.message("choose")]:
        for _ in range(2):
            content = json.dumps(update)
            answer = await client.post("/webhooks/telegram/webhook", content=content, headers=fake.headers)
            assert answer.status_code == 200
    await until(lambda: len(fake.sent) == 2)


def test_from_the_webhook_to_the_platform(tmp_path: Path) -> None:
    slack, telegram = FakeSlack(), FakeTelegram()
    slack.faults.add(Fault(kind="busy", seconds=0.1), None, Fault(kind="delay", seconds=0.1))

    async def go(slack_url: str, telegram_url: str) -> None:
        token, secret = SecretStr(slack.bot_token), SecretStr(slack.signing_secret)
        on_slack = Slack(signing_secret=secret, bot_token=token, api_url=f"{slack_url}/api/")
        token, secret = SecretStr(telegram.bot_token), SecretStr(telegram.secret_token)
        on_telegram = Telegram(bot_token=token, secret_token=secret, api_url=telegram_url)
        async with running(tmp_path, on_slack, on_telegram) as (desk, client):
            await asyncio.gather(talk_on_slack(desk, client, slack), talk_on_telegram(client, telegram))

    with LocalServer(slack.app) as slack_server, LocalServer(telegram.app) as telegram_server:
        asyncio.run(go(slack_server.url, telegram_server.url))
    assert [post["text"] for post in slack.posted] == [
        "You may return it within 45 days. [1] Good luck.",
        "Which one?",
        "You said: /choice_3",
        "*Ada:* I'll look into it.",
    ]
    assert {post["thread_ts"] for post in slack.posted} == {"5.5"}
    assert [post["text"] for post in telegram.sent] == ["You said: Hello", "Which one?"]


def test_what_an_action_shows_is_stored_and_reaches_rasas_clients(tmp_path: Path) -> None:
    nowhere = {"bot_token": SecretStr("1:x"), "api_url": "http://127.0.0.1:9"}
    on_slack = Slack.model_validate({**nowhere, "signing_secret": SecretStr("x")})

    async def go() -> list[list[str]]:
        async with running(tmp_path, on_slack, Telegram.model_validate(nowhere)) as (desk, _):
            rest = RasaRest(token=SecretStr("t" * 16))
            routers = (rasa_router(desk, Limits(), "shop", Messages()), conversations_router(desk, rest, Limits()))
            async with served(*routers) as client:
                said = {"sender": "u1", "message": "show it"}
                answer = (await client.post("/webhooks/rest/webhook", json=said)).json()
                tracker = (await client.get("/conversations/u1/tracker", params={"token": "t" * 16})).json()
        [bot] = [event for event in tracker["events"] if event["event"] == "bot"]
        return [[key for row in answer for key in row if key in bot["data"]], [k for k, v in bot["data"].items() if v]]

    answered, tracked = asyncio.run(go())
    assert answered == ["image", "attachment", "buttons", "custom"]
    assert set(tracked) == {"image", "attachment", "elements", "custom"}
