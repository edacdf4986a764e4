"""What `frontdesk channels` says of each platform, and the Slack app it describes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr
from typer.testing import CliRunner

from frontdesk.bot.commands import app
from frontdesk.bot.config import Slack, Telegram
from frontdesk.channels.checks import slack_findings, telegram_findings
from frontdesk.channels.fakes.fake_slack import FakeSlack
from frontdesk.channels.fakes.fake_telegram import FakeTelegram
from frontdesk.channels.fakes.server import LocalServer
from frontdesk.channels.slack_manifest import EVENTS, SCOPES, manifest

SIGNING = "8f742231b10e8888abcd99fffaaa85a5"
HOOK = "https://bot.example/webhooks/telegram/webhook"


def slack_says(fake: FakeSlack, **changed: Any) -> dict[str, tuple[bool, str]]:
    tokens: dict[str, Any] = {"bot_token": "xoxb-local", "app_token": "xapp-local", "signing_secret": SIGNING} | changed
    with LocalServer(fake.app) as server:
        settings = Slack.model_validate({**tokens, "api_url": f"{server.url}/api/"})
        return {one.about: (one.ok, one.says) for one in asyncio.run(slack_findings(settings))}


def test_a_slack_app_in_order() -> None:
    found = slack_says(FakeSlack())
    assert {about: ok for about, (ok, _) in found.items()} == {
        "slack.bot_token": True,
        "slack.app_token": True,
        "slack.signing_secret": True,
    }
    assert found["slack.bot_token"][1] == "shop in Local"


@pytest.mark.parametrize(
    ("about", "value", "words"),
    [
        ("bot_token", "xoxb-other", "the token is wrong, or is one of another kind (invalid_auth)"),
        ("app_token", "xapp-other", "the token is wrong"),
        ("signing_secret", "oops", "copy it from Basic Information"),
    ],
)
def test_each_wrong_slack_secret_is_named(about: str, value: str, words: str) -> None:
    found = slack_says(FakeSlack(), **{about: value})
    assert [name for name, (ok, _) in found.items() if not ok] == [f"slack.{about}"]
    assert words in found[f"slack.{about}"][1]
    assert value not in json.dumps(found)


def test_an_assistant_needs_a_scope_and_a_manifest_of_its_own() -> None:
    plain, assistant = manifest("Shop"), manifest("Shop", assistant=True, prompts=("Where is my order?",))
    view = {"agent_description": "Ask Shop anything."}
    prompts = [{"title": "Where is my order?", "message": "Where is my order?"}]
    assert assistant["features"]["agent_view"] == view | {"suggested_prompts": prompts}
    assert "agent_view" not in plain["features"]
    assert [s for s in scopes(assistant) if s not in scopes(plain)] == ["assistant:write"]
    events = [made["settings"]["event_subscriptions"]["bot_events"] for made in (plain, assistant)]
    assert [event for event in events[1] if event not in events[0]] == ["app_home_opened"]
    ok, says = slack_says(FakeSlack(), assistant=True)["slack.bot_token"]
    assert not ok and says.startswith("lacks assistant:write: add them under OAuth")


def scopes(made: dict[str, Any]) -> list[str]:
    return list(made["oauth_config"]["scopes"]["bot"])


def test_missing_scopes_are_named() -> None:
    ok, says = slack_says(FakeSlack(scopes="chat:write,im:history,channels:history"))["slack.bot_token"]
    assert (ok, says.partition(":")[0]) == (False, "lacks app_mentions")
    assert "groups:history" in says
    assert "install the app again" in says


def telegram_says(fake: FakeTelegram, **webhook: Any) -> list[tuple[bool, str]]:
    fake.webhook |= webhook
    with LocalServer(fake.app) as server:
        secret = SecretStr(fake.secret_token) if fake.secret_token else None
        settings = Telegram(bot_token=SecretStr("4242:local-bot-token"), secret_token=secret, api_url=server.url)
        return [(one.ok, one.says) for one in asyncio.run(telegram_findings(settings))]


def test_a_telegram_bot_in_order() -> None:
    assert telegram_says(FakeTelegram(), url=HOOK) == [(True, "@LocalShopBot"), (True, "by webhook")]
    assert telegram_says(FakeTelegram(secret_token="")) == [(True, "@LocalShopBot"), (True, "by long polling")]


@pytest.mark.parametrize(
    ("secret", "webhook", "words"),
    [
        ("", {"url": HOOK}, f"they go to the webhook {HOOK}, so they cannot be fetched"),
        ("good", {}, "no webhook is set, so Telegram sends nothing"),
        ("not good!", {"url": HOOK}, "make another"),
        ("good", {"url": "https://bot.example/elsewhere"}, "this server listens at /webhooks/telegram/webhook"),
        ("good", {"url": HOOK, "last_error_message": "Wrong response: 401", "pending_update_count": 3}, "3 messages"),
    ],
)
def test_what_keeps_telegrams_messages_away(secret: str, webhook: dict[str, Any], words: str) -> None:
    _, (ok, says) = telegram_says(FakeTelegram(secret_token=secret), **webhook)
    assert not ok
    assert words in says


def test_an_unknown_telegram_token_and_an_unreachable_host() -> None:
    [(ok, says)] = telegram_says(FakeTelegram(bot_token="4242:other"))
    assert (ok, "copy it from @BotFather" in says, "local-bot-token" in says) == (False, True, False)
    nowhere = Telegram(bot_token=SecretStr("4242:x"), api_url="http://127.0.0.1:9")
    [finding] = asyncio.run(telegram_findings(nowhere))
    assert finding.says == "127.0.0.1 cannot be reached (ConnectError)"


def test_the_manifest_asks_for_what_the_channel_uses() -> None:
    by_webhook, by_socket = manifest("Shop", "https://bot.example/"), manifest("A" * 50)
    assert by_webhook["oauth_config"]["scopes"]["bot"] == list(SCOPES)
    for part in ("event_subscriptions", "interactivity"):
        assert by_webhook["settings"][part]["request_url"] == "https://bot.example/webhooks/slack/webhook"
        assert "request_url" not in by_socket["settings"][part]
    assert by_webhook["settings"]["event_subscriptions"]["bot_events"] == list(EVENTS)
    assert [made["settings"]["socket_mode_enabled"] for made in (by_webhook, by_socket)] == [False, True]
    assert len(by_socket["display_information"]["name"]) == 35


def project(folder: Path, channels: str = "") -> Path:
    (folder / "frontdesk.toml").write_text(f'[brands.shop]\nname = "Shop: the"\n{channels}')
    return folder


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = CliRunner().invoke
    shop = str(project(tmp_path))
    assert "neither" in run(app, ["channels", "check", "-p", shop]).output
    printed = run(app, ["channels", "manifest", "-p", shop, "--url", "https://bot.example"]).output
    assert yaml.safe_load(printed) == manifest("Shop: the", "https://bot.example")
    printed = run(app, ["channels", "manifest", "-p", shop, "--name", "Desk", "--json"]).output
    assert json.loads(printed) == manifest("Desk")
    printed = run(app, ["channels", "manifest", "-p", shop, "--name", "Desk", "--assistant", "--json"]).output
    assert json.loads(printed) == manifest("Desk", assistant=True)
    assert "https" in str(run(app, ["channels", "manifest", "-p", shop, "--url", "http://x"]).exception)
    fake = FakeTelegram(secret_token="")
    monkeypatch.setenv("TOKEN", fake.bot_token)
    with LocalServer(fake.app) as server:
        project(tmp_path, f'[channels.telegram]\nbot_token = "${{TOKEN}}"\napi_url = "{server.url}"')
        good = run(app, ["channels", "check", "-p", shop])
        fake.webhook["url"] = HOOK
        bad = run(app, ["channels", "check", "-p", shop, "--json"])
    assert (good.exit_code, good.output.split()[:3]) == (0, ["ok", "telegram.bot_token", "@LocalShopBot"])
    assert (bad.exit_code, json.loads(bad.output)["telegram messages"]["ok"]) == (1, False)
