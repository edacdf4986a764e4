"""Signed nonsense of every shape: whatever a body holds, no webhook fails, and what is accepted is well formed."""

from __future__ import annotations

import asyncio
import copy
import json
import random
from collections.abc import Mapping
from typing import Any

import httpx
from pydantic import SecretStr

from frontdesk.bot.config import Limits, Messages, Slack, Telegram
from frontdesk.channels.fakes.fake_slack import FakeSlack
from frontdesk.channels.fakes.fake_telegram import FakeTelegram
from frontdesk.channels.rasa import rasa_router
from frontdesk.channels.slack import SlackIntake, SlackSender, slack_router
from frontdesk.channels.slack_posts import thumbs
from frontdesk.channels.slack_stream import SlackStreams
from frontdesk.channels.telegram import TelegramIntake, TelegramSender, telegram_router
from frontdesk.channels.testing import FakePlaces
from tests.channels.wire import scripted, served

CASES = 700
NASTY: list[Any] = [None, True, -1, 2**70, 1e308, "", " ", "\x00", "\ud800", "U1", "D1", "private", "#", "x" * 9000]
NASTY += [[], [[]], {}, {"id": {}}, [None], {"text": []}, "<@U0BOT>", "/start", "<http://[|x>", "1e999", "nan"]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


def spoiled(random_: random.Random, payload: Mapping[str, Any]) -> Any:
    """Return the payload with one to three values replaced or removed."""
    result: Any = copy.deepcopy(dict(payload))
    for _ in range(random_.randint(1, 3)):
        path = random_.choice(places(result)[1:] or [()])
        parent = result
        for key in path[:-1]:
            parent = parent[key]
        if path and random_.random() < 0.2:
            del parent[path[-1]]
        elif path:
            parent[path[-1]] = copy.deepcopy(random_.choice(NASTY))
    return result


async def statuses(client: httpx.AsyncClient, url: str, requests: list[tuple[bytes, dict[str, str]]]) -> set[int]:
    """Post every request and return the statuses seen."""
    return {(await client.post(url, content=body, headers=headers)).status_code for body, headers in requests}


def test_slack() -> None:
    random_, fake = random.Random(1), FakeSlack()
    given = {"prompts": ("Hi",), "assistant": True, "api_url": "http://127.0.0.1:9"}
    secrets = {"signing_secret": SecretStr(fake.signing_secret), "bot_token": SecretStr("x")}
    settings = Slack.model_validate(secrets | given)
    button = {"type": "button", "action_id": "choice_0", "value": "/a", "text": {"type": "plain_text", "text": "A"}}
    post = {"ts": "1.1", "text": "x", "channel": "C1", "thread_ts": "1.0", "blocks": [{"elements": [button]}]}
    seeds = [
        fake.message("hi", thread_ts="1.1"),
        fake.mention("hi"),
        fake.press(post, "/a"),
        fake.message("a", channel="C1"),
        fake.rate(post | {"blocks": [thumbs("slack:T:C1:1.0 slack:T:C1:1.0")]}, "up"),
        fake.opened("D1", "7.7"),
        fake.opened("D1"),
        fake.message("hi", thread_ts="7.7", assistant_thread={"action_token": "1.2"}),
    ]

    async def go() -> set[int]:
        desk, sender = scripted(), SlackSender(settings)
        sender.streams = SlackStreams(desk, sender.api, settings.bot_token, FakePlaces(), quick=0.0)
        intake = SlackIntake(desk, Limits(), "shop", settings, sender=sender)
        async with served(slack_router(intake, settings, Limits())) as client:
            requests = [fake.signed(spoiled(random_, random_.choice(seeds))) for _ in range(CASES)]
            found = await statuses(client, "/webhooks/slack/webhook", requests)
        await sender.close()
        return found

    assert {200} <= asyncio.run(go()) <= {200, 400}


def test_telegram() -> None:
    random_, fake = random.Random(2), FakeTelegram()
    settings = Telegram(
        bot_token=SecretStr("1:x"), secret_token=SecretStr(fake.secret_token), api_url="http://127.0.0.1:9"
    )
    keyboard = {"inline_keyboard": [[{"text": "A", "callback_data": "#0"}]]}
    seeds = [fake.message("hi"), fake.press({"chat_id": 7, "text": "x", "reply_markup": keyboard}, "A")]

    async def go() -> set[int]:
        sender = TelegramSender(settings)
        async with served(
            telegram_router(TelegramIntake(scripted(), Limits(), "shop", sender), settings, Limits())
        ) as client:
            updates = [spoiled(random_, random_.choice(seeds)) for _ in range(CASES)]
            requests = [(json.dumps(update).encode(), fake.headers) for update in updates]
            found = await statuses(client, "/webhooks/telegram/webhook", requests)
        await sender.close()
        return found

    assert {200} <= asyncio.run(go()) <= {200, 400}


def test_rasa() -> None:
    random_ = random.Random(3)
    seed = {"sender": "u1", "message": "hi", "input_channel": "rest", "metadata": {"message_id": "m", "x": [1]}}

    async def go() -> set[int]:
        async with served(rasa_router(scripted(), Limits(), "shop", Messages())) as client:
            requests = [(json.dumps(spoiled(random_, seed)).encode(), dict[str, str]()) for _ in range(CASES)]
            return await statuses(client, "/webhooks/rest/webhook", requests)

    assert {200, 400} <= asyncio.run(go()) <= {200, 400, 413}
