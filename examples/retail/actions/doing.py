"""Making a change: what was read back and confirmed, once, with its outcome said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import ActiveLoop, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from . import changes, wording
from .asked import Asked, asked
from .changes import (
    Refused,
)
from .readback import original
from .shop import Address, Method, Order

Events = list[dict[str, Any]]
Domain = Mapping[str, Any]
NEXT = "You get an email on how to send the items back."
Plan = tuple[str, dict[str, Any]]
"""What is read back, and the fields that carry its figures."""


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


class ChangeMyAddress(Do, Action):  # type: ignore[misc]
    """Changes the customer's own address."""

    intent = "change_my_address"

    def outcome(self, about: Asked) -> Plan:
        """Say that it is changed."""
        return "Done: your default address is changed.", {}

    def change(self, about: Asked, order: Order | None, method: Method | None, key: str) -> None:
        """Move."""
        changes.change_home(about.folder, about.user.id, Address(**about.slots["address"]), key)
