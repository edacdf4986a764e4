"""Posting to a platform: what was taken, what must be tried again, and what nobody can know.

By aiohttp, for a post with httpx costs several times what storing its reply does.
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
from functools import cache
from ssl import SSLContext
from typing import Any
from urllib.request import getproxies

import aiohttp
from httpx import create_ssl_context

from frontdesk.bot.types import Event
from frontdesk.channels.delivery import Retry
from frontdesk.channels.requests import dig

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 8.0
_FILE_SECONDS = 30.0
_SHORTEST_WAIT, _LONGEST_WAIT, _USUAL_WAIT = 0.1, 3600.0, 2.0
_REMEMBERED = 10_000
_CONNECTIONS, _IDLE_SECONDS = 100, 3.0  # many servers close what idles for 5 s
_NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


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
        self._session: aiohttp.ClientSession | None = None
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
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS + seconds, connect=TIMEOUT_SECONDS, sock_read=seconds)
        sent = dict(headers or {})
        if not isinstance(body, bytes):
            body, sent = json.dumps(body).encode(), {"Content-Type": "application/json", **sent}
        posting = self._opened().post(url, data=body, headers=sent, timeout=timeout, allow_redirects=False)
        try:
            async with posting as answer:
                said = _object(await answer.read())
        except _NOT_SENT as error:
            raise Retry(_USUAL_WAIT, f"{self._platform} cannot be reached ({type(error).__name__})") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Doubtful(type(error).__name__) from None
        if answer.status == 429 or answer.status >= 500:
            wait = _wait(said.get("parameters"), answer.headers.get("Retry-After", ""))
            raise Retry(wait, f"{self._platform} answered {answer.status}")
        return answer.status, said

    async def get(self, url: str, headers: Mapping[str, str] | None, most: int) -> tuple[int, bytes]:
        """GET a file and return the status and its first `most` bytes and one; raises Retry or Doubtful."""
        timeout, data = aiohttp.ClientTimeout(total=_FILE_SECONDS, connect=TIMEOUT_SECONDS), bytearray()
        asking = self._opened().get(url, headers=headers, timeout=timeout, allow_redirects=False)
        try:
            async with asking as answer:
                while len(data) <= most and (part := await answer.content.read(most + 1 - len(data))):
                    data += part
        except _NOT_SENT as error:
            raise Retry(_USUAL_WAIT, f"{self._platform} cannot be reached ({type(error).__name__})") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Doubtful(type(error).__name__) from None
        return answer.status, bytes(data)

    async def close(self) -> None:
        """Close the connections."""
        if self._session:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=_IDLE_SECONDS, ssl=_certificates())
            # Proxies are looked for once: aiohttp takes a thread to do so for each post.
            cookies, proxies = aiohttp.DummyCookieJar(), bool(getproxies())
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=cookies, trust_env=proxies)
        return self._session

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


@cache
def _certificates() -> SSLContext:
    """Return what a platform's certificate is checked against, read once."""
    return create_ssl_context()


def _wait(asked: object, header: str) -> float:
    """The wait the platform asks for, in seconds: Slack in a header, Telegram in the body's parameters."""
    value = dig(asked, "retry_after") if isinstance(asked, dict) else header
    try:
        return min(max(float(value), _SHORTEST_WAIT), _LONGEST_WAIT)
    except ValueError:
        return _USUAL_WAIT


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
