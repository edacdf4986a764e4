"""How an order is put into words: display fields first, then sentences made of nothing but those fields."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from .changes import HAND_IN_DAYS, LABEL_CENTS, RETURN_DAYS, changeable, last_day, refund_of, returnable
from .records import Line, Order

NOT_VERIFIED = "I'd love to look that up, but I have to know it's really you before I open any orders."
NO_ORDERS = "I can't see any orders on your account yet."
NONE_THEN = "I can't see an order of yours from that time."
WHICH_OPEN = "Which of your open orders do you mean?"
NO_REFUND = "I can't see a refund under way on your account."
WHICH_PAST = "Which of your past orders do you mean?"
ASK_NUMBER = "Could you tell me your order number? It starts with LL and has five digits."
REASONS = frozenset({"unwanted", "not_as_expected", "damaged"})
REFUND_TIME = "5–7 business days"

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


def case_fields(order: Order, today: date) -> dict[str, Any]:
    """The facts of an order with what the help pages say of it: until when it can be sent back, and for how much."""
    until = {"return_until": day(last_day(order), today)} if order.delivered else {}
    back = refund_of(order)
    label = {} if order.country == "US" else {"label": money(LABEL_CENTS)}
    return {
        **fields(order, today),
        **until,
        **label,
        "return_days": str(RETURN_DAYS),
        "back": money(back),
        "refund_time": REFUND_TIME,
        "hand_in_by": day(today + timedelta(days=HAND_IN_DAYS), today),
        "return_started": order.return_started,
    }


def refund(facts: Mapping[str, Any]) -> str:
    """How far the money of the order is."""
    number, state = facts["order_id"], facts["status"]
    if state == "refunded":
        return status(facts)
    if state == "returned":
        return (
            f"Your return of order {number} reached our warehouse on {facts['returned_on']}. "
            f"The refund reaches you the way you paid within {facts['refund_time']} of that day."
        )
    if state == "cancelled":
        return (
            f"Order {number} was cancelled on {facts['cancelled_on']}. "
            f"The refund of {facts['total']} reaches you the way you paid within {facts['refund_time']} of that day."
        )
    if facts["return_started"]:
        return (
            f"The return of order {number} is under way. "
            f"The refund of {facts['back']} comes within {facts['refund_time']} of its arrival at our warehouse."
        )
    return f"There is no refund under way for order {number}: it is {state}."


def cancel_back(facts: Mapping[str, Any]) -> str:
    """What would be cancelled."""
    return (
        f"I'd cancel order {facts['order_id']} with {_and(facts['items'])}. "
        f"You'd get {facts['total']} back the way you paid. Shall I cancel it?"
    )


def cancelled(facts: Mapping[str, Any]) -> str:
    """That it is cancelled, and when the money comes."""
    return (
        f"Order {facts['order_id']} is cancelled. "
        f"The refund of {facts['total']} reaches you the way you paid within {facts['refund_time']}."
    )


def too_late(facts: Mapping[str, Any]) -> str:
    """That packing has begun, and what is possible instead."""
    if facts["status"] in ("cancelled", "returned", "refunded"):
        return f"Order {facts['order_id']} is {facts['status']} already, so there is nothing left to change."
    return (
        f"Order {facts['order_id']} is {facts['status']} already, so I can't change or cancel it any more. "
        f"You can send it back within {facts['return_days']} days of delivery instead."
    )


def address_back(facts: Mapping[str, Any]) -> str:
    """Where the order would go."""
    return f"I'd send order {facts['order_id']} to {facts['address']}. Is that right?"


def address_changed(facts: Mapping[str, Any]) -> str:
    """Where the order goes now."""
    return f"Order {facts['order_id']} now goes to {facts['address']}. We expect to deliver it by {facts['due_on']}."


def return_back(facts: Mapping[str, Any]) -> str:
    """What would be sent back, and what comes of it."""
    label = f" after {facts['label']} for the label" if "label" in facts else ""
    return (
        f"I'd start the return of order {facts['order_id']} with {_and(facts['items'])}. "
        "Everything has to be unused and in its original packaging. "
        f"You'd get {facts['back']} back the way you paid{label}. Shall I start it?"
    )


def return_started(facts: Mapping[str, Any]) -> str:
    """That the return is under way, and what to do next."""
    return (
        f"The return of order {facts['order_id']} is started. "
        f"Print the label under My orders and hand the parcel to the carrier by {facts['hand_in_by']}. "
        f"The refund of {facts['back']} comes within {facts['refund_time']} of its arrival at our warehouse."
    )


def can_return(facts: Mapping[str, Any]) -> str:
    """Until when it can be sent back."""
    return (
        f"Order {facts['order_id']} was delivered on {facts['delivered_on']}, "
        f"so you can send it back until {facts['return_until']}."
    )


def address_undone(facts: Mapping[str, Any]) -> str:
    """That the order goes where it went before."""
    return f"That's undone: order {facts['order_id']} goes to the address it had before."


def return_undone(facts: Mapping[str, Any]) -> str:
    """That the return is called off."""
    return f"That's undone: you keep order {facts['order_id']}, and there is nothing to send back."


def not_undone(facts: Mapping[str, Any]) -> str:
    """That there is nothing left to undo."""
    return f"I can't undo that any more: order {facts['order_id']} is {facts['status']} and has gone its way since."


def no_return(facts: Mapping[str, Any]) -> str:
    """Why it cannot be sent back now."""
    number = facts["order_id"]
    if facts["return_started"]:
        return f"A return of order {number} is under way already."
    if facts["status"] == "delivered":
        return (
            f"Order {number} was delivered on {facts['delivered_on']}, and its {facts['return_days']} days for a "
            f"return ended on {facts['return_until']}."
        )
    if facts["status"] in ("returned", "refunded"):
        return status(facts)
    if facts["status"] == "cancelled":
        return f"Order {number} was cancelled on {facts['cancelled_on']}, so there is nothing to send back."
    return (
        f"Order {number} has not reached you yet: it is {facts['status']}. "
        f"You can send it back within {facts['return_days']} days of delivery."
    )


def case_buttons(order: Order, today: date) -> list[dict[str, str]]:
    """What can be done with the order instead."""
    chosen = f'{{"order_id":"{order.id}"}}'
    if returnable(order, today):
        return [{"title": "Send it back", "payload": f"/refund_request{chosen}"}]
    return [{"title": "Cancel it", "payload": f"/cancel_order{chosen}"}] if changeable(order) else []


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
