"""Chatwoot, as its agent bot: customers' messages come in, replies go back, a handoff opens the conversation there.

Chatwoot waits 5 seconds for an answer and opens a pending conversation to its people when there is none. So a message
is committed and acknowledged at once and answered afterwards; what cannot be kept is refused, and a person has it.
Sources: https://github.com/chatwoot/chatwoot/issues/12754 and /pull/12379. Tried against a local stand-in only.
"""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from fastapi import APIRouter, Request, Response

from frontdesk.bot.channel_config import Chatwoot
from frontdesk.bot.config import Limits
from frontdesk.bot.errors import ChannelError
from frontdesk.bot.types import Conversation, Customer, Event, Message
from frontdesk.channels.delivery import Retry
from frontdesk.channels.desk import Desk
from frontdesk.channels.footnotes import plain, sources
from frontdesk.channels.outgoing import Outgoing
from frontdesk.channels.problems import read_body
from frontdesk.channels.requests import SafeRoute, dig, read_object
from frontdesk.channels.signatures import chatwoot_signed
from frontdesk.channels.staff import Staff
from frontdesk.channels.staff_text import told

log = logging.getLogger(__name__)
NAME = "chatwoot"
_OPERATOR_SECONDS = 300.0


class ChatwootIntake:
    """Commits what customers say while the bot has the conversation; what people do there is theirs."""

    def __init__(self, desk: Desk, staff: Staff, limits: Limits, brand: str) -> None:
        self._desk, self._staff, self._limits, self._brand = desk, staff, limits, brand

    async def take(self, body: Mapping[str, Any], delivery: str) -> None:
        """Commit the message in a delivery, if there is one for us; a resolved conversation is the bot's again.

        What came before under the same `delivery` gives nothing back again.
        """
        if dig(body, "event") == "conversation_resolved":
            here = await self._resolved(body)
            if here and await self._desk.conversation(here):
                await self._staff.give_back(here, "Chatwoot", via=NAME, key=delivery)
            return
        message = _message(body, self._brand, self._limits.text_chars)
        if message:
            await self._desk.accept(message, message.id)

    async def _resolved(self, body: Mapping[str, Any]) -> str:
        """Return the conversation that was resolved; empty when that is not clear.

        Chatwoot names no account here, but in the last message; without one, people have it or nothing is to be done.
        """
        number, messages = dig(body, "id") or dig(body, "conversation", "id"), body.get("messages")
        last = messages[0] if isinstance(messages, list) and messages else {}
        account = dig(body, "account", "id") or dig(last, "account_id")
        if account:
            return _conversation_id(account, number)
        held = [each.id for each in await self._staff.queue() if each.channel == NAME]
        found = [each for each in held if each.rpartition(":")[2] == number]
        if len(found) == 1:
            return found[0]
        log.warning("Chatwoot resolved its conversation %r: %d with people have that number", number, len(found))
        return ""


def chatwoot_router(intake: ChatwootIntake, settings: Chatwoot, limits: Limits) -> APIRouter:
    """Return POST /webhooks/chatwoot/webhook?secret=: acknowledged once it is committed, never after it is answered."""
    router = APIRouter(route_class=SafeRoute)
    secret = settings.secret.get_secret_value().encode()
    signing = settings.signing_secret.get_secret_value() if settings.signing_secret else ""

    @router.post("/webhooks/chatwoot/webhook")
    async def webhook(request: Request) -> Response:
        raw = await read_body(request, limits.body_bytes)
        if not hmac.compare_digest(request.query_params.get("secret", "").encode("utf-8", "replace"), secret):
            raise ChannelError("The secret in the address is wrong.", status=401, code="bad_secret")
        if signing and not _signed(signing, raw, request):
            raise ChannelError("The signature is wrong or stale.", status=401, code="bad_signature")
        delivery = request.headers.get("x-chatwoot-delivery", "") or sha256(raw).hexdigest()
        await intake.take(read_object(raw), delivery[:255])
        return Response(status_code=200)

    return router


def _signed(secret: str, raw: bytes, request: Request) -> bool:
    stamp, signature = (request.headers.get(f"x-chatwoot-{name}") for name in ("timestamp", "signature"))
    return chatwoot_signed(secret, raw, stamp, signature, time.time())


