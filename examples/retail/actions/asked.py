"""What an action is asked with: the verified customer, their records, and the slots so far."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rasa_sdk import Tracker

from .shop import Item, Method, Order, User, order_of, shop, user_of

LONGEST = 5
"""Articles of one order that can be changed at once: the `wish` slots that frontdesk.toml declares."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One customer's records, read in one go."""

    database: sqlite3.Connection
    folder: Path
    user: User
    slots: Mapping[str, Any]

    @property
    def order(self) -> Order | None:
        """The order that is talked about, if it is the customer's."""
        number = self.slots.get("order_id")
        return order_of(self.database, self.user.id, number) if isinstance(number, str) else None

    @property
    def items(self) -> tuple[Item, ...]:
        """The chosen articles of the order."""
        order, chosen = self.order, self.slots.get("items")
        if order is None or not isinstance(chosen, list):
            return ()
        left, found = list(order.items), []
        for item_id in chosen:
            one = next((item for item in left if item.item_id == item_id), None)
            if one:
                left.remove(one)
                found.append(one)
        return tuple(found)

    @property
    def method(self) -> Method | None:
        """The chosen way to pay."""
        return next((one for one in self.user.methods if one.id == self.slots.get("payment")), None)


@contextmanager
def asked(tracker: Tracker) -> Iterator[Asked]:
    """Open the shop for the verified customer; LookupError when there is no such customer."""
    folder = Path(str(tracker.get_slot("project_dir")))
    with shop(folder) as database:
        user = user_of(database, str(tracker.get_slot("customer_id")))
        if user is None:
            raise LookupError("no such customer")
        yield Asked(database=database, folder=folder, user=user, slots=tracker.slots)


def form_of(tracker: Tracker) -> str:
    """Return the name of the form that is being filled."""
    return str((tracker.active_loop or {}).get("name") or "")
