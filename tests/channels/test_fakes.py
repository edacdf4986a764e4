"""The fakes speak the real wire: Slack's own client and verifier accept them, and they refuse what platforms refuse."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from frontdesk.channels.fakes.fake_slack import FakeSlack
from frontdesk.channels.fakes.fake_telegram import FakeTelegram
from frontdesk.channels.fakes.server import Fault, LocalServer


def test_slacks_own_client_and_verifier() -> None:
    sdk = pytest.importorskip("slack_sdk", reason="needs the extra `slack`")
    signature = pytest.importorskip("slack_sdk.signature", reason="needs the extra `slack`")
    fake = FakeSlack()
    with LocalServer(fake.app) as server:
        client = sdk.WebClient(token=fake.bot_token, base_url=server.url + "/api/", retry_handlers=[])
        assert client.auth_test()["ok"]
        assert client.chat_postMessage(channel="C1", text="hi")["ts"]
        fake.faults.add(Fault(kind="busy", seconds=3))
        with pytest.raises(sdk.errors.SlackApiError) as limited:
            client.chat_postMessage(channel="C1", text="hi")
        with pytest.raises(sdk.errors.SlackApiError, match="invalid_auth"):
            sdk.WebClient(token="xoxb-other", base_url=server.url + "/api/").auth_test()
    assert limited.value.response.headers["Retry-After"] == "3"
    assert [post["text"] for post in fake.posted] == ["hi"]
    body, headers = fake.signed(fake.message("hi"))
    assert signature.SignatureVerifier(fake.signing_secret).is_valid_request(body, headers)


BUTTON = {"type": "button", "action_id": "a", "text": {"type": "plain_text", "text": "A"}, "value": "v"}


@pytest.mark.parametrize(
    ("post", "error"),
    [
        ({"text": "x"}, "channel_not_found"),
        ({"channel": "C1"}, "no_text"),
        ({"channel": "C1", "text": "x" * 40_001}, "msg_too_long"),
        ({"channel": "C1", "blocks": [{"type": "section", "text": {"text": "x" * 3001}}]}, "invalid_blocks"),
        ({"channel": "C1", "blocks": [{"type": "actions", "elements": [BUTTON, BUTTON]}]}, "invalid_blocks"),
        ({"channel": "C1", "blocks": [{"type": "actions", "elements": []}]}, "invalid_blocks"),
        ({"channel": "C1", "blocks": [{"type": "context", "elements": [{"text": "x"}] * 11}]}, "invalid_blocks"),
    ],
)
def test_the_local_slack_refuses_what_slack_refuses(post: dict[str, Any], error: str) -> None:
    fake = FakeSlack()
    with LocalServer(fake.app) as server, httpx.Client() as client:
        headers = {"Authorization": f"Bearer {fake.bot_token}"}
        answer = client.post(server.url + "/api/chat.postMessage", json=post, headers=headers).json()
    assert (answer["ok"], answer["error"], fake.posted) == (False, error, [])


@pytest.mark.parametrize(
    ("post", "words"),
    [
        ({"text": "x"}, "chat not found"),
        ({"chat_id": 7, "text": " "}, "text is empty"),
        ({"chat_id": 7, "text": "😀" * 2049}, "too long"),
        (
            {
                "chat_id": 7,
                "text": "x",
                "reply_markup": {"inline_keyboard": [[{"text": "A", "callback_data": "ü" * 33}]]},
            },
            "BUTTON_DATA_INVALID",
        ),
    ],
)
def test_the_local_telegram_refuses_what_telegram_refuses(post: dict[str, Any], words: str) -> None:
    fake = FakeTelegram()
    with LocalServer(fake.app) as server, httpx.Client() as client:
        answer = client.post(f"{server.url}/bot{fake.bot_token}/sendMessage", json=post).json()
        other = client.post(f"{server.url}/bot1:other/sendMessage", json=post)
    assert (answer["ok"], answer["error_code"], other.status_code) == (False, 400, 401)
    assert words in answer["description"]


def test_a_reset_takes_the_message_and_gives_no_answer() -> None:
    fake = FakeTelegram()
    fake.faults.add(Fault(kind="reset"))
    with LocalServer(fake.app) as server, httpx.Client() as client:
        with pytest.raises(httpx.TransportError):
            client.post(f"{server.url}/bot{fake.bot_token}/sendMessage", json={"chat_id": 7, "text": "hi"})
        client.post(f"{server.url}/bot{fake.bot_token}/sendMessage", json={"chat_id": 7, "text": "again"})
    assert [post["text"] for post in fake.sent] == ["hi", "again"]


def test_the_examples_in_the_manual_run(capsys: pytest.CaptureFixture[str]) -> None:
    manual = (Path(__file__).parents[2] / "docs" / "channels.md").read_text(encoding="utf-8")
    for example in re.findall(r"```python\n(.*?)```", manual, re.DOTALL):
        exec(compile(example, "docs/channels.md", "exec"), {})
    assert capsys.readouterr().out == "[200, 429] [{'chat_id': 7, 'text': 'hello'}]\n"
