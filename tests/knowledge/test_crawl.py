"""Crawls: which pages they bring in, how little they ask for, and what they leave alone."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest

from frontdesk.bot.config import Sources
from frontdesk.knowledge import sources
from frontdesk.knowledge.convert import Converter
from frontdesk.knowledge.fakes.site import FakeSite, Reply
from frontdesk.knowledge.sources.web import Web
from frontdesk.knowledge.values import Document


def page(title: str, *links: str, head: str = "") -> str:
    """Return an article; its text is its title."""
    anchors = "".join(f'<li><a href="{link}">more</a></li>' for link in links)
    return f"<html><head><title>{title}</title>{head}</head><body><main><p>All of {title}.</p>{anchors}</main></body>"


@dataclass(kw_only=True)
class Ingested:
    """What a look at the sources gave."""

    documents: dict[str, Document] = field(default_factory=dict)
    unchanged: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)


class Base:
    """A knowledge base in miniature: what it knows by hash, as ingest does it."""

    def __init__(self, folder: Path, converter: Converter) -> None:
        self.folder, self.converter, self.known = folder, converter, dict[str, str]()
        self.pauses: list[float] = []

    def sync(self, *names: str, pages: int = 100, gap: float = 0.0) -> Ingested:
        result, seen = Ingested(), set[str]()
        web = Web(local=frozenset({"127.0.0.1"}), gap=gap, seconds=2.0, sleep=self.pauses.append)
        found = sources.Found(
            project=self.folder,
            wanted=Sources(sources=names, pages=pages),
            converter=self.converter,
            state=self.folder,
            known=dict(self.known),
            hashed=lambda data: sha256(data).hexdigest(),
            web=web,
        )
        for source in found:
            seen.add(source.id)
            self._take(source, result)
        result.skipped |= {one.path: one.reason for one in found.skipped}
        result.gone += sorted(key for key in self.known if key not in seen and not found.keeps(key))
        for key in result.gone:
            self.known.pop(key, None)
        return result

    def _take(self, source: sources.Source, result: Ingested) -> None:
        try:
            data = source.load()
            if not isinstance(data, bytes) or self.known.get(source.id) == sha256(data).hexdigest():
                result.unchanged.append(source.id)
                return
            result.documents[source.id] = sources.read(source, data, self.converter).document
            self.known[source.id] = sha256(data).hexdigest()
        except sources.Unreadable as error:
            result.skipped[source.id] = str(error)
            result.gone += [source.id] if error.empty and source.id in self.known else []


@pytest.fixture(scope="module")
def converter() -> Iterator[Converter]:
    with Converter(wall_seconds=120) as made:
        yield made


@pytest.fixture
def base(tmp_path: Path, converter: Converter) -> Base:
    return Base(tmp_path, converter)


@pytest.fixture
def site() -> Iterator[FakeSite]:
    with FakeSite() as made:
        yield made


def test_an_address_is_one_page(site: FakeSite, base: Base) -> None:
    site.pages = {"/returns": page("Returns", "/shipping"), "/shipping": page("Shipping")}
    found = base.sync(site.url("/returns"))
    assert [(one.id, one.title, one.url) for one in found.documents.values()] == [
        (site.url("/returns"), "Returns", site.url("/returns"))
    ]
    assert site.paths() == ["/robots.txt", "/returns"]


def test_an_address_that_ends_in_a_slash_brings_in_what_is_below_it(site: FakeSite, base: Base) -> None:
    site.pages = {
        "/help/": page("Help", "a", "/help/b.html", "/shop", "https://elsewhere.example/help/", "c?page=2", "logo.png"),
        "/help/a": page("A", "deep/d", "a", "mailto:x@y.example", "http://[", "b.html#top"),
        "/help/b.html": page("B", "./", "../"),
        "/help/deep/d": page("D"),
    }
    found = base.sync(site.url("/help/"))
    assert [one.title for one in found.documents.values()] == ["Help", "A", "B", "D"]
    assert not found.skipped
    assert site.most_at_once == 1


def test_pages_that_have_not_changed_are_not_sent_again(site: FakeSite, base: Base) -> None:
    site.pages = {"/help/": page("Help", "a", "b"), "/help/a": page("A"), "/help/b": page("B")}
    base.sync(site.url("/help/"))
    site.asked.clear()
    site.pages["/help/b"] = page("B, newly")
    found = base.sync(site.url("/help/"))
    assert [one.title for one in found.documents.values()] == ["B, newly"]
    assert sorted(found.unchanged) == [site.url("/help/"), site.url("/help/a")]
    assert [one.status for one in site.asked] == [404, 304, 304, 200]


def test_a_page_is_asked_for_whole_when_its_document_is_not_what_is_known(site: FakeSite, base: Base) -> None:
    site.pages = {"/a": page("A")}
    base.sync(site.url("/a"))
    base.known.clear()
    assert list(base.sync(site.url("/a")).documents) == [site.url("/a")]
    (base.folder / "pages.json").write_text("{ damaged")
    assert base.sync(site.url("/a")).unchanged == [site.url("/a")]


def test_a_page_that_is_gone_is_withdrawn_and_one_that_fails_is_kept(site: FakeSite, base: Base) -> None:
    site.pages = {"/h/": page("H", "a", "b", "c"), "/h/a": page("A", "x"), "/h/b": page("B"), "/h/c": page("C")}
    site.pages["/h/x"] = page("X")
    base.sync(site.url("/h/"))
    site.pages |= {"/h/a": Reply(status=500), "/h/b": Reply(status=410)}
    site.pages["/h/"] = page("H", "a", "b")
    found = base.sync(site.url("/h/"))
    assert sorted(found.gone) == [site.url("/h/b"), site.url("/h/c")]
    assert "status 500" in found.skipped[site.url("/h/a")]
    assert site.url("/h/x") in found.unchanged, "what a page linked to before it failed is still looked at"


def test_a_site_that_is_down_loses_nothing(site: FakeSite, base: Base) -> None:
    site.pages = {"/h/": page("H", "a"), "/h/a": page("A")}
    base.sync(site.url("/h/"))
    before = dict(base.known)
    site.pages = {path: Reply(status=503) for path in ("/h/", "/h/a", "/robots.txt")}
    assert not base.sync(site.url("/h/")).gone
    site.pages = {"/h/": Reply(status=404)}
    found = base.sync(site.url("/h/"))
    assert base.known == before
    assert "still serves" in found.skipped[site.url("/h/")]


def test_ten_failures_in_a_row_end_a_crawl(site: FakeSite, base: Base) -> None:
    site.pages = {"/h/": page("H", *(f"p{n}" for n in range(40)))}
    site.pages |= {f"/h/p{n}": Reply(status=500) for n in range(40)}
    found = base.sync(site.url("/h/"))
    assert len(site.asked) == 12
    assert "10 pages in a row" in found.skipped[site.url("/h/")]


def test_no_more_pages_than_allowed(site: FakeSite, base: Base) -> None:
    site.pages = {"/h/": page("H", *(f"p{n}" for n in range(9)))}
    site.pages |= {f"/h/p{n}": page(f"P{n}") for n in range(9)}
    found = base.sync(site.url("/h/"), pages=4)
    assert len(found.documents) == 4
    assert "more than 4 pages" in found.skipped[site.url("/h/")]


def test_two_addresses_of_one_page_are_one_document(site: FakeSite, base: Base) -> None:
    own = '<link rel="canonical" href="/h/a">'
    site.pages = {
        "/h/": page("H", "a", "b", "old"),
        "/h/a": page("A", head=own),
        "/h/b": page("A", head=own),
        "/h/old": Reply(status=301, headers={"Location": "/h/a"}),
    }
    found = base.sync(site.url("/h/"))
    assert list(found.documents) == [site.url("/h/"), site.url("/h/a")]


def sitemap(*urls: str, kind: str = "urlset") -> bytes:
    entries = "".join(f"<x><loc>{url}</loc></x>" for url in urls)
    return (
        f'<?xml version="1.0"?><{kind} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</{kind}>'.encode()
    )


def test_a_sitemap_and_an_index_of_packed_ones(site: FakeSite, base: Base) -> None:
    first = sitemap(site.url("/a?id=1"), "https://elsewhere.example/x")
    site.pages = {
        "/sitemap.xml": Reply(
            type="application/xml", body=sitemap(site.url("/one.xml"), site.url("/two.xml.gz"), kind="sitemapindex")
        ),
        "/one.xml": Reply(type="text/xml", body=first),
        "/two.xml.gz": Reply(type="application/gzip", body=gzip.compress(sitemap(site.url("/b"), site.url("/a?id=1")))),
        "/a?id=1": page("A", "/c"),
        "/b": page("B"),
    }
    found = base.sync(site.url("/sitemap.xml"))
    assert [one.title for one in found.documents.values()] == ["A", "B"]
    assert "1 addresses" in found.skipped[site.url("/sitemap.xml")]
    site.pages["/one.xml"] = Reply(status=500)
    assert not base.sync(site.url("/sitemap.xml")).gone


@pytest.mark.parametrize(
    "body",
    [
        b"<urlset><x><loc>",
        b'<!DOCTYPE a [<!ENTITY e "eee">]><urlset><x><loc>&e;</loc></x></urlset>',
        gzip.compress(b"<urlset>" + b" " * 21_000_000),
        b"\x1f\x8b broken",
    ],
)
def test_a_bad_sitemap_is_reported(site: FakeSite, base: Base, body: bytes) -> None:
    site.pages = {"/s.xml": Reply(type="text/xml", body=body)}
    found = base.sync(site.url("/s.xml"))
    assert not found.documents
    assert "still serves" in found.skipped[site.url("/s.xml")]


def test_robots_txt_is_obeyed(site: FakeSite, base: Base) -> None:
    rules = "User-agent: frontdesk\nDisallow: /h/private*\nCrawl-delay: 3\n\nUser-agent: *\nDisallow: /\n"
    site.pages = {
        "/robots.txt": Reply(type="text/plain", body=rules.encode()),
        "/h/": page("H", "private/x", "a", "noindex"),
        "/h/a": page("A"),
        "/h/noindex": page("N", head='<meta name="robots" content="noindex, follow">'),
    }
    found = base.sync(site.url("/h/"))
    assert [one.title for one in found.documents.values()] == ["H", "A"]
    assert "robots.txt" in found.skipped[site.url("/h/private/x")]
    assert "noindex" in found.skipped[site.url("/h/noindex")]
    assert "/h/private/x" not in site.paths()
    assert len(base.pauses) == 3
    assert all(2 < pause <= 3 for pause in base.pauses)


def test_a_busy_site_is_asked_once_more_after_the_pause_it_names(site: FakeSite, base: Base) -> None:
    site.pages = {"/a": Reply(status=429, headers={"Retry-After": "7"})}
    found = base.sync(site.url("/a"))
    assert base.pauses == [7.0]
    assert "status 429" in found.skipped[site.url("/a")]


def test_other_types_of_pages(site: FakeSite, base: Base) -> None:
    faq = b'[{"question": "Open on Sunday?", "answer": "No."}, {"question": "Parking?", "answer": "Behind the shop."}]'
    site.pages = {
        "/faq.json": Reply(type="application/json", body=faq),
        "/film": Reply(type="video/mp4", body=b"x"),
        "/kaf": Reply(type="text/html; charset=windows-1251", body="<p>Доставка три дня.</p>".encode("cp1251")),
        "/note.md": Reply(type="text/plain", body=b"---\ntitle: Note\n---\nHello there."),
    }
    found = base.sync(*(site.url(path) for path in site.pages))
    assert found.documents[site.url("/faq.json#parking")].text == "Behind the shop."
    assert "video/mp4 is not supported" in found.skipped[site.url("/film")]
    assert found.documents[site.url("/kaf")].text == "Доставка три дня."
    assert found.documents[site.url("/note.md")].title == "Note"
