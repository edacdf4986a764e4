"""The web channel: our own chat API, the widget's files, the demo page. Shapes: docs of the web API."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from frontdesk.bot.config import Brand, Limits, Web
from frontdesk.bot.errors import ChannelError, Overloaded
from frontdesk.bot.types import Conversation, Customer, Event, Message, Receipt
from frontdesk.channels.demo import Demo, demo_routes
from frontdesk.channels.desk import Desk
from frontdesk.channels.frame import frame_routes
from frontdesk.channels.identity import HostTokens, may_enter, new_conversation_id, visitor
from frontdesk.channels.origins import check_origins, guarded
from frontdesk.channels.problems import busy, parse, read_body
from frontdesk.channels.requests import clean
from frontdesk.channels.shapes import done_json, sentence_of, transcript
from frontdesk.channels.stream import LIFETIME_SECONDS, frame, frames_of, last_event_id, streaming
from frontdesk.channels.turns import LAST, collect

CHANNEL = "web"
METADATA_CHARS = 8000


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ChatBody(_Body):
    """The body of POST /api/chat."""

    text: str
    message_id: UUID
    conversation_id: str | None = Field(default=None, max_length=100)
    brand: str | None = Field(default=None, max_length=100)
    token: str | None = Field(default=None, max_length=4096)
    locale: Annotated[str, Field(pattern=r"^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3})?$")] = ""
    metadata: dict[str, JsonValue] = Field(default_factory=dict)


class FeedbackBody(_Body):
    """The body of POST /api/feedback."""

    conversation_id: str = Field(max_length=100)
    message_id: str = Field(max_length=100)
    value: Literal["up", "down"]
    reason: str | None = Field(default=None, max_length=200)
    comment: str | None = Field(default=None, max_length=2000)


@dataclass(frozen=True, kw_only=True)
class WebChat:
    """The handlers of the chat API over one desk."""

    desk: Desk
    limits: Limits
    brands: Mapping[str, Brand]
    default_brand: str
    tokens: HostTokens

    async def chat(self, request: Request) -> Response:
        """POST /api/chat: commit the message, then answer whole or as a stream."""
        body = parse(ChatBody, await read_body(request, self.limits.body_bytes))
        resume = last_event_id(request.headers.get("last-event-id"))
        customer = self.tokens.customer(body.token) if body.token else None
        message = await self._message(body, customer)
        try:
            receipt = await self.desk.accept(message, message.id)
        except Overloaded:
            return busy(429, self.brands[message.brand].messages.busy)
        if receipt.conversation_id != message.conversation_id:
            await self._check_repeat(body, receipt, customer)
        if "text/event-stream" in request.headers.get("accept", ""):
            return streaming(self._turn(receipt, resume))
        return await self._whole(receipt)

    async def events(self, conversation_id: str, request: Request) -> Response:
        """GET /api/conversations/{id}/events: everything after Last-Event-ID, then what comes."""
        customer = self._reader(request)
        after = last_event_id(request.headers.get("last-event-id")) or 0
        await self._enter(conversation_id, customer)
        events = self._readable(conversation_id, after, customer)
        return streaming(frames_of(events, lambda event: False, LIFETIME_SECONDS))

    async def read(self, conversation_id: str, request: Request) -> Response:
        """GET /api/conversations/{id}: state and turns, and the position from which to follow."""
        conversation = await self._enter(conversation_id, self._reader(request))
        seen = await transcript(self.desk, conversation)
        shown = {"conversation_id": conversation.id, "state": conversation.state, "turns": seen.turns}
        return JSONResponse(shown | {"position": seen.position})

    async def feedback(self, request: Request) -> Response:
        """POST /api/feedback: keep a vote on one reply."""
        body = parse(FeedbackBody, await read_body(request, self.limits.body_bytes))
        conversation = await self._enter(body.conversation_id, self._reader(request))
        if body.message_id not in {turn.message.id for turn in conversation.turns}:
            raise ChannelError("There is no such message in this conversation.", status=404, code="unknown_message")
        value = body.model_dump(include={"value", "reason", "comment"}, exclude_none=True)
        await self.desk.feedback(body.conversation_id, body.message_id, value)
        return JSONResponse({"ok": True})

    async def _message(self, body: ChatBody, customer: Customer | None) -> Message:
        """Return the message to commit; raises ChannelError for what no desk should see."""
        text = self._text(body.text)
        metadata = _checked(body.metadata)
        if body.message_id.version is None:
            raise ChannelError("message_id is not a random UUID.", code="invalid_request", fix="make one per message.")
        brand = body.brand or self.default_brand
        conversation_id = new_conversation_id()
        if body.conversation_id is not None:
            conversation = await self._enter(body.conversation_id, customer)
            conversation_id, brand = conversation.id, conversation.brand
        if brand not in self.brands or body.brand not in (None, brand):
            raise ChannelError("There is no such brand here.", status=404, code="unknown_brand")
        return Message(
            text=text,
            conversation_id=conversation_id,
            brand=brand,
            channel=CHANNEL,
            customer=customer or visitor(conversation_id),
            id=str(body.message_id),
            locale=body.locale,
            metadata=metadata,
        )

    def _text(self, text: str) -> str:
        text = clean("".join(c if c.isprintable() or c in "\n\t" or c > "\x9f" else " " for c in text)).strip()
        if not text:
            raise ChannelError("The text is empty.", status=422, code="empty_text", fix="write something.")
        if len(text) > self.limits.text_chars:
            fix = f"send at most {self.limits.text_chars} characters."
            raise ChannelError("The text is too long.", status=413, code="text_too_long", fix=fix)
        return text

    def _reader(self, request: Request) -> Customer | None:
        """Return the customer whom the Authorization header proves, None without one."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if not scheme:
            return None
        if scheme.lower() != "bearer":
            raise ChannelError("Only bearer tokens are known.", status=401, code="invalid_token")
        return self.tokens.customer(token.strip())

    async def _enter(self, conversation_id: str, customer: Customer | None) -> Conversation:
        conversation = await self.desk.conversation(conversation_id) if conversation_id.isascii() else None
        if conversation is None or conversation.channel != CHANNEL:
            fix = "leave conversation_id out to begin a new one."
            raise ChannelError("There is no such conversation.", status=404, code="unknown_conversation", fix=fix)
        if not may_enter(conversation, customer):
            fix = "send a token of the customer to whom it belongs."
            raise ChannelError("This conversation is someone else's.", status=403, code="not_yours", fix=fix)
        return conversation

    async def _check_repeat(self, body: ChatBody, receipt: Receipt, customer: Customer | None) -> None:
        """A repeated message belongs to the conversation of the first; refuse to jump between two."""
        if body.conversation_id is not None:
            raise ChannelError("This message_id was used before.", status=409, code="conflict", fix="make a new UUID.")
        await self._enter(receipt.conversation_id, customer)

    async def _whole(self, receipt: Receipt) -> Response:
        """Wait for the reply: 200 with it, or 202 when it takes longer than the limit."""
        said, reply = [], None
        async with aclosing(cast(Any, collect(self.desk, receipt, self.limits.wait_seconds))) as events:
            async for event in events:
                if event.kind == "sentence":
                    said.append(sentence_of(event))
                reply = done_json(event.data, said) if event.kind == "done" else None
        conversation = await self.desk.conversation(receipt.conversation_id)
        shown = {
            "conversation_id": receipt.conversation_id,
            "message_id": receipt.message_id,
            "state": conversation.state if conversation else "bot",
            "reply": reply,
        }
        return JSONResponse(shown, 200 if reply else 202)

    async def _turn(self, receipt: Receipt, resume: int | None) -> AsyncIterator[bytes]:
        """Yield who and where, then this turn's events, or all since `resume`, up to the turn's last."""
        conversation = await self.desk.conversation(receipt.conversation_id)
        names = {"conversation_id": receipt.conversation_id, "message_id": receipt.message_id}
        yield frame("state", names | {"state": conversation.state if conversation else "bot"})
        events = self._of_turn(receipt, resume)
        last = frames_of(
            events,
            lambda event: event.kind in LAST and event.message_id == receipt.message_id,
            self.limits.wait_seconds,
        )
        async with aclosing(cast(Any, last)) as frames:
            async for part in frames:
                yield part

    async def _of_turn(self, receipt: Receipt, resume: int | None) -> AsyncIterator[Event]:
        after = receipt.position if resume is None else min(resume, receipt.position)
        async with aclosing(cast(Any, self.desk.events(receipt.conversation_id, after))) as events:
            async for event in events:
                if resume is not None or event.message_id == receipt.message_id:
                    yield event

    async def _readable(self, conversation_id: str, after: int, customer: Customer | None) -> AsyncIterator[Event]:
        """Yield the events while this reader may see them: a visitor may not once the customer signed in."""
        async with aclosing(cast(Any, self.desk.events(conversation_id, after))) as events:
            async for event in events:
                if customer is None:
                    await self._enter(conversation_id, None)
                yield event


