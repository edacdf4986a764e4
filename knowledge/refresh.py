"""Reading the sources again: when a job asks for it, on an interval, and whenever a local folder changes."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeVar

from frontdesk.bot.errors import FrontdeskError, KnowledgeError
from frontdesk.knowledge.bases import KnowledgeBases

log = logging.getLogger(__name__)
STEP_MS = 200
"""How long a folder must be still before it is read: an editor saves in several steps."""
NICE = 10
"""By how much an ingest stands back behind the answers of the same server; see nice(2)."""
T = TypeVar("T")


class Ingest(Protocol):
    """How a running server ingests: so that its answers don't wait, and what is new serves when it returns."""

    def __call__(self, only: str | None = None) -> Mapping[str, Any]:
        """Ingest every base, or one by its name; return `told` of the reports. Blocking; raises KnowledgeError."""
        ...

    def stop(self) -> None:
        """Break off what is under way; what served goes on to."""
        ...


class Refresher:
    """The ingests of a running server: it keeps the right to them, and does one every `minutes`, if not 0."""

    def __init__(self, bases: KnowledgeBases, ingest: Ingest, minutes: float) -> None:
        self._bases, self._ingest, self._minutes = bases, ingest, minutes
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Keep the right to ingest, so that command lines hand their jobs over, and begin the interval."""
        if not self._bases.keep_right():
            log.warning("another process ingests; this one takes over what it makes")
        if self._minutes:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End; an ingest that is under way is broken off, and what served goes on to."""
        self._stopping = True
        self._ingest.stop()
        task, self._task = self._task, None
        if task:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._bases.release_right()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._minutes * 60)
            await asyncio.to_thread(self.refresh)

    def refresh(self) -> None:
        """Ingest every base; what fails is logged, and the index before goes on serving. Blocking."""
        for name in self._bases.bases:
            try:
                report = self.ingest(name)
            except FrontdeskError as error:
                log.warning("the knowledge base %s was not refreshed: %s", name, error)
            except Exception:
                log.exception("the knowledge base %s was not refreshed", name)
            else:
                for skipped in report["skipped"]:
                    log.warning("the knowledge base %s: skipped %s: %s", name, skipped["path"], skipped["reason"])

    @property
    def jobs(self) -> dict[str, str | None]:
        """The names of the jobs that ingest, and the base each is limited to; one for all comes first."""
        bases = list(self._bases.bases)
        return {job_name(only): only for only in (None, *(bases if len(bases) > 1 else ()))}

    def ingest(self, only: str | None = None) -> Mapping[str, Any]:
        """Ingest every base, or one by its name; return `told` of the reports. Blocking; raises KnowledgeError."""
        if self._stopping:
            raise KnowledgeError("the server is stopping.", fix="run it again.")
        return self._ingest(only)


def behind(work: Callable[[], T]) -> T:
    """Do `work` on a thread of its own, which leaves the processors to others where threads have priorities (Linux)."""
    with ThreadPoolExecutor(1, initializer=lambda: stand_back(threading.get_native_id())) as thread:
        return thread.submit(work).result()


def stand_back(number: int) -> None:
    """Lower the priority of a process, or of a thread, which Linux numbers alike."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, number, os.getpriority(os.PRIO_PROCESS, 0) + NICE)


def job_name(only: str | None) -> str:
    """Return the name of the job that ingests every base, or the one named `only`."""
    return f"ingest {only}" if only else "ingest"


def changes(paths: Sequence[Path]) -> Iterator[None]:
    """Yield once after every change of the files and folders, when they have been still for a moment.

    Ends at Ctrl-C.
    """
    from watchfiles import watch

    for _ in watch(*paths, debounce=5 * STEP_MS, step=STEP_MS, raise_interrupt=False):
        yield
