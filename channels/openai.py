"""OpenAI's chat completions, so that a client made for a language model can talk to the bot.

Such a client sends the whole history with each message. Only the last message is committed and answered; the history
says in which conversation, and is never taken for what the bot said. Nothing proves who writes: customers are
anonymous; and the wire cannot push, so what a person writes later does not come back here.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import SecretStr

from frontdesk.bot.config import Brand, Limits
from frontdesk.bot.errors import ChannelError, FrontdeskError
from frontdesk.bot.types import Conversation, Customer, Event, Message, Receipt
from frontdesk.channels.desk import Desk
from frontdesk.channels.footnotes import marked
from frontdesk.channels.openai_edge import CompletionRoute, Door, problem_json, shown
from frontdesk.channels.openai_wire import Answer, Completion, content, data
from frontdesk.channels.problems import parse, read_body
from frontdesk.channels.shapes import done_json
from frontdesk.channels.turns import collect

CHANNEL = "openai"
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The last message of a request and what leads up to it."""

    body: Completion
    brand: str
    retried: bool

    @property
    def said(self) -> list[tuple[str, str]]:
        """Role and text of each message of customer and bot, in order; instructions to a model are left out."""
        return [(said.role, said.text) for said in self.body.messages if said.role in ("user", "assistant")]

    @property
    def text(self) -> str:
        """What is asked."""
        return self.body.messages[-1].text.strip()

    @property
    def user(self) -> str:
        """Whom the client names as the user; empty for nobody."""
        return self.body.user or self.body.safety_identifier or ""

    @property
    def earlier(self) -> list[tuple[str, str]]:
        """The history up to the message before this one; empty when this is the first."""
        asked = [place for place, (role, _) in enumerate(self.said[:-1]) if role == "user"]
        return self.said[: asked[-1] + 1] if asked else []

    @property
    def heard(self) -> str:
        """What the client shows as the answer to the message before; a part of it when it stopped reading."""
        return "".join(text for _, text in self.said[len(self.earlier) : -1]).strip()

    def digest(self, history: list[tuple[str, str]], occasion: str = "") -> str:
        """Return 32 hex digits that stand for a history of this user with this brand."""
        return _digest([self.brand, self.user, history, occasion])


