"""A desk elsewhere, over signed webhooks in both directions, as Standard Webhooks describes them.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from frontdesk.bot.errors import ChannelError, ConfigError
from frontdesk.bot.people import WebhookDesk
from frontdesk.bot.types import Conversation
from frontdesk.channels.delivery import Retry
from frontdesk.channels.outgoing import Outgoing
from frontdesk.channels.problems import parse, read_body
from frontdesk.channels.requests import SafeRoute, clean
from frontdesk.channels.shapes import Json, message_json, reply_json
from frontdesk.channels.staff import Staff
from frontdesk.channels.staff_text import inbox_link

STALE_SECONDS = 300
BODY_BYTES = 65_536
_LATER = 10.0
MIN_SECRET = 16


def key_of(secret: str) -> bytes:
    """Return the key of a secret: what follows `whsec_` in base64, else the text itself; ConfigError when too short."""
    try:
        key = base64.b64decode(secret[6:], validate=True) if secret.startswith("whsec_") else secret.encode()
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < MIN_SECRET:
        fix = f"use at least {MIN_SECRET} characters, for example from `openssl rand -hex 16`."
        raise ConfigError("the secret is too short or no base64.", where="desks.webhook.secret", fix=fix)
    return key


def signed(key: bytes, number: str, stamp: str, body: bytes) -> str:
    """Return the signature of a delivery: `v1,` and an HMAC-SHA256 in base64 over id, time and body."""
    digest = hmac.new(key, f"{number}.{stamp}.".encode() + body, sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def verified(key: bytes, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Return whether a delivery is signed with `key` and at most five minutes old; never raises."""
    number, stamp, given = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not (number and stamp.isascii() and stamp.isdigit() and len(stamp) < 16):
        return False
    if abs(now - int(stamp)) > STALE_SECONDS:
        return False
    wanted = signed(key, number, stamp, body).encode()
    return any(hmac.compare_digest(wanted, one.encode("utf-8", "replace")) for one in given.split(" "))


class Webhook:
    """The target: posts `handoff.opened`, `handoff.message` and `handoff.ended` to the address."""

    name = "webhook"

    def __init__(self, settings: WebhookDesk, inbox_url: str = "") -> None:
        self._url, self._inbox_url = settings.url, inbox_url
        self.key = key_of(settings.secret.get_secret_value())
        self.outgoing = Outgoing("the webhook desk")

    async def opened(self, conversation: Conversation, summary: Mapping[str, tuple[str, ...]]) -> str:
        """Post what waits, with its summary and what was said; the conversation's id is its address."""
        handoff, customer = conversation.handoff, conversation.customer
        turns = [
            {"message": message_json(turn.message), "reply": reply_json(turn.reply) if turn.reply else None}
            for turn in conversation.turns
        ]
        data = {
            "conversation_id": conversation.id,
            "brand": conversation.brand,
            "channel": conversation.channel,
            "customer": {"id": customer.id, "identity": customer.identity} if customer else None,
            "trigger": handoff.trigger if handoff else "",
            "reason": handoff.reason if handoff else "",
            "summary": {name: list(lines) for name, lines in summary.items()},
            "turns": turns,
            "inbox": inbox_link(self._inbox_url, conversation),
        }
        await self._post("handoff.opened", f"{conversation.id}:{handoff.id if handoff else 0}:opened", data)
        return conversation.id

    async def said(self, conversation: Conversation, address: str, who: str, name: str, text: str, key: str) -> None:
        """Post what somebody said; the same `key` comes as the same webhook-id."""
        data = {"conversation_id": conversation.id, "who": who, "name": name, "text": text}
        await self._post("handoff.message", key, data)

    async def ended(self, conversation: Conversation, address: str) -> None:
        """Post that the bot has the conversation again."""
        number = conversation.handoff.id if conversation.handoff else 0
        await self._post("handoff.ended", f"{conversation.id}:{number}:ended", {"conversation_id": conversation.id})

    async def close(self) -> None:
        """Close the connections."""
        await self.outgoing.close()

    async def _post(self, kind: str, number: str, data: Json) -> None:
        stamp = str(int(time.time()))
        body = json.dumps({"type": kind, "timestamp": stamp, "data": data}).encode()
        headers = {"webhook-id": number, "webhook-timestamp": stamp, "content-type": "application/json"}
        headers["webhook-signature"] = signed(self.key, number, stamp, body)
        status, _ = await self.outgoing.call(self._url, body, headers)
        if not 200 <= status < 300:
            raise Retry(_LATER, f"the webhook desk answered {status}")


class DeskBody(BaseModel):
    """What a person elsewhere did."""

    model_config = ConfigDict(extra="forbid")
    type: Literal["message", "note", "claim", "give_back"]
    conversation_id: str = Field(min_length=1, max_length=255)
    agent: str = Field(min_length=1, max_length=60)
    text: str = Field(default="", max_length=8000)
    force: bool = False


def webhook_desk_router(staff: Staff, key: bytes) -> APIRouter:
    """Return POST /webhooks/desk, signed; a repeated webhook-id is done once, 409 when another has it."""
    router = APIRouter(route_class=SafeRoute)

    @router.post("/webhooks/desk")
    async def take(request: Request) -> Response:
        raw = await read_body(request, BODY_BYTES)
        if not verified(key, request.headers, raw, time.time()):
            raise ChannelError("The signature is wrong or stale.", status=401, code="bad_signature")
        body = parse(DeskBody, raw)
        return JSONResponse(await _done(staff, body, request.headers["webhook-id"]))

    return router


async def _done(staff: Staff, body: DeskBody, number: str) -> dict[str, Any]:
    text, agent, number = clean(body.text).strip(), clean(body.agent).strip() or "Support", number[:255]
    if body.type in ("message", "note") and not text:
        raise ChannelError("The text is empty.", code="invalid_text", fix="send some text.")
    if body.type == "message":
        written = await staff.write(body.conversation_id, text, agent, via=Webhook.name, key=number)
        return {"status": "ok", "duplicate": written is None}
    if body.type == "note":
        noted = await staff.note(body.conversation_id, agent, text, via=Webhook.name, key=number)
        return {"status": "ok", "duplicate": not noted}
    if body.type == "claim":
        held = await staff.claim(body.conversation_id, agent, force=body.force, via=Webhook.name, key=number)
        return {"status": "ok", "agent": held.agent}
    await staff.give_back(body.conversation_id, agent, via=Webhook.name, key=number)
    return {"status": "ok"}
