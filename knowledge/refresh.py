"""Reading the sources again: when a job asks for it, on an interval, and whenever a local folder changes."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from frontdesk.bot.errors import FrontdeskError, KnowledgeError
from frontdesk.knowledge.bases import KnowledgeBases
from frontdesk.knowledge.values import IngestReport

log = logging.getLogger(__name__)
STEP_MS = 200
"""How long a folder must be still before it is read: an editor saves in several steps."""
NICE = 10
"""By how much an ingest stands back behind the answers of the same server; see nice(2)."""
T = TypeVar("T")


class Refresher:
    """The ingests of a running server: it keeps the right to them, and does one every `minutes`, if not 0."""

    def __init__(self, bases: KnowledgeBases, project_folder: Path, minutes: float) -> None:
        self._bases, self._folder, self._minutes = bases, project_folder, minutes
        self._stopping = threading.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Keep the right to ingest, so that command lines hand their jobs over, and begin the interval."""
        if not self._bases.keep_right():
            log.warning("another process ingests; this one takes over what it makes")
        if self._minutes:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End; an ingest that is under way is broken off at its next step, and what served goes on to."""
        self._stopping.set()
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
        for name, base in self._bases.bases.items():
            try:
                report = behind(partial(base.ingest, self._folder, self._step))
            except FrontdeskError as error:
                log.warning("the knowledge base %s was not refreshed: %s", name, error)
            except Exception:
                log.exception("the knowledge base %s was not refreshed", name)
            else:
                for skipped in report.skipped:
                    log.warning("the knowledge base %s: skipped %s: %s", name, skipped.path, skipped.reason)

    @property
    def jobs(self) -> dict[str, str | None]:
        """The names of the jobs that ingest, and the base each is limited to; one for all comes first."""
        bases = list(self._bases.bases)
        return {job_name(only): only for only in (None, *(bases if len(bases) > 1 else ()))}

    def ingest(self, only: str | None = None) -> dict[str, IngestReport]:
        """Ingest every base, or one by its name; returns the reports by base. Blocking; raises KnowledgeError."""
        return behind(partial(self._bases.ingest, self._folder, self._step, only))

    def _step(self, what: str, done: int, of: int) -> None:
        if self._stopping.is_set():
            raise KnowledgeError("the server is stopping, and the ingest with it.", fix="run it again.")


def behind(work: Callable[[], T]) -> T:
    """Do `work` on a thread of its own, which leaves the processors to others where threads have priorities (Linux)."""
    with ThreadPoolExecutor(1, initializer=_stand_back) as thread:
        return thread.submit(work).result()


def _stand_back() -> None:
    if sys.platform == "linux":  # elsewhere it is the priority of the whole process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + NICE)


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
