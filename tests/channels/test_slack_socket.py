"""Slack's Socket Mode over a real WebSocket: stored, then acknowledged; and the connection comes back by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from frontdesk.bot.config import Limits, Slack
from frontdesk.channels.fakes.fake_slack import TEAM, FakeSlack
from frontdesk.channels.fakes.server import Fault, LocalServer
from frontdesk.channels.slack import SlackIntake, SlackSender, slack_router
from frontdesk.channels.slack_socket import SlackSocket
from frontdesk.channels.testing import FakeDesk
from tests.channels.test_polling import until
from tests.channels.wire import kept, scripted, served

DIRECT = f"slack:{TEAM}:D1"


@asynccontextmanager
async def listening(fake: FakeSlack, desk: FakeDesk, url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Listen over Socket Mode until the block ends; yields a client of the webhook, which is open too."""
    tokens = {"bot_token": SecretStr(fake.bot_token), "app_token": SecretStr("xapp-local")}
    more = {"signing_secret": SecretStr(fake.signing_secret), "api_url": f"{url}/api/"}
    settings = Slack.model_validate({**tokens, **more})
    sender, intake = SlackSender(settings), SlackIntake(desk, Limits(), "shop", settings)
    listener = SlackSocket(settings, sender.api, intake, Limits(), pause=0.01).listener
    await listener.start()
    try:
        async with served(slack_router(intake, settings, Limits())) as client:
            yield client
    finally:
        await listener.stop()
        await sender.close()


def heard(fake: FakeSlack, desk: FakeDesk, met: Callable[[], bool]) -> None:
    """Listen to the fake until something has happened."""

    async def go() -> None:
        with LocalServer(fake.app) as server:
            async with listening(fake, desk, server.url):
                await until(met)

    asyncio.run(go())


def texts(desk: FakeDesk, conversation_id: str = DIRECT) -> list[str]:
    return [turn.message.text for turn in asyncio.run(kept(desk, conversation_id)).turns]


def test_events_are_stored_in_order_and_acknowledged() -> None:
    fake, desk = FakeSlack(), scripted()
    for number in range(30):
        fake.send(fake.message(str(number)))
    fake.send({"type": "event_callback", "event": {"type": "reaction_added"}})
    fake.send({"type": "event_callback", "team_id": [], "event": 7})
    heard(fake, desk, lambda: not fake.waiting)
    assert texts(desk) == [str(number) for number in range(30)]
    assert fake.connections == 1


def test_a_button_press_comes_over_the_socket_too() -> None:
    fake, desk = FakeSlack(), scripted()
    element = {"value": "/choice_1", "action_id": "choice_0", "text": {"type": "plain_text", "text": "Choice 1"}}
    post: dict[str, Any] = {"channel": "D1", "ts": "1.1", "text": "Which?", "blocks": [{"elements": [element]}]}
    press = fake.press(post, "/choice_1")
    fake.send(press | {"message": press["message"] | {"blocks": ["x" * 60_000]}})
    heard(fake, desk, lambda: not fake.waiting)
    assert texts(desk) == ["/choice_1"]


def test_one_event_over_both_wires_is_one_turn() -> None:
    fake, desk = FakeSlack(), scripted()

    async def go() -> None:
        with LocalServer(fake.app) as server:
            async with listening(fake, desk, server.url) as client:
                for number in range(5):
                    mention = fake.mention("hi", ts=f"{number}.5")
                    twin = fake.message(mention["event"]["text"], channel="C1", ts=f"{number}.5")
                    fake.send(mention)
                    body, headers = fake.signed(twin)
                    answer = await client.post("/webhooks/slack/webhook", content=body, headers=headers)
                    assert answer.status_code == 200
                await until(lambda: not fake.waiting)

    asyncio.run(go())
    assert [texts(desk, f"slack:{TEAM}:C1:{number}.5") for number in range(5)] == [["hi"]] * 5


