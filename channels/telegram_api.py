"""Telegram's Bot API as this project uses it: a call, and who the bot is.

Plain posts: a handful of methods is used, and neither aiogram nor python-telegram-bot stores an update before it
acknowledges it. Source: https://core.telegram.org/bots/api
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from frontdesk.bot.config import Telegram
from frontdesk.channels.delivery import Retry
from frontdesk.channels.outgoing import TIMEOUT_SECONDS, Outgoing
from frontdesk.channels.requests import dig

log = logging.getLogger(__name__)
_OPERATOR_SECONDS = 300.0


class TelegramApi:
    """Calls methods of one bot. `outgoing` counts and remembers what was sent."""

    def __init__(self, settings: Telegram) -> None:
        self._api, self._token = settings.api_url.rstrip("/"), settings.bot_token
        self._name = ""
        self.outgoing = Outgoing("Telegram", repeats=settings.lost_answer == "repeat")

    @property
    def bot(self) -> str:
        """The bot's number, which its token begins with."""
        return self._token.get_secret_value().partition(":")[0]

    async def name(self) -> str:
        """Return the bot's username, asked for once; raises Retry or Doubtful when Telegram does not say."""
        if not self._name:
            _, answer = await self.call("getMe", {})
            self._name = dig(answer, "result", "username")
        return self._name

    async def call(
        self, method: str, body: Mapping[str, Any], seconds: float = TIMEOUT_SECONDS
    ) -> tuple[int, dict[str, Any]]:
        """Return the status and the answer; raises Retry or Doubtful, see Outgoing, also when the token is refused."""
        url = f"{self._api}/bot{self._token.get_secret_value()}/{method}"
        status, answer = await self.outgoing.call(url, body, seconds=seconds)
        if status in {401, 404}:
            words = dig(answer, "description") or f"status {status}"
            log.error("Telegram refuses channels.telegram.bot_token (%s); everything waits until it is mended", words)
            raise Retry(_OPERATOR_SECONDS, f"Telegram refuses the bot token: {words}")
        return status, answer