@dataclass(frozen=True, kw_only=True)
class Completions:
    """The handlers of /v1 over one desk; `models` says which brand answers under which name."""

    desk: Desk
    limits: Limits
    brands: Mapping[str, Brand]
    models: Mapping[str, str]
    door: Door
    started: int

    async def list(self, request: Request) -> Response:
        """GET /v1/models."""
        self.door.check(request)
        return JSONResponse({"object": "list", "data": [self._model(name) for name in self.models]})

    async def one(self, name: str, request: Request) -> Response:
        """GET /v1/models/{name}."""
        self.door.check(request)
        self._brand(name)
        return JSONResponse(self._model(name))

    async def complete(self, request: Request) -> Response:
        """POST /v1/chat/completions: commit the last message, then answer whole or as a stream."""
        self.door.check(request)
        body = parse(Completion, await read_body(request, self.limits.body_bytes))
        brand = self._brand(body.model)
        body.check()
        retried = request.headers.get("x-stainless-retry-count", "0") != "0"
        asked = Asked(body=body, brand=brand, retried=retried)
        conversation = await self._conversation(asked)
        receipt = await self.desk.accept(_message(asked, conversation), _event_id(asked, conversation.id))
        name = conversation.id.removeprefix(f"{CHANNEL}:")
        answer = Answer(id=f"chatcmpl-{receipt.message_id}", model=body.model, prompt=asked.text, conversation_id=name)
        if not body.stream:
            return await self._whole(receipt, answer, brand)
        counted = bool(body.stream_options and body.stream_options.include_usage)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        chunks = self._chunks(receipt, answer, brand, counted)
        return StreamingResponse(_safely(chunks), media_type="text/event-stream", headers=headers)

    def _brand(self, model: str) -> str:
        if model not in self.models:
            fix = f"use one of {', '.join(self.models)}."
            what = "There is no such model here."
            raise ChannelError(what, where="model", status=404, code="model_not_found", fix=fix)
        return self.models[model]

    def _model(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": self.started, "owned_by": "frontdesk"}

    async def _conversation(self, asked: Asked) -> Conversation:
        """Return the conversation that the client names, or whose whole history it shows; else a new one.

        A history that was continued with this very message is a repetition: it belongs where the first came in.
        """
        named = asked.body.metadata and asked.body.metadata.conversation_id
        if named:
            return await self._named(f"{CHANNEL}:{named}", asked.brand)
        for receipt in await self.desk.receipts(CHANNEL, asked.digest(asked.earlier)) if asked.earlier else ():
            found = await self.desk.conversation(receipt.conversation_id)
            if found and self._ends_with(found, receipt.message_id, asked.heard):
                return found
        repeated = asked.earlier or asked.retried
        for receipt in await self.desk.receipts(CHANNEL, asked.digest(asked.said)) if repeated else ():
            return Conversation(id=receipt.conversation_id, brand=asked.brand)
        first = asked.body.metadata and asked.body.metadata.message_id
        name = asked.digest([], first) if first and not asked.earlier else uuid4().hex
        return Conversation(id=f"{CHANNEL}:{name}", brand=asked.brand)

    async def _named(self, conversation_id: str, brand: str) -> Conversation:
        found = await self.desk.conversation(conversation_id)
        if found and found.brand != brand:
            fix, where = "use its model, or another conversation_id.", "metadata.conversation_id"
            raise ChannelError("This conversation is with another brand.", status=409, where=where, fix=fix)
        return found or Conversation(id=conversation_id, brand=brand)

    def _ends_with(self, conversation: Conversation, message_id: str, heard: str) -> bool:
        """Whether its last turn is that message, and its reply what the client shows."""
        last = conversation.turns[-1] if conversation.turns else None
        if last is None or last.message.id != message_id:
            return False
        return self._text(asdict(last.reply) if last.reply else {}, conversation.brand).startswith(heard)

    def _text(self, reply: Mapping[str, Any], brand: str) -> str:
        """The text of a reply; a person who has the conversation leaves the bot without words of its own."""
        said = str(reply.get("text") or "") or self.brands[brand].messages.waiting
        return content(said, list(reply.get("citations") or ()), list(reply.get("buttons") or ()))

    async def _whole(self, receipt: Receipt, answer: Answer, brand: str) -> Response:
        async for event in collect(self.desk, receipt, self.limits.wait_seconds):
            reply = _closing(event)
            if reply is not None:
                return JSONResponse(answer.whole(self._text(reply, brand), reply))
        raise _late()

    async def _chunks(self, receipt: Receipt, answer: Answer, brand: str, counted: bool) -> AsyncIterator[bytes]:
        """Yield each sentence as it is committed, then what the whole text has beyond them, then the citations."""
        yield data(answer.chunk({"role": "assistant", "content": ""}))
        sent = ""
        async for event in collect(self.desk, receipt, self.limits.wait_seconds):
            reply = _closing(event)
            if event.kind == "sentence":
                words = " " * bool(sent) + marked(event.data)
                sent += words
                yield data(answer.chunk({"content": words}))
            elif reply is not None:
                text = self._text(reply, brand)
                rest = text.removeprefix(sent) if text.startswith(sent) else f"\n\n{text}"
                if rest:
                    yield data(answer.chunk({"content": rest}))
                yield data(answer.last(sent + rest, reply))
                if counted:
                    yield data(answer.counted(sent + rest))
                yield DONE
                return
        raise _late()


def openai_router(
    desk: Desk, limits: Limits, brands: Mapping[str, Brand], default_brand: str, api_key: SecretStr | None
) -> APIRouter:
    """Return the routes under /v1. Raises ConfigError for a key that can be guessed."""
    door, started = Door(api_key), int(time.time())
    models = models_of(brands, default_brand)
    handlers = Completions(desk=desk, limits=limits, brands=brands, models=models, door=door, started=started)
    router = APIRouter(prefix="/v1", route_class=CompletionRoute)
    router.add_api_route("/chat/completions", handlers.complete, methods=["POST"], response_model=None)
    router.add_api_route("/models", handlers.list, methods=["GET"], response_model=None)
    router.add_api_route("/models/{name}", handlers.one, methods=["GET"], response_model=None)
    router.add_api_route("/{path:path}", _unknown, methods=["GET", "POST"], response_model=None)
    return router


def models_of(brands: Mapping[str, Brand], default_brand: str) -> dict[str, str]:
    """Return which brand answers under which model's name: the brands' own, then their voices'."""
    order = [default_brand, *(name for name in brands if name != default_brand)]
    models = {name: name for name in order}
    for name in order:
        models.setdefault(brands[name].voice, name)
    return models


def _message(asked: Asked, conversation: Conversation) -> Message:
    """Return the message to commit; a number or title of the choices just offered presses that button."""
    last = conversation.turns[-1].reply if conversation.turns else None
    pressed = None
    for number, button in enumerate(last.buttons if last else (), 1):
        if asked.text.casefold() in (str(number), button.title.casefold()):
            pressed = button
    return Message(
        text=pressed.payload if pressed else asked.text,
        conversation_id=conversation.id,
        brand=asked.brand,
        channel=CHANNEL,
        customer=Customer(id=f"{CHANNEL}:{asked.user or _digest(conversation.id)[:16]}"),
        id=uuid4().hex,
        metadata={"title": pressed.title} if pressed else {},
    )


def _event_id(asked: Asked, conversation_id: str) -> str:
    """Return the key under which the message is committed: the history with it, then the conversation.

    In a conversation the client names it may send the message alone, and the same one twice: those are told
    apart by `metadata.message_id`, without which each is new.
    """
    occasion, named = "", asked.body.metadata
    if named and named.conversation_id:
        occasion = conversation_id if asked.earlier else named.message_id or uuid4().hex
    return asked.digest(asked.said, occasion) + _digest(conversation_id)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:32]


def _closing(event: Event) -> Mapping[str, Any] | None:
    """Return the REPLY when this is its end, None before; raises ChannelError 500 when there will be none."""
    if event.kind == "error":
        raise ChannelError("The message could not be answered.", status=500, code="internal_error")
    return done_json(event.data) if event.kind == "done" else None


def _late() -> ChannelError:
    fix = "send it again with the same history: it is not answered twice."
    return ChannelError("The answer is still being worked on.", status=504, code="timeout", fix=fix)


async def _safely(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Send the chunks; a failure after the start becomes an error event, for the status is already out."""
    try:
        async for chunk in chunks:
            yield chunk
    except FrontdeskError as error:
        yield data({"error": problem_json(shown(error))})


async def _unknown() -> Response:
    fix = "use POST /v1/chat/completions or GET /v1/models."
    raise ChannelError("There is nothing at this address.", status=404, code="unknown_url", fix=fix)
