"""What every webhook does with a request before it trusts it: parse it, clean its text, answer problems."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from frontdesk.bot.errors import ChannelError
from frontdesk.channels.problems import answered

_INVISIBLE = re.compile("[\x00\ud800-\udfff\U000e0000-\U000e007f]")


class SafeRoute(APIRoute):
    """A route that turns ChannelError into its 4xx and StoreError into 503, so that nothing is acknowledged."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler; see channels/problems.py for the shape of the answers."""
        handler = super().get_route_handler()

        async def safe(request: Request) -> Response:
            return await answered(handler(request))

        return safe


def read_object(body: bytes | str) -> dict[str, Any]:
    """Parse a JSON object, with its strings cleaned (see `clean`); raises ChannelError saying what is wrong."""
    try:
        value = _cleaned(json.loads(body))
    except RecursionError:
        raise ChannelError("The JSON is nested too deeply.", fix="Send a flat object.", code="bad_json") from None
    except ValueError as error:
        reason = str(error)[:200].encode("ascii", "replace").decode()
        raise ChannelError(f"The body is not JSON: {reason}", fix="Send a JSON object.", code="bad_json") from None
    if not isinstance(value, dict):
        raise ChannelError(
            f"The body is a JSON {type(value).__name__}.", fix="Send a JSON object.", code="not_an_object"
        )
    return value


def clean(text: str) -> str:
    """Drop what no customer types and no store takes: NUL, lone surrogates, the invisible tag characters."""
    return _INVISIBLE.sub("", text)


def dig(value: Any, *keys: str) -> str:
    """Return the text or number at a path of nested objects, as text; empty when something else stands there."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): _cleaned(item) for key, item in value.items()}
    return value
