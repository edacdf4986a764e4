"""Slack's Web API as this project uses it: a call, and its errors in plain words.

Plain posts of the methods that slack_sdk wraps, as none must be repeated unseen.
Source: https://docs.slack.dev/apis/web-api/
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from frontdesk.channels.delivery import Retry
from frontdesk.channels.outgoing import Doubtful, Outgoing
from frontdesk.channels.requests import dig

log = logging.getLogger(__name__)
_PASSING = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout", "ratelimited"})
_PASSING_SECONDS, _OPERATOR_SECONDS = 10.0, 300.0
OPERATOR_WORDS: Mapping[str, str] = {
    "invalid_auth": "the token is wrong, or is one of another kind",
    "not_authed": "no token was given",
    "account_inactive": "the app was removed from the workspace",
    "token_revoked": "the token was revoked",
    "token_expired": "the token has expired",
    "not_allowed_token_type": "the token is of another kind: bot_token begins with xoxb-, app_token with xapp-",
    "missing_scope": "the token lacks a scope",
}
"""What Slack's errors mean that the operator must mend."""


class SlackApi:
    """Calls methods of Slack's Web API. `outgoing` counts and remembers what was sent."""

    def __init__(self, api_url: str, *, repeats: bool = True) -> None:
        self._url = api_url.rstrip("/")
        self.outgoing = Outgoing("Slack", repeats=repeats)

    async def tried(self, method: str, token: SecretStr, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return Slack's answer to what can be done without; never raises.

        `error` says why Slack refuses it for good, and is not there where it may pass; `doubtful` says that the answer
        was lost.
        """
        headers = {"Authorization": f"Bearer {token.get_secret_value()}"}
        try:
            _, answer = await self.outgoing.call(f"{self._url}/{method}", body, headers)
        except (Retry, Doubtful) as error:
            log.info("Slack did not take %s: %s", method, error)
            return {"ok": False, "doubtful": isinstance(error, Doubtful)}
        return {"ok": False} if dig(answer, "error") in _PASSING else answer

    async def call(self, method: str, token: SecretStr, body: Mapping[str, Any], key: str) -> dict[str, Any]:
        """Return Slack's answer, whether it took the call or refuses it for good.

        Raises Retry when it may take it later, also once the operator has mended the token called `key` in the
        settings; Doubtful when the answer was lost.
        """
        headers = {"Authorization": f"Bearer {token.get_secret_value()}"}
        _, answer = await self.outgoing.call(f"{self._url}/{method}", body, headers)
        error = "" if answer.get("ok") is True else dig(answer, "error") or "unknown_error"
        if error in _PASSING:
            raise Retry(_PASSING_SECONDS, f"Slack: {error}")
        if error in OPERATOR_WORDS:
            words = f"Slack refuses channels.slack.{key}: {OPERATOR_WORDS[error]} ({error})"
            log.error("%s; everything waits until it is mended", words)
            raise Retry(_OPERATOR_SECONDS, words)
        return answer
