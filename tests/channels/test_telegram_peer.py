"""A recorded scene on Telegram, with aiogram as the other party: a real client takes what our bot reads and writes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import aiogram
import pytest
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramRetryAfter
from pydantic import SecretStr

from frontdesk.bot.config import Limits, Telegram
from frontdesk.channels.fakes.fake_telegram import USERNAME, FakeTelegram
from frontdesk.channels.fakes.server import Fault, LocalServer
from frontdesk.channels.telegram import TelegramIntake, TelegramSender
from tests.channels.wire import done, kept, scripted

PLACE = "telegram:7"
SCENE = ("/start", "can I return it?", "choose", "Choice 3")
SAID = (
    "You said: Hello",
    "You may return it within 45 days. [1] Good luck.\n\n"
    "[1] Returns <policy>: “You may return it within 45 days.” https://shop.example/returns",
    "Which one?",
    "You said: /choice_3",
)


def peer(url: str, token: str) -> aiogram.Bot:
    """Return aiogram's bot at a local Telegram."""
    return aiogram.Bot(token, session=AiohttpSession(api=TelegramAPIServer.from_base(url)))


def test_a_real_client_lives_on_the_local_telegram() -> None:
    fake, answered = FakeTelegram(), []
    fake.wait_for(fake.message("one"), fake.message("two", chat=-8))
    fake.faults.add(None, Fault(kind="busy", seconds=1))

    async def go(url: str) -> None:
        async with peer(url, fake.bot_token) as bot:
            assert (await bot.get_me()).username == USERNAME
            for update in await bot.get_updates(timeout=0):
                assert update.message and update.message.text
                answered.append(await bot.send_message(update.message.chat.id, update.message.text))
                with pytest.raises(TelegramRetryAfter):
                    await bot.send_message(7, "too fast")
                fake.faults.add(None, Fault(kind="busy", seconds=1))

    with LocalServer(fake.app) as server:
        asyncio.run(go(server.url))
    assert [post["text"] for post in fake.sent] == ["one", "two"]
    assert [message.chat.id for message in answered] == [7, -8]


def test_the_recorded_scene() -> None:
    fake = FakeTelegram()

    def update(line: str) -> Mapping[str, Any]:
        return fake.press(fake.sent[-1], line) if line.startswith("Choice") else fake.message(line)

    async def go(url: str) -> None:
        desk = scripted()
        sender = TelegramSender(Telegram(bot_token=SecretStr(fake.bot_token), api_url=url))
        intake = TelegramIntake(desk, Limits(), "shop", sender)
        for turn, line in enumerate(SCENE, 1):
            given = update(line)
            assert aiogram.types.Update.model_validate(given).update_id == given["update_id"]
            await intake.take(given)
            event = (await done(desk, PLACE, turn))[-1]
            await sender.send(event, await kept(desk, PLACE))
        await sender.close()
        for post in fake.sent:
            shown = fake.message(post["text"], chat=post["chat_id"])["message"]
            markup = {key: value for key, value in post.items() if key == "reply_markup"}
            assert aiogram.types.Message.model_validate(shown | markup).text == post["text"]

    with LocalServer(fake.app) as server:
        asyncio.run(go(server.url))
    assert tuple(post["text"] for post in fake.sent) == SAID
