"""Slack: events and button presses come in by webhook or Socket Mode; slack_sender.py has what goes out.

Both ways in end in one place, `SlackIntake.take`, which commits the message before anything is acknowledged.
Source: https://docs.slack.dev/apis/events-api/
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from frontdesk.bot.config import Limits, Slack
from frontdesk.bot.errors import ChannelError
from frontdesk.bot.types import Customer, Message, now
from frontdesk.channels.desk import Desk
from frontdesk.channels.problems import read_body
from frontdesk.channels.requests import SafeRoute, dig, read_object
from frontdesk.channels.signatures import slack_signed
from frontdesk.channels.slack_events import Said, said_in, vote_in
from frontdesk.channels.slack_sender import SlackSender as SlackSender
from frontdesk.channels.slack_sender import grows
from frontdesk.channels.slack_threads import SlackThreads

log = logging.getLogger(__name__)

CIRCLE_TURNS, CIRCLE = 20, timedelta(minutes=2)
"""So many messages in a channel's thread within so long are no person's: it is left alone until it is slower."""


class SlackIntake:
    """Commits what people say in events and button presses, whichever wire they came over."""

    def __init__(
        self,
        desk: Desk,
        limits: Limits,
        brand: str,
        settings: Slack,
        threads: SlackThreads | None = None,
        sender: SlackSender | None = None,
    ) -> None:
        self._desk, self._limits, self._brand, self._settings = desk, limits, brand, settings
        self._threads, self._sender = threads, sender

    async def take(self, body: Mapping[str, Any]) -> None:
        """Commit the message in a delivery, if there is one; returned means that it may be acknowledged.

        Raises StoreError when it must come again, and ChannelError for one that is never taken.
        """
        if (self._threads and await self._threads.take(body)) or await self._voted(body):
            return
        if self._sender:
            self._sender.suggest(body)
        said = await said_in(body, self._desk, self._settings)
        if said and not await self._circles(said):
            audience = await self._audience(said, pressed=body.get("type") == "block_actions")
            message = _message(said, self._brand, self._limits.text_chars, audience)
            receipt = await self._desk.accept(message, said.key)
            if (
                self._sender
                and self._sender.streams
                and not receipt.duplicate
                and grows(self._settings, message.metadata)
            ):
                self._sender.streams.begin(message, receipt)

    async def _voted(self, body: Mapping[str, Any]) -> bool:
        """Keep what a press on Slack's feedback buttons says of a reply; whether it was one. The last one counts."""
        vote = vote_in(body)
        if vote is None:
            return False
        try:
            await self._desk.feedback(vote.conversation_id, vote.message_id, {"value": vote.value})
        except ChannelError as error:  # forgotten since
            log.info("a vote is passed over: %s", error)
        return True

    async def _circles(self, said: Said) -> bool:
        """Whether a thread goes on faster than people write: a program that Slack does not call a bot answers us."""
        known = await self._desk.conversation(said.conversation_id) if said.thread and not said.direct else None
        turns = known.turns if known else ()
        if len(turns) < CIRCLE_TURNS or _time(said.ts) - turns[-CIRCLE_TURNS].message.sent_at > CIRCLE:
            return False
        log.error("%s is left alone: %d messages in %s", said.conversation_id, CIRCLE_TURNS, CIRCLE)
        return True

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
    told = {"title": said.title, "file": said.file, "files": list(said.files)}
    return Message(
        text=said.text[:limit],
        conversation_id=said.conversation_id,
        brand=brand,
        channel="slack",
        customer=Customer(id=said.customer_id, identity="channel", audience=audience),
        id=f"slack:{said.key}",
        sent_at=_time(said.ts),
        metadata=where | {key: value for key, value in told.items() if value},
    )


def _time(ts: str) -> datetime:
    try:
        return datetime.fromtimestamp(float(ts), UTC)
    except (ValueError, OverflowError, OSError):
        return now()
