"""SQLite under the store: WAL, `synchronous=FULL`, one thread that writes and checkpoints.

Everything that waits is committed as one group.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import cache
from queue import Empty, SimpleQueue
from typing import IO, Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from frontdesk.bot.errors import StoreError
from frontdesk.bot.store.database import StoreInUse, T, Told, Work, failed, read, shown
from frontdesk.bot.store.tables import ADDED, metadata
from frontdesk.bot.types import Event

GROUP = 256
"""The most writes that share one commit."""
READERS = 8
"""Connections that read a file per process."""
BUSY_SECONDS = 10
"""How long a write waits for another process."""
SCRUBS, SCRUB_SECONDS = 10, 0.5
"""Tries to empty the log while others read from it, and how long each holds up the writes."""
WAL_RESET_FIXED = (3, 51, 3)

log = logging.getLogger(__name__)


class Sqlite:
    """One SQLite file, locked against a second server, with a single writer thread."""

    shared = False

    def __init__(self, address: URL, options: Mapping[str, Any], told: Told) -> None:
        self._where, self._told = shown(address), told
        self._lock = _locked(str(address.database))
        _tell_version()
        self._writer = _sqlite_engine(
            address, 1, ("PRAGMA synchronous=FULL", "PRAGMA secure_delete=ON"), "BEGIN IMMEDIATE"
        )
        self._readers = _sqlite_engine(address, READERS, ("PRAGMA query_only=ON",), "BEGIN")
        self._writer.update_execution_options(**options)
        try:
            with self._writer.begin() as connection:
                metadata.create_all(connection)
        except BaseException:
            self._lock.close()
            raise
        self._queue: SimpleQueue[tuple[Work[Any], Future[Any]] | None] = SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="frontdesk-store-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Work[T]) -> Future[T]:
        """Queue `work` for the writer thread."""
        future: Future[T] = Future()
        with self._gate:
            if self._closed:
                raise StoreError("the store is closed.", where=self._where, fix="open it first.")
            self._queue.put((work, future))
        return future

    def read(self, work: Work[T]) -> T:
        """Read beside the writer."""
        return read(self._readers, work, self._where)

    def scrub(self) -> None:
        """Empty the log of changes; deleted rows were overwritten with zeros (`secure_delete`)."""
        for _ in range(SCRUBS):
            if self._emptied():
                return
            time.sleep(SCRUB_SECONDS)
        log.warning("the log of changes is still being read; it is emptied the next time")

    def _emptied(self) -> bool:
        """Whether the log could be emptied at once; who waits longer would hold up every write."""
        connection = self._writer.raw_connection()
        run: Any = connection.driver_connection
        try:
            run.execute(f"PRAGMA busy_timeout={SCRUB_SECONDS * 1000:.0f}")
            return bool(run.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
        except sqlite3.Error as error:
            raise failed(error, "the log of changes was not emptied", self._where) from error
        finally:
            run.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
            connection.close()

    def close(self) -> None:
        """Commit what waits, close the readers first (the last to close checkpoints), free the file."""
        with self._gate:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._thread.join()
        self._readers.dispose()
        self._writer.dispose()
        self._lock.close()

    def _run(self) -> None:
        while group := self._take():
            self._commit([item for item in group if item[1].set_running_or_notify_cancel()])

    def _take(self) -> list[tuple[Work[Any], Future[Any]]]:
        """Return everything that waits, at least one; an empty list means closed."""
        first = self._queue.get()
        if first is None:
            return []
        group = [first]
        with suppress(Empty):
            while len(group) < GROUP:
                item = self._queue.get_nowait()
                if item is None:
                    self._queue.put(None)
                    break
                group.append(item)
        return group

    def _commit(self, group: list[tuple[Work[Any], Future[Any]]]) -> None:
        """Commit the group at once; if any member fails, commit each by itself."""
        try:
            with self._writer.begin() as connection:
                added = connection.info[ADDED] = list[Event]()
                results = [work(connection) for work, _ in group]
        except Exception as error:
            if len(group) == 1:
                group[0][1].set_exception(failed(error, "the write was not committed", self._where))
                return
            for item in group:
                self._commit([item])
            return
        self._told(added)
        for (_, future), result in zip(group, results, strict=True):
            future.set_result(result)


def _locked(database: str) -> IO[bytes]:
    """Return the open lock file; the lock ends with the process, however it ends."""
    import fcntl

    lock = open(f"{database}.lock", "ab")  # noqa: SIM115, PTH123
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise StoreInUse(
            "another frontdesk server has this file open.",
            where=database,
            fix="stop that server, or set store.url to PostgreSQL to run several.",
        ) from None
    return lock


@cache
def _tell_version() -> None:
    if sqlite3.sqlite_version_info < WAL_RESET_FIXED:
        log.warning(
            "SQLite %s has the WAL-reset bug (fixed in 3.51.3). It needs two connections that write; this server has "
            "one and locks out a second, so the data is safe: let no other program write to the file.",
            sqlite3.sqlite_version,
        )


def _sqlite_engine(address: URL, size: int, pragmas: Sequence[str], begin: str) -> Engine:
    """Return an engine whose transactions we begin ourselves, so that a read is one snapshot."""
    options = {"timeout": BUSY_SECONDS, "check_same_thread": False}
    engine = create_engine(address, poolclass=QueuePool, pool_size=size, max_overflow=0, connect_args=options)

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        for pragma in ("PRAGMA journal_mode=WAL", *pragmas):
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        driver.execute(begin)

    return engine
