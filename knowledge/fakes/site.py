"""A local web site: pages with ETags, redirects, slow, huge and packed bodies; it counts what is asked of it."""

from __future__ import annotations

import gzip
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType


@dataclass(kw_only=True)
class Reply:
    """What a path gives. `drip` seconds lie between single bytes; `tagged` answers conditional requests."""

    body: bytes = b""
    status: int = 200
    type: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    drip: float = 0.0
    tagged: bool = True


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request the site had, with lower-case header names."""

    path: str
    headers: Mapping[str, str]
    status: int


class FakeSite:
    """Serves `pages` (path -> HTML text, bytes or Reply) on 127.0.0.1; use as a context manager."""

    def __init__(self, pages: Mapping[str, str | bytes | Reply] | None = None) -> None:
        self.pages = dict(pages or {})
        self.asked: list[Asked] = []
        self.most_at_once = 0
        self._now = 0
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """Return the address of a path."""
        return f"http://{host}:{self.port}{path}"

    def secure(self, context: ssl.SSLContext) -> None:
        """Speak TLS from now on."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def paths(self) -> list[str]:
        """Return the paths asked for, in order."""
        return [one.path for one in self.asked]

    def __enter__(self) -> FakeSite:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def reply(self, path: str, headers: Mapping[str, str]) -> Reply:
        """Return what a request gets, and note it."""
        found = self.pages.get(path)
        if found is None:
            found = Reply(status=404, body=b"not here")
        if isinstance(found, str | bytes):
            found = Reply(body=found.encode() if isinstance(found, str) else found)
        tag = f'"{sha256(found.body).hexdigest()[:16]}"'
        if found.tagged and found.status == 200:
            found = Reply(**{**vars(found), "headers": {**found.headers, "ETag": tag}})
            if headers.get("if-none-match") == tag:
                found = Reply(status=304, headers={"ETag": tag})
        with self._lock:
            self.asked.append(Asked(path=path, headers=headers, status=found.status))
        return found

    def busy(self, change: int) -> None:
        """Count the requests under way."""
        with self._lock:
            self._now += change
            self.most_at_once = max(self.most_at_once, self._now)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hang up: they are what is tested."""


def bomb(megabytes: int) -> bytes:
    """Return a gzip body of about a kilobyte per megabyte that it unpacks to."""
    return gzip.compress(b"<p>" + b" " * (megabytes * 1_000_000))


def _handler(site: FakeSite) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site.busy(+1)
            try:
                self._send(site.reply(self.path, {key.lower(): value for key, value in self.headers.items()}))
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True
            finally:
                site.busy(-1)

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in {"Content-Type": reply.type, **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if not reply.drip:
                self.wfile.write(reply.body)
                return
            for at in range(len(reply.body)):
                self.wfile.write(reply.body[at : at + 1])
                self.wfile.flush()
                time.sleep(reply.drip)

        def log_message(self, format: str, *args: object) -> None:
            """Stay silent."""

    return Handler
