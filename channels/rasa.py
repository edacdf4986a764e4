"""Rasa's REST channel, so that front ends made for Rasa work unchanged.

The wire is that of Rasa open source 3.6, `rasa/core/channels/rest.py`, with its quirks. Nothing in it proves who
writes, so its customers are anonymous; and it cannot push, so what a person writes later does not come back here.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from frontdesk.bot.config import Limits, Messages
from frontdesk.bot.errors import ChannelError, Overloaded, StoreError
from frontdesk.bot.types import Customer, Event, Message, Receipt
from frontdesk.channels.desk import Desk
from frontdesk.channels.footnotes import marked, plain, sources
from frontdesk.channels.origins import check_origins, preflight, shared
from frontdesk.channels.problems import RETRY_SECONDS, read_body
from frontdesk.channels.requests import read_object
from frontdesk.channels.turns import LAST, collect

STATUS_HEADER = "X-Frontdesk-Status"
STILL_WORKING = "I'm still working on that. Please ask me again in a moment."
LONGEST_ID = 240
_ROUTE = ("kind", "intent", "confidence", "reason")

RasaMessage = dict[str, Any]


def rasa_router(desk: Desk, limits: Limits, brand: str, messages: Messages, origins: Iterable[str] = ()) -> APIRouter:
    """Return the routes under /webhooks/rest; `messages` are the brand's words for when there is no reply.

    Pages of `origins` may read the answers, as with Rasa's `--cors`. Raises ConfigError for what is no origin.
    """
    router = APIRouter(prefix="/webhooks/rest", route_class=shared(check_origins(origins)))
    router.add_api_route("/webhook", preflight, methods=["OPTIONS"], response_model=None)

    @router.get("/")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @router.post("/webhook")
    async def webhook(request: Request) -> Response:
        body = read_object(await read_body(request, limits.body_bytes))
        message, event_id = read_message(body, brand)
        sender = message.conversation_id.removeprefix("rest:")
        try:
            receipt = await desk.accept(message, event_id)
        except Overloaded:
            return refused(messages, sender)
        except StoreError:
            return _unavailable(sender, messages.apology)
        if request.query_params.get("stream", "").lower() in {"true", "1"}:
            lines = _lines(desk, receipt, limits.wait_seconds, sender, messages)
            return StreamingResponse(lines, media_type="text/event-stream")
        status, answer = await _answer(desk, receipt, limits.wait_seconds, sender, messages)
        return JSONResponse(answer, headers={STATUS_HEADER: str(status)})

    return router


def refused(messages: Messages, sender: str = "default") -> Response:
    """Return the answer to a message for which there is no room."""
    return _unavailable(sender, messages.busy)


def _unavailable(sender: str, words: str) -> Response:
    headers = {"Retry-After": str(RETRY_SECONDS), STATUS_HEADER: "503"}
    return JSONResponse(paragraphs(sender, words), 503, headers)


def read_message(body: Mapping[str, Any], brand: str, channel: str = "rest") -> tuple[Message, str]:
    """Return the message in a request and its event id; raises ChannelError naming the field that is wrong.

    The format has no event id: `metadata.message_id`, if the client sends one, makes a repeated request harmless.
    """
    text, sender, metadata = body.get("message"), body.get("sender"), body.get("metadata")
    if text is not None and not isinstance(text, str):
        raise ChannelError(
            f"message is not text but {type(text).__name__}.", fix="send it as text.", code="invalid_request"
        )
    if isinstance(sender, bool) or not isinstance(sender, str | int | None):
        raise ChannelError(
            f"sender is not text but {type(sender).__name__}.", fix="send it as text.", code="invalid_request"
        )
    name = "default" if sender is None else str(sender)
    if len(name) > LONGEST_ID:
        raise ChannelError("sender is too long.", fix=f"send at most {LONGEST_ID} characters.", code="invalid_request")
    client = metadata if isinstance(metadata, dict) else {}
    key, own = client.get("message_id"), uuid4().hex
    message = Message(
        text=text or "",
        conversation_id=f"{channel}:{name}",
        brand=brand,
        channel=channel,
        customer=Customer(id=f"{channel}:{name}"),
        id=own,
        metadata={"input_channel": str(body.get("input_channel") or channel), "client": client},
    )
    return message, f"{name}:{key}" if isinstance(key, str) and 0 < len(key) <= LONGEST_ID else own


async def _answer(
    desk: Desk, receipt: Receipt, wait: float, sender: str, messages: Messages
) -> tuple[int, list[RasaMessage]]:
    """Return the status that is really meant and the messages, never none: Rasa's clients show what they get."""
    status, answer = 504, paragraphs(sender, STILL_WORKING)
    async for event in collect(desk, receipt, wait):
        if event.kind in LAST:
            status, answer = 500 if event.kind == "error" else 200, _closing(event, sender, "", messages)
    return status, answer


