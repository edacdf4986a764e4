"""Slack's Socket Mode: we open a WebSocket, Slack sends its events over it, and each is acknowledged once stored.

`websockets` and not slack_sdk's client: that one gives every envelope a task of its own, so that two messages of a
conversation may be stored in the wrong order.
Source: https://docs.slack.dev/apis/events-api/using-socket-mode/
"""

from __future__ import annotations

import json
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from frontdesk.bot.config import Limits, Slack
from frontdesk.bot.errors import ChannelError, MissingExtra
from frontdesk.channels.delivery import Retry
from frontdesk.channels.listening import Listener, patiently
from frontdesk.channels.outgoing import TIMEOUT_SECONDS
from frontdesk.channels.requests import dig, read_object
from frontdesk.channels.slack import SlackIntake
from frontdesk.channels.slack_api import SlackApi

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

log = logging.getLogger(__name__)
_TAKEN = frozenset({"events_api", "interactive"})
_RENEWED = frozenset({"warning", "refresh_requested"})
"""The reasons to close a connection that call for nothing but a new one."""
_OPERATOR_SECONDS, _CLOSE_SECONDS = 60.0, 1.0


class SlackSocket:
    """Receives events over a connection that we open, and opens the next one whenever it ends. Raises MissingExtra.

    One envelope at a time is read, stored and acknowledged: the order is kept, and what could not be stored is not
    acknowledged, so that Slack sends it again, over the next connection.
    """

    def __init__(self, settings: Slack, api: SlackApi, intake: SlackIntake, limits: Limits, pause: float = 1.0) -> None:
        try:
            from websockets.asyncio import client
        except ImportError:
            raise MissingExtra("websockets", "slack") from None
        self._connect = client.connect
        self._settings, self._api, self._intake, self._limits = settings, api, intake, limits
        self.listener = Listener("Slack", self._connected, pause)

    async def _connected(self) -> None:
        """Hold one connection for as long as it lasts; raises Retry when the next one must wait."""
        from websockets.exceptions import WebSocketException

        address, most = await open_socket(self._settings, self._api), self._limits.body_bytes
        try:
            async with self._connect(
                address, max_size=most, open_timeout=TIMEOUT_SECONDS, close_timeout=_CLOSE_SECONDS
            ) as socket:
                async for frame in socket:
                    if not await self._goes_on(frame, socket):
                        return
        except (OSError, WebSocketException) as error:
            raise Retry(0.0, f"the connection broke ({type(error).__name__})") from None
        raise Retry(0.0, "Slack closed the connection")

    async def _goes_on(self, frame: str | bytes, socket: ClientConnection) -> bool:
        """Handle one frame; False when Slack asks for a new connection."""
        if isinstance(frame, bytes) or not frame.startswith("{"):
            return True
        envelope = read_object(frame)
        kind, number = dig(envelope, "type"), dig(envelope, "envelope_id")
        if kind == "disconnect":
            return _ended(dig(envelope, "reason"))
        payload = envelope.get("payload")
        if kind in _TAKEN and isinstance(payload, dict):
            await self._commit(payload)
        if number:
            await socket.send(json.dumps({"envelope_id": number}))
        return True

    async def _commit(self, payload: dict[str, Any]) -> None:
        try:
            await patiently(partial(self._intake.take, payload))
        except ChannelError as error:
            log.warning("an event of Slack is passed over: %s", error)


def _ended(reason: str) -> bool:
    """Return False for a connection that is to be renewed; raises Retry when the operator must act."""
    if reason in _RENEWED:
        return False
    if reason == "link_disabled":
        raise Retry(_OPERATOR_SECONDS, "Socket Mode is switched off in the app's settings on api.slack.com")
    if reason == "too_many_websockets":
        raise Retry(_OPERATOR_SECONDS, "this app has ten connections open already, which is the most Slack allows")
    raise Retry(0.0, f"Slack closed the connection ({reason or 'without a reason'})")


async def open_socket(settings: Slack, api: SlackApi) -> str:
    """Return the address of a new connection; raises Retry or Doubtful when Slack gives none."""
    assert settings.app_token is not None, "Socket Mode is for settings with an app_token"
    answer = await api.call("apps.connections.open", settings.app_token, {}, "app_token")
    address = dig(answer, "url")
    if answer.get("ok") is not True:
        raise Retry(_OPERATOR_SECONDS, f"Slack opens no connection: {dig(answer, 'error') or 'unknown_error'}")
    if not address.startswith("wss://" if settings.api_url.startswith("https://") else ("ws://", "wss://")):
        raise Retry(_OPERATOR_SECONDS, "Slack gave an address that is not encrypted")
    return address
