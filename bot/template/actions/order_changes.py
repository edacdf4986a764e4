"""What a customer may change about an order: cancel it, send it elsewhere, send it back.

Each change has an action that reads it back (and says no where the help pages do) and one that makes it; the framework
asks for the customer's yes in between and calls the second once, with an `idempotency_key`. Two have a third action,
which undoes what was done.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from rasa_sdk import Action, Tracker
from rasa_sdk.events import ActiveLoop, ConversationPaused, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from . import wording
from .changes import (
    Address,
    cancel,
    changeable,
    refund_of,
    returnable,
    send_elsewhere,
    start_return,
    undo_address,
    undo_return,
)
from .records import Order, order_number, order_of

Events = list[dict[str, Any]]


class ActionReadBackCancel(Action):  # type: ignore[misc]
    """Reads back what would be cancelled."""

    def name(self) -> str:
        """Return the name that the settings call it by."""
        return "action_read_back_cancel"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """Say which order goes and what comes back; say no once it is packed."""
        asked = _Asked.by(tracker)
        return asked.tell(dispatcher, wording.cancel_back, allowed=changeable, instead=wording.too_late)


class ActionCancelOrder(Action):  # type: ignore[misc]
    """Cancels an order."""

    def name(self) -> str:
        """Return the name that the settings call it by."""
        return "action_cancel_order"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """Cancel it once, and say what comes of it."""
        asked = _Asked.by(tracker)
        cancel(asked.project, asked.customer, asked.number, asked.key, asked.at.date())
        return asked.tell(dispatcher, wording.cancelled, allowed=_is("cancelled"), instead=wording.too_late)


class ActionReadBackAddress(Action):  # type: ignore[misc]
    """Reads back the new delivery address."""

    def name(self) -> str:
        """Return the name that the settings call it by."""
        return "action_read_back_address"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """Say where the order would go; say no once it is packed."""
        asked = _Asked.by(tracker)
        facts = {"address": str(_address(tracker))}
        return asked.tell(dispatcher, wording.address_back, allowed=changeable, instead=wording.too_late, **facts)


class ActionChangeAddress(Action):  # type: ignore[misc]
    """Sends an order elsewhere."""

    def name(self) -> str:
        """Return the name that the settings call it by."""
        return "action_change_address"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """Change the address once, and say where the order goes."""
        asked, to = _Asked.by(tracker), _address(tracker)
        order = send_elsewhere(asked.project, asked.customer, asked.number, asked.key, asked.at.date(), to)
        allowed = _always if order else _never
        return asked.tell(
            dispatcher, wording.address_changed, allowed=allowed, instead=wording.too_late, address=str(to)
        )


class ActionReadBackReturn(Action):  # type: ignore[misc]
    """Reads back a return."""

    def name(self) -> str:
        """Return the name that the settings call it by."""
        return "action_read_back_return"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """Say what would be sent back and what comes of it; what arrived damaged is looked at by a person."""
        asked = _Asked.by(tracker)
        if tracker.get_slot("reason") == "damaged":
            reason = f"order {asked.number} arrived damaged or wrong"
            return [SlotSet("handoff_reason", reason), ConversationPaused()]
        return asked.tell(dispatcher, wording.return_back, allowed=asked.returnable, instead=wording.no_return)


class ActionStartReturn(Action):  # type: ignore[misc]
    """Starts a return."""

    def name(self) -> str:
        """Return the name that the settings call it by."""
        return "action_start_return"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """Start it once, and say what to do next."""
        asked, reason = _Asked.by(tracker), str(tracker.get_slot("reason"))
        before = asked.order()
        cents = refund_of(before) if before else 0
        order = start_return(asked.project, asked.customer, asked.number, asked.key, asked.at.date(), reason, cents)
        allowed = _always if order else _never
        return asked.tell(dispatcher, wording.return_started, allowed=allowed, instead=wording.no_return)


class ActionUndoAddress(Action):  # type: ignore[misc]
    """Sends an order where it went before."""

    def name(self) -> str:
        """Return the name that the settings call it by."""
        return "action_undo_address"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """Undo the change of the address once, unless packing has started."""
        return _Asked.by(tracker).undo(dispatcher, tracker, undo_address, wording.address_undone)


class ActionUndoReturn(Action):  # type: ignore[misc]
    """Calls a return off."""

    def name(self) -> str:
        """Return the name that the settings call it by."""
        return "action_undo_return"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """Withdraw the return once, unless its parcel is on its way."""
        return _Asked.by(tracker).undo(dispatcher, tracker, undo_return, wording.return_undone)


class ActionReturnCase(Action):  # type: ignore[misc]
    """Says until when an order of the customer's own can be sent back: the record's part of a policy question."""

    def name(self) -> str:
        """Return the name that the settings call it by."""
        return "action_return_case"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """Answer for the order that was named or talked about."""
        asked = _Asked.by(tracker)
        return asked.tell(dispatcher, wording.can_return, allowed=asked.returnable, instead=wording.no_return)


class _Asked(NamedTuple):
    """Whose order, which one, under which key, and when."""

    customer: str
    number: str
    key: str
    project: Path
    at: datetime

    @classmethod
    def by(cls, tracker: Tracker) -> _Asked:
        """Read the slots; nobody in particular owns nothing."""
        slots = tracker.slots
        who, key = (str(slots.get(name) or "") for name in ("customer_id", "idempotency_key"))
        number = order_number(slots.get("order_id")) or ""
        return cls(who, number, key, Path(slots["project_dir"]), datetime.now(UTC))

    def order(self) -> Order | None:
        """The order, if it is the customer's."""
        return order_of(self.project, self.customer, self.number, self.at.date())

    def returnable(self, order: Order) -> bool:
        """Whether the order can be sent back today."""
        return returnable(order, self.at.date())

    def undo(
        self,
        dispatcher: CollectingDispatcher,
        tracker: Tracker,
        undoing: Callable[[Path, str, str, str, date, str], Order | None],
        words: Callable[[dict[str, Any]], str],
    ) -> Events:
        """Undo the change that the slot `undo_key` names, and say what came of it."""
        undone = str(tracker.get_slot("undo_key") or "")
        order = undoing(self.project, self.customer, self.number, self.key, self.at.date(), undone)
        return self.tell(dispatcher, words, allowed=_always if order else _never, instead=wording.not_undone)

    def tell(
        self,
        dispatcher: CollectingDispatcher,
        words: Callable[[dict[str, Any]], str],
        *,
        allowed: Callable[[Order], bool],
        instead: Callable[[dict[str, Any]], str],
        **facts: str,
    ) -> Events:
        """Say `words` of the order as it is now, or `instead` and end the form; with the record behind every fact."""
        order = self.order()
        if order is None:
            dispatcher.utter_message(text=wording.unknown(self.number or None))
            return [ActiveLoop(None)]
        fields = wording.case_fields(order, self.at.date()) | facts
        record = {
            "table": "orders",
            "id": order.id,
            "customer_id": self.customer,
            "fields": fields,
            "read_at": self.at.isoformat(timespec="seconds"),
        }
        policy = {"total": order.total_cents / 100, "refund": refund_of(order) / 100, "status": order.status}
        said = words if allowed(order) else instead
        buttons = wording.case_buttons(order, self.at.date()) if said is instead or said is wording.can_return else []
        dispatcher.utter_message(text=said(fields), json_message={"record": record, "policy": policy}, buttons=buttons)
        return [] if allowed(order) else [ActiveLoop(None)]


def _address(tracker: Tracker) -> Address:
    street, town, postcode = (str(tracker.get_slot(name)) for name in ("street", "town", "postcode"))
    return Address(street=street, town=town, postcode=postcode)


def _is(status: str) -> Callable[[Order], bool]:
    return lambda order: order.status == status


def _always(order: Order) -> bool:
    return True


def _never(order: Order) -> bool:
    return False
