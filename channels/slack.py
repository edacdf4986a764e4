"""Slack: the Events API and button presses come in, replies go out in the thread.

Plain httpx posts the replies: slack_sdk's async client needs aiohttp, and we use one method of it.
Source: https://docs.slack.dev/apis/events-api/
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from frontdesk.bot.config import Limits, Slack
from frontdesk.bot.errors import ChannelError
from frontdesk.bot.types import Conversation, Customer, Event, Message, now
from frontdesk.channels.delivery import Retry
from frontdesk.channels.desk import Desk
from frontdesk.channels.outgoing import Outgoing
from frontdesk.channels.problems import read_body
from frontdesk.channels.requests import SafeRoute, clean, dig, read_object
from frontdesk.channels.signatures import slack_signed
from frontdesk.channels.slack_posts import posts

log = logging.getLogger(__name__)

GREETING = "Hello"
"""What someone says who only calls the bot by its name."""
_REFERENCE = re.compile(r"<([^<>|]*)(?:\|([^<>]*))?>")
_SUBTYPES = frozenset({"", "file_share"})
_PASSING = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout", "ratelimited"})
_OPERATOR = frozenset({"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"})
_PASSING_SECONDS, _OPERATOR_SECONDS = 10.0, 300.0


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a person did in Slack: wrote or pressed something, somewhere, in a thread or not."""

    team: str
    channel: str
    user: str
    text: str
    key: str
    """What makes this turn unique within the workspace."""
    thread: str = ""
    direct: bool = False
    ts: str = ""
    title: str = ""
    """What stood on the button that was pressed."""

    @property
    def conversation_id(self) -> str:
        """A direct channel is one conversation; elsewhere each thread is one."""
        place = f"slack:{self.team}:{self.channel}"
        return place if self.direct else f"{place}:{self.thread or self.ts}"

    @property
    def reply_thread(self) -> str:
        """The thread to answer in; empty in a direct channel outside any thread."""
        return self.thread if self.direct else self.thread or self.ts


def slack_router(desk: Desk, settings: Slack, limits: Limits, brand: str) -> APIRouter:
    """Return the routes under /webhooks/slack: events and button presses, verified over the raw bytes."""
    router = APIRouter(prefix="/webhooks/slack", route_class=SafeRoute)
    secret = settings.signing_secret.get_secret_value()

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
        said = await _said(body, desk)
        if said:
            await desk.accept(_message(said, brand, limits.text_chars), said.key)
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


async def _said(body: Mapping[str, Any], desk: Desk) -> Said | None:
    """Return what a person said to us, or None for everything else that Slack reports."""
    if body.get("type") == "app_rate_limited":
        log.error("Slack sends no more events for this minute: more than 30,000 in an hour")
    if body.get("type") == "block_actions":
        return _pressed(body)
    if body.get("type") != "event_callback" or not isinstance(body.get("event"), dict):
        return None
    said, event, bot = _written(body), body["event"], _bot_user(body)
    if not said or _from_machine(event, bot):
        return None
    mentioned = bool(bot) and f"<@{bot}" in dig(event, "text")
    if said.direct or mentioned or dig(event, "type") == "app_mention" or await _goes_on(said, desk):
        return said
    return None


def _written(body: Mapping[str, Any]) -> Said | None:
    """Return the message in an event.

    Its key is (team, channel, ts) and not the event id: one mention arrives as `app_mention` and as `message`, with
    two event ids, and must be one turn. Redeliveries have the same ts, so it covers them too.
    """
    event = body["event"]
    team, channel, user, ts = dig(body, "team_id"), dig(event, "channel"), dig(event, "user"), dig(event, "ts")
    known = dig(event, "type") in {"message", "app_mention"} and dig(event, "subtype") in _SUBTYPES
    if not (known and team and channel and user and ts):
        return None
    return Said(
        team=team,
        channel=channel,
        user=user,
        text=_readable(dig(event, "text")) or ("[file]" if event.get("files") else GREETING),
        key=f"{team}:{channel}:{ts}",
        thread=dig(event, "thread_ts"),
        direct=channel.startswith("D") or event.get("channel_type") == "im",
        ts=ts,
    )


