"""Reading shop.db: users, orders, products, one customer's records at a time. Amounts are whole cents."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PENDING, DELIVERED, CANCELLED = "pending", "delivered", "cancelled"
MODIFIED = "pending (item modified)"
RETURNING, EXCHANGING = "return requested", "exchange requested"
GIFT_CARD = "gift_card"
ADDRESS = ("address1", "address2", "city", "state", "country", "zip")

Options = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a parcel goes."""

    address1: str
    address2: str
    city: str
    state: str
    country: str
    zip: str


@dataclass(frozen=True, kw_only=True)
class Method:
    """One way a customer pays; only a gift card has a balance."""

    id: str
    source: str
    brand: str | None
    last_four: str | None
    balance_cents: int | None


@dataclass(frozen=True, kw_only=True)
class User:
    """One customer."""

    id: str
    first_name: str
    last_name: str
    email: str
    address: Address
    methods: tuple[Method, ...]


@dataclass(frozen=True, kw_only=True)
class Item:
    """One article in an order."""

    item_id: str
    product_id: str
    name: str
    options: Options
    price_cents: int


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One article of a product that can be bought, or could once."""

    item_id: str
    product_id: str
    options: Options
    available: bool
    price_cents: int


@dataclass(frozen=True, kw_only=True)
class Product:
    """One kind of article with its variants."""

    id: str
    name: str
    variants: tuple[Variant, ...]


@dataclass(frozen=True, kw_only=True)
class Payment:
    """Money that moved for an order: a `payment` or a `refund`."""

    kind: str
    amount_cents: int
    method_id: str


@dataclass(frozen=True, kw_only=True)
class Order:
    """One order of one customer."""

    id: str
    user_id: str
    status: str
    address: Address
    items: tuple[Item, ...]
    payments: tuple[Payment, ...]
    tracking: tuple[str, ...]


@contextmanager
def shop(folder: Path) -> Iterator[sqlite3.Connection]:
    """Open the shop of a project folder; what the block changes is committed together, or not at all."""
    with closing(sqlite3.connect(f"{(folder / 'shop.db').resolve().as_uri()}?mode=rw", uri=True)) as database:
        database.row_factory = sqlite3.Row
        with database:
            yield database


def user_by_email(database: sqlite3.Connection, email: str) -> str | None:
    """Return the id of the customer with this address."""
    row = database.execute("SELECT id FROM users WHERE email = ?", (email.strip(),)).fetchone()
    return row["id"] if row else None


def users_at(database: sqlite3.Connection, zip_code: str) -> list[tuple[str, str, str]]:
    """Return (id, first name, last name) of every customer who lives at a zip code."""
    rows = database.execute("SELECT id, first_name, last_name FROM users WHERE zip = ?", (zip_code,))
    return [(row["id"], row["first_name"], row["last_name"]) for row in rows]


def user_of(database: sqlite3.Connection, user_id: str) -> User | None:
    """Return a customer with every way they pay."""
    row = database.execute("SELECT * FROM users WHERE id = ?", (user_id,)).fetchone()
    if row is None:
        return None
    methods = database.execute(
        "SELECT id, source, brand, last_four, balance_cents FROM payment_methods WHERE user_id = ? ORDER BY rowid",
        (user_id,),
    )
    return User(
        id=row["id"],
        first_name=row["first_name"],
        last_name=row["last_name"],
        email=row["email"],
        address=_address(row),
        methods=tuple(Method(**dict(method)) for method in methods),
    )


def orders_of(database: sqlite3.Connection, user_id: str) -> tuple[Order, ...]:
    """Return all orders of a customer."""
    rows = database.execute("SELECT * FROM orders WHERE user_id = ? ORDER BY rowid", (user_id,)).fetchall()
    return tuple(_order(database, row) for row in rows)


def order_of(database: sqlite3.Connection, user_id: str, order_id: str) -> Order | None:
    """Return the order if it is this customer's; another customer's is None, as one that does not exist."""
    row = database.execute("SELECT * FROM orders WHERE id = ? AND user_id = ?", (order_id, user_id)).fetchone()
    return _order(database, row) if row else None


def products(database: sqlite3.Connection) -> dict[str, str]:
    """Return the name of every product by its id."""
    return {row["id"]: row["name"] for row in database.execute("SELECT id, name FROM products ORDER BY name")}


def product_of(database: sqlite3.Connection, product_id: str) -> Product | None:
    """Return a product with all its variants."""
    row = database.execute("SELECT id, name FROM products WHERE id = ?", (product_id,)).fetchone()
    if row is None:
        return None
    variants = database.execute("SELECT * FROM variants WHERE product_id = ? ORDER BY rowid", (product_id,))
    return Product(id=row["id"], name=row["name"], variants=tuple(_variant(one) for one in variants))


def variant_of(database: sqlite3.Connection, item_id: str) -> Variant | None:
    """Return one variant."""
    row = database.execute("SELECT * FROM variants WHERE item_id = ?", (item_id,)).fetchone()
    return _variant(row) if row else None


def _variant(row: sqlite3.Row) -> Variant:
    values: dict[str, Any] = dict(row)
    return Variant(**{**values, "options": json.loads(values["options"]), "available": bool(values["available"])})


def _order(database: sqlite3.Connection, row: sqlite3.Row) -> Order:
    items = database.execute(
        "SELECT item_id, product_id, name, options, price_cents FROM order_items WHERE order_id = ? ORDER BY position",
        (row["id"],),
    )
    payments = database.execute(
        "SELECT kind, amount_cents, payment_method_id AS method_id FROM payments WHERE order_id = ? ORDER BY position",
        (row["id"],),
    )
    parcels = database.execute("SELECT tracking_id FROM parcels WHERE order_id = ? ORDER BY rowid", (row["id"],))
    return Order(
        id=row["id"],
        user_id=row["user_id"],
        status=row["status"],
        address=_address(row),
        items=tuple(Item(**{**dict(item), "options": json.loads(item["options"])}) for item in items),
        payments=tuple(Payment(**dict(payment)) for payment in payments),
        tracking=tuple(parcel["tracking_id"] for parcel in parcels),
    )


def _address(row: sqlite3.Row) -> Address:
    return Address(**{part: row[part] for part in ADDRESS})