def _checked(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata if it is small and can be stored as JSON; raises ChannelError 400."""
    try:
        size = len(written := json.dumps(metadata, allow_nan=False))
    except (ValueError, RecursionError):
        size, written = METADATA_CHARS + 1, ""
    if size > METADATA_CHARS or "\\u0000" in written:
        fix = f"send at most {METADATA_CHARS} characters of plain JSON."
        raise ChannelError("The metadata cannot be stored.", code="invalid_request", fix=fix)
    return metadata


def web_router(
    desk: Desk,
    *,
    settings: Web,
    limits: Limits,
    brands: Mapping[str, Brand],
    default_brand: str,
    host_secret: bytes | None = None,
    demo: Demo | None = None,
) -> APIRouter:
    """Return every route of the web channel; `demo` (only with settings.demo) adds the customers one can try on.

    `host_secret`, at least 32 bytes, verifies customer tokens. Raises ConfigError for unusable settings.
    """
    tokens, origins = HostTokens(host_secret), check_origins(settings.allowed_origins)
    chat = WebChat(desk=desk, limits=limits, brands=brands, default_brand=default_brand, tokens=tokens)
    route = guarded(origins)
    router = APIRouter(route_class=route)
    router.add_api_route("/api/chat", chat.chat, methods=["POST"], response_model=None)
    router.add_api_route("/api/feedback", chat.feedback, methods=["POST"], response_model=None)
    router.add_api_route("/api/conversations/{conversation_id}", chat.read, methods=["GET"], response_model=None)
    path = "/api/conversations/{conversation_id}/events"
    router.add_api_route(path, chat.events, methods=["GET"], response_model=None)
    router.add_api_route("/api/{path:path}", _preflight, methods=["OPTIONS"], response_model=None)
    router.include_router(frame_routes(brands, default_brand, origins, route))
    shown = demo if settings.demo else None
    router.include_router(demo_routes(brands[default_brand], tokens, shown, limits.body_bytes, route))
    return router


async def _preflight() -> Response:
    """Answer a browser's CORS question; the origin was checked before."""
    allowed = "Authorization, Content-Type, Last-Event-ID"
    headers = {"Access-Control-Allow-Methods": "GET, POST", "Access-Control-Allow-Headers": allowed}
    return Response(status_code=204, headers=headers | {"Access-Control-Max-Age": "600"})
