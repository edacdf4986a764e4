"""Whether a platform would serve us: its own test of each token, and what is wrong in plain words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from frontdesk.bot.config import Slack, Telegram
from frontdesk.channels.outgoing import TIMEOUT_SECONDS
from frontdesk.channels.requests import dig
from frontdesk.channels.slack_api import OPERATOR_WORDS
from frontdesk.channels.slack_manifest import scopes_of

_SIGNING = re.compile(r"[0-9a-f]{32}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_WEBHOOK = "/webhooks/telegram/webhook"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was found out about one setting of a channel."""

    about: str
    ok: bool
    says: str


@dataclass(frozen=True, kw_only=True)
class _Answer:
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    trouble: str = ""
    """Why there is no answer to go by; empty when there is one."""


async def slack_findings(settings: Slack) -> list[Finding]:
    """Try the bot token and the app token; look at what cannot be tried."""
    found, api = [], settings.api_url.rstrip("/")
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
        answer = await _called(client, f"{api}/auth.test", settings.bot_token.get_secret_value())
        found.append(_bot_token(answer, scopes_of(assistant=settings.assistant)))
        if settings.app_token:
            token = settings.app_token.get_secret_value()
            found.append(_app_token(await _called(client, f"{api}/apps.connections.open", token)))
    if settings.signing_secret:
        fits = _SIGNING.fullmatch(settings.signing_secret.get_secret_value()) is not None
        says = "looks right; Slack tries it when it verifies the Request URL (Event Subscriptions)"
        wrong = "is no signing secret, which has 32 characters of 0-9 and a-f: copy it from Basic Information"
        found.append(Finding(about="slack.signing_secret", ok=fits, says=says if fits else wrong))
    return found


def _bot_token(answer: _Answer, scopes: Sequence[str]) -> Finding:
    about = "slack.bot_token"
    if trouble := answer.trouble or _refusal(answer.body):
        return Finding(about=about, ok=False, says=trouble)
    given = {scope.strip() for scope in answer.headers.get("x-oauth-scopes", "").split(",")}
    if missing := [scope for scope in scopes if scope not in given]:
        fix = "add them under OAuth & Permissions, then install the app again"
        return Finding(about=about, ok=False, says=f"lacks {', '.join(missing)}: {fix}")
    return Finding(about=about, ok=True, says=f"{dig(answer.body, 'user')} in {dig(answer.body, 'team')}")


def _app_token(answer: _Answer) -> Finding:
    trouble = answer.trouble or _refusal(answer.body)
    if "missing_scope" in trouble:
        trouble += ": make one with connections:write (Basic Information, App-Level Tokens)"
    return Finding(about="slack.app_token", ok=not trouble, says=trouble or "Slack opens a connection for it")


def _refusal(body: Mapping[str, Any]) -> str:
    """Return Slack's error in plain words; empty when it took the call."""
    if body.get("ok") is True:
        return ""
    error = dig(body, "error") or "unknown_error"
    return f"{OPERATOR_WORDS.get(error, 'Slack refuses it')} ({error})"


async def telegram_findings(settings: Telegram) -> list[Finding]:
    """Try the bot token, and see whether its messages come in the way the settings say."""
    api = f"{settings.api_url.rstrip('/')}/bot{settings.bot_token.get_secret_value()}"
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
        me = await _called(client, f"{api}/getMe")
        if trouble := me.trouble or _unknown(me.body):
            return [Finding(about="telegram.bot_token", ok=False, says=trouble)]
        info = await _called(client, f"{api}/getWebhookInfo")
    found = [Finding(about="telegram.bot_token", ok=True, says=f"@{dig(me.body, 'result', 'username')}")]
    result = info.body.get("result")
    problem = info.trouble or _way_in(result if isinstance(result, Mapping) else {}, settings)
    fine = "by webhook" if settings.secret_token else "by long polling"
    return [*found, Finding(about="telegram messages", ok=not problem, says=problem or fine)]


def _unknown(body: Mapping[str, Any]) -> str:
    if body.get("ok") is True:
        return ""
    words = dig(body, "description") or "no reason given"
    return f"Telegram does not know this token ({words}): copy it from @BotFather"


def _way_in(info: Mapping[str, Any], settings: Telegram) -> str:
    """Return why no message would come in; empty when they do."""
    address, waiting = dig(info, "url"), dig(info, "pending_update_count") or "0"
    if settings.secret_token is None:
        fix = "delete the webhook (docs/telegram.md), or set secret_token to use it"
        return f"they go to the webhook {address}, so they cannot be fetched: {fix}" if address else ""
    if not _SECRET.fullmatch(settings.secret_token.get_secret_value()):
        return "secret_token may have 1 to 256 characters of A-Z a-z 0-9 _ - only: make another"
    if not address:
        return "no webhook is set, so Telegram sends nothing: call setWebhook (docs/telegram.md)"
    if urlsplit(address).path != _WEBHOOK:
        return f"the webhook is {address}, but this server listens at {_WEBHOOK}: call setWebhook again"
    if error := dig(info, "last_error_message"):
        return f"Telegram could not deliver to {address} ({error}); {waiting} messages wait"
    return ""


async def _called(client: httpx.AsyncClient, url: str, token: str = "") -> _Answer:
    """Call a method once; the trouble names neither the address, which may hold a token, nor the token."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    host = urlsplit(url).hostname
    try:
        answer = await client.post(url, json={}, headers=headers)
        body = answer.json()
    except httpx.HTTPError as error:
        return _Answer(body={}, headers={}, trouble=f"{host} cannot be reached ({type(error).__name__})")
    except ValueError:
        return _Answer(body={}, headers={}, trouble=f"{host} answered {answer.status_code}, without saying more")
    if answer.status_code == 429 or not isinstance(body, dict):
        return _Answer(body={}, headers={}, trouble=f"{host} is busy (status {answer.status_code}): try again later")
    return _Answer(body=body, headers=dict(answer.headers))
