"""Reading a change back: all of it in full, before the customer says yes; what the policy is against is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import ActiveLoop
from rasa_sdk.executor import CollectingDispatcher

from . import wording
from .asked import Asked, asked
from .changes import (
    against_altering,
    against_cancelling,
    against_paying,
    against_payment,
    against_refund_to,
    against_repaying,
    against_returning,
    against_swapping,
    against_variant,
    difference,
    paid_with,
)
from .forms import pairs_of
from .shop import Address, Method, Order

Events = list[dict[str, Any]]
Domain = Mapping[str, Any]
NEXT = "You get an email on how to send the items back."
Plan = tuple[str, dict[str, Any]]
"""What is read back, and the fields that carry its figures."""


def order_and(about: Asked, why: Callable[[Order], str]) -> str:
    """Return why the order is none of the customer's, or why the policy is against it."""
    return why(about.order) if about.order else "I can't find that order among your orders."


def original(about: Asked) -> Method | None:
    """The method an order was paid with."""
    order = about.order
    return next((one for one in about.user.methods if order and one.id == paid_with(order)), None)


POSSIBLE = (
    ("return_items", "Return something", against_returning),
    ("change_items", "Exchange something or change the items of an order", against_swapping),
    ("cancel_order", "Cancel an order", against_cancelling),
    ("change_order_address", "Change where an order is sent", against_altering),
    ("change_payment", "Change how an order is paid", against_repaying),
)
"""What can be done with an order, with its words on a button, and what says no."""


def possible(order: Order) -> list[dict[str, str]]:
    """Return a button for each change that can be made of an order."""
    chosen = json.dumps({"order_id": order.id}, separators=(",", ":"))
    return [
        {"title": title, "payload": f"/{intent}{chosen}"} for intent, title, against in POSSIBLE if not against(order)
    ]


class ReadBack:
    """Says what a change would do and asks for a yes; what the policy is against is refused instead."""

    intent = ""

    def name(self) -> str:
        """Return the name of the read-back."""
        return f"action_read_back_{self.intent}"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        """Read back, or refuse and end the task."""
        with asked(tracker) as about:
            why = self.against(about)
            text, fields = ("", {}) if why else self.plan(about)
            order = about.order
        if why:
            facts = wording.record("orders", order.id, wording.order_fields(order)) if order else None
            dispatcher.utter_message(text=why, json_message=facts, buttons=possible(order) if order else [])
            return [ActiveLoop(None)]
        row = order.id if order else str(tracker.get_slot("customer_id"))
        policy = {"status": order.status, "total": wording.total(order) / 100} if order else {}
        told = wording.record("orders" if order else "users", row, fields, policy)
        dispatcher.utter_message(text=f"{text} Shall I go ahead?", json_message=told)
        return []

    def against(self, about: Asked) -> str:
        """Return why it cannot be done."""
        return ""

    def plan(self, about: Asked) -> Plan:
        """Return what would be done."""
        raise NotImplementedError


class ReadBackCancel(ReadBack, Action):  # type: ignore[misc]
    """Cancelling an order."""

    intent = "cancel_order"

    def against(self, about: Asked) -> str:
        """Only pending orders."""
        return order_and(about, against_cancelling)

    def plan(self, about: Asked) -> Plan:
        """Say the order, the reason and the refund."""
        order, method = about.order, original(about)
        assert order and method
        fields = wording.order_fields(order) | {"refund": wording.method(method), "when": wording.refunded(method)}
        text = (
            f"I would cancel order {order.id} with {wording.listed(fields['items'])}, because it was "
            f"{about.slots.get('reason')}. The {fields['total']} go back to {fields['refund']} {fields['when']}."
        ).replace("it was no longer", "it is no longer")
        return text, fields


