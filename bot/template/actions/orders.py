"""What a verified customer may ask about orders: the status of one, what is in it, its refund, and the list of them.

The framework fills four slots: `customer_id` (verified, never read from text), `order_id` (as the customer wrote it,
or None), `date` (the days that were named, in ISO 8601, or None) and `project_dir` (the folder of orders.db). Every
answer that states a fact carries the record it came from.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from . import wording
from .records import Order, left_order, order_number, order_of, orders_of

CHOICES = 5
"""The most orders offered as buttons or listed at once."""

Events = list[dict[str, Any]]


class ActionOrderStatus(Action):  # type: ignore[misc]
    """Says where an order is."""

    def name(self) -> str:
        """Return the name the router calls this action by."""
        return "action_order_status"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """Answer for the order that was named, or for the only open one."""
        return _about_one(dispatcher, _Asked.by(tracker), "order_status")


class ActionOrderDetails(Action):  # type: ignore[misc]
    """Says what is in an order and what it cost."""

    def name(self) -> str:
        """Return the name the router calls this action by."""
        return "action_order_details"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """Answer for the order that was named, or for the only open one."""
        return _about_one(dispatcher, _Asked.by(tracker), "order_details")


class ActionMyOrders(Action):  # type: ignore[misc]
    """Lists the latest orders."""

    def name(self) -> str:
        """Return the name the router calls this action by."""
        return "action_my_orders"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """List the customer's latest orders, with a button for the status of each."""
        asked = _Asked.by(tracker)
        if not asked.customer:
            dispatcher.utter_message(text=wording.NOT_VERIFIED)
            return []
        orders = orders_of(asked.project, asked.customer, asked.at.date())
        if not orders:
            dispatcher.utter_message(text=wording.NO_ORDERS)
            return []
        placed = asked.placed(orders)
        if asked.days and not placed:
            dispatcher.utter_message(text=wording.NONE_THEN)
        _tell_list(dispatcher, asked, placed or orders)
        return []


class ActionRefundStatus(Action):  # type: ignore[misc]
    """Says how far the money of an order is."""

    def name(self) -> str:
        """Return the name the router calls this action by."""
        return "action_refund_status"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """Answer for the order that was named, or for the only one that money comes back for."""
        asked = _Asked.by(tracker)
        if not asked.customer or asked.order:
            return _about_one(dispatcher, asked, "refund_status")
        orders = orders_of(asked.project, asked.customer, asked.at.date())
        likely = [order for order in orders if order.return_started or order.status in ("returned", "refunded")]
        if len(likely) == 1:
            return _tell(dispatcher, asked, likely[0], "refund_status")
        which = wording.WHICH_PAST if likely else wording.NO_REFUND
        _ask(dispatcher, asked, which, likely, "refund_status")
        return []


class _Asked(NamedTuple):
    """What the slots say: whose orders, which one, where, when it was asked, of which days, and which was left."""

    customer: str | None
    order: object
    project: Path
    at: datetime
    days: tuple[date, date] | None
    left: str | None

    @classmethod
    def by(cls, tracker: Tracker) -> _Asked:
        """Read the slots of the conversation."""
        slots = tracker.slots
        customer = slots.get("customer_id")
        days = _days(slots.get("date"))
        order, folder = slots.get("order_id"), Path(slots["project_dir"])
        return cls(customer or None, order, folder, datetime.now(UTC), days, left_order(tracker.events, order))

    def placed(self, orders: Sequence[Order]) -> list[Order]:
        """Return the orders placed on the days that were named; none when no days were."""
        return [order for order in orders if self.days and self.days[0] <= order.placed <= self.days[1]]


def _days(value: object) -> tuple[date, date] | None:
    """Return the first and the last day of "2026-06-01/2026-06-30" or of one day; None for anything else."""
    try:
        first, _, last = str(value or "").partition("/")
        return date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        return None


