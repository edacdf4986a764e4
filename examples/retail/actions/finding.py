"""What a customer's words name: articles of an order, the options wished for, products.

By rules over the customer's own records alone: a word counts only where it names something that is there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from .shop import Item, Options, Product, Variant

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

_COMMON = frozenset(
    _TOKEN.findall(
        "about after again also another back because before change charge could each every first from have items just "
        "like make maybe might more much need never only order orders other over place please price quite ready really "
        "return right send sent should since some still take than thank thanks that their them then there these they "
        "thing things think this those three under until want what when where which while whole will with would wrong "
        "your"
    )
)
"""Words that are near to some option's name, and mean themselves."""


def plain(text: str) -> list[str]:
    """Return the words of a text in one form each: lower case, units and spellings alike, hyphens apart."""
    words = _TOKEN.findall(text.casefold().replace("’", "'").replace("'", ""))
    return " ".join(_SAME.get(word, word) for word in words).split()


def meant(words: Sequence[str], known: Iterable[str]) -> list[str]:
    """Return the words, each that is not known replaced by the only known one that it can be a slip of.

    One slip is a letter too many, missing, wrong or swapped, never the first; words of eight letters may have two.
    A common word, and one as short as what it is near to, is what it is: "back" is not "black".
    """
    names = {word for word in known if len(word) > 3 and word.isalpha()}
    return [word if word in names else _nearest_word(word, names) or word for word in words]


def _nearest_word(word: str, known: Collection[str]) -> str:
    most = 0 if len(word) < 4 or not word.isalpha() or word in _COMMON else 1 if len(word) < 8 else 2
    longer = [one for one in known if one[0] == word[0] and (len(one) > 4 or len(word) > 4)]
    slips = {one: OSA.distance(word, one) for one in longer} if most else {}
    least = min(slips.values(), default=most + 1)
    near = [one for one, count in slips.items() if count == least <= most]
    return near[0] if len(near) == 1 else ""


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


def clauses_of(text: str) -> list[str]:
    """Return the clauses of a text: what commas, full stops and "and" keep apart."""
    return [clause for clause in _CLAUSE.split(text) if clause.strip()]


def names_product(text: str, items: Sequence[Item]) -> bool:
    """Return whether a text names a product among these articles."""
    return bool(_products(text, items))


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
    by_name: dict[str, list[Item]] = {}
    for item in items:
        by_name.setdefault(item.name, []).append(item)
    named = {_singular(word) for name in by_name for word in plain(name)}
    words = " ".join(meant([_singular(word) for word in plain(clause)], named))
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
    sayable = {word for name, found in values.items() for told in (name, *found) for word in plain(told)}
    words = meant(plain(text), sayable)
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


# Products


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
