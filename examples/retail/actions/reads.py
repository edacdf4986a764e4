"""What a customer may look up: an order, all orders, a product with its variants, their own details."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from . import wording
from .asked import asked
from .shop import orders_of, product_of

Events = list[dict[str, Any]]
Domain = Mapping[str, Any]
MOST = 8
"""The most orders or variants listed at once."""


class OrderStatus(Action):  # type: ignore[misc]
    """Says all of one order."""

    def name(self) -> str:
        """Return the name of the action."""
        return "action_order_status"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        """Tell the state, the articles, the total, the address and the tracking number."""
        with asked(tracker) as about:
            order = about.order
        if order is None:
            dispatcher.utter_message(text="I can't find that order among your orders.")
            return []
        told = wording.order_fields(order)
        text = (
            f"Order {order.id} is {told['status']}. It contains {wording.listed(told['items'])}, "
            f"{told['total']} in total. It goes to {told['address']}."
        )
        if order.tracking:
            text += f" The tracking number is {wording.listed(told['tracking'])}."
        dispatcher.utter_message(text=text, json_message=wording.record("orders", order.id, told))
        return []


class MyOrders(Action):  # type: ignore[misc]
    """Lists the customer's orders."""

    def name(self) -> str:
        """Return the name of the action."""
        return "action_my_orders"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        """List them with what is in them."""
        with asked(tracker) as about:
            own, user = orders_of(about.database, about.user.id), about.user
        lines = [
            f"{one.id} is {wording.status(one)}: {wording.listed([wording.article(item) for item in one.items])}."
            for one in own[-MOST:]
        ]
        text = "\n".join(lines) if lines else "You have no orders with us."
        dispatcher.utter_message(text=text, json_message=wording.record("users", user.id, {"orders": lines}))
        return []


class ProductQuestion(Action):  # type: ignore[misc]
    """Says in which variants a product can be had."""

    def name(self) -> str:
        """Return the name of the action."""
        return "action_product_question"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        """List the available variants with their prices."""
        with asked(tracker) as about:
            product = product_of(about.database, str(tracker.get_slot("product")))
        if product is None:
            dispatcher.utter_message(text="I don't know that product.")
            return []
        there = [variant for variant in product.variants if variant.available]
        fields = {"count": str(len(there)), "offers": wording.offers(there[:MOST]), "choices": wording.choices(product)}
        text = (
            f"The {product.name} comes in {fields['count']} variants that are available. "
            f"The choices are {fields['choices']}. Some of them: {fields['offers']}."
        )
        dispatcher.utter_message(text=text, json_message=wording.record("products", product.id, fields))
        return []


class MyDetails(Action):  # type: ignore[misc]
    """Says what the shop knows of the customer."""

    def name(self) -> str:
        """Return the name of the action."""
        return "action_my_details"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        """Tell e-mail, address and payment methods."""
        with asked(tracker) as about:
            told, user = wording.user_fields(about.user), about.user
        text = (
            f"You are {told['name']}, {told['email']}. Your address is {told['address']}. "
            f"You can pay with {wording.listed(told['methods'], 'or')}."
        )
        dispatcher.utter_message(text=text, json_message=wording.record("users", user.id, told))
        return []
