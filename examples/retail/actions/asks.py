"""The questions that need the customer's records: which order, which articles, for what, and who pays."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from . import wording
from .asked import asked, form_of
from .changes import (
    against_altering,
    against_cancelling,
    against_refund_to,
    against_repaying,
    against_returning,
    against_swapping,
    difference,
)
from .forms import listed_alike, pairs_of, taken
from .shop import Order, orders_of, product_of

Events = list[dict[str, Any]]
Domain = Mapping[str, Any]
MOST = 5
"""The most orders offered as buttons."""
AGAINST: Mapping[str, Callable[[Order], str]] = {
    "cancel_order_form": against_cancelling,
    "return_items_form": against_returning,
    "change_items_form": against_swapping,
    "change_order_address_form": against_altering,
    "change_payment_form": against_repaying,
}


def against_nothing(order: Order) -> str:
    """Any order will do."""
    return ""


def inform(slot: str, value: str) -> str:
    """What comes back when a button that fills a slot is pressed."""
    return f"/inform{json.dumps({slot: value}, separators=(',', ':'))}"


class AskOrder(Action):  # type: ignore[misc]
    """Asks for the order number, with the orders that come into question."""

    def name(self) -> str:
        """Return the name of the question."""
        return "action_ask_order_id"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        """Ask."""
        against = AGAINST.get(form_of(tracker), against_nothing)
        with asked(tracker) as about:
            own = [order for order in orders_of(about.database, about.user.id) if not against(order)][:MOST]
            user = about.user.id
        buttons = [{"title": _title(order), "payload": inform("order_id", order.id)} for order in own]
        text = "Which order is it? Please give me the order number, #W and seven digits."
        fields = {"orders": [_title(order) for order in own]}
        dispatcher.utter_message(text=text, buttons=buttons, json_message=wording.record("users", user, fields))
        return []


def _title(order: Order) -> str:
    more = f" + {len(order.items) - 1} more" if len(order.items) > 1 else ""
    return f"{order.id}: {order.items[0].name}{more}"


class AskItems(Action):  # type: ignore[misc]
    """Asks which articles of the order are meant."""

    def name(self) -> str:
        """Return the name of the question."""
        return "action_ask_items"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        """List the articles and ask."""
        with asked(tracker) as about:
            order = about.order
        if order is None:
            return []
        items = [wording.article(item) for item in order.items]
        what = "send back" if form_of(tracker) == "return_items_form" else "change"
        question = f"Which items would you like to {what}? Please name all of them."
        text = f"Order {order.id} has {wording.listed(items)}. {question}"
        if unclear := tracker.get_slot("items_unclear"):
            alike = listed_alike(taken(order.items, unclear[0]))
            dispatcher.utter_message(text=alike["question"], json_message=wording.record("orders", order.id, alike))
            return []
        dispatcher.utter_message(text=text, json_message=wording.record("orders", order.id, {"items": items}))
        return []


class _AskWish:
    """Asks what an article is to be changed for."""

    number = 0

    def name(self) -> str:
        """Return the name of the question."""
        return f"action_ask_wish_{self.number}"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        """Name the options and ask."""
        with asked(tracker) as about:
            if len(about.items) < self.number:
                return []
            item = about.items[self.number - 1]
            product = product_of(about.database, item.product_id)
        assert product
        fields = {"item": wording.article(item), "choices": wording.choices(product)}
        text = f"What would you like instead of the {fields['item']}? There is {fields['choices']}."
        dispatcher.utter_message(text=text, json_message=wording.record("products", product.id, fields))
        return []


class AskWish1(_AskWish, Action):  # type: ignore[misc]
    """The first article."""

    number = 1


class AskWish2(_AskWish, Action):  # type: ignore[misc]
    """The second article."""

    number = 2


class AskWish3(_AskWish, Action):  # type: ignore[misc]
    """The third article."""

    number = 3


class AskWish4(_AskWish, Action):  # type: ignore[misc]
    """The fourth article."""

    number = 4


class AskWish5(_AskWish, Action):  # type: ignore[misc]
    """The fifth article."""

    number = 5


class AskPayment(Action):  # type: ignore[misc]
    """Asks which payment method is to be used, with those that may be."""

    def name(self) -> str:
        """Return the name of the question."""
        return "action_ask_payment"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        """Ask."""
        form = form_of(tracker)
        with asked(tracker) as about:
            order, methods = about.order, list(about.user.methods)
            cost = difference(order, pairs_of(about)) if order else 0
        fields: dict[str, Any] = {}
        if form == "return_items_form" and order:
            methods = [one for one in methods if not against_refund_to(order, one)]
            text = "Which payment method should the refund go to: the original one, or a gift card you have?"
        elif form == "change_items_form":
            fields = {"difference": wording.payable(cost)}
            text = f"{fields['difference']}. Which payment method should I use for it?"
        else:
            text = "Which payment method would you like to use instead?"
        buttons = [{"title": wording.title(one), "payload": inform("payment", one.id)} for one in methods]
        fields["methods"] = [[wording.title(one), one.id] for one in methods]
        row = order.id if order else ""
        dispatcher.utter_message(text=text, buttons=buttons, json_message=wording.record("orders", row, fields))
        return []