def _about_one(dispatcher: CollectingDispatcher, asked: _Asked, intent: str) -> Events:
    """Tell about one order: the one named, else the only open one, else ask which."""
    if not asked.customer:
        dispatcher.utter_message(text=wording.NOT_VERIFIED)
        return []
    if asked.order:
        number = order_number(asked.order)
        order = order_of(asked.project, asked.customer, number, asked.at.date()) if number else None
        return _tell(dispatcher, asked, order, intent) if order else _unknown(dispatcher, number)
    return _choose(dispatcher, asked, intent)


def _choose(dispatcher: CollectingDispatcher, asked: _Asked, intent: str) -> Events:
    """Take the only order of the days named, else the only open one, else the only one, else ask which is meant.

    Days may be those of a delivery: where nothing was placed on them, the status of an open order is told all the same.
    """
    assert asked.customer is not None
    own = orders_of(asked.project, asked.customer, asked.at.date())
    orders = [order for order in own if order.id != asked.left] or own
    placed, still_open = asked.placed(orders), [order for order in orders if order.open]
    if asked.days and not placed and orders and intent != "order_status":
        dispatcher.utter_message(text=wording.NONE_THEN)
        _tell_list(dispatcher, asked, orders)
        return []
    likely = placed or still_open or orders
    if len(likely) == 1:
        return _tell(dispatcher, asked, likely[0], intent)
    if likely:
        which = wording.WHICH_OPEN if likely is still_open else wording.WHICH_PAST
        _ask(dispatcher, asked, which, likely, intent)
    else:
        dispatcher.utter_message(text=wording.NO_ORDERS)
    return []


def _tell(dispatcher: CollectingDispatcher, asked: _Asked, order: Order, intent: str) -> Events:
    """Tell about this order, with the record behind every word of it."""
    fields = wording.case_fields(order, asked.at.date())
    dispatcher.utter_message(text=_WORDS[intent](fields), json_message=_record(asked, order.id, fields))
    return [SlotSet("order_id", order.id)]


_WORDS = {"order_status": wording.status, "order_details": wording.details, "refund_status": wording.refund}


def _tell_list(dispatcher: CollectingDispatcher, asked: _Asked, orders: Sequence[Order]) -> None:
    """List the latest of these orders."""
    latest = orders[:CHOICES]
    fields = {
        "order_count": str(len(orders)),
        "listed": str(len(latest)),
        "orders": [wording.fields(order, asked.at.date()) for order in latest],
    }
    assert asked.customer is not None
    dispatcher.utter_message(
        text=wording.listing(fields),
        json_message=_record(asked, asked.customer, fields),
        buttons=_buttons(latest, "order_status"),
    )


def _unknown(dispatcher: CollectingDispatcher, number: str | None) -> Events:
    """Say that no such order is among the customer's own, whoever else may have it."""
    dispatcher.utter_message(text=wording.unknown(number))
    return [SlotSet("order_id", None)]


def _ask(dispatcher: CollectingDispatcher, asked: _Asked, which: str, orders: Sequence[Order], intent: str) -> None:
    """Ask which of these orders is meant, with the record behind what the buttons say."""
    buttons = _buttons(orders, intent)
    listed = _record(asked, str(asked.customer), {"orders": [button["title"] for button in buttons]})
    dispatcher.utter_message(text=which, json_message=listed, buttons=buttons)


def _record(asked: _Asked, record_id: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The row behind an answer, as the support check and the trace read it, and whose it is."""
    read_at = asked.at.isoformat(timespec="seconds")
    row = {"table": "orders", "id": record_id, "customer_id": asked.customer, "fields": fields, "read_at": read_at}
    return {"record": row}


def _buttons(orders: Sequence[Order], intent: str) -> list[dict[str, str]]:
    """One button for each of the latest orders."""
    return [{"title": wording.button(order), "payload": _payload(order, intent)} for order in orders[:CHOICES]]


def _payload(order: Order, intent: str) -> str:
    """What comes back when a button is pressed, in Rasa's form."""
    return f"/{intent}{json.dumps({'order_id': order.id}, separators=(',', ':'))}"
