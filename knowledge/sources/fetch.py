"""One HTTP request within limits: no proxies, a deadline for all of it, a cap on its body, packed or not."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpcore
import httpx

from frontdesk.knowledge.sources.addresses import Transport
from frontdesk.knowledge.sources.source import Unreadable

MAX_BYTES = 10_000_000


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The status, lower-case headers and whole body of one response; `moved` is where a redirect leads."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    moved: str = ""


def site(url: str) -> str:
    """Return scheme, host and port of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def fetch(transport: Transport, url: str, headers: Mapping[str, str], seconds: float) -> Answer:
    """Send one GET request; raises Unreadable when it fails, takes more than `seconds` or gives too much."""
    transport.until(time.monotonic() + seconds)
    client = httpx.Client(transport=transport, trust_env=False, follow_redirects=False)
    sent = {"accept-encoding": "gzip", "accept": "text/html,application/xhtml+xml,*/*;q=0.5", **headers}
    try:
        with client.stream("GET", url, headers=sent) as response:
            found = {name.lower(): value for name, value in response.headers.items()}
            moved = found.get("location", "") if response.status_code in (301, 302, 303, 307, 308) else ""
            body = b"" if moved else b"".join(_bounded(_plain(response.iter_raw(), found)))
            moved = urljoin(url, moved) if moved else ""
            return Answer(status=response.status_code, headers=found, body=body, moved=moved)
    except (httpcore.TimeoutException, TimeoutError):
        raise Unreadable(f"took more than {seconds:g} s to fetch") from None
    except (httpcore.NetworkError, httpcore.ProtocolError, httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise Unreadable(f"cannot be fetched ({str(error)[:160] or type(error).__name__})") from None
    except (zlib.error, ValueError) as error:
        raise Unreadable(f"its answer cannot be read ({str(error)[:160]})") from None


def _bounded(chunks: Iterator[bytes]) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > MAX_BYTES:
            raise Unreadable(f"larger than {MAX_BYTES // 1_000_000} MB")
        yield chunk


def _plain(chunks: Iterator[bytes], headers: Mapping[str, str]) -> Iterator[bytes]:
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return chunks
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise ValueError(f"content encoding {encoding}")
    return unpacked(chunks)


def unpacked(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what gzip or zlib `chunks` unpack to, a little at a time, so that a bomb is stopped by who counts."""
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    for chunk in chunks:
        yield unpacker.decompress(chunk, 65_536)
        while unpacker.unconsumed_tail:
            yield unpacker.decompress(unpacker.unconsumed_tail, 65_536)
    yield unpacker.flush()
