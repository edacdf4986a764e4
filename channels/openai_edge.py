"""The edge of OpenAI's wire: who may ask, and errors as OpenAI's clients read them."""

from __future__ import annotations

import hmac
import ipaddress
import logging
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import SecretStr
from starlette.requests import ClientDisconnect

from frontdesk.bot.errors import ChannelError, ConfigError, FrontdeskError, Overloaded
from frontdesk.channels.problems import RETRY_SECONDS

MIN_KEY = 16
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
log = logging.getLogger(__name__)


class CompletionRoute(APIRoute):
    """A route that answers every error of ours in OpenAI's shape."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler."""
        handler = super().get_route_handler()

        async def safe(request: Request) -> Response:
            try:
                return await handler(request)
            except FrontdeskError as error:
                return problem(error)
            except ClientDisconnect:
                return problem(ChannelError("The request ended before its body was complete.", code="disconnected"))

        return safe


class Door:
    """Who may ask: whoever sends the key; while there is none, only this machine."""

    def __init__(self, key: SecretStr | None) -> None:
        self._key = key.get_secret_value().encode() if key else b""
        if key and len(self._key) < MIN_KEY:
            fix = f"use at least {MIN_KEY} characters, for example from `openssl rand -hex 16`."
            raise ConfigError("the API key can be guessed.", where="channels.openai.api_key", fix=fix)

    def check(self, request: Request) -> None:
        """Raise ChannelError 401 unless this request may be answered."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if self._key:
            sent = given.strip().encode("utf-8", "replace")
            if scheme.lower() != "bearer" or not hmac.compare_digest(sent, self._key):
                fix = 'send the header "Authorization: Bearer KEY" with the key of channels.openai.api_key.'
                raise ChannelError("The API key is missing or wrong.", status=401, code="invalid_api_key", fix=fix)
        elif not _local(request):
            fix = "set channels.openai.api_key in frontdesk.toml and start again."
            what = "Without an API key only programs on the bot's own machine may ask."
            raise ChannelError(what, status=401, code="invalid_api_key", fix=fix)


def _local(request: Request) -> bool:
    """Whether a program on this machine asks directly: no proxy, and no page in a browser."""
    passed_on = {"forwarded", "x-forwarded-for", "x-real-ip", "via", "origin"} & set(request.headers)
    try:
        host = urlsplit("//" + request.headers.get("host", "")).hostname or ""
        at_home = host == "localhost" or ipaddress.ip_address(host).is_loopback
        return at_home and not passed_on and ipaddress.ip_address(request.client.host).is_loopback  # type: ignore[union-attr]
    except (ValueError, AttributeError):
        return False


def problem(error: FrontdeskError) -> Response:
    """Return the answer to a request that cannot be served."""
    told = shown(error)
    headers = {"Retry-After": str(RETRY_SECONDS)} if told.status in (429, 503) else {}
    return JSONResponse({"error": problem_json(told)}, told.status, {"Cache-Control": "no-store", **headers})


def problem_json(error: ChannelError) -> dict[str, Any]:
    """Return message, type, param and code of an error."""
    kind = "server_error" if error.status >= 500 else _TYPES.get(error.status, "invalid_request_error")
    text = f"{error.what} {error.fix[:1].upper()}{error.fix[1:]}".strip()
    return {"message": text, "type": kind, "param": error.where or None, "code": error.code}


def shown(error: FrontdeskError) -> ChannelError:
    """Return what the caller is told of an error: theirs as it is, ours without its inside."""
    if isinstance(error, ChannelError):
        return error
    if isinstance(error, Overloaded):
        what, fix = "Too many messages are waiting for their answer.", "send it again in a few seconds."
        return ChannelError(what, status=429, code="rate_limit_exceeded", fix=fix)
    log.error("request not served: %s", error)
    fix = "send it again in a few seconds."
    return ChannelError("The service cannot take this right now.", status=503, code="unavailable", fix=fix)
