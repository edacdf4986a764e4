"""The database under the store: how it is opened, locked, written and read.

SQLite: WAL, `synchronous=FULL`, one thread that writes and checkpoints, and commits everything that waits as one
group. PostgreSQL: a pool of connections, each write its own transaction.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from queue import Empty, SimpleQueue
from typing import IO, Any, Protocol, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from frontdesk.bot.errors import MissingExtra, StoreError
from frontdesk.bot.store.tables import ADDED, FETCHED, metadata
from frontdesk.bot.types import Event

T = TypeVar("T")
Work = Callable[[Connection], T]
Told = Callable[[Sequence[Event]], None]

GROUP = 256
"""The most writes that share one commit."""
POOL = 12
"""Connections to PostgreSQL per process."""
READERS = 8
"""Connections that read a SQLite file per process."""
BUSY_SECONDS = 10
"""How long a write waits for another process."""
SCRUBS, SCRUB_SECONDS = 10, 0.5
"""Tries to empty the log while others read from it, and how long each holds up the writes."""
WAL_RESET_FIXED = (3, 51, 3)

log = logging.getLogger(__name__)


class StoreInUse(StoreError):
    """Another process has the file: a running server, usually."""


class Database(Protocol):
    """Where plain functions of a connection are run: reads at once, writes to a committed result."""

    shared: bool
    """Whether other processes may write to it too."""

    def submit(self, work: Work[T]) -> Future[T]:
        """Return the future of `work`'s result; it resolves after the commit."""
        ...

    def read(self, work: Work[T]) -> T:
        """Return `work`'s result from one consistent snapshot."""
        ...

    def scrub(self) -> None:
        """Leave nothing readable of what was deleted: in no page, and in no log of changes."""
        ...

    def close(self) -> None:
        """Finish what was submitted and let go of everything."""
        ...


def open_database(url: str, fetched: Collection[str] = (), told: Told = lambda events: None) -> Database:
    """Open the database at a SQLAlchemy `url` and make the tables; raises StoreError naming the fix.

    On channels that are `fetched` customers come for what is said to them: nothing is kept to be pushed there. `told`
    hears of the events of each transaction right after its commit, from any thread; of a SQLite file, in their order.
    """
    address = _parsed(url)
    try:
        kind = Postgres if address.get_backend_name() == "postgresql" else Sqlite
        return kind(address, {FETCHED: frozenset(fetched)}, told)
    except ModuleNotFoundError:
        raise MissingExtra("psycopg", "postgres") from None
    except (SQLAlchemyError, OSError) as error:
        raise _failed(error, "the database cannot be opened", _shown(address)) from error


class Sqlite:
    """One SQLite file, locked against a second server, with a single writer thread."""

    shared = False

    def __init__(self, address: URL, options: Mapping[str, Any], told: Told) -> None:
        self._where, self._told = _shown(address), told
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
        return _read(self._readers, work, self._where)

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
            raise _failed(error, "the log of changes was not emptied", self._where) from error
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
                group[0][1].set_exception(_failed(error, "the write was not committed", self._where))
                return
            for item in group:
                self._commit([item])
            return
        self._told(added)
        for (_, future), result in zip(group, results, strict=True):
            future.set_result(result)


class Postgres:
    """A PostgreSQL database, shared by any number of server processes."""

    shared = True

    def __init__(self, address: URL, options: Mapping[str, Any], told: Told) -> None:
        self._where, self._told = _shown(address), told
        self._engine = create_engine(address, pool_size=POOL, max_overflow=POOL, pool_pre_ping=True)
        self._engine.update_execution_options(**options)
        with self._engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('frontdesk'))"))
            metadata.create_all(connection)
        self._threads = ThreadPoolExecutor(POOL, thread_name_prefix="frontdesk-store")

    def submit(self, work: Work[T]) -> Future[T]:
        """Run `work` in a transaction of its own, in a thread of the pool."""
        try:
            return self._threads.submit(self._write, work)
        except RuntimeError:
            raise StoreError("the store is closed.", where=self._where, fix="open it first.") from None

    def read(self, work: Work[T]) -> T:
        """Read through the pool."""
        return _read(self._engine, work, self._where)

    def scrub(self) -> None:
        """Free the pages of deleted rows; PostgreSQL writes over them later, and keeps its log as long as it is set."""
        try:
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text(f"VACUUM {', '.join(metadata.tables)}"))
        except SQLAlchemyError as error:
            raise _failed(error, "the tables were not vacuumed", self._where) from error

    def close(self) -> None:
        """Finish what was submitted, then close the connections."""
        self._threads.shutdown(wait=True)
        self._engine.dispose()

    def _write(self, work: Work[T]) -> T:
        try:
            with self._engine.begin() as connection:
                added = connection.info[ADDED] = list[Event]()
                result = work(connection)
        except Exception as error:
            raise _failed(error, "the write was not committed", self._where) from error
        self._told(added)
        return result


def _read(engine: Engine, work: Work[T], where: str) -> T:
    try:
        with engine.begin() as connection:
            return work(connection)
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise _failed(error, "the read failed", where) from error


def _failed(error: Exception, what: str, where: str) -> Exception:
    """Return our error for the database's; other errors pass as they are."""
    if not isinstance(error, SQLAlchemyError | OSError | sqlite3.Error):
        return error
    cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    return StoreError(f"{what}: {cause}.", where=where, fix="check that the database runs, is writable and has room.")


def _parsed(url: str) -> URL:
    try:
        address = make_url(url)
        address.get_dialect()
    except ModuleNotFoundError:
        raise MissingExtra("psycopg", "postgres") from None
    except (ArgumentError, NoSuchModuleError):
        raise _wrong_url() from None
    if address.drivername in ("postgresql", "postgres"):
        address = address.set(drivername="postgresql+psycopg")
    if address.get_backend_name() not in ("sqlite", "postgresql"):
        raise _wrong_url()
    if address.get_backend_name() == "sqlite" and address.database in (None, "", ":memory:"):
        raise StoreError(
            "a database in memory would lose what was acknowledged.", where="store.url", fix="name a file."
        )
    return address


def _wrong_url() -> StoreError:
    return StoreError(
        "this is not a database the store knows.",
        where="store.url",
        fix="use sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME.",
    )


def _shown(address: URL) -> str:
    return address.render_as_string(hide_password=True)


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
