"""Posting to a platform: what was taken, what must be tried again, and what nobody can know.

Slack and Telegram have no key that makes a post idempotent. Each part of a reply is therefore remembered once the
platform took it, and a part whose answer was lost is sent once more, never twice: the customer may then read it twice,
but is not left without it; or, where the settings say so, it is left at that. Such posts are counted.
"""

from __future__ import annotations

import json
import logging
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from frontdesk.bot.types import Event
from frontdesk.channels.delivery import Retry
from frontdesk.channels.requests import dig

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 8.0
_SHORTEST_WAIT, _LONGEST_WAIT, _USUAL_WAIT = 0.1, 3600.0, 2.0
_REMEMBERED = 10_000
_CONNECTIONS = httpx.Limits(max_connections=100, max_keepalive_connections=100)
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Doubtful(Exception):
    """The request went out and no answer came back: the platform may have taken it or not."""


@dataclass(kw_only=True)
class Progress:
    """How many parts of an event the platform took, and whether the next one was sent without an answer."""

    taken: int = 0
    doubtful: bool = False


class Outgoing:
    """One platform's posts. `counts` has sent, retried, ambiguous and dropped parts since the start.

    With `repeats` a part whose answer was lost is sent once more.
    """

    def __init__(self, platform: str, *, repeats: bool = True) -> None:
        self.counts: Counter[str] = Counter()
        self._platform, self._repeats = platform, repeats
        self._client: httpx.AsyncClient | None = None
        self._progress: OrderedDict[tuple[str, int], Progress] = OrderedDict()

    async def send_parts(
        self, event: Event, parts: Sequence[Mapping[str, Any]], post: Callable[[Mapping[str, Any]], Awaitable[None]]
    ) -> None:
        """Post the parts of an event that were not taken yet, in order; raises Retry when one must wait."""
        progress = self._progress_of(event)
        for part in parts[progress.taken :]:
            try:
                await post(part)
                self.counts["sent"] += 1
            except Doubtful as doubt:
                self._doubt(progress, doubt)
            except Retry:
                self.counts["retried"] += 1
                raise
            progress.taken, progress.doubtful = progress.taken + 1, False

    def drop(self, reason: str) -> None:
        """Count and log a part that the platform will never take."""
        self.counts["dropped"] += 1
        log.error("%s refused a message for good: %s", self._platform, reason)

    async def call(
        self,
        url: str,
        body: Mapping[str, Any] | bytes,
        headers: Mapping[str, str] | None = None,
        seconds: float = TIMEOUT_SECONDS,
    ) -> tuple[int, dict[str, Any]]:
        """POST JSON, or bytes that are signed, and return the status and the answer.

        Raises Retry (429, 5xx, no connection) or Doubtful.
        """
        timeout, sent = httpx.Timeout(TIMEOUT_SECONDS, read=seconds), dict(headers or {})
        if not isinstance(body, bytes):
            body, sent = json.dumps(body).encode(), {"Content-Type": "application/json", **sent}
        try:
            answer = await self._opened().post(url, content=body, headers=sent, timeout=timeout)
        except _NOT_SENT as error:
            raise Retry(_USUAL_WAIT, f"{self._platform} cannot be reached ({type(error).__name__})") from None
        except httpx.TransportError as error:
            raise Doubtful(type(error).__name__) from None
        if answer.status_code == 429 or answer.status_code >= 500:
            raise Retry(_wait(answer), f"{self._platform} answered {answer.status_code}")
        return answer.status_code, _object(answer)

    async def close(self) -> None:
        """Close the connections."""
        if self._client:
            await self._client.aclose()
            self._client = None

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            # Telegram's token is in the address, and httpx logs every address at INFO.
            for name in ("httpx", "httpcore"):
                logging.getLogger(name).setLevel(logging.WARNING)
            self._client = httpx.AsyncClient(limits=_CONNECTIONS)
        return self._client

    def _progress_of(self, event: Event) -> Progress:
        progress = self._progress.setdefault((event.conversation_id, event.id), Progress())
        while len(self._progress) > _REMEMBERED:
            self._progress.popitem(last=False)
        return progress

    def _doubt(self, progress: Progress, doubt: Doubtful) -> None:
        self.counts["ambiguous"] += 1
        log.warning("%s: a message was sent and its answer lost (%s)", self._platform, doubt)
        if self._repeats and not progress.doubtful:
            progress.doubtful = True
            raise Retry(_USUAL_WAIT, f"{self._platform}: the answer to a message was lost")


def _wait(answer: httpx.Response) -> float:
    """The wait the platform asks for, in seconds: Slack in a header, Telegram in the body."""
    asked = _object(answer).get("parameters")
    value = dig(asked, "retry_after") if isinstance(asked, dict) else answer.headers.get("retry-after", "")
    try:
        return min(max(float(value), _SHORTEST_WAIT), _LONGEST_WAIT)
    except ValueError:
        return _USUAL_WAIT


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        value = answer.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
