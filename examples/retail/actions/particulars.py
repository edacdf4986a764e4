"""What a customer's words give: an order number, an e-mail address, a name, a way to pay, a reason, an address."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .finding import meant, plain
from .shop import GIFT_CARD, Address, Method

_ORDER = re.compile(r"#?\bW[ -]?(\d{7})\b|(?<![\w.-])(\d{7})(?![\w-])", re.IGNORECASE)
_ZIP = re.compile(r"(?<![\w#-])\d{5}(?![\w-])")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


def order_in(text: str) -> str | None:
    """Return the order number that a text names, in the shop's form."""
    found = _ORDER.search(text)
    return f"#W{found[1] or found[2]}" if found else None


def email_in(text: str) -> str | None:
    """Return the e-mail address in a text."""
    found = _EMAIL.search(text)
    return found.group().rstrip(".") if found else None


def zip_in(text: str) -> str | None:
    """Return the only zip code in a text; several are none."""
    found = set(_ZIP.findall(text))
    return found.pop() if len(found) == 1 else None


def names(text: str, first: str, last: str) -> bool:
    """Return whether a text gives this name: first and last name side by side."""
    words = " ".join(plain(text))
    return any(
        re.search(rf"\b{re.escape(' '.join(plain(name)))}\b", words) for name in (f"{first} {last}", f"{last} {first}")
    )


def methods_in(text: str, methods: Sequence[Method], original: str = "") -> list[Method]:
    """Return the customer's payment methods that a text may mean; `original` is the id of the one an order has."""
    brands = {one.brand.casefold() for one in methods if one.brand}
    words = meant(plain(text), {"paypal", "original", "gift", "card", "credit", "balance", *brands})
    said = " ".join(words)
    if exact := [
        one for one in methods if one.id.casefold() in text.casefold() or (one.last_four and one.last_four in words)
    ]:
        return exact
    if re.search(r"\b(?:original|originally|same (?:way|card|method|payment)|way i paid|i paid with)\b", said):
        return [one for one in methods if one.id == original]
    found = [one for one in methods if _means(one, words)]
    return found or [one for one in methods if one.source == "credit_card" and "card" in words and "gift" not in words]


def _means(method: Method, words: Sequence[str]) -> bool:
    text = " ".join(words)
    if method.source == GIFT_CARD:
        return bool(re.search(r"\bgift ?cards?\b|\bgc\b|\b(?:store|website|site|shop) credit\b|\bgift balance\b", text))
    if method.source == "paypal":
        return "paypal" in words or "pay pal" in text
    return ("credit" in words and "card" in text) or bool(method.brand and method.brand.casefold() in words)


_REASONS = (
    (
        "ordered by mistake",
        r"mistake|accident|error|wrong (?:thing|item|order)|didn'?t mean|did not mean|unintention|inadvert|oops"
        r"|by misclick|misclick|never meant|not meant",
    ),
    (
        "no longer needed",
        r"no longer|any ?more|any longer|don'?t (?:really )?(?:need|want|require)|do not (?:need|want)|not need"
        r"|no (?:more )?(?:need|use)|unneeded|changed my mind|without it|plans? changed|not necessary",
    ),
)


def reason_in(text: str) -> str | None:
    """Return which of the two reasons for cancelling a text gives; both at once are none."""
    said = text.casefold().replace("’", "'")
    found = [reason for reason, pattern in _REASONS if re.search(pattern, said)]
    return found[0] if len(found) == 1 else None


_STATES = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado",
    "CT": "Connecticut", "DE": "Delaware", "DC": "District of Columbia", "FL": "Florida", "GA": "Georgia",
    "HI": "Hawaii", "ID": "Idaho", "IL": "Illinois", "IN": "Indiana", "IA": "Iowa", "KS": "Kansas", "KY": "Kentucky",
    "LA": "Louisiana", "ME": "Maine", "MD": "Maryland", "MA": "Massachusetts", "MI": "Michigan", "MN": "Minnesota",
    "MS": "Mississippi", "MO": "Missouri", "MT": "Montana", "NE": "Nebraska", "NV": "Nevada", "NH": "New Hampshire",
    "NJ": "New Jersey", "NM": "New Mexico", "NY": "New York", "NC": "North Carolina", "ND": "North Dakota",
    "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon", "PA": "Pennsylvania", "RI": "Rhode Island", "SC": "South Carolina",
    "SD": "South Dakota", "TN": "Tennessee", "TX": "Texas", "UT": "Utah", "VT": "Vermont", "VA": "Virginia",
    "WA": "Washington", "WV": "West Virginia", "WI": "Wisconsin", "WY": "Wyoming",
}  # fmt: skip
_STATE = "|".join([*_STATES, *sorted(_STATES.values(), key=len, reverse=True)])
_UNIT = r"(?:suite|ste|apartment|apt|unit|floor|room|#)\.?\s*#?\w+"
_ADDRESS = re.compile(
    rf"(?P<address1>\d{{1,6}}\s+[\w.' -]+?)\s*(?:,\s*|\s+(?={_UNIT}))(?:(?P<address2>{_UNIT})\s*,?\s*)?"
    rf"(?:in\s+)?(?P<city>[A-Za-z.' -]+?)\s*,?\s+(?P<state>{_STATE})\.?\s*,?\s*(?P<zip>\d{{5}})(?:-\d{{4}})?\b",
    re.IGNORECASE,
)


def address_in(text: str) -> Address | None:
    """Return the address in the USA that a text gives in full: street, unit if any, city, state, zip code."""
    found = _ADDRESS.search(" ".join(text.split()))
    if not found:
        return None
    state = found["state"]
    short = {name.casefold(): code for code, name in _STATES.items()}.get(state.casefold(), state.upper())
    return Address(
        address1=found["address1"].strip(" ,"),
        address2=(found["address2"] or "").strip(" ,"),
        city=found["city"].strip(" ,"),
        state=short,
        country="USA",
        zip=found["zip"],
    )
