"""The wire: one streamed chat completion, read to its finish mark or refused; and small calls beside it.

Format: https://platform.openai.com/docs/api-reference/chat-streaming. Errors name the server and what was wrong with
its answer, never the key, the prompt or the answer's text.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from pydantic import BaseModel, Field, ValidationError

from frontdesk.bot.errors import ModelError
from frontdesk.bot.usage import Tariff

MAX_BYTES = 262_144
"""The most that is read of one answer; a chunk of a token is about 250 bytes, a reply has 80 tokens."""
MAX_CHARS = 2000
RETRY_S = 1.0
"""The longest Retry-After that is waited for."""
RESET_WAIT_S = 0.05
END_WAIT_S = 0.2
"""How long after the finish mark the rest of the stream may take; read to its end, the connection is used again."""
ABOUT_THE_REQUEST = frozenset({400, 404, 413, 422})
"""Statuses that say nothing about the server's health: another voice or a shorter message may work."""


class WireError(ModelError):
    """The server did not give a whole reply. `again`: seconds after which one more try is worth it, or None."""

    def __init__(self, what: str, *, where: str, status: int = 0, again: float | None = None) -> None:
        super().__init__(what, where=where)
        self.status, self.again = status, again


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to wait, in seconds, for the first token and between tokens; `end` is a time of the event loop."""

    first: float
    idle: float
    end: float


class _Delta(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    delta: _Delta = Field(default_factory=_Delta)
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)


class _Chunk(BaseModel):
    model: str = ""
    choices: list[_Choice]
    usage: _Usage | None = None


@dataclass(kw_only=True)
class _Draft:
    """A reply in the making, from the bytes of its stream."""

    where: str
    models: Collection[str]
    """What may stand as the answer's model."""
    pieces: list[str] = field(default_factory=list)
    finish: str = ""
    usage: _Usage | None = None
    """The tokens, as the server counts them at the end."""
    _rest: bytes = b""
    _read: int = 0
    _before: bytes = b""

    def take(self, part: bytes) -> bool:
        """Read on; return whether it brought text or the finish mark. Raises WireError for what cannot be a reply."""
        self._read += len(part)
        if self._read > MAX_BYTES:
            raise WireError("sends more than a reply can hold.", where=self.where)
        *lines, self._rest = (self._rest + part).split(b"\n")
        found = [data for line in lines if line.startswith(b"data:") and (data := line[5:].strip()) != b"[DONE]"]
        return any([self._chunk(data) for data in found])

    def _chunk(self, data: bytes) -> bool:
        try:
            chunk = _Chunk.model_validate_json(data)
        except ValidationError:
            raise WireError("sends something that is no chat completion.", where=self.where) from None
        if chunk.model not in self.models:
            raise WireError("answers with another model than was asked for.", where=self.where)
        text = "".join(choice.delta.content or "" for choice in chunk.choices[:1])
        finish = next((choice.finish_reason for choice in chunk.choices[:1] if choice.finish_reason), "")
        if text and self.finish:
            raise WireError("goes on after the finish mark.", where=self.where)
        if data == self._before and any(letter.isalnum() for letter in text):
            raise WireError("sends a chunk twice.", where=self.where)
        self._before = data
        self.pieces.append(text)
        self.finish, self.usage = self.finish or finish, chunk.usage or self.usage
        return bool(text or finish)

    def reply(self) -> str:
        """Return the text of a stream that has ended."""
        if self.finish != "stop":
            what = f"ended with {self.finish!r}" if self.finish else "broke off"
            raise WireError(f"the reply {what} before it was complete.", where=self.where)
        text = "".join(self.pieces).strip()
        if not text or len(text) > MAX_CHARS:
            raise WireError("the reply is empty." if not text else "the reply is too long.", where=self.where)
        return text


async def reply(
    client: httpx.AsyncClient, body: Mapping[str, Any], models: Collection[str], patience: Patience, tariff: Tariff
) -> str:
    """Return one whole reply; raises WireError. A lost connection or a short 429 is tried once more, time allowing."""
    try:
        return await _streamed(client, body, models, patience, tariff)
    except WireError as error:
        now = asyncio.get_running_loop().time()
        if error.again is None or now + error.again >= patience.end:
            raise
        await asyncio.sleep(error.again)
    return await _streamed(client, body, models, patience, tariff)


async def _streamed(
    client: httpx.AsyncClient, body: Mapping[str, Any], models: Collection[str], patience: Patience, tariff: Tariff
) -> str:
    draft, began = _Draft(where=str(client.base_url), models=models), time.time()
    now = asyncio.get_running_loop().time
    try:
        async with asyncio.timeout_at(min(now() + patience.first, patience.end)) as timer:
            async with client.stream("POST", "chat/completions", json=body) as response:
                _check(response, draft.where)
                async for part in response.aiter_raw():
                    if draft.take(part):  # comments and empty chunks keep no stalled reply alive
                        wait = END_WAIT_S if draft.finish else patience.idle
                        timer.reschedule(min(now() + wait, patience.end))
    except TimeoutError:
        if not draft.finish:
            stalled = "stopped in the middle of a reply." if draft.pieces else "did not begin a reply in time."
            raise WireError(stalled, where=draft.where) from None
    except httpx.HTTPError as error:
        if not draft.finish:
            raise _lost(error, draft) from None
    finally:
        if draft.pieces:
            used = draft.usage
            tariff.tell(began, *((used.prompt_tokens, used.completion_tokens) if used else (None, None)))
    return draft.reply()


def _check(response: httpx.Response, where: str) -> None:
    """Raise WireError unless a stream of events follows."""
    if response.status_code != 200:
        again = _retry_after(response) if response.status_code == 429 else None
        raise WireError(f"answered {response.status_code}.", where=where, status=response.status_code, again=again)
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "text/event-stream":
        raise WireError("did not answer with a stream of events.", where=where)


def _retry_after(response: httpx.Response) -> float | None:
    """Return the seconds a 429 asks for when they are few; RFC 9110 section 10.2.3, dates count as too long."""
    value = response.headers.get("retry-after", "")
    seconds = float(value) if value.isascii() and value.isdigit() else RETRY_S + 1
    return seconds if seconds <= RETRY_S else None


def _lost(error: httpx.HTTPError, draft: _Draft) -> WireError:
    if isinstance(error, httpx.ConnectTimeout):
        return WireError("took too long to connect.", where=draft.where)
    if isinstance(error, httpx.ConnectError):
        return WireError("cannot be reached.", where=draft.where)
    again = RESET_WAIT_S if isinstance(error, httpx.TransportError) and not draft.pieces else None
    return WireError(f"the connection was lost ({type(error).__name__}).", where=draft.where, again=again)


async def call(client: httpx.AsyncClient, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, bytes]:
    """Return (status, body) of a small call: POST with a body, GET without; raises WireError."""
    where, content = str(client.base_url), b""
    try:
        async with client.stream("GET" if body is None else "POST", path, json=body) as response:
            async for part in response.aiter_raw():
                content += part
                if len(content) > MAX_BYTES:
                    raise WireError(f"{path} answers too much.", where=where)
            return response.status_code, content
    except httpx.HTTPError as error:
        raise WireError(f"{path} failed: {type(error).__name__}.", where=where) from None
