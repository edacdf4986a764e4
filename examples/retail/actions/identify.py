"""Who a customer is: by e-mail address, or by name and zip code. Nothing else opens an account."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from .particulars import email_in, names, zip_in
from .shop import shop, user_by_email, users_at

LONGEST = 200
"""Characters of an answer: a list of names is no name."""


def known(folder: Path, text: str) -> str | None:
    """Return the id of the customer whose e-mail address, or full name and zip code, a text gives."""
    if len(text) > LONGEST:
        return None
    email, zip_code = email_in(text), zip_in(text)
    with shop(folder) as database:
        if email:
            return user_by_email(database, email)
        found = [key for key, first, last in users_at(database, zip_code or "") if names(text, first, last)]
    return found[0] if len(found) == 1 else None


class Identify(Action):  # type: ignore[misc]
    """The challenge: sets `customer_id` when it knows who that is."""

    def name(self) -> str:
        """Return the name of the action."""
        return "action_identify"

    def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Look the customer up; what does not fit is not said."""
        found = known(Path(str(tracker.get_slot("project_dir"))), str(tracker.get_slot("who")))
        return [SlotSet("customer_id", found)] if found else []
