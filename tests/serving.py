"""Running the product as a user does: its commands, and its server in a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx


@dataclass(frozen=True)
class Served:
    """A bot project that is served, by a process of its own."""

    url: str
    process: subprocess.Popen[bytes]


def frontdesk(*arguments: str, cwd: Path) -> str:
    """Run the command as a user would; return what it printed."""
    command = [sys.executable, "-m", "frontdesk.bot.commands", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"frontdesk {' '.join(arguments)}: {done.stderr[-2000:]}"
    return done.stdout


@contextmanager
def serving(project: Path, port: int = 0) -> Iterator[Served]:
    """Serve a project on a free port until the block ends."""
    chosen = port or free_port()
    command = [sys.executable, "-m", "frontdesk.bot.commands", "serve", "--port", str(chosen)]
    process = subprocess.Popen(command, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{chosen}"
    try:
        await_ready(url, process)
        yield Served(url=url, process=process)
    finally:
        process.kill()
        process.wait()


def await_ready(url: str, process: subprocess.Popen[bytes], seconds: float = 180.0) -> None:
    """Wait until the server answers that it is ready."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended by itself"
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/health/ready", timeout=5).status_code == 200:
                return
        time.sleep(0.1)
    raise TimeoutError("the server did not become ready")


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
