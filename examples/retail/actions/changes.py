"""Changing shop.db by the shop's policy: every rule is checked again in the transaction that writes.

A change has a key; the same key changes nothing twice. `Refused` carries a sentence for the customer.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path

from .shop import (
    CANCELLED,
    DELIVERED,
    EXCHANGING,
    GIFT_CARD,
    MODIFIED,
    PENDING,
    RETURNING,
    Address,
    Item,
    Method,
    Order,
    User,
    Variant,
    order_of,
    shop,
    user_of,
    variant_of,
)

REASONS = ("no longer needed", "ordered by mistake")

Swap = tuple[str, str]
"""The item of the order, and the variant that is to take its place."""


class Refused(Exception):
    """The policy forbids a change; the text says why, in words for the customer."""


# What the policy says: an empty text means that nothing is against it.


def against_cancelling(order: Order) -> str:
    """Return why an order cannot be cancelled."""
    return (
        ""
        if order.status == PENDING
        else f"Order {order.id} is {order.status}, and only pending orders can be cancelled."
    )


def against_returning(order: Order) -> str:
    """Return why nothing in an order can be returned."""
    if order.status == DELIVERED:
        return ""
    return f"Order {order.id} is {order.status}, and only delivered orders can be returned."


def against_swapping(order: Order) -> str:
    """Return why no item of an order can be changed for another variant."""
    if order.status in (PENDING, DELIVERED):
        return ""
    once = " Items can be changed only once." if order.status in (MODIFIED, EXCHANGING) else ""
    return f"Order {order.id} is {order.status}, so its items can't be changed any more.{once}"


def against_altering(order: Order) -> str:
    """Return why the address or the payment of an order cannot be changed."""
    return (
        ""
        if order.status == PENDING
        else f"Order {order.id} is {order.status}, and only pending orders can be changed."
    )


def against_variant(item: Item, variant: Variant) -> str:
    """Return why a variant cannot take an item's place."""
    if variant.product_id != item.product_id:
        return f"The {item.name} can only become another {item.name}, not a different product."
    if variant.item_id == item.item_id:
        return f"That is the {item.name} you have already."
    return "" if variant.available else f"That {item.name} isn't available at the moment."


def against_paying(method: Method, cents: int) -> str:
    """Return why a method cannot pay this much; what is paid back never is too much."""
    if method.source == GIFT_CARD and (method.balance_cents or 0) < cents:
        return "The balance of your gift card doesn't cover that."
    return ""


def against_refund_to(order: Order, method: Method) -> str:
    """Return why what is returned from an order cannot be paid back to a method."""
    if method.source == GIFT_CARD or method.id == paid_with(order):
        return ""
    return "A refund can only go to the original payment method or to a gift card."


def against_repaying(order: Order) -> str:
    """Return why the payment of an order cannot be changed, whatever the method."""
    if len(order.payments) != 1 or order.payments[0].kind != "payment":
        return against_altering(order) or f"The payment of order {order.id} was changed once already."
    return against_altering(order)


def against_payment(order: Order, method: Method) -> str:
    """Return why an order cannot be paid with another method."""
    if why := against_repaying(order):
        return why
    if method.id == paid_with(order):
        return f"Order {order.id} is paid that way already."
    return against_paying(method, order.payments[0].amount_cents)


def paid_with(order: Order) -> str:
    """Return the method an order was paid with at first."""
    return order.payments[0].method_id


def difference(order: Order, swaps: Sequence[tuple[Item, Variant]]) -> int:
    """Return what swaps cost in cents; less than nothing is paid back."""
    return sum(variant.price_cents - item.price_cents for item, variant in swaps)


# The changes


def cancel(folder: Path, user_id: str, order_id: str, reason: str, key: str) -> None:
    """Cancel a pending order and pay back what was paid."""
    with shop(folder) as database:
        if not _first_time(database, key, user_id, f"cancel {order_id}"):
            return
        order = _order(database, user_id, order_id)
        _refuse(against_cancelling(order) or ("" if reason in REASONS else "That is no reason to cancel an order."))
        for method, amount in _paid(order).items():
            _book(database, order_id, "refund", amount, method)
        _set(database, order_id, status=CANCELLED, cancel_reason=reason)


def return_items(folder: Path, user_id: str, order_id: str, item_ids: Sequence[str], method_id: str, key: str) -> None:
    """Ask for the return of items of a delivered order."""
    with shop(folder) as database:
        if not _first_time(database, key, user_id, f"return {order_id}"):
            return
        order, method = _order(database, user_id, order_id), _method(database, user_id, method_id)
        _refuse(against_returning(order) or _not_in(order, item_ids) or against_refund_to(order, method))
        items = json.dumps(sorted(item_ids))
        _set(database, order_id, status=RETURNING, return_items=items, return_payment_method_id=method_id)


def swap_items(folder: Path, user_id: str, order_id: str, swaps: Sequence[Swap], method_id: str, key: str) -> None:
    """Change items for other variants: at once in a pending order, as an exchange in a delivered one."""
    with shop(folder) as database:
        if not _first_time(database, key, user_id, f"swap {order_id}"):
            return
        order, method = _order(database, user_id, order_id), _method(database, user_id, method_id)
        _refuse(against_swapping(order) or _not_in(order, [item for item, _ in swaps]))
        pairs = [_pair(database, order, swap) for swap in swaps]
        cost = difference(order, pairs)
        _refuse(next(filter(None, (against_variant(*pair) for pair in pairs)), "") or against_paying(method, cost))
        if order.status == PENDING:
            _modify(database, order, pairs, method_id, cost)
        else:
            _exchange(database, order_id, swaps, method_id, cost)