class ReadBackReturn(ReadBack, Action):  # type: ignore[misc]
    """Returning articles."""

    intent = "return_items"

    def against(self, about: Asked) -> str:
        """Only delivered orders, and only to the original method or a gift card."""
        method = about.method
        return order_and(
            about, lambda o: against_returning(o) or (against_refund_to(o, method) if method else "Which method?")
        )

    def plan(self, about: Asked) -> Plan:
        """Say the articles and where the refund goes."""
        assert about.order and about.method
        fields = {
            "items": [f"{wording.article(item)} for {wording.money(item.price_cents)}" for item in about.items],
            "method": wording.method(about.method),
            "when": wording.refunded(about.method),
        }
        text = (
            f"You would return from order {about.order.id}: {wording.listed(fields['items'])}. "
            f"The refund goes to {fields['method']}. Please check that these are all the items you want to return."
        )
        return text, fields


class ReadBackChangeItems(ReadBack, Action):  # type: ignore[misc]
    """Changing articles for other variants."""

    intent = "change_items"

    def against(self, about: Asked) -> str:
        """Only pending and delivered orders, other available variants, and a method that can pay."""
        return order_and(about, lambda order: against_swapping(order) or self._against_pairs(about, order))

    def _against_pairs(self, about: Asked, order: Order) -> str:
        pairs, method = pairs_of(about), about.method
        if method is None or len(pairs) != len(about.items):
            return "I don't have all I need for that."
        why = next(filter(None, (against_variant(*pair) for pair in pairs)), "")
        return why or against_paying(method, difference(order, pairs))

    def plan(self, about: Asked) -> Plan:
        """Say every swap, the difference and who pays it, and that there is only one go."""
        assert about.order and about.method
        pairs = pairs_of(about)
        fields = {
            "swaps": [wording.swap(item, variant) for item, variant in pairs],
            "difference": wording.payable(difference(about.order, pairs)),
            "method": wording.method(about.method),
        }
        text = (
            f"In order {about.order.id}, {'; '.join(fields['swaps'])}. {fields['difference']}, "
            f"with {fields['method']}. Items of an order can be changed only once, so please check that these are all."
        )
        return text, fields


class ReadBackChangeOrderAddress(ReadBack, Action):  # type: ignore[misc]
    """Sending an order elsewhere."""

    intent = "change_order_address"

    def against(self, about: Asked) -> str:
        """Only pending orders."""
        return order_and(about, against_altering)

    def plan(self, about: Asked) -> Plan:
        """Say the new address."""
        assert about.order
        fields = {"address": wording.address(Address(**about.slots["address"]))}
        return f"I would send order {about.order.id} to this address: {fields['address']}.", fields


class ReadBackChangePayment(ReadBack, Action):  # type: ignore[misc]
    """Paying an order another way."""

    intent = "change_payment"

    def against(self, about: Asked) -> str:
        """Only pending orders, only another method, and a gift card that covers it."""
        method = about.method
        return order_and(
            about, lambda o: against_repaying(o) or (against_payment(o, method) if method else "Which method?")
        )

    def plan(self, about: Asked) -> Plan:
        """Say both methods and the amount."""
        order, before = about.order, original(about)
        assert order and about.method and before
        fields = {
            "amount": wording.money(order.payments[0].amount_cents),
            "method": wording.method(about.method),
            "before": wording.method(before),
            "when": wording.refunded(before),
        }
        text = (
            f"I would charge the {fields['amount']} of order {order.id} to {fields['method']}. "
            f"What you paid goes back to {fields['before']} {fields['when']}."
        )
        return text, fields


class ReadBackChangeMyAddress(ReadBack, Action):  # type: ignore[misc]
    """Changing the customer's own address."""

    intent = "change_my_address"

    def plan(self, about: Asked) -> Plan:
        """Say the new address, and that orders keep theirs."""
        fields = {"address": wording.address(Address(**about.slots["address"]))}
        return (
            f"I would make this your default address: {fields['address']}. Orders already placed keep theirs.",
            fields,
        )
