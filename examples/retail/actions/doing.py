"""The changes: each is read back in full, and carried out once the customer has said yes to exactly that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import ActiveLoop, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from . import changes, wording
from .asked import Asked, asked
from .changes import (
    Refused,
    against_altering,
    against_cancelling,
    against_paying,
    against_payment,
    against_refund_to,
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
            dispatcher.utter_message(text=why)
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


class Do:
    """Carries out what was confirmed, once, and says the outcome."""

    intent = ""

    def name(self) -> str:
        """Return the name of the action."""
        return f"action_{self.intent}"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        """Change the records; what the policy is against by now is said, and nothing changes."""
        with asked(tracker) as about:
            outcome, fields = self.outcome(about)
            order, method = about.order, about.method
            try:
                self.change(about, order, method, str(tracker.get_slot("idempotency_key")))
            except Refused as refusal:
                dispatcher.utter_message(text=str(refusal))
                return [ActiveLoop(None)]
        row = order.id if order else about.user.id
        dispatcher.utter_message(text=outcome, json_message=wording.record("orders" if order else "users", row, fields))
        return [SlotSet("items_found", None), SlotSet("items_unclear", None)]

    def outcome(self, about: Asked) -> Plan:
        """Return what is said when it is done."""
        raise NotImplementedError

    def change(self, about: Asked, order: Order | None, method: Method | None, key: str) -> None:
        """Change the records."""
        raise NotImplementedError


def order_and(about: Asked, why: Callable[[Order], str]) -> str:
    """Return why the order is none of the customer's, or why the policy is against it."""
    return why(about.order) if about.order else "I can't find that order among your orders."


def original(about: Asked) -> Method | None:
    """The method an order was paid with."""
    order = about.order
    return next((one for one in about.user.methods if order and one.id == paid_with(order)), None)


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


class CancelOrder(Do, Action):  # type: ignore[misc]
    """Cancels an order."""

    intent = "cancel_order"

    def outcome(self, about: Asked) -> Plan:
        """Say that it is cancelled, and when the money is back."""
        method = original(about)
        assert about.order and method
        fields = {"order_id": about.order.id, "when": wording.refunded(method)}
        return f"Done: order {about.order.id} is cancelled. The refund arrives {fields['when']}.", fields

    def change(self, about: Asked, order: Order | None, method: Method | None, key: str) -> None:
        """Cancel."""
        assert order
        changes.cancel(about.folder, about.user.id, order.id, str(about.slots.get("reason")), key)


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


class ReturnItems(Do, Action):  # type: ignore[misc]
    """Asks for a return."""

    intent = "return_items"

    def outcome(self, about: Asked) -> Plan:
        """Say that it is asked for, and what comes next."""
        assert about.order
        text = f"Done: the return from order {about.order.id} is requested. {NEXT}"
        return text, {"order_id": about.order.id}

    def change(self, about: Asked, order: Order | None, method: Method | None, key: str) -> None:
        """Return."""
        assert order and method
        changes.return_items(about.folder, about.user.id, order.id, [i.item_id for i in about.items], method.id, key)


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


class ChangeItems(Do, Action):  # type: ignore[misc]
    """Changes articles for other variants."""

    intent = "change_items"

    def outcome(self, about: Asked) -> Plan:
        """Say what was changed, or that an exchange is asked for."""
        assert about.order
        fields = {"order_id": about.order.id}
        if about.order.status == "delivered":
            text = f"Done: the exchange for order {about.order.id} is requested. {NEXT}"
        else:
            text = f"Done: the items of order {about.order.id} are changed."
        return text, fields

    def change(self, about: Asked, order: Order | None, method: Method | None, key: str) -> None:
        """Swap."""
        assert order and method
        wishes = [str(about.slots.get(f"wish_{number + 1}")) for number in range(len(about.items))]
        swaps = list(zip([item.item_id for item in about.items], wishes, strict=True))
        changes.swap_items(about.folder, about.user.id, order.id, swaps, method.id, key)


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


class ChangeOrderAddress(Do, Action):  # type: ignore[misc]
    """Sends an order elsewhere."""

    intent = "change_order_address"

    def outcome(self, about: Asked) -> Plan:
        """Say that it goes there."""
        assert about.order
        return f"Done: order {about.order.id} goes to the new address.", {"order_id": about.order.id}

    def change(self, about: Asked, order: Order | None, method: Method | None, key: str) -> None:
        """Move."""
        assert order
        changes.change_address(about.folder, about.user.id, order.id, Address(**about.slots["address"]), key)


class ReadBackChangePayment(ReadBack, Action):  # type: ignore[misc]
    """Paying an order another way."""

    intent = "change_payment"

    def against(self, about: Asked) -> str:
        """Only pending orders, only another method, and a gift card that covers it."""
        method = about.method
        return order_and(
            about, lambda o: against_altering(o) or (against_payment(o, method) if method else "Which method?")
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


class ChangePayment(Do, Action):  # type: ignore[misc]
    """Pays an order another way."""

    intent = "change_payment"

    def outcome(self, about: Asked) -> Plan:
        """Say how it is paid now."""
        assert about.order and about.method
        fields = {"order_id": about.order.id, "method": wording.method(about.method).split(" (")[0]}
        return f"Done: order {about.order.id} is paid with {fields['method']} now.", fields

    def change(self, about: Asked, order: Order | None, method: Method | None, key: str) -> None:
        """Pay anew."""
        assert order and method
        changes.change_payment(about.folder, about.user.id, order.id, method.id, key)


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


class ChangeMyAddress(Do, Action):  # type: ignore[misc]
    """Changes the customer's own address."""

    intent = "change_my_address"

    def outcome(self, about: Asked) -> Plan:
        """Say that it is changed."""
        return "Done: your default address is changed.", {}

    def change(self, about: Asked, order: Order | None, method: Method | None, key: str) -> None:
        """Move."""
        changes.change_home(about.folder, about.user.id, Address(**about.slots["address"]), key)
