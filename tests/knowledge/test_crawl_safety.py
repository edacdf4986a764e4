"""Nothing a page, a redirect or a name server does makes a crawl reach inside, wait for ever or swallow a bomb."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from frontdesk.knowledge.fakes.site import FakeSite, Reply, bomb
from frontdesk.knowledge.sources.addresses import public, resolve
from frontdesk.knowledge.sources.source import Unreadable
from frontdesk.knowledge.sources.web import Page, Web

INSIDE = [
    "127.0.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.0.8",
    "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::", "::ffff:10.0.0.1", "::ffff:7f00:1",
    "::10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1",
    "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1", "2001:db8::1", "100::1",
    "::ffff:0:10.0.0.1", "2001:0:7f00:1:0:0:f5ff:fffe",
]  # fmt: skip
OUTSIDE = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
WRITTEN = [
    "http://127.0.0.1/", "https://127.0.0.1/", "https://169.254.169.254/latest/meta-data/", "https://[::1]/",
    "https://[::ffff:10.0.0.1]/", "https://2130706433/", "https://0177.0.0.1/", "https://0x7f.1/", "https://127.1/",
    "https://10.0.0.1.nip.example/", "https://localhost/", "https://[64:ff9b::7f00:1]/", "file:///etc/passwd",
    "ftp://127.0.0.1/", "gopher://127.0.0.1/", "https://user:pass@one.example/", "//127.0.0.1/", "https:///", "https://[/",
]  # fmt: skip


def names(host: str, port: int) -> list[str]:
    """Resolve as nip.io does, and everything else as the system does."""
    return [host.removesuffix(".nip.example")] if host.endswith(".nip.example") else resolve(host, port)


@pytest.fixture
def site() -> Iterator[FakeSite]:
    with FakeSite() as made:
        yield made


def web(site: FakeSite, seconds: float = 3.0) -> Web:
    """Return a Web for which only the name shop.test is the fake site."""

    def found(host: str, port: int) -> list[str]:
        return ["127.0.0.1"] if host == "shop.test" else names(host, port)

    return Web(resolve=found, local=frozenset({"shop.test"}), gap=0.0, seconds=seconds)


@pytest.mark.parametrize("address", INSIDE)
def test_internal_addresses(address: str) -> None:
    assert not public(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_public_addresses(address: str) -> None:
    assert public(address)


@pytest.mark.parametrize("url", WRITTEN)
def test_an_internal_address_is_refused_however_it_is_written(url: str) -> None:
    with (
        Web(resolve=names, gap=0.0, seconds=3.0) as client,
        pytest.raises(Unreadable, match=r"public|https|password|fetched|not an address"),
    ):
        client.get(url)


@pytest.mark.parametrize("url", WRITTEN)
def test_a_redirect_to_it_is_refused_too(site: FakeSite, url: str) -> None:
    site.pages = {"/": Reply(status=302, headers={"Location": url})}
    with web(site) as client, pytest.raises(Unreadable):
        client.get(site.url("/", "shop.test"))
    assert site.paths()[:2] == ["/robots.txt", "/"]
    assert not [path for path in site.paths() if path not in ("/", "/robots.txt")]


def test_one_internal_address_among_public_ones_is_enough(site: FakeSite) -> None:
    client = Web(resolve=lambda host, port: ["93.184.216.34", "10.0.0.7"], gap=0.0)
    with client, pytest.raises(Unreadable, match=r"10\.0\.0\.7, which is not on the public internet"):
        client.get("https://mixed.example/")


def test_a_name_that_changes_its_address_is_checked_at_every_connection(site: FakeSite) -> None:
    """DNS rebinding: the address that was checked is the one dialled, and a second look-up is checked anew."""
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    site.pages = {"/": Reply(body=b"<p>Hello.", headers={"Connection": "close"}), "/robots.txt": ""}
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    from frontdesk.knowledge.sources import addresses

    with Web(resolve=rebinding, gap=0.0, local=frozenset({"shop.test"})) as client:
        assert isinstance(client.get(site.url("/", "shop.test")), Page)
    assert asked == ["shop.test"], "one look-up for one connection"
    backend = addresses._Backend(rebinding, frozenset())
    with pytest.raises(addresses.Forbidden, match="public internet"):
        backend.connect_tcp("shop.test", site.port)


def test_redirects_end(site: FakeSite) -> None:
    site.pages = {"/": Reply(status=302, headers={"Location": "/"})}
    with web(site) as client, pytest.raises(Unreadable, match="redirects more than 5 times"):
        client.get(site.url("/", "shop.test"))


def test_a_discovered_page_stays_on_its_site(site: FakeSite) -> None:
    site.pages = {"/": Reply(status=302, headers={"Location": "https://elsewhere.example/"})}
    with web(site) as client, pytest.raises(Unreadable, match="another site"):
        client.get(site.url("/", "shop.test"), within=site.url("", "shop.test"))


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(body=b"x" * 50, drip=0.05), "more than 0.5 s"),
        (Reply(body=b"<p>" + b"x" * 11_000_000), "larger than 10 MB"),
        (Reply(body=bomb(400), headers={"Content-Encoding": "gzip"}), "larger than 10 MB"),
        (Reply(body=b"not gzip", headers={"Content-Encoding": "gzip"}), "cannot be read"),
        (Reply(body=b"x", headers={"Content-Encoding": "br"}), "cannot be read"),
    ],
    ids=["drip", "huge", "bomb", "broken", "unasked"],
)
def test_bodies_have_limits(site: FakeSite, reply: Reply, reason: str) -> None:
    site.pages = {"/": reply, "/robots.txt": ""}
    with web(site, seconds=0.5 if reply.drip else 10.0) as client, pytest.raises(Unreadable, match=reason):
        client.get(site.url("/", "shop.test"))


def test_no_proxy_of_the_environment_is_used(site: FakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    site.pages = {"/": "<p>Hello."}
    with web(site) as client:
        assert isinstance(client.get(site.url("/", "shop.test")), Page)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
def test_the_certificate_is_checked_against_the_name_not_the_address(
    site: FakeSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=shop.test"]
    made += ["-addext", "subjectAltName=DNS:shop.test", "-keyout", str(tmp_path / "k"), "-out", str(tmp_path / "c")]
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c", tmp_path / "k")
    heard: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: heard.append(name)
    site.secure(context)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "c"))
    site.pages = {"/": "<p>Hello."}
    local = frozenset({"shop.test", "other.test"})
    with Web(resolve=lambda host, port: ["127.0.0.1"], local=local, gap=0.0, seconds=5.0) as client:
        assert isinstance(client.get(f"https://shop.test:{site.port}/"), Page)
        assert site.asked[-1].headers["host"] == f"shop.test:{site.port}"
        with pytest.raises(Unreadable, match="certificate"):
            client.get(f"https://other.test:{site.port}/")
    assert heard == ["shop.test", "other.test"]
