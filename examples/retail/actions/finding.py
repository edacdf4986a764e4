"""What a customer's words name: an order, articles of an order, wished options, a way to pay, a reason, an address.

By rules over the customer's own records alone: a word counts only where it names something that is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .shop import GIFT_CARD, Address, Item, Method, Options, Product, Variant

_ORDER = re.compile(r"#?\bW[ -]?(\d{7})\b|(?<![\w.-])(\d{7})(?![\w-])", re.IGNORECASE)
_ZIP = re.compile(r"(?<![\w#-])\d{5}(?![\w-])")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_TOKEN = re.compile(r"\d+(?:\.\d+)?|[^\W\d_]+")
_CLAUSE = re.compile(r"[,;.&+]\s|\s&\s|\b(?:and|plus|also|as well as)\b", re.IGNORECASE)
_ALL = re.compile(
    r"\b(?:all|everything|both|each|every one|(?:the )?(?:whole|entire|complete) (?:order|thing|lot))\b", re.IGNORECASE
)
_BUT = re.compile(r"\b(?:except|besides|apart from|other than|but not|minus|aside from)\b", re.IGNORECASE)
_NOT = frozenset({"no", "not", "non", "without", "isnt", "dont", "never"})
_POSITION = re.compile(r"(?:(?:number|no\.?|#|the|item|items|and|,|&)\s*|\b([1-9])\b\s*)+[.!]?", re.IGNORECASE)
_SAME = {
    **dict.fromkeys(("liter", "liters", "litre", "litres"), "l"),
    **dict.fromkeys(("inches", "inch"), "inch"),
    **dict.fromkeys(("feet", "foot"), "ft"),
    **dict.fromkeys(("gigabytes", "gigabyte", "gigs", "gig"), "gb"),
    **dict.fromkeys(("milliliters", "millilitres"), "ml"),
    **dict.fromkeys(("pounds", "lb"), "lbs"),
    **{"gray": "grey", "hours": "hour", "degrees": "degree", "cups": "cup", "aluminium": "aluminum"},
    **{"wifi": "wi fi", "tshirt": "t shirt", "tee": "t shirt", "ereader": "e reader"},
}


def plain(text: str) -> list[str]:
    """Return the words of a text in one form each: lower case, units and spellings alike, hyphens apart."""
    words = _TOKEN.findall(text.casefold().replace("’", "'").replace("'", ""))
    return " ".join(_SAME.get(word, word) for word in words).split()


# Orders, people, payments


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
    words, said = plain(text), text.casefold()
    if exact := [one for one in methods if one.id.casefold() in said or (one.last_four and one.last_four in words)]:
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


# Articles of an order


@dataclass(frozen=True, kw_only=True)
class Named:
    """The articles a text names, and the groups of which it names one without saying which."""

    items: tuple[Item, ...] = ()
    unclear: tuple[tuple[Item, ...], ...] = ()


def items_in(text: str, items: Sequence[Item]) -> Named:
    """Return the articles of an order that a text names: by position, by product, by options where two are alike."""
    if left := _BUT.split(text, maxsplit=1)[1:]:
        left_out = items_in(left[0], items)
        kept = tuple(item for item in items if item not in left_out.items)
        return Named(items=kept, unclear=left_out.unclear) if left_out.items else left_out
    if places := _places(text, len(items)):
        return Named(items=tuple(items[place] for place in places))
    clauses = _clauses(text, items)
    if not clauses:
        return Named(items=tuple(items)) if _ALL.search(text) else Named()
    found: list[Item] = []
    unclear: list[tuple[Item, ...]] = []
    for clause, alike in clauses:
        free = [item for item in alike if not any(item is one for one in found)]
        chosen = told_apart(clause, free)
        if len(chosen) == 1 or (chosen and _ALL.search(clause)):
            found += chosen
        elif chosen:
            unclear.append(tuple(chosen))
    return Named(items=tuple(found), unclear=tuple(unclear))


def _places(text: str, count: int) -> list[int]:
    """Positions in the list that was shown, where the text is nothing but them."""
    if not _POSITION.fullmatch(text.strip()):
        return []
    found = [int(place) - 1 for place in re.findall(r"[1-9]", text)]
    return sorted(set(found)) if found and max(found) < count else []


def _clauses(text: str, items: Sequence[Item]) -> list[tuple[str, list[Item]]]:
    """Each clause that names a product, with its articles; what follows without a name belongs to it."""
    clauses: list[tuple[str, list[Item]]] = []
    leading = ""
    for clause in _CLAUSE.split(text):
        named = _products(clause, items)
        if named:
            clauses += [(f"{leading} {clause}", alike) for alike in named]
            leading = ""
        elif clauses:
            clauses[-1] = (f"{clauses[-1][0]} {clause}", clauses[-1][1])
        else:
            leading = f"{leading} {clause}"
    return clauses


def _products(clause: str, items: Sequence[Item]) -> list[list[Item]]:
    """The articles by product that a clause names: in full, else by the last word where that is all it says."""
    words = " ".join(_singular(word) for word in plain(clause))
    by_name: dict[str, list[Item]] = {}
    for item in items:
        by_name.setdefault(item.name, []).append(item)
    full = [name for name in by_name if _within(" ".join(_singular(w) for w in plain(name)), words)]
    if full:
        return [by_name[name] for name in full]
    heads: dict[str, list[Item]] = {}
    for name, alike in by_name.items():
        for word in {_singular(word) for word in plain(name)[-1:]} | _EXTRA.get(name, set()):
            heads.setdefault(word, []).extend(alike)
    return [alike for head, alike in heads.items() if _within(head, words)][:1]


_EXTRA = {
    "Bicycle": {"bike"},
    "Sneakers": {"trainer", "sneaker"},
    "Grill": {"barbecue", "bbq"},
    "Smartphone": {"phone"},
    "Tablet": {"tablet"},
    "Luggage Set": {"luggage", "suitcase"},
    "Dumbbell Set": {"dumbbell"},
    "Makeup Kit": {"makeup"},
    "LED Light Bulb": {"light bulb", "led bulb"},
    "Jigsaw Puzzle": {"jigsaw"},
    "Mechanical Keyboard": {"keyboard"},
    "Vacuum Cleaner": {"vacuum"},
    "Wireless Earbuds": {"earphone"},
}
"""Other words that people use for a kind of article."""


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _within(phrase: str, words: str) -> bool:
    return f" {phrase} " in f" {words} "


def told_apart(clause: str, alike: Sequence[Item]) -> list[Item]:
    """Those of like articles that fit best what a clause says of their options."""
    if len({tuple(sorted(item.options.items())) for item in alike}) <= 1:
        return list(alike) if _ALL.search(clause) else list(alike[:1])
    said = wished([item.options for item in alike], clause)
    fits = [sum(item.options.get(name) == value for name, value in said) for item in alike]
    return [item for item, fit in zip(alike, fits, strict=True) if fit == max(fits)]


# Options


def wished(known: Sequence[Options], text: str) -> list[tuple[str, str]]:
    """Return the (option, value) pairs that a text names, among those that articles have."""
    values: dict[str, set[str]] = {}
    for options in known:
        for name, value in options.items():
            values.setdefault(name, set()).add(value)
    words = plain(text)
    found = [*_switches(words, values), *_valued(words, values)]
    return list(dict.fromkeys(found))


def wish(item: Item, product: Product, text: str) -> dict[str, set[str]]:
    """Return the values by option that a text asks for instead of an article's own; two of one option are unclear."""
    asked: dict[str, set[str]] = {}
    for name, value in wished([variant.options for variant in product.variants], text):
        asked.setdefault(name, set()).add(value)
    for name, found in asked.items():
        if len(found) > 1:
            found.discard(item.options.get(name, ""))
    return asked


