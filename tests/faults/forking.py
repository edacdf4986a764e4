"""Processes that start without their imports: one that has them already forks them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[2]


def fork_on_demand(work: Callable[..., None]) -> None:
    """For every line that comes in, fork, print the child's id, do `work` there, and print how it ended."""
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            work(*json.loads(line))
            sys.stdout.flush()
            os._exit(0)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


class Forking:
    """Starts one process after another out of `python -m MODULE fork`; `with` ends it."""

    def __init__(self, module: str) -> None:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
        self._process = subprocess.Popen([sys.executable, "-m", module, "fork"], **pipes)
        self._pid = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pid:
            self.kill()
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    def start(self, *arguments: Any) -> None:
        """Start a process that does the module's work with these arguments; the one before has ended."""
        assert self._process.stdin
        print(json.dumps(arguments), file=self._process.stdin, flush=True)
        self._pid = int(self._read())

    def send(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        os.kill(self._pid, number)

    def ended(self) -> int:
        """Wait for the end of the process; return its exit code, negative for a signal."""
        code = int(self._read())
        self._pid = 0
        return code

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone; it may have come to its end just before."""
        with suppress(ProcessLookupError):
            self.send(signal.SIGKILL)
        self.ended()

    def _read(self) -> str:
        assert self._process.stdout
        return str(self._process.stdout.readline())


def main(work: Callable[..., None], arguments: Sequence[str]) -> None:
    """Do the work with the arguments of the command line, or fork it on demand."""
    fork_on_demand(work) if arguments == ["fork"] else work(*arguments)
