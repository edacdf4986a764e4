"""Server-sent events (WHATWG HTML, section 9.2) over the outbox: ids are positions, silence is filled with comments."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any

from starlette.responses import StreamingResponse

from frontdesk.bot.errors import ChannelError, FrontdeskError
from frontdesk.bot.types import Event, Sentence
from frontdesk.channels.shapes import event_json, sentence_of

log = logging.getLogger(__name__)
HEARTBEAT_SECONDS = 15.0
RETRY_MS = 2000
LIFETIME_SECONDS = 600.0
"""A stream ends after this long, so that the next request proves again who is reading."""
MAX_POSITION = 2**63 - 1
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"}


def frame(kind: str, data: Mapping[str, Any], position: int | None = None) -> bytes:
    """Return one event as bytes."""
    head = f"id: {position}\n" if position is not None else ""
    return f"{head}event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode("utf-8", "replace")


def last_event_id(value: str | None) -> int | None:
    """Return the position a client resumes from, None for none; raises ChannelError 400."""
    if value is None or not value.strip():
        return None
    if value.strip().isascii() and value.strip().isdecimal() and len(value) < 20 and int(value) <= MAX_POSITION:
        return int(value)
    raise ChannelError("Last-Event-ID is not a position.", code="invalid_request", fix="send the id of an event.")


def streaming(frames: AsyncIterator[bytes]) -> StreamingResponse:
    """Return the response that sends `frames`."""
    return StreamingResponse(_safely(frames), media_type="text/event-stream", headers=_HEADERS)


async def _safely(frames: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Send the frames; a failure after the start becomes an error event, for the status is already out."""
    yield f"retry: {RETRY_MS}\n\n".encode()
    try:
        async for part in frames:
            yield part
    except FrontdeskError as error:
        log.error("stream ended early: %s", error)
        yield frame("error", {"message": "The connection was interrupted.", "retry": True})


async def frames_of(
    events: AsyncIterator[Event], until: Callable[[Event], bool], seconds: float, heartbeat: float = HEARTBEAT_SECONDS
) -> AsyncIterator[bytes]:
    """Yield the frames of `events` up to the one for which `until` holds, at most for `seconds`."""
    said: dict[str, list[Sentence]] = {}
    async with aclosing(_beating(events, seconds, heartbeat)) as beats:
        async for event in beats:
            if event is None:
                yield b": still here\n\n"
                continue
            if event.kind == "sentence":
                said.setdefault(event.message_id, []).append(sentence_of(event))
            yield frame(event.kind, event_json(event, said.get(event.message_id, ())), event.id)
            if event.kind == "done":
                said.pop(event.message_id, None)
            if until(event):
                return


async def _beating(events: AsyncIterator[Event], seconds: float, heartbeat: float) -> Any:
    """Yield the events, and None whenever none came for `heartbeat` seconds."""
    clock = asyncio.get_running_loop().time
    end, pending = clock() + seconds, None
    try:
        while (left := end - clock()) > 0:
            pending = pending or asyncio.ensure_future(anext(events, None))
            done, _ = await asyncio.wait({pending}, timeout=min(heartbeat, left))
            if not done:
                yield None
                continue
            event, pending = pending.result(), None
            if event is None:
                return
            yield event
    finally:
        if pending:
            pending.cancel()
            await asyncio.gather(pending, return_exceptions=True)
        close = getattr(events, "aclose", None)
        if close:
            await close()
