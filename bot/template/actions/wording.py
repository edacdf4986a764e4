"""How an order is put into words: display fields first, then sentences made of nothing but those fields."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from .records import Line, Order

NOT_VERIFIED = "I'd love to look that up, but I have to know it's really you before I open any orders."
NO_ORDERS = "I can't see any orders on your account yet."
WHICH_OPEN = "Which of your open orders do you mean?"
WHICH_PAST = "Which of your past orders do you mean?"

STATUS_WORDS = {
    "placed": "placed",
    "packed": "packed",
    "shipped": "on its way",
    "out_for_delivery": "out for delivery",
    "delivered": "delivered",
    "cancelled": "cancelled",
    "returned": "returned",
    "refunded": "refunded",
}
METHOD_WORDS = {
    "standard": "standard shipping",
    "express": "express shipping",
    "canada": "shipping to Canada",
    "europe": "shipping to Europe",
}
_SENTENCES = {
    "placed": (
        "Order {order_id} was placed on {placed_on} and is waiting to be packed.",
        "We expect to deliver it by {due_on}.",
    ),
    "packed": (
        "Order {order_id} is packed and waiting for {carrier} to collect it.",
        "We expect to deliver it by {due_on}.",
    ),
    "shipped": (
        "Order {order_id} is on its way.",
        "It left us on {shipped_on} with {carrier}, tracking number {tracking_number}.",
        "It should reach you by {due_on}.",
    ),
    "out_for_delivery": (
        "Order {order_id} is out for delivery with {carrier}, tracking number {tracking_number}.",
        "It should reach you by {due_on}.",
    ),
    "delivered": (
        "Order {order_id} was delivered on {delivered_on}.",
        "It came with {carrier}, tracking number {tracking_number}.",
    ),
    "cancelled": ("Order {order_id} was cancelled on {cancelled_on}.",),
    "returned": (
        "Your return of order {order_id} reached our warehouse on {returned_on}.",
        "The refund is not out yet.",
    ),
    "refunded": ("Order {order_id} was returned, and we refunded {refund} on {refunded_on}.",),
}


def day(value: date, today: date) -> str:
    """A date as people say it, such as "Tuesday 17 November"; the year only when it is another one."""
    year = "" if value.year == today.year else f" {value.year}"
    return f"{value:%A} {value.day} {value:%B}{year}"


def money(cents: int) -> str:
    """An amount in dollars, without cents when there are none."""
    return f"${cents // 100}" if cents % 100 == 0 else f"${cents / 100:.2f}"


def fields(order: Order, today: date) -> dict[str, Any]:
    """The facts of an order as they may be said, without those it does not have."""
    dates = {
        "placed_on": order.placed,
        "shipped_on": order.shipped,
        "delivered_on": order.delivered,
        "cancelled_on": order.cancelled,
        "returned_on": order.returned,
        "refunded_on": order.refunded,
        "due_on": order.due,
    }
    said = {name: day(value, today) for name, value in dates.items() if value}
    named = {"carrier": order.carrier, "tracking_number": order.tracking_number}
    refund = {"refund": money(order.refund_cents)} if order.refund_cents else {}
    return {
        "order_id": order.id,
        "status": STATUS_WORDS[order.status],
        **said,
        **{name: value for name, value in named.items() if value},
        "shipping_method": METHOD_WORDS[order.shipping_method],
        "shipping": money(order.shipping_cents) if order.shipping_cents else "free",
        "total": money(order.total_cents),
        **refund,
        "items": [_item(line) for line in order.lines],
    }


def status(facts: Mapping[str, Any]) -> str:
    """Where the order is, in one to three sentences."""
    key = next(status for status, words in STATUS_WORDS.items() if words == facts["status"])
    return " ".join(sentence.format_map(facts) for sentence in _SENTENCES[key])


def details(facts: Mapping[str, Any]) -> str:
    """What is in the order, what it cost, and how far it is."""
    shipping = "free" if facts["shipping"] == "free" else f"{facts['shipping']} for"
    return " ".join(
        (
            f"Order {facts['order_id']} of {facts['placed_on']} contains {_and(facts['items'])}.",
            f"The total was {facts['total']}, including {shipping} {facts['shipping_method']}.",
            f"Its status is: {facts['status']}.",
        )
    )


def listing(facts: Mapping[str, Any]) -> str:
    """The customer's latest orders, one sentence each."""
    count, listed = facts["order_count"], facts["listed"]
    first = "You have 1 order with us." if count == "1" else f"You have {count} orders with us."
    second = f" Here are the latest {listed}." if listed != count else ""
    each = (
        f"{order['order_id']} of {order['placed_on']} for {order['total']}: {order['status']}."
        for order in facts["orders"]
    )
    return "\n".join((first + second, *each))


def unknown(number: str | None) -> str:
    """That there is no such order among the customer's own."""
    named = f"order {number}" if number else "that order number"
    return (
        f"I can't find {named} among your orders. Could you check the number in your confirmation e-mail? "
        "If it looks right, I can bring in a person from our team."
    )


def button(order: Order) -> str:
    """A short title for an order: its number, first article and status."""
    more = f" + {len(order.lines) - 1} more" if len(order.lines) > 1 else ""
    return f"{order.id}: {order.lines[0].name}{more} ({STATUS_WORDS[order.status]})"


def _item(line: Line) -> str:
    """One line of the order as it is said, with quantity, colour and price."""
    colour = f" in {line.colour}" if line.colour else ""
    each = " each" if line.quantity > 1 else ""
    return f"{line.quantity} × {line.name}{colour} ({money(line.price_cents)}{each})"


def _and(words: list[str]) -> str:
    """Join words as in "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
