"""Rasa's callback channel: messages come in by webhook, replies are posted to the address of whoever sends them.

The wire is that of Rasa open source 3.6, `rasa/core/channels/callback.py`. The replies come from the outbox, so they
arrive also after a crash, and what a person writes arrives too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse

from frontdesk.bot.config import Limits, Messages, RasaCallback
from frontdesk.bot.types import Conversation, Event
from frontdesk.channels.desk import Desk
from frontdesk.channels.outgoing import Outgoing
from frontdesk.channels.problems import read_body
from frontdesk.channels.rasa import read_message, said_in
from frontdesk.channels.requests import SafeRoute, read_object

CHANNEL = "callback"


def callback_router(desk: Desk, limits: Limits, brand: str) -> APIRouter:
    """Return the routes under /webhooks/callback."""
    router = APIRouter(prefix=f"/webhooks/{CHANNEL}", route_class=SafeRoute)

    @router.get("/")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @router.post("/webhook")
    async def webhook(request: Request) -> PlainTextResponse:
        message, event_id = read_message(read_object(await read_body(request, limits.body_bytes)), brand, CHANNEL)
        await desk.accept(message, event_id)
        return PlainTextResponse("success")

    return router


class CallbackSender:
    """Posts replies to the configured address, one message at a time, in the shape of Rasa's REST wire."""

    name = CHANNEL

    def __init__(self, settings: RasaCallback, messages: Messages) -> None:
        self._url, self._messages = settings.url.get_secret_value(), messages
        self.outgoing = Outgoing("the callback address")

    async def send(self, event: Event, conversation: Conversation) -> None:
        """Deliver a `done` event or a person's `sentence`; raises Retry when it is not taken now."""
        sender = conversation.id.removeprefix(f"{CHANNEL}:")
        await self.outgoing.send_parts(event, said_in(event, sender, self._messages), self._post)

    async def close(self) -> None:
        """Close the connections."""
        await self.outgoing.close()

    async def _post(self, message: Mapping[str, Any]) -> None:
        status, _ = await self.outgoing.call(self._url, message)
        if status >= 400:
            self.outgoing.drop(f"status {status}")
