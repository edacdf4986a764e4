"""HTML and PDF to Markdown in a child process, so that a broken or hostile file can only hurt the child."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from types import TracebackType

WALL_SECONDS = 60.0


class Unconvertible(Exception):
    """The file could not be converted; the message is the reason, for the ingest report."""


class Converter:
    """One child process at a time, started on first use and replaced after a failure; use as a context manager."""

    def __init__(self, wall_seconds: float = WALL_SECONDS) -> None:
        self._wall, self._child = wall_seconds, None  # type: float, subprocess.Popen[bytes] | None

    def __enter__(self) -> Converter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def convert(self, kind: str, data: bytes) -> dict[str, str]:
        """Return {"text", "title", "url"} of a `html` or `pdf` file; raises Unconvertible with the reason."""
        child = self._child = self._child or _start()
        late = threading.Event()
        timer = threading.Timer(self._wall, _end, (child, late))
        timer.start()
        try:
            answer = _ask(child, kind, data)
        finally:
            timer.cancel()
        if not answer:
            self.close()
            why = f"took more than {self._wall:g} s" if late.is_set() else "the converter ran out of memory or time"
            raise Unconvertible(why)
        result: dict[str, str] = json.loads(answer)
        if "error" in result:
            raise Unconvertible(result["error"])
        return result

    def close(self) -> None:
        """End the child process, if there is one."""
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe:
                _close(pipe)


def _start() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "frontdesk.knowledge.convert_child"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def _end(child: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    child.kill()


def _ask(child: subprocess.Popen[bytes], kind: str, data: bytes) -> bytes:
    """Return the child's answer line, empty when it died."""
    if child.stdin is None or child.stdout is None:
        return b""
    try:
        child.stdin.write(json.dumps({"kind": kind, "size": len(data)}).encode() + b"\n" + data)
        child.stdin.flush()
        return child.stdout.readline()
    except (BrokenPipeError, ConnectionResetError):
        return b""


def _close(pipe: object) -> None:
    try:
        pipe.close()  # type: ignore[attr-defined]
    except BrokenPipeError:  # unsent bytes for a child that died
        return
