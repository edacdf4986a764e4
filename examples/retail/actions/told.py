"""What a customer told before it was asked: facts that stand in the words of a request, where they leave no doubt.

The `extract_` methods of rasa-sdk's forms; what they find is validated like an answer, and all of it is read back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from .asked import Asked, asked
from .changes import paid_with
from .finding import clauses_of, items_in, names_product
from .particulars import address_in, email_in, methods_in, order_in, reason_in, zip_in
from .shop import Item, Order, order_of

Slots = dict[str, Any]
Domain = Mapping[str, Any]
_FOR = re.compile(r"\b(?:for|to|into|instead)\b", re.IGNORECASE)
_PAYS = re.compile(r"\b(?:pay ?pal|gift ?card|credit ?card|card ending|visa|mastercard|amex|original)\b", re.IGNORECASE)
_GIVEN = re.compile(r"\b(?:needed|(?:don'?t|not|no) need|longer|any ?more|mistake|accident\w*)\b", re.IGNORECASE)
_OWN = re.compile(r"\b(?:my|me|i'?m|i am|it'?s|this is)\b[^!?\n]*@|(?:^|[.!?\n]\s*)[^\s@]+@[^\s@]+\s*$", re.IGNORECASE)
_NAME = re.compile(r"\b(?:my name is|i'?m|i am|this is) ([a-z'-]+ [a-z'-]+)", re.IGNORECASE)
_NUMBER = re.compile(r"#?\bW[ -]?\d{7}\b", re.IGNORECASE)


def words_of(tracker: Tracker, slot: str) -> str:
    """Return what the customer wrote, where the slot is still open; nothing for a pressed button."""
    text = str((tracker.latest_message or {}).get("text") or "")
    return "" if tracker.get_slot(slot) is not None or text.startswith("/") else text


class Told:
    """What every form of the shop may find beforehand; a form takes what it has a slot for."""

    def extract_reason(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Slots:
        """Find why an order is to be cancelled."""
        text = words_of(tracker, "reason")
        found = reason_in(text) if _GIVEN.search(text) else None
        return {"reason": found} if found else {}

    def extract_address(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Slots:
        """Find an address that is complete."""
        found = address_in(words_of(tracker, "address"))
        return {"address": vars(found)} if found else {}

    def extract_payment(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Slots:
        """Find the one payment method of the customer's own that is named."""
        text = words_of(tracker, "payment")
        if not _PAYS.search(text):
            return {}
        with asked(tracker) as about:
            order = named_order(about)
            found = methods_in(text, about.user.methods, paid_with(order) if order else "")
        return {"payment": found[0].id} if len(found) == 1 else {}

    def extract_items(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Slots:
        """Find the articles of the order that are named, none of them in doubt."""
        text = words_of(tracker, "items")
        with asked(tracker) as about:
            order = named_order(about) if text else None
            chosen = chosen_in(text, order.items) if order else []
            return self.taken(about, chosen)

    def taken(self, about: Asked, chosen: Sequence[tuple[Item, str]]) -> Slots:
        """Return the slots for articles, each with what was said that it is to become."""
        return {"items": [item.item_id for item, _ in chosen]} if chosen else {}


def named_order(about: Asked) -> Order | None:
    """Return the customer's order whose number was given, perhaps just now."""
    number = order_in(str(about.slots.get("order_id") or ""))
    return order_of(about.database, about.user.id, number) if number else None


def chosen_in(text: str, items: Sequence[Item]) -> list[tuple[Item, str]]:
    """Return the articles that a text names, each with what follows "for" or "to" behind it; none where one is unclear.

    The only article of an order need not be named.
    """
    found: list[tuple[Item, str]] = []
    for what, wished in _halves(_NUMBER.sub(" ", text), items):
        named = items_in(what, [item for item in items if not any(item is one for one, _ in found)])
        if named.unclear:
            return []
        found += [(item, wished) for item in named.items]
    return found


def _halves(text: str, items: Sequence[Item]) -> list[tuple[str, str]]:
    """Each clause that names a product, in two: up to the name, and what is wished for behind it."""
    found: list[tuple[str, str]] = []
    for clause in clauses_of(text):
        pieces = _FOR.split(clause)
        cut = next((n for n in range(1, len(pieces) + 1) if names_product(" ".join(pieces[:n]), items)), 0)
        if cut:
            found.append((" ".join(pieces[:cut]), " ".join(pieces[cut:])))
        elif found:
            what, wished = found[-1]
            found[-1] = (what, f"{wished} {clause}") if wished else (f"{what} {pieces[0]}", " ".join(pieces[1:]))
    return found


def who_in(text: str) -> str | None:
    """Return who a customer says they are: their own e-mail address, or their name and zip code."""
    email, name, code = email_in(text), _NAME.search(text), zip_in(text)
    if email and _OWN.search(text):
        return email
    return f"{name[1]}, {code}" if name and code else None
