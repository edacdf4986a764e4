"""Opens the database that the settings name."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from frontdesk.bot.errors import MissingExtra, StoreError
from frontdesk.bot.store.database import Database, Told, failed, shown
from frontdesk.bot.store.postgres import Postgres
from frontdesk.bot.store.sqlite import Sqlite
from frontdesk.bot.store.tables import FETCHED


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
        raise failed(error, "the database cannot be opened", shown(address)) from error


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
