"""The web channel: our own chat API, the widget's files, the demo page. Shapes: docs of the web API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from frontdesk.bot.config import Brand, Limits, Web
from frontdesk.bot.errors import ChannelError, Overloaded
from frontdesk.bot.types import Conversation, Customer, Event, Message, Receipt, State
from frontdesk.channels.demo import Demo, demo_routes
from frontdesk.channels.desk import Desk
from frontdesk.channels.files import File, Files
from frontdesk.channels.frame import frame_routes
from frontdesk.channels.identity import HostTokens, may_enter, new_conversation_id, visitor
from frontdesk.channels.origins import check_origins, guarded, preflight
from frontdesk.channels.problems import busy, parse, read_body
from frontdesk.channels.quotas import Visitors, too_much
from frontdesk.channels.requests import clean
from frontdesk.channels.shapes import done_json, sentence_of, transcript
from frontdesk.channels.stream import LIFETIME_SECONDS, frame, frames_of, last_event_id, streaming
from frontdesk.channels.turns import LAST, collect
from frontdesk.channels.web_wire import ChatBody, FeedbackBody, checked_metadata, told_files

CHANNEL = "web"


@dataclass(frozen=True, kw_only=True)
class WebChat:
    """The handlers of the chat API over one desk."""

    desk: Desk
    limits: Limits
    brands: Mapping[str, Brand]
    default_brand: str
    tokens: HostTokens
    visitors: Visitors
    files: Files | None = None
    file_bytes: int = 0

    async def chat(self, request: Request) -> Response:
        """POST /api/chat: commit the message, then answer whole or as a stream."""
        body = parse(ChatBody, await read_body(request, self.limits.body_bytes))
        resume = last_event_id(request.headers.get("last-event-id"))
        customer = self.tokens.customer(body.token) if body.token else None
        known = None if body.conversation_id is None else await self._enter(body.conversation_id, customer)
        if seconds := self.visitors.message(request, customer, body.conversation_id):
            return too_much(seconds)
        message = await self._message(body, customer, known)
        try:
            receipt = await self.desk.accept(message, message.id)
        except Overloaded:
            return busy(429, self.brands[message.brand].messages.busy)
        if self.files and body.files:
            await asyncio.to_thread(self.files.claim, receipt.conversation_id, body.files)
        if receipt.conversation_id != message.conversation_id:
            await self._check_repeat(body, receipt, customer)
        if "text/event-stream" in request.headers.get("accept", ""):
            state = known.state if known else "bot"
            return streaming(self._turn(receipt, resume, None if receipt.duplicate else state))
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

    async def leave(self, request: Request) -> Response:
        """POST /api/files?name=&conversation_id=: keep one picture or PDF, which a message may then name."""
        if self.files is None:
            raise ChannelError("This chat takes no files.", status=404, code="no_files", fix="write what it shows.")
        customer = self._reader(request)
        conversation_id = request.query_params.get("conversation_id")
        if conversation_id:
            await self._enter(conversation_id, customer)
        if seconds := self.visitors.file(request, customer, conversation_id):
            return too_much(seconds)
        data = await read_body(request, self.file_bytes)
        file = await asyncio.to_thread(self.files.keep, data, request.query_params.get("name", ""))
        return JSONResponse({"file_id": file.id, "name": file.name, "type": file.type, "bytes": file.bytes})

    async def _message(self, body: ChatBody, customer: Customer | None, known: Conversation | None) -> Message:
        """Return the message to commit; raises ChannelError for what no desk should see."""
        files = await self._named(body, known)
        text = self._text(body.text, files)
        metadata = checked_metadata(body.metadata)
        if body.message_id.version is None:
            raise ChannelError("message_id is not a random UUID.", code="invalid_request", fix="make one per message.")
        conversation_id = known.id if known else new_conversation_id()
        brand = known.brand if known else body.brand or self.default_brand
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
            metadata=metadata | told_files(files),
        )

    async def _named(self, body: ChatBody, known: Conversation | None) -> Sequence[File]:
        """Return the files that a message names: new ones, its conversation's, or those of the message it repeats."""
        if not self.files or not body.files:
            return ()
        where = known.id if known else None
        for receipt in await self.desk.receipts(CHANNEL, body.message_id.hex[:8]) if not known else ():
            where = receipt.conversation_id if receipt.message_id == str(body.message_id) else where
        return await asyncio.to_thread(self.files.find, body.files, where)

    def _text(self, text: str, files: Sequence[File]) -> str:
        text = clean("".join(c if c.isprintable() or c in "\n\t" or c > "\x9f" else " " for c in text)).strip()
        if not text and files:
            return f"[{files[0].word}]"
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

    async def _turn(self, receipt: Receipt, resume: int | None, state: State | None) -> AsyncIterator[bytes]:
        """Yield who and where, then this turn's events, or all since `resume`, up to the turn's last.

        `state` is the conversation's, None where that is not known.
        """
        conversation = None if state else await self.desk.conversation(receipt.conversation_id)
        names = {"conversation_id": receipt.conversation_id, "message_id": receipt.message_id}
        yield frame("state", names | {"state": state or (conversation.state if conversation else "bot")})
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
        """Yield the events while this reader may see them: a visitor may not once the customer signed in.

        What was committed before the last look at who wrote here needs no look of its own.
        """
        looked_at = after
        async with aclosing(cast(Any, self.desk.events(conversation_id, after))) as events:
            async for event in events:
                if customer is None and event.id > looked_at:
                    looked_at = max(event.id, await self.desk.position(conversation_id))
                    await self._enter(conversation_id, None)
                yield event


def web_router(
    desk: Desk,
    *,
    settings: Web,
    limits: Limits,
    brands: Mapping[str, Brand],
    default_brand: str,
    host_secret: bytes | None = None,
    demo: Demo | None = None,
    files: Files | None = None,
) -> APIRouter:
    """Return every route of the web channel; `demo` (only with settings.demo) adds the customers one can try on.

    `host_secret`, at least 32 bytes, verifies customer tokens; `files` is where attachments are kept. Raises
    ConfigError for unusable settings.
    """
    tokens, origins = HostTokens(host_secret), check_origins(settings.allowed_origins)
    megabytes = settings.file_megabytes if files else 0
    chat = WebChat(
        desk=desk,
        limits=limits,
        brands=brands,
        default_brand=default_brand,
        tokens=tokens,
        visitors=Visitors(settings),
        files=files if megabytes else None,
        file_bytes=megabytes * 1_048_576,
    )
    route = guarded(origins)
    router = APIRouter(route_class=route)
    router.add_api_route("/api/chat", chat.chat, methods=["POST"], response_model=None)
    router.add_api_route("/api/files", chat.leave, methods=["POST"], response_model=None)
    router.add_api_route("/api/feedback", chat.feedback, methods=["POST"], response_model=None)
    router.add_api_route("/api/conversations/{conversation_id}", chat.read, methods=["GET"], response_model=None)
    path = "/api/conversations/{conversation_id}/events"
    router.add_api_route(path, chat.events, methods=["GET"], response_model=None)
    router.add_api_route("/api/{path:path}", preflight, methods=["OPTIONS"], response_model=None)
    router.include_router(frame_routes(brands, default_brand, origins, megabytes, route))
    shown = demo if settings.demo else None
    router.include_router(demo_routes(brands[default_brand], tokens, shown, limits.body_bytes, route))
    return router
