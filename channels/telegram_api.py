"""Telegram's Bot API as this project uses it: a call, and who the bot is.

Plain posts: a handful of methods is used, and neither aiogram nor python-telegram-bot stores an update before it
acknowledges it. Source: https://core.telegram.org/bots/api
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from frontdesk.bot.config import Telegram
from frontdesk.bot.errors import ChannelError
from frontdesk.channels.delivery import Retry
from frontdesk.channels.outgoing import TIMEOUT_SECONDS, Doubtful, Outgoing
from frontdesk.channels.requests import dig
from frontdesk.channels.sent_files import fetched

log = logging.getLogger(__name__)
_OPERATOR_SECONDS = 300.0
_PATH = re.compile(r"\w[\w-]*(?:[./]\w[\w-]*)*", re.ASCII)


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

    async def file(self, file_id: str) -> bytes:
        """Return what somebody sent; raises ChannelError."""
        try:
            _, answer = await self.call("getFile", {"file_id": file_id})
        except (Retry, Doubtful) as error:
            raise ChannelError(f"The file cannot be fetched: {error}.", status=503, code="unavailable") from None
        path = dig(answer, "result", "file_path")
        if not _PATH.fullmatch(path):
            words = dig(answer, "description") or "no reason given"
            raise ChannelError(f"Telegram does not give this file ({words}).", status=404, code="unknown_file")
        return await fetched(self.outgoing, f"{self._api}/file/bot{self._token.get_secret_value()}/{path}")

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
