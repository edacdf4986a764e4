"""Telegram's long polling: what is fetched is stored before it is confirmed, and the bot comes back by itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from frontdesk.bot.config import Limits, Telegram
from frontdesk.channels.fakes.fake_telegram import FakeTelegram
from frontdesk.channels.fakes.server import Fault, LocalServer
from frontdesk.channels.telegram import TelegramIntake, TelegramPolling, TelegramSender
from frontdesk.channels.testing import FakeDesk
from tests.channels.wire import kept, scripted

PATIENCE = 30.0


@asynccontextmanager
async def polling(fake: FakeTelegram, desk: FakeDesk, api_url: str) -> AsyncIterator[None]:
    """Fetch updates until the block ends."""
    settings = Telegram(bot_token=SecretStr(fake.bot_token), api_url=api_url)
    sender = TelegramSender(settings)
    listener = TelegramPolling(sender.api, TelegramIntake(desk, Limits(), "shop", sender), pause=0.01).listener
    await listener.start()
    try:
        yield
    finally:
        await listener.stop()
        await sender.close()


async def until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not met():
            await asyncio.sleep(0.01)


async def fetched(fake: FakeTelegram, desk: FakeDesk, met: Callable[[], bool]) -> None:
    """Fetch from the fake until something has happened."""
    with LocalServer(fake.app) as server:
        async with polling(fake, desk, server.url):
            await until(met)


def texts(desk: FakeDesk, conversation_id: str = "telegram:7") -> list[str]:
    return [turn.message.text for turn in asyncio.run(kept(desk, conversation_id)).turns]


def test_updates_are_answered_once_and_confirmed_after_they_are_stored() -> None:
    fake, desk = FakeTelegram(), scripted()
    first, second = fake.message("one"), fake.message("two")
    fake.wait_for(first, first, second, {"update_id": 5000, "edited_message": {}})
    asyncio.run(fetched(fake, desk, lambda: not fake.waiting))
    assert texts(desk) == ["one", "two"]
    asked = [parameters for method, parameters in fake.calls if method == "getUpdates"]
    assert "offset" not in asked[0]
    assert asked[1]["offset"] == 5001
    assert all("offset" not in later for later in asked[2:])


def test_nothing_is_confirmed_while_the_store_fails(caplog: pytest.LogCaptureFixture) -> None:
    fake, desk = FakeTelegram(), scripted()
    fake.wait_for(fake.message("one"))
    desk.broken = True

    async def go() -> None:
        with LocalServer(fake.app) as server:
            async with polling(fake, desk, server.url):
                await until(lambda: sum(method == "getUpdates" for method, _ in fake.calls) > 2)
                assert fake.waiting
                desk.broken = False
                await until(lambda: not fake.waiting)

    asyncio.run(go())
    assert texts(desk) == ["one"]
    assert "will come again" in caplog.text


def test_an_update_that_can_never_be_taken_does_not_hold_up_the_rest() -> None:
    fake, desk = FakeTelegram(), scripted()
    fake.wait_for(fake.message("\u200b" * 3 + " "), fake.message("two"))
    fake.waiting[0]["message"]["text"] = "\x00"
    fake.waiting.insert(1, {"update_id": 1001, "message": "nonsense"})
    asyncio.run(fetched(fake, desk, lambda: not fake.waiting))
    assert texts(desk) == ["two"]


def test_faults_are_waited_out(caplog: pytest.LogCaptureFixture) -> None:
    fake, desk = FakeTelegram(), scripted()
    fake.wait_for(fake.message("one"))
    fake.fetching.add(Fault(kind="busy", seconds=0.3), Fault(kind="reset"))
    asyncio.run(fetched(fake, desk, lambda: not fake.waiting))
    assert texts(desk) == ["one"]
    assert "answered 429" in caplog.text
    assert fake.bot_token not in caplog.text


def test_the_wait_that_telegram_asks_for_is_kept() -> None:
    fake = FakeTelegram()
    fake.fetching.add(Fault(kind="busy", seconds=600))

    async def go() -> None:
        with LocalServer(fake.app) as server:
            async with polling(fake, scripted(), server.url):
                await until(lambda: bool(fake.calls))
                await asyncio.sleep(0.5)

    asyncio.run(go())
    assert [method for method, _ in fake.calls] == ["getUpdates"]


def test_a_webhook_in_the_way_is_said_in_plain_words(caplog: pytest.LogCaptureFixture) -> None:
    fake = FakeTelegram()
    fake.webhook["url"] = "https://shop.example/webhooks/telegram/webhook"
    asyncio.run(fetched(fake, scripted(), lambda: "delete the webhook" in caplog.text))
    assert "messages go to a webhook" in caplog.text
    assert fake.bot_token not in caplog.text


def test_the_network_may_be_gone_for_a_while() -> None:
    fake, desk = FakeTelegram(), scripted()
    fake.wait_for(fake.message("one"))

    async def go() -> None:
        server = LocalServer(fake.app)
        async with polling(fake, desk, server.reserve()):
            await asyncio.sleep(0.1)
            with server:
                await until(lambda: not fake.waiting)

    asyncio.run(go())
    assert texts(desk) == ["one"]


def test_stopping_does_not_wait_for_an_update(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    fake = FakeTelegram()

    async def go() -> float:
        with LocalServer(fake.app) as server:
            async with polling(fake, scripted(), server.url):
                await until(lambda: bool(fake.calls))
                begun = asyncio.get_running_loop().time()
            return asyncio.get_running_loop().time() - begun

    assert asyncio.run(go()) < 20, "a poll is held open for 25 seconds"
    assert not [record for record in caplog.records if record.name.startswith("frontdesk")]
