"""How records are put into words. Every figure a sentence says stands in the fields that are its record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from .shop import GIFT_CARD, Address, Item, Method, Options, Order, Product, User, Variant

WORDS = {"pending (item modified)": "pending, with changed items"}


def money(cents: int) -> str:
    """An amount in dollars."""
    return f"${cents / 100:.2f}"


def listed(words: Sequence[str], last: str = "and") -> str:
    """Join words as in "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def option(name: str, value: str) -> str:
    """One option as it is said; a bare yes, no or none needs its name."""
    return f"{name}: {value}" if value in ("yes", "no", "none") else value


def options(chosen: Options) -> str:
    """All options of an article."""
    return ", ".join(option(name, value) for name, value in chosen.items())


def article(item: Item) -> str:
    """An article of an order, such as "Desk Lamp (black, high, USB)"."""
    return f"{item.name} ({options(item.options)})"


def swap(item: Item, variant: Variant) -> str:
    """What becomes of an article."""
    return f"{article(item)} becomes {options(variant.options)} for {money(variant.price_cents)}"


def method(one: Method) -> str:
    """A way to pay as the customer knows it."""
    if one.source == GIFT_CARD:
        return f"your gift card (balance {money(one.balance_cents or 0)})"
    if one.source == "paypal":
        return "your PayPal account"
    return f"your {(one.brand or 'credit').title()} credit card ending in {one.last_four}"


def title(one: Method) -> str:
    """A way to pay on a button."""
    words = method(one).removeprefix("your ")
    return words[0].upper() + words[1:]


def address(one: Address) -> str:
    """An address in one line."""
    return ", ".join(
        part for part in (one.address1, one.address2, one.city, f"{one.state} {one.zip}", one.country) if part
    )


def status(order: Order) -> str:
    """The state of an order as it is said."""
    return WORDS.get(order.status, order.status)


def total(order: Order) -> int:
    """What the articles of an order cost together, in cents."""
    return sum(item.price_cents for item in order.items)


def refunded(one: Method) -> str:
    """How long a refund takes."""
    return "at once" if one.source == GIFT_CARD else "within 5 to 7 business days"


def payable(cents: int) -> str:
    """What a swap costs or pays back."""
    if cents == 0:
        return "There is no difference in price"
    return f"The difference to pay is {money(cents)}" if cents > 0 else f"You get {money(-cents)} back"


def choices(product: Product) -> str:
    """The values of every option that available variants of a product have."""
    values: dict[str, list[str]] = {}
    for variant in product.variants:
        for name, value in variant.options.items():
            if variant.available and value not in values.setdefault(name, []):
                values[name].append(value)
    return "; ".join(f"{name}: {', '.join(sorted(found))}" for name, found in values.items())


def offers(found: Iterable[Variant]) -> str:
    """Available variants with their prices."""
    return "; ".join(f"{options(one.options)} for {money(one.price_cents)}" for one in found)


def order_fields(order: Order) -> dict[str, Any]:
    """The facts of an order as they are said."""
    return {
        "order_id": order.id,
        "status": status(order),
        "items": [f"{article(item)} for {money(item.price_cents)}" for item in order.items],
        "total": money(total(order)),
        "address": address(order.address),
        "tracking": list(order.tracking),
    }


def user_fields(user: User) -> dict[str, Any]:
    """The facts of a customer as they are said."""
    return {
        "name": f"{user.first_name} {user.last_name}",
        "email": user.email,
        "address": address(user.address),
        "methods": [method(one) for one in user.methods],
    }


def record(table: str, row: str, fields: Mapping[str, Any], policy: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The record behind an answer, as the support check and the trace read it."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    found = {"record": {"table": table, "id": row, "fields": dict(fields), "read_at": at}}
    return {**found, "policy": dict(policy)} if policy else found