async def _lines(desk: Desk, receipt: Receipt, wait: float, sender: str, messages: Messages) -> AsyncIterator[str]:
    """Yield one JSON object per line, without `data:`, as each sentence is committed.

    The newest sentence is held back until the next, since the last one carries the buttons.
    """
    held, closing = "", paragraphs(sender, STILL_WORKING)
    async for event in collect(desk, receipt, wait):
        if event.kind == "sentence":
            for message in paragraphs(sender, held):
                yield _line(message)
            held = marked(event.data)
        elif event.kind in LAST:
            closing = _closing(event, sender, held, messages)
    for message in closing:
        yield _line(message)


def _closing(event: Event, sender: str, held: str, messages: Messages) -> list[RasaMessage]:
    if event.kind == "error":
        return paragraphs(sender, held) + paragraphs(sender, messages.apology)
    return _reply(sender, held or str(event.data.get("text") or ""), event.data, messages)


def _reply(
    sender: str, text: str, reply: Mapping[str, Any], messages: Messages, *, rich: bool = False
) -> list[RasaMessage]:
    """The messages of a reply; a person who has the conversation leaves the bot without words of its own."""
    cited = sources(reply.get("citations") or ())
    words = paragraphs(sender, text) or paragraphs(sender, messages.waiting) or paragraphs(sender, STILL_WORKING)
    parts = words + paragraphs(sender, "\n".join(cited))
    beside = [{"recipient_id": sender, **part} for part in beside_words(reply)]
    last = parts[-1]
    buttons = [{"title": b["title"], "payload": b["payload"]} for b in reply.get("buttons") or ()]
    if buttons:
        last["buttons"] = buttons
    routes = [{key: row.get(key) for key in _ROUTE} for row in reply.get("routes") or ()]
    ours = {"routes": routes} | {key: reply.get(key) for key in ("citations", "voice", "ms")}
    last["metadata"] = {key: value for key, value in ours.items() if value is not None}
    return parts + (beside if rich else [flat for part in beside for flat in _flat(part)])


def beside_words(reply: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what the actions of a reply show beside words: each an image, attachment, elements or custom."""
    effects = [sentence.get("effect") or {} for sentence in reply.get("sentences") or ()]
    return [dict(part) for effect in effects for part in effect.get("shown") or ()]


def _flat(part: RasaMessage) -> list[RasaMessage]:
    """Rasa's REST wire has no elements: each is a text with its buttons."""
    if "elements" not in part:
        return [part]
    rows = [row for row in part["elements"] if isinstance(row, dict)]
    texts = [
        {"text": f"{row.get('title', '')} : {row.get('subtitle', '')}", "buttons": row.get("buttons")} for row in rows
    ]
    kept = [{key: value for key, value in row.items() if value} for row in texts]
    return [{"recipient_id": part["recipient_id"], **row} for row in kept]


def said_in(event: Event, sender: str, messages: Messages, *, rich: bool = False) -> list[RasaMessage]:
    """Return what a channel that pushes says of an event: a whole reply, or what a person wrote.

    A `rich` one has elements too.
    """
    if event.kind == "sentence" and event.data.get("author"):
        return paragraphs(sender, f"{event.data['author']}: {event.data.get('text') or ''}")
    if event.kind == "done" and (event.data.get("text") or event.data.get("buttons")):
        return _reply(sender, str(event.data.get("text") or ""), event.data, messages, rich=rich)
    return paragraphs(sender, messages.apology) if event.kind == "error" else []


def paragraphs(sender: str, text: str) -> list[RasaMessage]:
    """Rasa makes one message of each paragraph."""
    return [{"recipient_id": sender, "text": part.strip()} for part in plain(text).split("\n\n") if part.strip()]


def _line(message: RasaMessage) -> str:
    return json.dumps(message) + "\n"
