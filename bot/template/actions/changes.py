"""Changing the shop's order database: each change checks the order again and is made once under its key.

What may be changed, and until when, is what the help pages say: cancelling and a new address until packing starts, a
return within 45 days of delivery.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from .records import Order, made, order_of

RETURN_DAYS = 45
HAND_IN_DAYS = 10
LABEL_CENTS = 695
"""What the return label costs outside the United States."""

_TABLES = """
CREATE TABLE IF NOT EXISTS change_log (
    idempotency_key TEXT PRIMARY KEY, order_id TEXT NOT NULL, what TEXT NOT NULL, made_at TEXT NOT NULL
        DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE IF NOT EXISTS delivery_addresses (
    order_id TEXT PRIMARY KEY REFERENCES orders (id), street TEXT NOT NULL, town TEXT NOT NULL, postcode TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS previous_addresses (
    idempotency_key TEXT PRIMARY KEY, street TEXT NOT NULL, town TEXT NOT NULL, postcode TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS returns (
    order_id TEXT PRIMARY KEY REFERENCES orders (id), reason TEXT NOT NULL, refund_cents INTEGER NOT NULL
);
"""

Allowed = Callable[[Order], bool]
Statement = tuple[str, tuple[object, ...]]


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a parcel goes."""

    street: str
    town: str
    postcode: str

    def __str__(self) -> str:
        """In one line."""
        return f"{self.street}, {self.town} {self.postcode}"


def changeable(order: Order) -> bool:
    """Whether an order can still be cancelled or sent elsewhere: until packing starts."""
    return order.status == "placed"


def returnable(order: Order, today: date) -> bool:
    """Whether an order can be sent back: it was delivered at most 45 days ago and no return is under way."""
    if order.status != "delivered" or order.delivered is None or order.return_started:
        return False
    return today <= last_day(order)


def withdrawable(order: Order) -> bool:
    """Whether a return can be called off: until its parcel is handed in."""
    return order.status == "delivered" and order.return_started


def last_day(order: Order) -> date:
    """The last day of an order's return period; the order must have been delivered."""
    assert order.delivered is not None
    return order.delivered + timedelta(days=RETURN_DAYS)


def refund_of(order: Order) -> int:
    """The cents that come back for a whole order: its items, less the label outside the United States."""
    items = sum(line.quantity * line.price_cents for line in order.lines)
    return max(0, items - (0 if order.country == "US" else LABEL_CENTS))


def cancel(project: Path, customer: str, number: str, key: str, today: date) -> Order | None:
    """Cancel an order; returns it as it is now, or None when it cannot be cancelled (any more)."""
    statement = "UPDATE orders SET status = 'cancelled', cancelled_days_ago = 0, due_in_days = NULL WHERE id = ?"
    return _change(project, customer, number, key, today, "cancel", changeable, (statement, (number,)))


def send_elsewhere(project: Path, customer: str, number: str, key: str, today: date, to: Address) -> Order | None:
    """Give an order another delivery address; returns the order, or None when it is too late."""
    before = (
        "INSERT INTO previous_addresses SELECT ?, street, town, postcode FROM delivery_addresses WHERE order_id = ?",
        (key, number),
    )
    statement = "INSERT OR REPLACE INTO delivery_addresses (order_id, street, town, postcode) VALUES (?, ?, ?, ?)"
    values = (statement, (number, to.street, to.town, to.postcode))
    return _change(project, customer, number, key, today, "address", changeable, before, values)


def start_return(
    project: Path, customer: str, number: str, key: str, today: date, reason: str, cents: int
) -> Order | None:
    """Start the return of a whole order; returns the order, or None when it cannot be returned (any more)."""
    statement = "INSERT INTO returns (order_id, reason, refund_cents) VALUES (?, ?, ?)"
    values = (statement, (number, reason, cents))
    return _change(project, customer, number, key, today, "return", lambda order: returnable(order, today), values)


def undo_address(project: Path, customer: str, number: str, key: str, today: date, undone: str) -> Order | None:
    """Send an order where it went before the change `undone`; None when it is too late or was changed since."""
    gone = ("DELETE FROM delivery_addresses WHERE order_id = ?", (number,))
    back = (
        "INSERT INTO delivery_addresses SELECT ?, street, town, postcode FROM previous_addresses "
        "WHERE idempotency_key = ?",
        (number, undone),
    )
    return _change(project, customer, number, key, today, "undo", changeable, gone, back, undoes=undone)


def undo_return(project: Path, customer: str, number: str, key: str, today: date, undone: str) -> Order | None:
    """Withdraw the return that the change `undone` started; None when its parcel is on its way, or it is gone."""
    gone = ("DELETE FROM returns WHERE order_id = ?", (number,))
    return _change(project, customer, number, key, today, "undo", withdrawable, gone, undoes=undone)


def _change(
    project: Path,
    customer: str,
    number: str,
    key: str,
    today: date,
    what: str,
    allowed: Allowed,
    *by: Statement,
    undoes: str = "",
) -> Order | None:
    """Run statements in a transaction that checks the order first; under a known key nothing is done again.

    What undoes a change is done only while that change is the order's last.
    """
    with closing(sqlite3.connect(made(project), isolation_level=None, timeout=5)) as database:
        database.executescript(_TABLES)
        database.execute("BEGIN IMMEDIATE")
        try:
            known = database.execute("SELECT order_id FROM change_log WHERE idempotency_key = ?", (key,)).fetchone()
            if not known:
                order = order_of(project, customer, number, today)
                if order is None or not allowed(order) or not _is_last(database, number, undoes):
                    database.execute("ROLLBACK")
                    return None
                for statement, values in by:
                    database.execute(statement, values)
                log = "INSERT INTO change_log (idempotency_key, order_id, what) VALUES (?, ?, ?)"
                database.execute(log, (key, number, what))
            database.execute("COMMIT")
        except sqlite3.Error:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
    return order_of(project, customer, number, today)


def _is_last(database: sqlite3.Connection, number: str, change: str) -> bool:
    """Whether a change is the last of an order; none named is no condition."""
    query = "SELECT idempotency_key FROM change_log WHERE order_id = ? ORDER BY rowid DESC LIMIT 1"
    return not change or database.execute(query, (number,)).fetchone() == (change,)
