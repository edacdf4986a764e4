"""Which pages of which origins may use the bot: exact scheme, host and port, for browsers only."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request, Response
from fastapi.routing import APIRoute

from frontdesk.bot.errors import ConfigError
from frontdesk.channels.problems import answered, problem

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
HINT = "add its origin to channels.web.allowed_origins in frontdesk.toml."


def check_origins(origins: Iterable[str]) -> frozenset[str]:
    """Return the allow-list; raises ConfigError on an entry that is not exactly scheme://host[:port]."""
    for origin in origins:
        parts = urlsplit(origin)
        exact = parts.scheme in ("http", "https") and origin == f"{parts.scheme}://{parts.netloc}" and parts.hostname
        if not exact or not origin.isascii() or any(c in origin for c in " ;,'\"*@\\"):
            raise ConfigError(
                f"{origin!r} is not an origin.",
                where="channels.web.allowed_origins",
                fix='write scheme, host and port only, as "https://shop.example".',
            )
    return frozenset(origins)


def same_host(origin: str, request: Request) -> bool:
    """Whether `origin` is the address this request was sent to."""
    return from_host(origin, request.headers.get("host", ""))


def from_host(origin: str, host: str) -> bool:
    """Whether `origin` is a page of `host`."""
    try:
        return bool(origin) and urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


def guarded(origins: frozenset[str]) -> type[APIRoute]:
    """Return a route class that refuses foreign origins and answers every error of ours as a problem."""

    class GuardedRoute(APIRoute):
        def get_route_handler(self) -> Handler:
            return _guard(super().get_route_handler(), origins)

    return GuardedRoute


def _guard(handler: Handler, origins: frozenset[str]) -> Handler:
    async def guarded_handler(request: Request) -> Response:
        origin = request.headers.get("origin", "")
        if origin and origin not in origins and not same_host(origin, request):
            return problem(403, "origin_not_allowed", "This page may not use the bot.", HINT, {"Vary": "Origin"})
        response = _readable(await answered(handler(request)), origin, origins)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return guarded_handler


def shared(origins: frozenset[str]) -> type[APIRoute]:
    """Return a route class whose answers the pages of `origins` may read; nobody is refused, errors are problems."""

    class SharedRoute(APIRoute):
        def get_route_handler(self) -> Handler:
            handler = super().get_route_handler()

            async def shared_handler(request: Request) -> Response:
                return _readable(await answered(handler(request)), request.headers.get("origin", ""), origins)

            return shared_handler

    return SharedRoute


async def preflight() -> Response:
    """Answer a browser's CORS question; the route class says to whom."""
    allowed = "Authorization, Content-Type, Last-Event-ID"
    headers = {"Access-Control-Allow-Methods": "GET, POST", "Access-Control-Allow-Headers": allowed}
    return Response(status_code=204, headers=headers | {"Access-Control-Max-Age": "600"})


def _readable(response: Response, origin: str, origins: frozenset[str]) -> Response:
    response.headers.add_vary_header("Origin")
    if origin in origins:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "Retry-After"
    return response
