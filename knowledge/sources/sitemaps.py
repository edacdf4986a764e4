"""Sitemaps (sitemaps.org): the addresses in one, or in those that an index names; packed ones too, within limits."""

from __future__ import annotations

from dataclasses import dataclass

from frontdesk.knowledge.sources.fetch import unpacked
from frontdesk.knowledge.sources.source import Unreadable
from frontdesk.knowledge.sources.web import Page

MAX_UNPACKED = 20_000_000
MAX_ADDRESSES = 50_000


@dataclass(frozen=True, kw_only=True)
class Sitemap:
    """The pages of a sitemap, or the further sitemaps of an index, in order."""

    pages: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()


def parse(page: Page) -> Sitemap | None:
    """Return the sitemap that a page is, None when it is none; raises Unreadable for a broken one."""
    body = _unpacked(page.body) if page.body.startswith(b"\x1f\x8b") else page.body
    head = body[:2000].lower()
    if b"<urlset" not in head and b"<sitemapindex" not in head:
        return None
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        root = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, RecursionError) as error:
        raise Unreadable(f"not a sound sitemap ({str(error)[:100] or type(error).__name__})") from None
    found = [(entry.text or "").strip() for one in root for entry in one if _name(entry.tag) == "loc"]
    addresses = tuple(dict.fromkeys(filter(None, found)))[:MAX_ADDRESSES]
    return Sitemap(sitemaps=addresses) if _name(root.tag) == "sitemapindex" else Sitemap(pages=addresses)


def _name(tag: object) -> str:
    return str(tag).rpartition("}")[2].lower()


def _unpacked(data: bytes) -> bytes:
    import zlib

    out = bytearray()
    try:
        for chunk in unpacked(iter([data])):
            out += chunk
            if len(out) > MAX_UNPACKED:
                raise Unreadable(f"it unpacks to more than {MAX_UNPACKED // 1_000_000} MB")
    except zlib.error:
        raise Unreadable("a packed file that is broken") from None
    return bytes(out)
