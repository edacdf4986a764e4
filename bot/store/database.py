"""What the store asks of a database: how it is read and written, and what goes wrong said in our words."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Protocol, TypeVar

from sqlalchemy import URL, Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from frontdesk.bot.errors import StoreError
from frontdesk.bot.types import Event

T = TypeVar("T")
Work = Callable[[Connection], T]
Told = Callable[[Sequence[Event]], None]


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


def read(engine: Engine, work: Work[T], where: str) -> T:
    """Return what `work` reads in a transaction of its own; raises StoreError, `where` it was."""
    try:
        with engine.begin() as connection:
            return work(connection)
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise failed(error, "the read failed", where) from error


def failed(error: Exception, what: str, where: str) -> Exception:
    """Return our error for the database's; other errors pass as they are."""
    if not isinstance(error, SQLAlchemyError | OSError | sqlite3.Error):
        return error
    cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    return StoreError(f"{what}: {cause}.", where=where, fix="check that the database runs, is writable and has room.")


def shown(address: URL) -> str:
    """Return an address without its password."""
    return address.render_as_string(hide_password=True)