def test_nothing_is_acknowledged_while_the_store_fails(caplog: pytest.LogCaptureFixture) -> None:
    fake, desk = FakeSlack(), scripted()
    desk.broken = True
    fake.send(fake.message("hi"))

    async def go() -> None:
        with LocalServer(fake.app) as server:
            async with listening(fake, desk, server.url):
                await until(lambda: fake.connections > 2)
                assert fake.waiting
                desk.broken = False
                await until(lambda: not fake.waiting)

    asyncio.run(go())
    assert texts(desk) == ["hi"]
    assert "will come again" in caplog.text


def test_a_repetition_that_calls_itself_the_first_attempt_is_one_turn() -> None:
    fake, desk = FakeSlack(), scripted()
    message = fake.message("hi")
    first, again = fake.send(message), fake.send(message)
    for number in (first, again):
        fake.waiting[number] |= {"retry_attempt": 0, "retry_reason": ""}
    heard(fake, desk, lambda: not fake.waiting)
    assert texts(desk) == ["hi"]


def test_a_broken_connection_loses_and_doubles_nothing() -> None:
    fake, desk = FakeSlack(), scripted()
    fake.socket_faults.add(None, Fault(kind="reset"), None, Fault(kind="reset"))
    for number in range(4):
        fake.send(fake.message(str(number)))
    heard(fake, desk, lambda: not fake.waiting)
    assert texts(desk) == ["0", "1", "2", "3"]
    assert fake.connections == 3


def test_a_connection_is_renewed_when_slack_asks(caplog: pytest.LogCaptureFixture) -> None:
    fake, desk = FakeSlack(farewell="refresh_requested"), scripted()

    async def go() -> None:
        with LocalServer(fake.app) as server:
            async with listening(fake, desk, server.url):
                await until(lambda: fake.connections == 2)
                fake.send(fake.message("hi"))
                await until(lambda: not fake.waiting)

    asyncio.run(go())
    assert texts(desk) == ["hi"]
    assert not [record for record in caplog.records if record.name.startswith("frontdesk")]


def test_an_app_that_must_be_mended_is_named(caplog: pytest.LogCaptureFixture) -> None:
    heard(FakeSlack(farewell="link_disabled"), scripted(), lambda: "switched off" in caplog.text)
    heard(FakeSlack(app_token="xapp-other"), scripted(), lambda: "channels.slack.app_token" in caplog.text)
    assert "xapp-local" not in caplog.text


def test_opening_is_tried_again_after_the_wait_slack_asks_for(caplog: pytest.LogCaptureFixture) -> None:
    fake, desk = FakeSlack(), scripted()
    fake.opening.add(Fault(kind="busy", seconds=0.2))
    fake.send(fake.message("hi"))
    heard(fake, desk, lambda: not fake.waiting)
    assert texts(desk) == ["hi"]
    assert "429" in caplog.text


def test_slacks_own_client_understands_the_local_slack() -> None:
    sdk = pytest.importorskip("slack_sdk", reason="needs the extra `slack`")
    builtin = pytest.importorskip("slack_sdk.socket_mode.builtin", reason="needs the extra `slack`")
    fake, received = FakeSlack(), []

    def take(client: Any, request: Any) -> None:
        received.append(request.payload["event"]["text"])
        client.send_socket_mode_response({"envelope_id": request.envelope_id})

    async def go() -> None:
        with LocalServer(fake.app) as server:
            web = sdk.WebClient(base_url=f"{server.url}/api/", token=fake.app_token, retry_handlers=[])
            client = builtin.SocketModeClient(app_token=fake.app_token, web_client=web)
            client.socket_mode_request_listeners.append(take)
            await asyncio.to_thread(client.connect)
            fake.send(fake.message("hi"))
            await until(lambda: not fake.waiting)
            await asyncio.to_thread(client.close)

    asyncio.run(go())
    assert received == ["hi"]