def fitting(item: Item, product: Product, asked: Mapping[str, str]) -> tuple[Variant | None, list[Variant]]:
    """Return the variant that differs from an article just as asked, and the available ones that have what is asked."""
    options = {**item.options, **asked}
    exact = next((one for one in product.variants if dict(one.options) == options), None)
    near = [
        one
        for one in product.variants
        if one.available and one.item_id != item.item_id and all(one.options.get(k) == v for k, v in asked.items())
    ]
    return exact, sorted(near, key=lambda one: sum(one.options[k] != v for k, v in options.items()))


def _valued(words: Sequence[str], values: Mapping[str, set[str]]) -> Iterable[tuple[str, str]]:
    """Values said in so many words, the longer first; one that several options have is the nearest named one's."""
    text = list(words)
    phrases: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for name, found in values.items():
        for value in found:
            if value.casefold() not in ("yes", "no", "none"):
                phrases.setdefault(tuple(plain(value)), []).append((name, value))
    for phrase in sorted(phrases, key=len, reverse=True):
        for start in _places_of(phrase, text):
            owners = phrases[phrase]
            yield owners[0] if len(owners) == 1 else _nearest(owners, words, start)
            text[start : start + len(phrase)] = [""] * len(phrase)


def _places_of(phrase: Sequence[str], words: Sequence[str]) -> list[int]:
    size = len(phrase)
    return [at for at in range(len(words) - size + 1) if size and list(words[at : at + size]) == list(phrase)]


