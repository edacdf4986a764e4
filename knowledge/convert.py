"""Web pages, PDF and Office files to Markdown in a child process, so that a hostile file can only hurt the child."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

WALL_SECONDS = 240.0
"""Far above the 40 s of computing that the child has, for machines that are busy with other things."""
MAX_ANSWER = 32_000_000
_PASSED_ON = ("PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR")
"""What the child sees of the environment: no keys, no tokens."""


class Unconvertible(Exception):
    """The file could not be converted; the message is the reason, for the ingest report."""


@dataclass(frozen=True, kw_only=True)
class Converted:
    """What the child made of a file. `rows` are the entries of a workbook that is a list of questions and answers.

    The rest is what a web page says of itself; `links` and `base` are of the kind `links` only.
    """

    text: str = ""
    title: str = ""
    url: str = ""
    locale: str = ""
    noindex: bool = False
    nofollow: bool = False
    rows: list[dict[str, object]] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    base: str = ""


class Converter:
    """One child process at a time, started on first use and replaced after a failure; use as a context manager."""

    def __init__(self, wall_seconds: float = WALL_SECONDS) -> None:
        self._wall, self._child = wall_seconds, None  # type: float, subprocess.Popen[bytes] | None

    def __enter__(self) -> Converter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def convert(self, kind: str, data: bytes) -> Converted:
        """Convert a `html` (UTF-8), `pdf`, `docx`, `pptx` or `xlsx` file, or find the `links` of a page.

        Raises Unconvertible with the reason.
        """
        child = self._child = self._child or _start()
        late = threading.Event()
        timer = threading.Timer(self._wall, _end, (child, late))
        timer.start()
        try:
            answer = _ask(child, kind, data)
        finally:
            timer.cancel()
        if not answer.endswith(b"\n"):
            self.close()
            raise Unconvertible(_why(child, self._wall if late.is_set() else None))
        result: dict[str, Any] = json.loads(answer)
        if result.pop("ended", False):
            self.close()
        if "error" in result:
            raise Unconvertible(result["error"])
        return Converted(**result)

    def close(self) -> None:
        """End the child process, if there is one."""
        child, self._child = self._child, None
        if child is None:
            return
        for pipe in (child.stdin, child.stdout):
            if pipe:
                _close(pipe)
        if child.poll() is None:
            child.kill()
        child.wait()


def _why(child: subprocess.Popen[bytes], late: float | None) -> str:
    if late is not None:
        return f"took more than {late:g} s to convert"
    if child.returncode == -signal.SIGXCPU:
        return "took too much computing to convert; split it into smaller files"
    return "the converter ran out of memory or crashed on it"


def _start() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "frontdesk.knowledge.convert_child"]
    pools = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
    environ = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | pools
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environ
    )


def _end(child: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    child.kill()


def _ask(child: subprocess.Popen[bytes], kind: str, data: bytes) -> bytes:
    """Return the child's answer line, cut short when it died."""
    if child.stdin is None or child.stdout is None:
        return b""
    try:
        child.stdin.write(json.dumps({"kind": kind, "size": len(data)}).encode() + b"\n" + data)
        child.stdin.flush()
        return child.stdout.readline(MAX_ANSWER)
    except (BrokenPipeError, ConnectionResetError):
        return b""


def _close(pipe: object) -> None:
    try:
        pipe.close()  # type: ignore[attr-defined]
    except BrokenPipeError:  # unsent bytes for a child that died
        return