def change_address(folder: Path, user_id: str, order_id: str, address: Address, key: str) -> None:
    """Send a pending order elsewhere."""
    with shop(folder) as database:
        if not _first_time(database, key, user_id, f"address {order_id}"):
            return
        _refuse(against_altering(_order(database, user_id, order_id)))
        _move(database, "orders", order_id, address)


def change_payment(folder: Path, user_id: str, order_id: str, method_id: str, key: str) -> None:
    """Pay a pending order another way, and pay back the first."""
    with shop(folder) as database:
        if not _first_time(database, key, user_id, f"payment {order_id}"):
            return
        order, method = _order(database, user_id, order_id), _method(database, user_id, method_id)
        _refuse(against_altering(order) or against_payment(order, method))
        amount = order.payments[0].amount_cents
        _book(database, order_id, "payment", amount, method_id)
        _book(database, order_id, "refund", amount, paid_with(order))


def change_home(folder: Path, user_id: str, address: Address, key: str) -> None:
    """Change a customer's own address."""
    with shop(folder) as database:
        if _first_time(database, key, user_id, "home address"):
            _move(database, "users", user_id, address)


# Writing


def _first_time(database: sqlite3.Connection, key: str, user_id: str, what: str) -> bool:
    """Take the write lock and note the key; False when it was noted before."""
    database.execute("BEGIN IMMEDIATE")
    at = datetime.now(UTC).isoformat(timespec="seconds")
    noted = database.execute("INSERT OR IGNORE INTO changes VALUES (?, ?, ?, ?)", (key, user_id, what, at))
    return noted.rowcount == 1


def _refuse(why: str) -> None:
    if why:
        raise Refused(why)


def _order(database: sqlite3.Connection, user_id: str, order_id: str) -> Order:
    order = order_of(database, user_id, order_id)
    if order is None:
        raise Refused(f"I can't find order {order_id} among your orders.")
    return order


def _method(database: sqlite3.Connection, user_id: str, method_id: str) -> Method:
    user: User | None = user_of(database, user_id)
    for method in user.methods if user else ():
        if method.id == method_id:
            return method
    raise Refused("That payment method isn't on your account.")


def _not_in(order: Order, item_ids: Sequence[str]) -> str:
    """Why these items cannot be taken from an order; one may stand in it more than once."""
    there = Counter(item.item_id for item in order.items)
    return "" if item_ids and not Counter(item_ids) - there else f"Order {order.id} doesn't contain that."


def _pair(database: sqlite3.Connection, order: Order, swap: Swap) -> tuple[Item, Variant]:
    item = next(item for item in order.items if item.item_id == swap[0])
    variant = variant_of(database, swap[1])
    if variant is None:
        raise Refused(f"There is no such {item.name}.")
    return item, variant


def _paid(order: Order) -> dict[str, int]:
    """What each method has paid for an order and not got back, in cents."""
    paid: Counter[str] = Counter()
    for one in order.payments:
        paid[one.method_id] += one.amount_cents if one.kind == "payment" else -one.amount_cents
    return {method: amount for method, amount in paid.items() if amount > 0}


def _modify(
    database: sqlite3.Connection, order: Order, pairs: Sequence[tuple[Item, Variant]], method_id: str, cost: int
) -> None:
    """Put the new variants into a pending order and book the difference."""
    left = list(enumerate(order.items))
    for item, variant in pairs:
        position = next(place for place, one in left if one.item_id == item.item_id)
        left = [(place, one) for place, one in left if place != position]
        database.execute(
            "UPDATE order_items SET item_id = ?, options = ?, price_cents = ? WHERE order_id = ? AND position = ?",
            (variant.item_id, json.dumps(variant.options), variant.price_cents, order.id, position),
        )
    _book(database, order.id, "payment" if cost > 0 else "refund", abs(cost), method_id)
    _set(database, order.id, status=MODIFIED)


def _exchange(database: sqlite3.Connection, order_id: str, swaps: Sequence[Swap], method_id: str, cost: int) -> None:
    """Note what is to be exchanged; money moves when the items are back."""
    _set(
        database,
        order_id,
        status=EXCHANGING,
        exchange_items=json.dumps(sorted(item for item, _ in swaps)),
        exchange_new_items=json.dumps(sorted(new for _, new in swaps)),
        exchange_payment_method_id=method_id,
        exchange_difference_cents=cost,
    )


def _book(database: sqlite3.Connection, order_id: str, kind: str, cents: int, method_id: str) -> None:
    """Note a payment or refund; a gift card's balance moves at once."""
    database.execute(
        "INSERT INTO payments SELECT ?, coalesce(max(position) + 1, 0), ?, ?, ? FROM payments WHERE order_id = ?",
        (order_id, kind, cents, method_id, order_id),
    )
    moved = -cents if kind == "payment" else cents
    database.execute(
        "UPDATE payment_methods SET balance_cents = balance_cents + ? WHERE id = ? AND source = ?",
        (moved, method_id, GIFT_CARD),
    )


def _set(database: sqlite3.Connection, order_id: str, **values: str | int) -> None:
    columns = ", ".join(f"{name} = ?" for name in values)
    database.execute(f"UPDATE orders SET {columns} WHERE id = ?", (*values.values(), order_id))


def _move(database: sqlite3.Connection, table: str, row_id: str, address: Address) -> None:
    columns = "address1 = ?, address2 = ?, city = ?, state = ?, country = ?, zip = ?"
    database.execute(f"UPDATE {table} SET {columns} WHERE id = ?", (*astuple(address), row_id))