def _nearest(owners: Sequence[tuple[str, str]], words: Sequence[str], at: int) -> tuple[str, str]:
    """The owner of a value whose name stands nearest to it, a name behind it before one in front."""

    def distance(owner: tuple[str, str]) -> float:
        own = tuple(word[:4] for word in plain(owner[0]) if word not in ("color", "size", "type", "material"))
        places = [place for place, word in enumerate(words) if word.startswith(own)]
        return min((abs(place - at) - 0.5 * (place > at) for place in places), default=99.0)

    return min(owners, key=distance)


def _switches(words: Sequence[str], values: Mapping[str, set[str]]) -> Iterable[tuple[str, str]]:
    """Options of yes, no or none: the option's name with or without a word of denial right before, or yes/no behind."""
    for name, found in values.items():
        lowered = {value.casefold(): value for value in found}
        stem = _stem(name)
        for at in _stem_places(stem, words):
            before, after = set(words[max(0, at - 2) : at]), words[at + len(stem) : at + len(stem) + 3]
            denied = bool(before & _NOT) or (after and after[0] in ("no", "none")) or "no" in after[:2]
            if denied and ("no" in lowered or "none" in lowered):
                yield name, lowered.get("no", lowered.get("none", ""))
            elif not denied and "yes" in lowered:
                yield name, lowered["yes"]


def _stem(name: str) -> list[str]:
    """An option's name cut to what its forms share: `water resistance` and `water resistant`."""
    return [word[:7] for word in plain(name)]


def _stem_places(stem: Sequence[str], words: Sequence[str]) -> list[int]:
    size = len(stem)
    return [
        at
        for at in range(len(words) - size + 1)
        if all(word.startswith(cut[:5]) for word, cut in zip(words[at : at + size], stem, strict=True))
    ]


# Products and addresses


def products_in(text: str, known: Mapping[str, str]) -> list[str]:
    """Return the ids of the products that a text names, by their full names, else by what people call them."""
    words = " ".join(_singular(word) for word in plain(text))
    full = [key for key, name in known.items() if _within(" ".join(_singular(w) for w in plain(name)), words)]
    if full:
        return full
    return [
        key
        for key, name in known.items()
        if any(_within(word, words) for word in {_singular(plain(name)[-1])} | _EXTRA.get(name, set()))
    ]


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
