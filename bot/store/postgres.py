"""PostgreSQL under the store: a pool of connections, each write its own transaction."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from sqlalchemy import URL, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from frontdesk.bot.errors import StoreError
from frontdesk.bot.store.database import T, Told, Work, failed, read, shown
from frontdesk.bot.store.tables import ADDED, metadata
from frontdesk.bot.types import Event

POOL = 12
"""Connections per process."""


class Postgres:
    """A PostgreSQL database, shared by any number of server processes."""

    shared = True

    def __init__(self, address: URL, options: Mapping[str, Any], told: Told) -> None:
        self._where, self._told = shown(address), told
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
        return read(self._engine, work, self._where)

    def scrub(self) -> None:
        """Free the pages of deleted rows; PostgreSQL writes over them later, and keeps its log as long as it is set."""
        try:
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text(f"VACUUM {', '.join(metadata.tables)}"))
        except SQLAlchemyError as error:
            raise failed(error, "the tables were not vacuumed", self._where) from error

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
            raise failed(error, "the write was not committed", self._where) from error
        self._told(added)
        return result