def _pressed(body: Mapping[str, Any]) -> Said | None:
    """Return the button press in a block_actions payload; its key is (user, message, action, time of the press)."""
    actions = body.get("actions")
    action = actions[0] if isinstance(actions, list) and actions else {}
    team, channel, user = dig(body, "team", "id"), dig(body, "channel", "id"), dig(body, "user", "id")
    ts, value, pressed = dig(body, "message", "ts"), dig(action, "value").strip(), dig(action, "action_ts")
    if not (team and channel and user and ts and value and pressed):
        return None
    return Said(
        team=team,
        channel=channel,
        user=user,
        text=value,
        key=f"{team}:{user}:{ts}:{dig(action, 'action_id')}:{pressed}",
        thread=dig(body, "message", "thread_ts"),
        direct=channel.startswith("D"),
        ts=ts,
        title=dig(action, "text", "text"),
    )


def _from_machine(event: Mapping[str, Any], bot: str) -> bool:
    """Whether a bot wrote it, ours or another: two bots would answer each other for ever."""
    return bool(event.get("bot_id") or event.get("bot_profile")) or dig(event, "user") == bot


async def _goes_on(said: Said, desk: Desk) -> bool:
    """Whether a thread's own customer goes on without naming us; what others say there is not for us."""
    conversation = await desk.conversation(said.conversation_id) if said.thread else None
    return bool(conversation and conversation.customer and conversation.customer.id == _customer_id(said))


def _bot_user(body: Mapping[str, Any]) -> str:
    authorizations = body.get("authorizations")
    return dig(authorizations[0], "user_id") if isinstance(authorizations, list) and authorizations else ""


def _customer_id(said: Said) -> str:
    return f"slack:{said.team}:{said.user}"


def _readable(text: str) -> str:
    """Return what the person typed: mentions gone, links and channels as words, escapes undone."""
    words = _REFERENCE.sub(_reference, text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return clean(words).strip()


def _reference(match: re.Match[str]) -> str:
    target, label = match[1], match[2]
    if target.startswith(("@", "!")):
        return ""
    return f"#{label or target[1:]}" if target.startswith("#") else label or target


def _message(said: Said, brand: str, limit: int) -> Message:
    where = {"team": said.team, "channel": said.channel, "user": said.user, "thread_ts": said.reply_thread}
    return Message(
        text=said.text[:limit],
        conversation_id=said.conversation_id,
        brand=brand,
        channel="slack",
        customer=Customer(id=_customer_id(said), identity="channel"),
        id=f"slack:{said.key}",
        sent_at=_time(said.ts),
        metadata=where | ({"title": said.title} if said.title else {}),
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
        self._url = f"{settings.api_url.rstrip('/')}/chat.postMessage"
        self._token = settings.bot_token
        self.outgoing = Outgoing("Slack")

    async def send(self, event: Event, conversation: Conversation) -> None:
        """Deliver a `done` event or a person's `sentence`; raises Retry when Slack does not take it now."""
        last = conversation.turns[-1].message.metadata if conversation.turns else {}
        where = {**last, **(event.data.get("metadata") or {})}
        if not where.get("channel"):
            return self.outgoing.drop(f"event {event.id} of {conversation.id} names no channel")
        place = {"channel": where["channel"], "unfurl_links": False, "unfurl_media": False}
        if where.get("thread_ts"):
            place["thread_ts"] = where["thread_ts"]
        return await self.outgoing.send_parts(event, [place | post for post in posts(event.data)], self._post)

    async def close(self) -> None:
        """Close the connections."""
        await self.outgoing.close()

    async def _post(self, body: Mapping[str, Any]) -> None:
        headers = {"Authorization": f"Bearer {self._token.get_secret_value()}"}
        _, answer = await self.outgoing.call(self._url, body, headers)
        error = dig(answer, "error") or "unknown_error"
        if answer.get("ok") is True:
            return
        if error in _PASSING:
            raise Retry(_PASSING_SECONDS, f"Slack: {error}")
        if error in _OPERATOR:
            log.error("Slack refuses channels.slack.bot_token (%s); replies wait until it is mended", error)
            raise Retry(_OPERATOR_SECONDS, f"Slack: {error}")
        self.outgoing.drop(error)
