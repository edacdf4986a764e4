"""Filling the forms: each answer is read against the customer's records and refused where the policy is against it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partialmethod
from typing import Any

from rasa_sdk import FormValidationAction, Tracker
from rasa_sdk.executor import CollectingDispatcher

from . import wording
from .asked import LONGEST, Asked, asked
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
from .finding import fitting, items_in, products_in, told_apart, wish
from .particulars import address_in, methods_in, order_in, reason_in
from .shop import Item, Method, Order, Product, Variant, product_of, products, variant_of
from .told import Told, who_in, words_of

Slots = dict[str, Any]
Domain = Mapping[str, Any]
NEAREST = 4
"""Variants that are offered where the one that was wished for cannot be had."""


class OrderForm(Told):
    """What all forms about one order have in common."""

    form = ""
    against: Callable[[Order], str] = staticmethod(lambda order: "")

    def name(self) -> str:
        """Return the name that the form is validated by."""
        return f"validate_{self.form}_form"

    def validate_order_id(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain
    ) -> Slots:
        """Take the number of one of the customer's own orders; whether this may be done with it, the read-back says."""
        number = order_in(str(value))
        with asked(tracker) as about:
            order = Asked(
                database=about.database, folder=about.folder, user=about.user, slots={"order_id": number}
            ).order
        if order is None:
            dispatcher.utter_message(text=f"I can't find order {number or value} among your orders.")
            return {"order_id": None}
        only = {"items": [order.items[0].item_id]} if self.takes_items and len(order.items) == 1 else {}
        return {"order_id": order.id, **only}

    takes_items = False

    async def required_slots(
        self, domain_slots: list[str], dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain
    ) -> list[str]:
        """Ask for nothing more about an order with which it cannot be done: the read-back then says why."""
        return [] if self.refused(tracker) else domain_slots

    def refused(self, tracker: Tracker) -> bool:
        """Whether the policy is against this change of the order that was named."""
        if not tracker.get_slot("order_id") or not tracker.get_slot("customer_id"):
            return False
        with asked(tracker) as about:
            return bool(about.order and self.against(about.order))

    def validate_items(self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Slots:
        """Take the articles that an answer names, together with those found before; ask which where two are alike."""
        if isinstance(value, list):
            return {"items": value}
        with asked(tracker) as about:
            order = about.order
        if order is None:
            return {"items": None}
        found, unclear = _chosen(str(value), order, tracker.slots)
        kept = {"items_found": [item.item_id for item in found], "items_unclear": [_ids(group) for group in unclear]}
        done = [item.item_id for item in found] if found and not unclear else None
        return {"items": done, **(kept if found or unclear else {})}

    def validate_payment(self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Slots:
        """Take the customer's own payment method that an answer means, where the policy allows it."""
        with asked(tracker) as about:
            order = about.order
            found = methods_in(str(value), about.user.methods, paid_with(order) if order else "")
            if len(found) != 1:
                if found:
                    names = {"methods": wording.listed([wording.method(one) for one in found], "or")}
                    text = f"Do you mean {names['methods']}?"
                    dispatcher.utter_message(text=text, json_message=wording.record("users", about.user.id, names))
                return {"payment": None}
            why = self.against_method(about, found[0])
            if why:
                dispatcher.utter_message(text=why)
        return {"payment": None if why else found[0].id}

    def against_method(self, about: Asked, method: Method) -> str:
        """Return why this method will not do."""
        return ""


def _chosen(text: str, order: Order, slots: Mapping[str, Any]) -> tuple[list[Item], list[list[Item]]]:
    """The articles chosen so far with this answer, and the groups of like ones that are still open."""
    before = taken(order.items, slots.get("items_found") or [])
    groups = [taken(order.items, ids) for ids in slots.get("items_unclear") or []]
    if groups:
        first = told_apart(text, groups[0])
        if len(first) < len(groups[0]):
            return [*before, *first[:1]] if len(first) == 1 else before, groups[1:] if len(first) == 1 else groups
    free = [item for item in order.items if not any(item is one for one in before)]
    named = items_in(text, free)
    return [*before, *named.items], [list(group) for group in named.unclear]


def taken(items: Sequence[Item], ids: Sequence[str]) -> list[Item]:
    """Return the articles of an order with these ids, one for each."""
    left, found = list(items), []
    for item_id in ids:
        one = next((item for item in left if item.item_id == item_id), None)
        if one:
            left.remove(one)
            found.append(one)
    return found


def _ids(group: Sequence[Item]) -> list[str]:
    return [item.item_id for item in group]


def listed_alike(group: Sequence[Item]) -> dict[str, Any]:
    """Which of like articles is meant, as a question with its facts."""
    names = [wording.options(item.options) for item in group]
    return {"items": names, "question": f"Which {group[0].name} do you mean: {wording.listed(names, 'or')}?"}


class ValidateCancelOrder(OrderForm, FormValidationAction):  # type: ignore[misc]
    """Cancelling: the order and one of two reasons."""

    form = "cancel_order"
    against = staticmethod(against_cancelling)

    def validate_reason(self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Slots:
        """Take one of the two reasons that the policy knows."""
        return {"reason": reason_in(str(value))}


class ValidateReturnItems(OrderForm, FormValidationAction):  # type: ignore[misc]
    """Returning: the order, what goes back, where the money goes."""

    form = "return_items"
    against = staticmethod(against_returning)
    takes_items = True

    def against_method(self, about: Asked, method: Method) -> str:
        """A refund goes to the original method or a gift card."""
        return against_refund_to(about.order, method) if about.order else ""


class ValidateChangeItems(OrderForm, FormValidationAction):  # type: ignore[misc]
    """Changing articles for other variants, before delivery or after: the order, which, for what, and who pays."""

    form = "change_items"
    against = staticmethod(against_swapping)
    takes_items = True

    async def required_slots(
        self, domain_slots: list[str], dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain
    ) -> list[str]:
        """Ask for one wish per chosen article."""
        if self.refused(tracker):
            return []
        chosen = tracker.slots.get("items")
        wishes = (
            [f"wish_{number + 1}" for number in range(min(len(chosen), LONGEST))] if isinstance(chosen, list) else []
        )
        return ["order_id", "items", *wishes, "payment"]

    def taken(self, about: Asked, chosen: Sequence[tuple[Item, str]]) -> Slots:
        """Also take the variants that were said, where one is meant without doubt."""
        slots = super().taken(about, chosen)
        for number, (item, wished) in enumerate(chosen[:LONGEST], start=1):
            product = product_of(about.database, item.product_id) if wished else None
            variant = wished_variant(wished, item, product)[0] if product else None
            slots |= {f"wish_{number}": variant.item_id} if variant else {}
        return slots

    def _validate_wish(
        self, number: int, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain
    ) -> Slots:
        """Take the variant that differs from an article as an answer asks; else say what can be had."""
        slot = f"wish_{number}"
        with asked(tracker) as about:
            if len(about.items) < number:
                return {slot: None}
            item = about.items[number - 1]
            product = product_of(about.database, item.product_id)
        assert product
        if any(variant.item_id == value for variant in product.variants):
            return {slot: value}
        variant, said = wished_variant(str(value), item, product)
        if said:
            dispatcher.utter_message(text=said["text"], json_message=wording.record("products", product.id, said))
        return {slot: variant.item_id if variant else None}

    validate_wish_1 = partialmethod(_validate_wish, 1)
    validate_wish_2 = partialmethod(_validate_wish, 2)
    validate_wish_3 = partialmethod(_validate_wish, 3)
    validate_wish_4 = partialmethod(_validate_wish, 4)
    validate_wish_5 = partialmethod(_validate_wish, 5)

    def against_method(self, about: Asked, method: Method) -> str:
        """A gift card must cover the difference."""
        order = about.order
        return against_paying(method, difference(order, pairs_of(about))) if order else ""


def pairs_of(about: Asked) -> list[tuple[Item, Variant]]:
    """Return each chosen article with the variant wished for."""
    found = [
        (item, variant_of(about.database, str(about.slots.get(f"wish_{number}"))))
        for number, item in enumerate(about.items, start=1)
    ]
    return [(item, variant) for item, variant in found if variant]


def wished_variant(text: str, item: Item, product: Product) -> tuple[Variant | None, dict[str, Any] | None]:
    """Return the variant an answer asks for, or what is to be said instead; both None where it asks for nothing."""
    wished = wish(item, product, text)
    for name, values in wished.items():
        if len(values) > 1:
            question = f"Which {name} would you like: {wording.listed(sorted(values), 'or')}?"
            return None, {"text": question, "values": sorted(values)}
    chosen = {name: next(iter(values)) for name, values in wished.items() if values}
    if not chosen or all(item.options.get(name) == value for name, value in chosen.items()):
        return None, None
    exact, near = fitting(item, product, chosen)
    if exact and not against_variant(item, exact):
        return exact, None
    offers = wording.offers(near[:NEAREST])
    instead = f"With that I have: {offers}." if near else f"What can be had is {wording.choices(product)}."
    return None, {"text": f"That exact {item.name} isn't available. {instead}", "offers": instead}


class ValidateChangeOrderAddress(OrderForm, FormValidationAction):  # type: ignore[misc]
    """Sending an order elsewhere: the order and the address."""

    form = "change_order_address"
    against = staticmethod(against_altering)

    def validate_address(self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Slots:
        """Take an address that is complete."""
        return whole_address(value, dispatcher)


def whole_address(value: Any, dispatcher: CollectingDispatcher) -> Slots:
    """Return the address as a slot, or say what it needs."""
    if isinstance(value, dict):
        return {"address": value}
    found = address_in(str(value))
    if found is None:
        dispatcher.utter_message(text="I need the street with its number, the city, the state and the zip code.")
        return {"address": None}
    return {"address": vars(found)}


class ValidateChangePayment(OrderForm, FormValidationAction):  # type: ignore[misc]
    """Paying an order another way: the order and the new method."""

    form = "change_payment"
    against = staticmethod(against_repaying)

    def against_method(self, about: Asked, method: Method) -> str:
        """The method must be another one, and a gift card must cover the order."""
        return against_payment(about.order, method) if about.order else ""


class ValidateChangeMyAddress(Told, FormValidationAction):  # type: ignore[misc]
    """Changing the customer's own address."""

    def name(self) -> str:
        """Return the name that the form is validated by."""
        return "validate_change_my_address_form"

    def validate_address(self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Slots:
        """Take an address that is complete."""
        return whole_address(value, dispatcher)


class ValidateChallenge(FormValidationAction):  # type: ignore[misc]
    """Who it is."""

    def name(self) -> str:
        """Return the name that the form is validated by."""
        return "validate_challenge_form"

    def extract_who(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Slots:
        """Find who the customer says they are."""
        found = who_in(words_of(tracker, "who"))
        return {"who": found} if found else {}

    def validate_who(self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Slots:
        """Take it as it is: the challenge judges it."""
        return {"who": value}


class ValidateOrderStatus(OrderForm, FormValidationAction):  # type: ignore[misc]
    """Looking an order up."""

    form = "order_status"


class ValidateProductQuestion(FormValidationAction):  # type: ignore[misc]
    """Asking about a product."""

    def name(self) -> str:
        """Return the name that the form is validated by."""
        return "validate_product_question_form"

    def extract_product(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Slots:
        """Find the one product that was named before it was asked for."""
        text = words_of(tracker, "product")
        with asked(tracker) as about:
            found = products_in(text, products(about.database)) if text else []
        return {"product": found[0]} if len(found) == 1 else {}

    def validate_product(self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Slots:
        """Take the one product that is named."""
        with asked(tracker) as about:
            known = products(about.database)
        if value in known:
            return {"product": value}
        found = products_in(str(value), known)
        if len(found) > 1:
            meant = {"products": wording.listed([known[key] for key in found], "or")}
            record = wording.record("products", ", ".join(found), meant)
            dispatcher.utter_message(text=f"Do you mean {meant['products']}?", json_message=record)
        return {"product": found[0] if len(found) == 1 else None}
