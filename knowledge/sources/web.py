"""Pages from the web, politely: robots.txt, a pause between requests, conditional requests, redirects one by one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import urlsplit

from protego import Protego

from frontdesk.knowledge.sources.addresses import Resolve, Transport, resolve
from frontdesk.knowledge.sources.fetch import Answer, fetch, site
from frontdesk.knowledge.sources.source import NOT_MODIFIED, NotModified, Unreadable

AGENT = "frontdesk"
SECONDS = 20.0
MAX_REDIRECTS = 5
MAX_DELAY = 30.0
MAX_ROBOTS = 500_000


@dataclass(frozen=True, kw_only=True)
class Page:
    """What an address gave: where it was found in the end, its bytes, and the headers that matter."""

    url: str
    body: bytes
    type: str = ""
    etag: str = ""
    modified: str = ""


class Web:
    """Fetches pages, one at a time; use as a context manager. `gap` seconds lie between two requests to a site.

    The hosts in `local` may be internal and speak http; they are for tests.
    """

    def __init__(
        self,
        *,
        resolve: Resolve = resolve,
        local: frozenset[str] = frozenset(),
        gap: float = 0.5,
        seconds: float = SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._transport = Transport(resolve, local)
        self._local, self._gap, self._seconds, self._sleep = local, gap, seconds, sleep
        self._robots: dict[str, Protego | None] = {}
        self._free: dict[str, float] = {}

    def __enter__(self) -> Web:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._transport.close()

    def get(self, url: str, *, etag: str = "", modified: str = "", within: str = "") -> Page | NotModified:
        """Return the page, or NOT_MODIFIED when it is as it was at `etag` or `modified`.

        `within` is the site that redirects must not leave, empty for any. Raises Unreadable, `empty` when the page is
        gone or may not be read.
        """
        asked = {"if-none-match": etag, "if-modified-since": modified}
        headers = {name: value for name, value in asked.items() if value}
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._allowed(url, headers)
            if not answer.moved:
                return _page(url, answer, asked=bool(headers))
            url = answer.moved
            if within and site(url) != within:
                raise Unreadable(f"redirects to another site, {site(url)}", empty=True)
        raise Unreadable(f"redirects more than {MAX_REDIRECTS} times")

    def _allowed(self, url: str, headers: dict[str, str]) -> Answer:
        """Fetch an address if its site allows that; a site that is busy is asked once more."""
        self._check(url)
        rules = self._rules(url)
        if rules and not rules.can_fetch(url, AGENT):
            raise Unreadable("its site's robots.txt does not allow it", empty=True)
        delay = (rules.crawl_delay(AGENT) if rules else None) or 0.0
        if delay > MAX_DELAY:
            raise Unreadable(f"its site asks for {delay:g} s between pages, more than {MAX_DELAY:g}")
        answer = self._paced(url, headers, delay)
        again = answer.headers.get("retry-after", "")
        if answer.status in (429, 503) and again.isdigit() and int(again) <= MAX_DELAY:
            self._sleep(float(again))
            answer = self._paced(url, headers, delay)
        return answer

    def _check(self, url: str) -> None:
        try:
            parts = urlsplit(url)
        except ValueError:
            raise Unreadable(f"not an address: {url[:200]}") from None
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in self._local):
            raise Unreadable(f"not an https address: {url[:200]}")
        if not parts.hostname or parts.username is not None or parts.password is not None:
            raise Unreadable("an address with a password in it is not fetched")

    def _rules(self, url: str) -> Protego | None:
        """Return what a site's robots.txt says, None for none (RFC 9309); raises Unreadable when unknown."""
        home = site(url)
        if home not in self._robots:
            self._robots[home] = self._read_rules(home)
        return self._robots[home]

    def _read_rules(self, home: str) -> Protego | None:
        url = f"{home}/robots.txt"
        for _ in range(MAX_REDIRECTS + 1):
            self._check(url)
            answer = self._paced(url, {}, 0.0)
            if not answer.moved:
                break
            url = answer.moved
        if 400 <= answer.status < 500 or answer.moved:
            return None
        if answer.status != 200:
            raise Unreadable(f"its site's robots.txt cannot be read (status {answer.status})")
        return Protego.parse(answer.body[:MAX_ROBOTS].decode("utf-8", "replace"))

    def _paced(self, url: str, headers: dict[str, str], delay: float) -> Answer:
        home, now = site(url), time.monotonic()
        wait = self._free.get(home, now) + max(self._gap, delay) - now
        if home in self._free and wait > 0:
            self._sleep(wait)
        sent = {"user-agent": f"{AGENT} (knowledge base of a support bot)", **headers}
        try:
            return fetch(self._transport, url, sent, self._seconds)
        finally:
            self._free[home] = time.monotonic()


def _page(url: str, answer: Answer, *, asked: bool) -> Page | NotModified:
    if answer.status == 304 and asked:
        return NOT_MODIFIED
    if answer.status in (404, 410):
        raise Unreadable(f"gone (status {answer.status})", empty=True)
    if answer.status != 200:
        raise Unreadable(f"cannot be fetched (status {answer.status})")
    return Page(
        url=url.partition("#")[0],
        body=answer.body,
        type=answer.headers.get("content-type", ""),
        etag=answer.headers.get("etag", ""),
        modified=answer.headers.get("last-modified", ""),
    )
