"""What every HTTP edge shares: a capped body, a checked body, and one shape for what went wrong.

A problem is `{"error":{"code","message","hint"}}` with a 4xx, or 503 with Retry-After when the fault is ours.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Mapping
from typing import TypeVar

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from frontdesk.bot.errors import ChannelError, FrontdeskError, Overloaded, StoreError

log = logging.getLogger(__name__)
RETRY_SECONDS = 5
Body = TypeVar("Body", bound=BaseModel)


def problem(status: int, code: str, message: str, hint: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """Return the JSON answer to a request that cannot be served."""
    body = {"error": {"code": code, "message": message, "hint": hint}}
    return JSONResponse(body, status, headers={"Cache-Control": "no-store", **(headers or {})})


def problem_of(error: FrontdeskError) -> Response:
    """Return the answer to one of our errors: 4xx for the caller, 503 when the fault is ours and may pass."""
    if isinstance(error, ChannelError):
        return problem(error.status, error.code, error.what, error.fix)
    if isinstance(error, Overloaded):
        return busy(503)
    log.error("request not served: %s", error)
    code = "store_unavailable" if isinstance(error, StoreError) else "unavailable"
    message, hint = "The service cannot take this right now.", "send it again in a few seconds."
    return problem(503, code, message, hint, {"Retry-After": str(RETRY_SECONDS)})


def busy(status: int, message: str = "Too many messages are waiting.") -> Response:
    """Return the answer to a message that found the queue full: 503 to a platform, a kind 429 to a person."""
    return problem(status, "busy", message, "send it again in a few seconds.", {"Retry-After": str(RETRY_SECONDS)})


async def answered(work: Awaitable[Response]) -> Response:
    """Await `work`; one of our errors, or a caller who left, becomes an answer."""
    try:
        return await work
    except FrontdeskError as error:
        return problem_of(error)
    except ClientDisconnect:
        return problem(400, "disconnected", "The request ended before its body was complete.")


async def read_body(request: Request, limit: int) -> bytes:
    """Read the body and stop at `limit` bytes; raises ChannelError 413, before anything is parsed."""
    declared = request.headers.get("content-length", "")
    body = bytearray()
    if declared.isdecimal() and len(declared) < 20 and int(declared) > limit:
        raise _too_large(limit)
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


def _too_large(limit: int) -> ChannelError:
    fix = f"send at most {limit} bytes."
    return ChannelError("The request body is too large.", status=413, code="too_large", fix=fix)


def parse(model: type[Body], raw: bytes) -> Body:
    """Check a JSON body; raises ChannelError 400 that names the field and what is wrong with it."""
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        if first["type"] == "json_invalid":
            raise ChannelError("The body is not JSON in UTF-8.", code="invalid_json", fix=first["msg"]) from None
        where = ".".join(str(part)[:60] for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ")
        fix = f"send a JSON object with the fields {', '.join(model.model_fields)}."
        text = f"{where}: {reason}" if where else reason
        raise ChannelError(text.encode("utf-8", "replace").decode(), code="invalid_request", fix=fix) from None
