"""Slack: events and button presses come in by webhook or Socket Mode, replies go out in the thread.

Both ways in end in one place, `SlackIntake.take`, which commits the message before anything is acknowledged.
Source: https://docs.slack.dev/apis/events-api/
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from frontdesk.bot.config import Limits, Slack
from frontdesk.bot.errors import ChannelError
from frontdesk.bot.types import Conversation, Customer, Event, Message, now
from frontdesk.channels.desk import Desk
from frontdesk.channels.outgoing import Outgoing
from frontdesk.channels.problems import read_body
from frontdesk.channels.requests import SafeRoute, dig, read_object
from frontdesk.channels.signatures import slack_signed
from frontdesk.channels.slack_api import SlackApi
from frontdesk.channels.slack_events import Said, said_in
from frontdesk.channels.slack_posts import posts
from frontdesk.channels.slack_threads import SlackThreads


class SlackIntake:
    """Commits what people say in events and button presses, whichever wire they came over."""

    def __init__(
        self, desk: Desk, limits: Limits, brand: str, settings: Slack, threads: SlackThreads | None = None
    ) -> None:
        self._desk, self._limits, self._brand, self._settings = desk, limits, brand, settings
        self._threads = threads

    async def take(self, body: Mapping[str, Any]) -> None:
        """Commit the message in a delivery, if there is one; returned means that it may be acknowledged.

        Raises StoreError when it must come again, and ChannelError for one that is never taken.
        """
        if self._threads and await self._threads.take(body):
            return
        said = await said_in(body, self._desk, self._settings)
        if said:
            audience = await self._audience(said, pressed=body.get("type") == "block_actions")
            await self._desk.accept(_message(said, self._brand, self._limits.text_chars, audience), said.key)

    async def _audience(self, said: Said, *, pressed: bool) -> str:
        """Return whose documents may be quoted where it was said: never the staff's where guests read along.

        A press does not tell whether they do, so it counts as what the conversation was before.
        """
        if said.guest or self._settings.place(said.channel).audience != "staff":
            return "customers"
        before = await self._desk.conversation(said.conversation_id) if pressed else None
        return before.customer.audience if before and before.customer else "customers" if pressed else "staff"


def slack_router(intake: SlackIntake, settings: Slack, limits: Limits) -> APIRouter:
    """Return the routes under /webhooks/slack, verified over the raw bytes; without a secret all is refused."""
    router = APIRouter(prefix="/webhooks/slack", route_class=SafeRoute)
    secret = settings.signing_secret.get_secret_value() if settings.signing_secret else ""

    @router.get("/")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @router.post("/webhook")
    async def webhook(request: Request) -> Response:
        raw = await read_body(request, limits.body_bytes)
        stamp, signature = (request.headers.get(f"x-slack-{name}") for name in ("request-timestamp", "signature"))
        if not slack_signed(secret, raw, stamp, signature, time.time()):
            raise ChannelError("The Slack signature is wrong or stale.", status=401, code="bad_signature")
        body = _payload(raw, request.headers.get("content-type", ""))
        if body.get("type") == "url_verification":
            return JSONResponse({"challenge": dig(body, "challenge")})
        await intake.take(body)
        return Response(status_code=200)

    return router


def _payload(raw: bytes, content_type: str) -> dict[str, Any]:
    """Events are JSON; button presses are JSON in the form field `payload`."""
    if not content_type.startswith("application/x-www-form-urlencoded"):
        return read_object(raw)
    try:
        fields = parse_qs(raw.decode("utf-8"), max_num_fields=50)
    except ValueError:
        raise ChannelError("The form cannot be read.", fix="send payload=JSON.", code="invalid_form") from None
    return read_object(fields.get("payload", [""])[0])


def _message(said: Said, brand: str, limit: int, audience: str) -> Message:
    where = {"team": said.team, "channel": said.channel, "user": said.user, "thread_ts": said.reply_thread}
    return Message(
        text=said.text[:limit],
        conversation_id=said.conversation_id,
        brand=brand,
        channel="slack",
        customer=Customer(id=said.customer_id, identity="channel", audience=audience),
        id=f"slack:{said.key}",
        sent_at=_time(said.ts),
        metadata=where | {key: value for key, value in (("title", said.title), ("file", said.file)) if value},
    )


def _time(ts: str) -> datetime:
    try:
        return datetime.fromtimestamp(float(ts), UTC)
    except (ValueError, OverflowError, OSError):
        return now()


class SlackSender:
    """Posts replies and a person's messages with chat.postMessage, in the thread the customer wrote in."""

    name = "slack"

    def __init__(self, settings: Slack) -> None:
        self.api, self._token, self._settings = SlackApi(settings.api_url), settings.bot_token, settings

    @property
    def outgoing(self) -> Outgoing:
        """What was sent, and how it went."""
        return self.api.outgoing

    async def send(self, event: Event, conversation: Conversation) -> None:
        """Deliver a `done` event or a person's `sentence`; raises Retry when Slack does not take it now."""
        last = conversation.turns[-1].message.metadata if conversation.turns else {}
        where = {**last, **(event.data.get("metadata") or {})}
        if not where.get("channel"):
            return self.outgoing.drop(f"event {event.id} of {conversation.id} names no channel")
        if self._keeps_quiet(event, str(where["channel"])):
            return None
        place = {"channel": where["channel"], "unfurl_links": False, "unfurl_media": False}
        if where.get("thread_ts"):
            place["thread_ts"] = where["thread_ts"]
        said = posts(event.data, self._called(event, str(where["channel"])))
        return await self.outgoing.send_parts(event, [place | post for post in said], self._post)

    def _keeps_quiet(self, event: Event, channel: str) -> bool:
        """Whether a reply that asks back or has no answer is kept back; it stands in the inbox all the same."""
        if channel.startswith("D") or not self._settings.place(channel).only_when_sure or event.kind != "done":
            return False
        kinds = {route.get("kind") for route in event.data.get("routes") or ()}
        return "clarify" in kinds or (kinds == {"knowledge"} and not event.data.get("citations"))

    def _called(self, event: Event, channel: str) -> str:
        """Return whom a reply names: who is set for the channel, where a person was asked for."""
        kinds = {route.get("kind") for route in event.data.get("routes") or ()}
        return self._settings.place(channel).handoff_to or "" if "handoff" in kinds else ""

    async def close(self) -> None:
        """Close the connections."""
        await self.outgoing.close()

    async def _post(self, body: Mapping[str, Any]) -> None:
        answer = await self.api.call("chat.postMessage", self._token, body, "bot_token")
        if answer.get("ok") is not True:
            self.outgoing.drop(dig(answer, "error") or "unknown_error")
