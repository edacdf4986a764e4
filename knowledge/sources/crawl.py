"""An address in the settings -> its pages: the page itself, all below it when it ends in a slash, or a sitemap's."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import urljoin, urlsplit

from frontdesk.knowledge.convert import Converted, Converter, Unconvertible
from frontdesk.knowledge.sources import sitemaps
from frontdesk.knowledge.sources.fetch import site
from frontdesk.knowledge.sources.files import KINDS
from frontdesk.knowledge.sources.look import Look
from frontdesk.knowledge.sources.remembered import Entry
from frontdesk.knowledge.sources.sitemaps import Sitemap
from frontdesk.knowledge.sources.source import NotModified, Source, Unreadable, failing, given
from frontdesk.knowledge.sources.text import declared, decode
from frontdesk.knowledge.sources.web import Page, Web
from frontdesk.knowledge.values import Skipped

TYPES = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "application/pdf": "pdf",
    "text/plain": "text",
    "text/markdown": "text",
    "text/csv": "csv",
    "application/json": "json",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}
_PAGES = {"", ".php", ".asp", ".aspx", ".jsp", ".shtml", ".xhtml", *KINDS}
_MAX_FAILURES = 10
_MAX_SITEMAPS = 100


@dataclass(frozen=True, kw_only=True)
class Looked:
    """A page that was asked for: the document to be, the addresses it links to, and the page where there was one."""

    source: Source
    links: tuple[str, ...] = ()
    page: Page | None = None
    failed: str = ""


@dataclass(kw_only=True)
class Crawl(Look):
    """One look at the web."""

    web: Web
    converter: Converter

    def sources(self, address: str) -> Iterator[Source]:
        """Yield the pages of an address, at most `limit`, each once, as they are fetched."""
        many = urlsplit(address).path.endswith("/")
        start = self._look(address, address, follow=many)
        try:
            sitemap = sitemaps.parse(start.page) if start.page else None
        except Unreadable as error:
            self._fail(address, str(error))
            return
        home = site(start.page.url if start.page else start.source.id)
        if sitemap:
            del self.remembered.now[address]
            yield from self._pages(address, self._listed(sitemap, address, home), home)
            return
        if start.failed and many:
            self._fail(address, start.failed)
        else:
            yield start.source
        if many:
            below = start.source.id.rpartition("/")[0] + "/"
            links = deque(link for link in start.links if link.startswith(below))
            self.found(len(links))
            yield from self._pages(address, links, home, below, [address, start.source.id])

    def _pages(
        self, address: str, urls: Iterable[str], home: str, below: str = "", seen: Iterable[str] = ()
    ) -> Iterator[Source]:
        """Yield the pages of `urls`; with `below`, also those under it that they link to, nearest first."""
        asked, ids, failures, elsewhere = set(seen), set(seen), 0, 0
        queued = set(urls) if isinstance(urls, deque) else set()
        for url in _growing(urls):
            if url in asked:
                continue
            if not url.startswith(f"{home}/"):
                elsewhere += 1
                continue
            if len(asked) >= self.limit:
                reason = f"it has more than {self.limit} pages; to take in more, raise `pages` beside `sources`"
                self.skipped.append(Skipped(path=address, reason=reason))
                break
            asked.add(url)
            looked = self._look(url, address, within=home, follow=bool(below))
            if isinstance(urls, deque):
                new = [link for link in looked.links if link.startswith(below) and link not in queued]
                queued.update(new)
                urls.extend(new)
                self.found(len(new))
            if looked.source.id not in ids:
                ids.add(looked.source.id)
                yield looked.source
            failures = failures + 1 if looked.failed else 0
            if failures == _MAX_FAILURES:
                self._fail(address, f"{failures} pages in a row could not be fetched")
                break
        if elsewhere and not below:
            reason = f"{elsewhere} addresses in it are of other sites than {home} and were left out"
            self.skipped.append(Skipped(path=address, reason=reason))

    def _listed(self, sitemap: Sitemap, address: str, home: str) -> Iterator[str]:
        """Yield the pages of a sitemap and of those that it names; one that cannot be read fails the address."""
        yield from sitemap.pages
        self.found(len(sitemap.pages))
        for url in sitemap.sitemaps[:_MAX_SITEMAPS]:
            try:
                page = self.web.get(url, within=home)
                inner = sitemaps.parse(page) if isinstance(page, Page) else None
            except Unreadable as error:
                self._fail(address, f"the sitemap {url}: {error}")
                continue
            self.found(len(inner.pages) if inner else 0)
            yield from inner.pages if inner else ()

    def _fail(self, address: str, reason: str) -> None:
        self.failed.add(address)
        self.skipped.append(Skipped(path=address, reason=f"{reason}; what it brought in before still serves"))

    def _look(self, url: str, of: str, *, within: str = "", follow: bool) -> Looked:
        """Ask for one page, and only for changes when what it gave last time is still what is known."""
        entry = self.remembered.before.get(url)
        same = entry if entry and entry.hash and self.known.get(entry.id) == entry.hash else None
        try:
            page = self.web.get(
                url, etag=same.etag if same else "", modified=same.modified if same else "", within=within
            )
            if isinstance(page, Page):
                return self._taken(url, of, page, within=within, follow=follow)
        except Unreadable as error:
            if entry and not error.empty:
                self.remembered.now[url] = entry
            gone = Source(id=entry.id if entry else url, kind="", load=failing(error))
            links = entry.links if entry and not error.empty else ()
            return Looked(source=gone, links=links, failed=str(error) if not error.empty or not within else "")
        return self._unchanged(url, same or Entry(id=url, of=of), page)

    def _unchanged(self, url: str, entry: Entry, page: NotModified) -> Looked:
        self.remembered.now[url] = entry
        return Looked(source=Source(id=entry.id, kind="", load=given(page)), links=entry.links)

    def _taken(self, url: str, of: str, page: Page, *, within: str, follow: bool) -> Looked:
        kind, data = _content(page)
        if kind == "sitemap" and within:
            raise Unreadable("a sitemap, not a page", empty=True)
        about = self._about(data) if follow and kind == "html" else Converted()
        own = urljoin(page.url, about.url) if about.url else page.url
        document = own if site(own) == site(page.url) else page.url
        links = () if about.nofollow else tuple(_links(urljoin(page.url, about.base), about.links))
        self.remembered.now[url] = Entry(
            id=document, of=of, hash=self.hashed(data), etag=page.etag, modified=page.modified, links=links
        )
        source = Source(id=document, kind=kind, load=given(data), url=document)
        return Looked(source=source, links=links, page=page)

    def _about(self, data: bytes) -> Converted:
        try:
            return self.converter.convert("links", data)
        except Unconvertible:  # met again, and reported, when the page itself is read
            return Converted()


def _growing(urls: Iterable[str]) -> Iterator[str]:
    """Yield what is in a queue until it is empty, or what an iterator has."""
    while isinstance(urls, deque) and urls:
        yield urls.popleft()
    if not isinstance(urls, deque):
        yield from urls


def _links(base: str, hrefs: Iterable[str]) -> Iterator[str]:
    """Yield the whole addresses of links to pages of the same site, without queries: those lead to ever more."""
    for href in hrefs:
        try:
            url = urljoin(base, href.strip()).partition("#")[0]
            inside = site(url) == site(base) and "?" not in url and len(url) < 1000
        except ValueError:
            continue
        if inside and PurePosixPath(urlsplit(url).path).suffix.lower() in _PAGES | {_version(url)}:
            yield url


def _version(url: str) -> str:
    """Return the suffix of an address whose dot belongs to a number, as in /whats-new-2.1."""
    suffix = PurePosixPath(urlsplit(url).path).suffix
    return suffix if suffix[1:].isdigit() else ""


def _content(page: Page) -> tuple[str, bytes]:
    """Return how a page is read and its bytes, text as UTF-8; raises Unreadable for types that are no documents."""
    named = page.type.partition(";")[0].strip().lower()
    suffix = PurePosixPath(urlsplit(page.url).path).suffix.lower()
    kind = TYPES.get(named) or KINDS.get(suffix if named in ("", "application/octet-stream") else "", "")
    if kind == "text" and suffix in KINDS:
        kind = KINDS[suffix]
    if b"<urlset" in page.body[:2000] or b"<sitemapindex" in page.body[:2000] or page.body.startswith(b"\x1f\x8b"):
        return "sitemap", page.body
    if not kind:
        raise Unreadable(f"content type {named or 'unknown'} is not supported")
    if not page.body.strip():
        raise Unreadable("empty", empty=True)
    if kind in ("html", "text"):
        return kind, decode(page.body, declared(page.body, page.type)).encode()
    return kind, page.body
