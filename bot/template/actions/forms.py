"""The forms of the changes: which order, the new address, the reason; checked as the customer gives them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rasa_sdk import Action, FormValidationAction, Tracker
from rasa_sdk.events import ActiveLoop, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from . import wording
from .changes import changeable, returnable
from .records import Order, customer_of, left_order, order_number, order_of, orders_of

CHOICES = 5
"""The most orders offered as buttons."""

_ADDRESS = re.compile(
    r"(?P<street>\d[^,]*|[^,\d]+\d+\w?),\s*(?P<town>[^\d,]+(?:,\s*[A-Za-z]{2})?),?\s+"
    r"(?P<postcode>[A-Za-z]?\d[\w -]{2,8})"
)
_POSTCODES = {
    "US": re.compile(r"\d{5}(?:-\d{4})?"),
    "CA": re.compile(r"[A-Za-z]\d[A-Za-z][ -]?\d[A-Za-z]\d"),
    "EU": re.compile(r"(?:[A-Za-z]{1,2}-)?[A-Za-z0-9]{3,5}(?:[ -][A-Za-z0-9]{2,4})?"),
}

Slots = dict[str, Any]


class OwnOrder:
    """The slot `order_id` of a form: one of the customer's own orders; the only one that may be meant is taken."""

    def extract_order_id(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Slots:
        """Take the only order that the form can be about, when none was named."""
        if tracker.get_slot("order_id") or not tracker.get_slot("customer_id"):
            return {}
        likely = _likely(tracker)
        return {"order_id": likely[0].id} if len(likely) == 1 else {}

    def validate_order_id(self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Slots:
        """Accept a number of the customer's own, in its usual form; another's is as one that does not exist."""
        number = order_number(value)
        customer, today = tracker.get_slot("customer_id"), datetime.now(UTC).date()
        if customer and number and order_of(_project(tracker), customer, number, today):
            return {"order_id": number}
        dispatcher.utter_message(text=wording.unknown(number))
        return {"order_id": None}


class ValidateCancelOrderForm(OwnOrder, FormValidationAction):  # type: ignore[misc]
    """Checks what a cancellation needs."""

    def name(self) -> str:
        """Return the name that belongs to the form."""
        return "validate_cancel_order_form"


class ValidateStartReturnForm(OwnOrder, FormValidationAction):  # type: ignore[misc]
    """Checks what a return needs."""

    def name(self) -> str:
        """Return the name that belongs to the form."""
        return "validate_start_return_form"

    def validate_reason(self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Slots:
        """Accept the reasons that the settings offer."""
        return {"reason": value if value in wording.REASONS else None}


class ValidateChangeAddressForm(OwnOrder, FormValidationAction):  # type: ignore[misc]
    """Checks what a new delivery address needs; a whole address in one line fills all of it."""

    def name(self) -> str:
        """Return the name that belongs to the form."""
        return "validate_change_address_form"

    def validate_order_id(self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Slots:
        """As ever; but five digits of the new address are its postcode, no order number."""
        address = _ADDRESS.search(str(tracker.latest_message.get("text") or "")[:600])
        if not address or str(value) not in address[0]:
            return super().validate_order_id(value, dispatcher, tracker, domain)
        likely = _likely(tracker)
        return {"order_id": likely[0].id if len(likely) == 1 else None}

    def extract_street(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Slots:
        """Take a whole address that came with the wish: "please send it to 42 Elm Street, Portland, OR 97201"."""
        said = str(tracker.latest_message.get("text") or "")[:600]
        found = None if tracker.get_slot("street") else re.search(rf"\b(?:to|is|at)\s+({_ADDRESS.pattern})", said)
        return {"street": found[1]} if found else {}

    def validate_street(self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Slots:
        """Accept a street with a number; take the town and the postcode with it when they are there."""
        whole = _ADDRESS.fullmatch(str(value))
        if whole and _fits(whole["postcode"], tracker):
            return {name: part.strip() for name, part in whole.groupdict().items()}
        if not re.search(r"\d", str(value)) or not re.search(r"[^\W\d]{2}", str(value)):
            dispatcher.utter_message(text="I need the street and the house number.")
            return {"street": None}
        return {"street": str(value)}

    def validate_town(self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Slots:
        """Accept letters."""
        return {"town": str(value) if re.search(r"[^\W\d]{2}", str(value)) else None}

    def validate_postcode(self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Slots:
        """Accept a postcode of the customer's country: a parcel to another one is another order."""
        if _fits(str(value), tracker):
            return {"postcode": str(value).upper()}
        dispatcher.utter_message(text="That isn't a postcode we can deliver this order to.")
        return {"postcode": None}


class ActionAskOrderId(Action):  # type: ignore[misc]
    """Asks which order is meant, with buttons."""

    def name(self) -> str:
        """Return the name that belongs to the slot."""
        return "action_ask_order_id"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> list[Any]:
        """Ask; a customer without orders hears so, and the form ends. Who is not known yet is only asked."""
        if not tracker.get_slot("customer_id"):
            dispatcher.utter_message(text=wording.ASK_NUMBER)
            return []
        likely = _likely(tracker)
        if not likely:
            dispatcher.utter_message(text=wording.NO_ORDERS)
            return [ActiveLoop(None)]
        buttons = [
            {"title": wording.button(order), "payload": f'/inform{{"order_id":"{order.id}"}}'}
            for order in likely[:CHOICES]
        ]
        customer = tracker.get_slot("customer_id")
        fields = {"orders": [button["title"] for button in buttons]}
        record = {"table": "orders", "id": customer, "customer_id": customer, "fields": fields}
        dispatcher.utter_message(text="Which order do you mean?", json_message={"record": record}, buttons=buttons)
        return []


class ActionVerifyOrder(Action):  # type: ignore[misc]
    """The challenge: an order number and the e-mail address that belongs to it."""

    def name(self) -> str:
        """Return the name that the settings call the challenge by."""
        return "action_verify_order"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> list[Any]:
        """Set the customer when both belong together; say nothing either way."""
        number, email = order_number(tracker.get_slot("order_id")), str(tracker.get_slot("email") or "")
        customer = customer_of(_project(tracker), number, email) if number else None
        return [SlotSet("customer_id", customer), SlotSet("order_id", number)] if customer else []


def _likely(tracker: Tracker) -> list[Order]:
    """The customer's orders that the open form can be about; all of them when it can be about none.

    One that was just left ("no, the other order") is not meant.
    """
    today, gone = datetime.now(UTC).date(), left_order(tracker.events, tracker.get_slot("order_id"))
    orders = [one for one in orders_of(_project(tracker), tracker.get_slot("customer_id"), today) if one.id != gone]
    if tracker.active_loop_name == "start_return_form":
        return [order for order in orders if returnable(order, today)] or list(orders)
    return [order for order in orders if changeable(order)] or [o for o in orders if o.open] or list(orders)


def _fits(postcode: str, tracker: Tracker) -> bool:
    """Whether a postcode is one of the country that the order goes to."""
    number, customer = tracker.get_slot("order_id"), tracker.get_slot("customer_id")
    order = order_of(_project(tracker), customer, str(number), datetime.now(UTC).date()) if number else None
    return bool(_POSTCODES[order.country if order else "US"].fullmatch(postcode.strip()))


def _project(tracker: Tracker) -> Path:
    return Path(tracker.get_slot("project_dir"))
