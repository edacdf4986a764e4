"""Files that customers send over Slack and Telegram: opened from the inbox alone, fetched from where they are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from frontdesk.bot.config import Limits, Slack, Telegram
from frontdesk.bot.errors import ChannelError
from frontdesk.channels import sent_files
from frontdesk.channels.fakes.fake_slack import TEAM, FakeSlack
from frontdesk.channels.fakes.fake_telegram import FakeTelegram
from frontdesk.channels.fakes.server import LocalServer
from frontdesk.channels.files import Files
from frontdesk.channels.inbox import inbox_router
from frontdesk.channels.inbox_files import inbox_files_router
from frontdesk.channels.slack import SlackIntake, SlackSender
from frontdesk.channels.telegram import TelegramIntake, TelegramSender
from frontdesk.channels.testing import FakeDesk, FakeStaff
from tests.channels.wire import kept, scripted, served

OPERATOR = "operator-token-of-the-tests"
JPEG, PAGE = b"\xff\xd8\xff\xe0" + bytes(2000), b"<script>alert(1)</script>"
CHAT, DIRECT = "telegram:7", f"slack:{TEAM}:D1"
Open = Callable[[str], Awaitable[httpx.Response]]
Say = Callable[[FakeDesk], Awaitable[None]]


def opening(
    place: str,
    channel: str,
    holder: TelegramSender | SlackSender,
    say: Say,
    read: Callable[[FakeDesk, Open], Awaitable[None]],
) -> None:
    """Let a customer say something, then `read(desk, open)` as a person who opens files of that conversation."""

    async def go() -> None:
        desk = scripted()
        await say(desk)
        files = inbox_files_router(Files(Path("/nowhere")), desk, operator_token=OPERATOR, holders={channel: holder})
        async with served(inbox_router(desk, staff=FakeStaff(desk), operator_token=OPERATOR), files) as client:

            async def get(file_id: str, token: str = OPERATOR) -> httpx.Response:
                asked = {"conversation": place, "id": file_id}
                return await client.get("/inbox/file", params=asked, headers={"Authorization": f"Bearer {token}"})

            await read(desk, get)
            stranger = await client.get("/inbox/file", params={"conversation": place, "id": "0" * 32})
            assert stranger.status_code == 401
        await holder.close()

    asyncio.run(go())


async def named(desk: FakeDesk, place: str) -> list[Mapping[str, Any]]:
    known = (await kept(desk, place)).turns
    return [file for turn in known for file in turn.message.metadata.get("files", ())]


def telegram(fake: FakeTelegram, *messages: Mapping[str, Any]) -> tuple[Callable[[str], TelegramSender], Any]:
    def say(sender: TelegramSender) -> Say:
        async def said(desk: FakeDesk) -> None:
            intake = TelegramIntake(desk, Limits(), "shop", sender)
            for message in messages:
                await intake.take(fake.message(None, **message))

        return said

    return (lambda url: TelegramSender(Telegram(bot_token=SecretStr(fake.bot_token), api_url=url))), say


def test_a_photo_and_a_document_of_telegram() -> None:
    fake = FakeTelegram(files={"large": JPEG, "page": PAGE})
    sizes = [{"file_id": "small", "file_size": 9}, {"file_id": "large", "file_size": len(JPEG)}]
    page = {"file_id": "page", "file_name": "../a\u202eb.html", "mime_type": "text/html", "file_size": 25}
    place = {"latitude": 1, "longitude": 2}
    sender_at, saying = telegram(
        fake, {"photo": sizes}, {"document": page}, {"location": place}, {"voice": {"file_id": "gone"}}
    )

    async def read(desk: FakeDesk, get: Open) -> None:
        photo, document, voice = await named(desk, CHAT)
        assert [turn.message.text for turn in (await kept(desk, CHAT)).turns][2] == "[location]"
        assert (photo["name"], photo["type"], photo["bytes"]) == ("photo", "image/jpeg", len(JPEG))
        seen = await get(photo["id"])
        assert (seen.content, seen.headers["content-type"]) == (JPEG, "image/jpeg")
        assert seen.headers["content-disposition"].startswith("inline")
        saved = await get(document["id"])
        assert (saved.content, saved.headers["content-type"]) == (PAGE, "application/octet-stream")
        assert saved.headers["content-disposition"] == "attachment; filename*=UTF-8''ab.html"
        assert saved.headers["content-security-policy"] == "default-src 'none'; sandbox"
        gone = await get(voice["id"])
        assert (gone.status_code, "wrong file_id" in gone.text) == (404, True)
        assert (await get("0" * 32)).status_code == 404
        for one in (seen, saved, gone):
            assert fake.bot_token not in str(one.headers) + one.text

    with LocalServer(fake.app) as server:
        sender = sender_at(server.url)
        opening(CHAT, "telegram", sender, saying(sender), read)


def test_what_telegram_does_not_give_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeTelegram(files={"large": JPEG})
    sender_at, saying = telegram(fake, {"document": {"file_id": "large"}})

    async def too_large(desk: FakeDesk, get: Open) -> None:
        monkeypatch.setattr(sent_files, "FETCH_BYTES", 100)
        [file] = await named(desk, CHAT)
        assert (await get(file["id"])).status_code == 413

    async def away(desk: FakeDesk, get: Open) -> None:
        [file] = await named(desk, CHAT)
        answer = await get(file["id"])
        assert (answer.status_code, "cannot be reached" in answer.text) == (503, True)

    with LocalServer(fake.app) as server:
        sender = sender_at(server.url)
        opening(CHAT, "telegram", sender, saying(sender), too_large)
    sender = sender_at("http://127.0.0.1:9")
    opening(CHAT, "telegram", sender, saying(sender), away)


def slack_of(fake: FakeSlack, url: str) -> tuple[SlackSender, Slack]:
    secrets = {"bot_token": SecretStr(fake.bot_token), "signing_secret": SecretStr(fake.signing_secret)}
    settings = Slack.model_validate({**secrets, "api_url": f"{url}/api/"})
    return SlackSender(settings), settings


@pytest.mark.parametrize("may_read", [True, False])
def test_a_file_of_slack(may_read: bool) -> None:
    fake = FakeSlack(files={"F1": JPEG}, scopes="files:read" if may_read else "")

    async def read(desk: FakeDesk, get: Open) -> None:
        [file] = await named(desk, DIRECT)
        assert (file["name"], file["type"], file["bytes"]) == ("lamp.jpg", "image/jpeg", 2004)
        answer = await get(file["id"])
        assert (answer.status_code, answer.content == JPEG) == ((200, True) if may_read else (404, False))
        assert may_read or "files:read" in answer.text
        assert fake.bot_token not in answer.text

    with LocalServer(fake.app) as server:
        sender, settings = slack_of(fake, server.url)
        row = {"name": "lamp.jpg", "mimetype": "image/jpeg", "size": 2004, "url_private": f"{server.url}/files/F1"}

        async def say(desk: FakeDesk) -> None:
            event = fake.message("", subtype="file_share", files=[row, {"mode": "tombstone"}, "x"])
            await SlackIntake(desk, Limits(), "shop", settings).take(event)

        opening(DIRECT, "slack", sender, say, read)


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/F1",
        "http://files.slack.com/F1",
        "https://slack.com.evil.example/F1",
        "https://notslack.com/F1",
        "https://u@files.slack.com/F1",
        "https://files.slack.com:8443/F1",
        "https://[",
        "file:///etc/passwd",
    ],
)
def test_the_token_goes_to_slack_alone(address: str) -> None:
    sender = SlackSender(Slack(bot_token=SecretStr("x"), signing_secret=SecretStr("x")))
    with pytest.raises(ChannelError, match="not at Slack"):
        asyncio.run(sender.fetch(address))
