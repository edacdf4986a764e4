"""The cheap no: while there is no room for another message, those that come are refused unread."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send


class Turnstile:
    """ASGI middleware: answers a POST to one of the paths by itself while `full` says so.

    A rush costs what its refusals cost, so nothing is parsed, verified or looked up for them. Pages of other `origins`
    are still answered by their route, which knows the headers that their browsers want.
    """

    def __init__(
        self, app: ASGIApp, full: Callable[[], bool], answers: Mapping[str, ASGIApp], origins: Collection[str] = ()
    ) -> None:
        self._app, self._full, self._answers, self._origins = app, full, answers, frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or let it through."""
        posted = scope["type"] == "http" and scope["method"] == "POST"
        answer = self._answers.get(scope["path"]) if posted else None
        if answer and self._full() and Headers(scope=scope).get("origin") not in self._origins:
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)
