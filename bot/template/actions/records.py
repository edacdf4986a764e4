"""Reading the shop's order database: one customer's rows at a time, with dates worked out at reading time."""

from __future__ import annotations

import os
import re
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

OPEN_STATUSES = frozenset({"placed", "packed", "shipped", "out_for_delivery"})
ORDER_NUMBER = re.compile(r"\s*#?\s*(?:LL)?[\s-]*([0-9]{5})\s*[.?!]?\s*", re.IGNORECASE)

_EVENTS = ("placed", "shipped", "delivered", "cancelled", "returned", "refunded")
_COLUMNS = ", ".join(
    (
        *("id", "status", "due_in_days", "shipping_method", "carrier", "tracking_number"),
        *("shipping_cents", "total_cents", "refund_cents"),
        *(f"{event}_days_ago" for event in _EVENTS),
    )
)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of an order: an article, how many of it, and the price of one in cents."""

    sku: str
    name: str
    colour: str | None
    quantity: int
    price_cents: int


@dataclass(frozen=True, kw_only=True)
class Order:
    """One order of one customer, with real dates."""

    id: str
    status: str
    placed: date
    shipped: date | None
    delivered: date | None
    cancelled: date | None
    returned: date | None
    refunded: date | None
    due: date | None
    shipping_method: str
    carrier: str | None
    tracking_number: str | None
    shipping_cents: int
    total_cents: int
    refund_cents: int | None
    country: str
    return_started: bool
    lines: tuple[Line, ...]

    @property
    def open(self) -> bool:
        """Whether the parcel has still to reach the customer."""
        return self.status in OPEN_STATUSES


def order_number(text: object) -> str | None:
    """The order number in `text` in its canonical form (LL-10423), or None when it is not one."""
    found = ORDER_NUMBER.fullmatch(text) if isinstance(text, str) else None
    return f"LL-{found.group(1)}" if found else None


def left_order(events: Iterable[Mapping[str, Any]], chosen: object) -> str | None:
    """The order that the customer has just left ("no, the other one"): it was talked about, and none is chosen now."""
    known = [event.get("value") for event in events if event.get("event") == "slot" and event.get("name") == "order_id"]
    return None if chosen or not known else order_number(known[-1])


def orders_of(project: Path, customer_id: str, today: date) -> tuple[Order, ...]:
    """All orders of this customer, the latest first."""
    with _database(project) as database:
        rows = database.execute(
            f"SELECT {_COLUMNS} FROM orders WHERE customer_id = ? ORDER BY placed_days_ago, id DESC", (customer_id,)
        ).fetchall()
        return tuple(_order(database, row, today) for row in rows)


def customer_of(project: Path, order_id: str, email: str) -> str | None:
    """The customer whose order and e-mail address these are together, or None, whichever of them is wrong."""
    with _database(project) as database:
        row = database.execute(
            "SELECT customers.id FROM customers JOIN orders ON orders.customer_id = customers.id "
            "WHERE orders.id = ? AND lower(customers.email) = ?",
            (order_id, email.strip().casefold()),
        ).fetchone()
        return str(row["id"]) if row else None


def order_of(project: Path, customer_id: str, order_id: str, today: date) -> Order | None:
    """The order if it is this customer's; another customer's order is None, as one that does not exist."""
    with _database(project) as database:
        row = database.execute(
            f"SELECT {_COLUMNS} FROM orders WHERE customer_id = ? AND id = ?", (customer_id, order_id)
        ).fetchone()
        return _order(database, row, today) if row else None


def working_days_before(today: date, days: int) -> date:
    """The weekday that lies `days` working days before `today`; a weekend counts as the Friday before it."""
    day = today - timedelta(days=max(0, today.weekday() - 4))
    weeks, rest = divmod(days, 5)
    day -= timedelta(weeks=weeks)
    return day - timedelta(days=rest + (2 if rest > day.weekday() else 0))


def working_days_after(today: date, days: int) -> date:
    """The weekday that lies `days` working days after `today`, counted as above, but never before `today`."""
    day = working_days_before(today, 0)
    weeks, rest = divmod(days if day == today else max(days, 1), 5)
    day += timedelta(weeks=weeks)
    return day + timedelta(days=rest + (2 if day.weekday() + rest > 4 else 0))


def _order(database: sqlite3.Connection, row: sqlite3.Row, today: date) -> Order:
    """The order in `row`, its day offsets turned into dates."""
    values: dict[str, Any] = dict(row)
    for event in _EVENTS:
        days = values.pop(f"{event}_days_ago")
        values[event] = None if days is None else working_days_before(today, days)
    days = values.pop("due_in_days")
    values["due"] = None if days is None else working_days_after(today, days)
    country, started = _about(database, values["id"])
    return Order(**values, country=country, return_started=started, lines=_lines(database, values["id"]))


def _about(database: sqlite3.Connection, order_id: str) -> tuple[str, bool]:
    """The country of an order's customer, and whether a return of it is under way."""
    query = "SELECT country FROM customers JOIN orders ON orders.customer_id = customers.id WHERE orders.id = ?"
    (country,) = database.execute(query, (order_id,)).fetchone()
    tables = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'returns'").fetchone()
    started = tables and database.execute("SELECT 1 FROM returns WHERE order_id = ?", (order_id,)).fetchone()
    return str(country), bool(started)


def _lines(database: sqlite3.Connection, order_id: str) -> tuple[Line, ...]:
    """The lines of an order that was already found to be the customer's."""
    rows = database.execute(
        "SELECT sku, name, colour, quantity, price_cents FROM order_lines WHERE order_id = ? ORDER BY position",
        (order_id,),
    )
    return tuple(Line(**dict(row)) for row in rows)


@contextmanager
def _database(project: Path) -> Iterator[sqlite3.Connection]:
    """The order database, opened for reading only."""
    with closing(sqlite3.connect(f"{made(project).resolve().as_uri()}?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        yield database


def made(project: Path) -> Path:
    """The file of the order database, built from orders.sql on first use."""
    path = project / "orders.db"
    if not path.exists():
        _build(project / "orders.sql", path)
    return path


def _build(source: Path, target: Path) -> None:
    """Build `target` beside itself and rename it into place, so that nobody ever sees half of it."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".orders-", suffix=".db")
    os.close(handle)
    try:
        with closing(sqlite3.connect(name)) as database:
            database.executescript(source.read_text(encoding="utf-8"))
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)