def _message(body: Mapping[str, Any], brand: str, limit: int) -> Message | None:
    """Return what a customer said to the bot: incoming, not private, while the conversation is pending."""
    chosen = _chosen(body)
    written = dig(body, "event") == "message_created" and dig(body, "message_type") in ("incoming", "0")
    account, conversation = dig(body, "account", "id"), dig(body, "conversation", "id")
    number, sender = (
        dig(body, "id"),
        dig(body, "sender", "id") or dig(body, "conversation", "contact_inbox", "contact_id"),
    )
    pending = dig(body, "conversation", "status") == "pending"
    text = chosen or dig(body, "content") or ("[file]" if body.get("attachments") else "")
    if not ((written or chosen) and account and conversation and number and pending and text.strip()):
        return None
    if body.get("private") is True:
        return None
    name, who = dig(body, "sender", "name"), f"{NAME}:{account}:{sender or conversation}"
    return Message(
        text=text[:limit],
        conversation_id=_conversation_id(account, conversation),
        brand=brand,
        channel=NAME,
        customer=Customer(id=who, identity="channel", attributes={"name": name} if name else {}),
        id=f"{NAME}:{account}:{number}" + (":chosen" if chosen else ""),
        metadata={"account": account, "conversation": conversation}
        | ({"file": "file"} if body.get("attachments") and not dig(body, "content") else {}),
    )


def _chosen(body: Mapping[str, Any]) -> str:
    """Return the value of the choice a customer made in a message of ours; it comes as an update of that message."""
    given = body.get("content_attributes")
    values = given.get("submitted_values") if isinstance(given, Mapping) else None
    if dig(body, "event") != "message_updated" or not isinstance(values, list) or not values:
        return ""
    return dig(values[0], "value")


def _conversation_id(account: str, conversation: str) -> str:
    return f"{NAME}:{account}:{conversation}"


class ChatwootSender:
    """Posts replies as the agent bot, and opens a conversation there when it is handed to people."""

    name = NAME

    def __init__(self, settings: Chatwoot) -> None:
        self._url, self._token = settings.url.rstrip("/"), settings.token
        self.outgoing = Outgoing("Chatwoot")

    async def send(self, event: Event, conversation: Conversation) -> None:
        """Deliver a `done` event or a person's words; what the bot says by itself meanwhile, Chatwoot's people know."""
        if event.data.get("automatic"):
            return
        await self.outgoing.send_parts(
            event, [_post(event.data)], lambda body: self._call(conversation, "messages", body)
        )

    async def opened(self, conversation: Conversation, summary: Mapping[str, tuple[str, ...]]) -> str:
        """Give the conversation to Chatwoot's people, with the summary as a private note; others are not its."""
        if conversation.channel == NAME:
            note = {"content": told(summary) or "A person was asked for.", "message_type": "outgoing", "private": True}
            await self._call(conversation, "messages", note)
            await self._call(conversation, "toggle_status", {"status": "open"})
        return conversation.id

    async def said(self, conversation: Conversation, address: str, who: str, name: str, text: str, key: str) -> None:
        """Do nothing: Chatwoot has what its customers say, and `send` what people write elsewhere."""

    async def ended(self, conversation: Conversation, address: str) -> None:
        """Do nothing: a conversation ends there when it is resolved there."""

    async def close(self) -> None:
        """Close the connections."""
        await self.outgoing.close()

    async def _call(self, conversation: Conversation, path: str, body: Mapping[str, Any]) -> None:
        _, account, number = conversation.id.split(":", 2)
        address = f"{self._url}/api/v1/accounts/{account}/conversations/{number}/{path}"
        status, _ = await self.outgoing.call(address, body, {"api_access_token": self._token.get_secret_value()})
        if status in (401, 403):
            log.error("Chatwoot refuses channels.chatwoot.token; everything waits until it is mended")
            raise Retry(_OPERATOR_SECONDS, "Chatwoot refuses channels.chatwoot.token")
        if status >= 400:
            self.outgoing.drop(f"{path} answered {status}")


def _post(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the message for a REPLY, or for a person's words: sources below, choices as Chatwoot's own."""
    words, author = plain(str(data.get("text") or "")).strip(), str(data.get("author") or "")
    notes = "\n".join(sources(data.get("citations") or ()))
    text = (f"{author}: " if author else "") + "\n\n".join(part for part in (words, notes) if part)
    post: dict[str, Any] = {"content": text, "message_type": "outgoing", "private": False}
    items = [{"title": one["title"], "value": one["payload"]} for one in data.get("buttons") or ()]
    return post | ({"content_type": "input_select", "content_attributes": {"items": items}} if items else {})
