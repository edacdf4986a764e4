"""The right to ingest into one folder: one thread of one process has it at a time; a server keeps it while it runs."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from frontdesk.bot.errors import KnowledgeError


class Right:
    """A file lock, which the system frees when the process ends however it ends: no stale lock after a crash."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "ingest.lock"
        self._busy = threading.Lock()
        self._kept: IO[str] | None = None

    def keep(self) -> bool:
        """Keep the right until `release`; False when another process has it."""
        self._kept = self._kept or self._locked()
        return self.kept

    @property
    def kept(self) -> bool:
        """Whether this process keeps the right."""
        return self._kept is not None

    @property
    def handle(self) -> int | None:
        """The open file by which a child process has the right too, whichever of the two ends first; None without."""
        return self._kept.fileno() if self._kept else None

    def inherit(self, handle: int) -> None:
        """Keep the right that the parent process handed down."""
        self._kept = os.fdopen(handle, "w")

    def release(self) -> None:
        """Give up a right that was kept."""
        kept, self._kept = self._kept, None
        if kept:
            kept.close()

    def elsewhere(self) -> bool:
        """Whether another process has the right now."""
        lock = self._kept or self._locked()
        if lock and lock is not self._kept:
            lock.close()
        return lock is None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Have the right for as long as the block lasts; raises KnowledgeError when somebody else has it."""
        if not self._busy.acquire(blocking=False):
            raise self._taken()
        try:
            lock = self._kept or self._locked()
            if lock is None:
                raise self._taken()
            try:
                yield
            finally:
                if lock is not self._kept:
                    lock.close()
        finally:
            self._busy.release()

    def _locked(self) -> IO[str] | None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lock = self._path.open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return None
        return lock

    def _taken(self) -> KnowledgeError:
        what = "another ingest is running, or a server keeps this knowledge base."
        return KnowledgeError(what, where=str(self._path.parent), fix="wait for it to end, or let the server ingest.")
