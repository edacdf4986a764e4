"""What the load programs share: a client that costs little, a server in a process of its own, and what it costs."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.serving import free_port

ROOT = Path(__file__).parent.parent
IDLE_SECONDS = 3.0
"""How long a connection is kept for the next request; uvicorn closes it after 5 s."""
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter, float]


def quantile(values: list[float], share: float) -> float:
    """Return the value that `share` of them do not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def resident_mb(pid: int | str = "self") -> float:
    """Return the memory that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def peak_mb(pid: int) -> float:
    """Return the most memory that a process ever held."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


@contextmanager
def process(command: list[str], rest: list[str], ready: str = "/health/live") -> Iterator[tuple[str, int]]:
    """Run `command PORT rest` on a free port and wait until it answers; yield its address and its process id."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen([*command, str(port), *rest], cwd=ROOT) as running:
        while True:
            try:
                if httpx.get(url + ready).status_code == 200:
                    break
            except httpx.TransportError:
                assert running.poll() is None, "the server ended by itself"
                time.sleep(0.1)
        try:
            yield url, running.pid
        finally:
            running.terminate()


class Client:
    """Asks over kept connections and understands just enough HTTP/1.1: a load generator must not measure itself."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        self._idle: list[Connection] = []

    async def post(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Return the status and the body; 0 when the connection broke."""
        kinds = {"Content-Length": len(body), "Content-Type": "application/json", **(headers or {})}
        return await self._send(f"POST {path}", kinds, body)

    async def get(self, path: str) -> tuple[int, bytes]:
        """Return the status and the body; 0 when the connection broke."""
        return await self._send(f"GET {path}", {}, b"")

    async def _send(self, what: str, headers: Mapping[str, object], body: bytes) -> tuple[int, bytes]:
        lines = [f"{what} HTTP/1.1", f"Host: {self._host}:{self._port}", *(f"{k}: {v}" for k, v in headers.items())]
        request = "\r\n".join([*lines, "\r\n"]).encode("latin-1") + body
        try:
            reader, writer = await self._connection()
            writer.write(request)
            status, answer = await _answer(reader)
        except (OSError, asyncio.IncompleteReadError):
            return 0, b""
        self._idle.append((reader, writer, time.monotonic()))
        return status, answer

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer, since = self._idle.pop()
            if time.monotonic() - since < IDLE_SECONDS and not reader.at_eof():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self._host, self._port)

    def close(self) -> None:
        """Close the connections."""
        for _, writer, _ in self._idle:
            writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    _, _, rest = head.lower().partition(b"content-length:")
    return int(head[9:12]), await reader.readexactly(int(rest.partition(b"\r\n")[0] or b"0"))
