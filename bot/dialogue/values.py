"""Slot values in what a customer writes: by pattern, by choice, as a whole answer, and in a correction."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from frontdesk.bot.config import Brand, Slot
from frontdesk.bot.text import said

LONGEST = 500
"""Characters of a value that is taken as it stands; a longer answer is asked for again."""

_ANOTHER = re.compile(r"\b(?:other|another|different|wrong)\b", re.IGNORECASE)
"""Words with which a customer leaves the value that was talked about."""
_LEAD = re.compile(
    r"^(?:(?:it(?:'s| is)|that(?:'s| is)|this is|(?:my|the) (?:\w+ ){1,3}(?:is|should be)|sure|ok(?:ay)?|yes|please|"
    r"hi|hello|well|so|um+|to)\b[\s,:.!-]*)+",
    re.IGNORECASE,
)
_TAIL = re.compile(r"[\s,.!]*\b(?:please|pls|thanks|thank you|cheers)?[\s,.!]*$", re.IGNORECASE)
_CORRECTS = re.compile(
    r"^(?:(?:no|nope|sorry|oh|oops|wait|actually|hang on|my mistake|i meant?|on second thou?ghts?)\b[\s,.:!-]*)+"
    r"(?P<tells>(?:please )?(?:make|change|set) (?:it|that) (?:to )?|(?:it|that)(?:'s| is| should be) |use |to )?",
    re.IGNORECASE,
)
_CHANGES = re.compile(
    r"^(?:please |can you |could you )*(?P<tells>(?:make|change|set|correct) (?:it|that)(?: to)? )", re.IGNORECASE
)


def slots_in(text: str, brand: Brand, *, bare: bool = False) -> dict[str, str]:
    """Return the brand's slots whose pattern occurs in `text`, upper-cased; with `bare`, the shorter forms too."""
    found = {
        name: _first(slot.pattern, text) or (bare and _first(slot.bare, text))
        for name, slot in brand.slots.items()
        if not slot.text
    }
    return {name: value.upper() for name, value in found.items() if value}


def known_slots(slots: Mapping[str, str], brand: Brand) -> dict[str, str]:
    """Return those slots of a route that the brand declares, with a value that fits the whole slot."""
    return {
        name: fit
        for name, value in slots.items()
        if name in brand.slots and (fit := _fitting(value, brand.slots[name]))
    }


def canonical(value: str, slot: Slot) -> str:
    """Return what the spellings of a value have in common: "LN-101", "ln-101", and "101" where the slot has `bare`.

    Without `bare`, the letters and figures of what has a pattern, and the words of what has none.
    """
    plainly = plain(value).casefold()
    ends = (plainly[start:] for start in range(len(plainly)) if slot.bare)
    if short := next((end for end in ends if re.fullmatch(slot.bare, end, re.IGNORECASE)), ""):
        return short
    return "".join(filter(str.isalnum, plainly)) if slot.pattern and not slot.text else plainly


def choice_in(text: str, slot: Slot) -> str:
    """Return the value whose name or title stands in `text`, the only one that does; else an empty string."""
    named = [value for value, title in slot.values.items() if said((value.replace("_", " "), title), text)]
    return named[0] if len(named) == 1 else ""


def whole(text: str, slot: Slot) -> str:
    """Return an answer as a value, without what leads in to it; empty when it is too long or nothing is left."""
    if slot.values:
        return choice_in(text, slot)
    value = _TAIL.sub("", _LEAD.sub("", plain(text)[: 2 * LONGEST]))
    return value if len(value) <= LONGEST else ""


def looks_like(text: str, slot: Slot) -> bool:
    """Whether an answer has the shape that a slot states."""
    value = whole(text, slot)
    return bool(value and slot.pattern and re.fullmatch(slot.pattern, value, re.IGNORECASE))


def telling(slot: Slot) -> bool:
    """Whether the shape of a slot tells its values from ordinary words."""
    return bool(slot.pattern) and not re.fullmatch(slot.pattern, "yes okay", re.IGNORECASE)


def corrected(text: str, names: Iterable[str], brand: Brand, *, named: bool = False) -> dict[str, Any]:
    """Return what a correction changes among `names`, the latest asked last; a slot that is only wrong maps to None.

    "actually make it 42 Elm Street", "the street is wrong", "the street is 42 Elm"; with `named` only what names one.
    """
    ordered, value = list(names), plain(text)[: 2 * LONGEST]
    for name in ordered:
        if (given := _named(value, name, brand.slots[name])) is not None:
            return {name: given or None}
    found = None if named else _CORRECTS.match(value) or _CHANGES.match(value)
    rest = _TAIL.sub("", value[found.end() :]) if found else ""
    if not rest or len(rest) > LONGEST or _ANOTHER.search(rest):
        return {}
    free = [name for name in ordered if brand.slots[name].text]
    sure = bool(found and found["tells"])
    shaped = [name for name in free if looks_like(rest, brand.slots[name]) and (sure or telling(brand.slots[name]))]
    chosen = {name: choice for name in ordered if (choice := choice_in(rest, brand.slots[name]))}
    loose = [name for name in free if not brand.slots[name].pattern and sure]
    return chosen or {name: whole(rest, brand.slots[name]) for name in (shaped or loose)[-1:]}


def left(text: str, names: Iterable[str], brand: Brand) -> list[str]:
    """Return the slots whose remembered value a customer leaves: "the other order", "a different address"."""
    return [
        name
        for name in names
        if re.search(rf"{_ANOTHER.pattern}\W+(?:\w+\W+)?{_names(name, brand.slots[name])}", text, re.IGNORECASE)
    ]


def plain(text: str) -> str:
    """Return a text in one line, in compatible characters, without what cannot be seen."""
    seen = (c if unicodedata.category(c)[0] != "C" else " " for c in unicodedata.normalize("NFKC", text))
    return " ".join("".join(seen).split())


def _named(text: str, name: str, slot: Slot) -> str | None:
    """What a correction says of a slot it names: a value, empty when it is only wrong, None when it names it not."""
    called = _names(name, slot)
    if re.search(rf"\bwrong {called}|{called} (?:is|was|looks) (?:wrong|not right|incorrect)\b", text, re.IGNORECASE):
        return ""
    tells = rf"\b{called}(?: (?:is|should be|must be|to|into)(?: to)?|:)\s+(.+)$"
    found = re.search(tells, text, re.IGNORECASE)
    value = whole(found[1], slot) if found else ""
    fits = value and (not slot.pattern or re.fullmatch(slot.pattern, value, re.IGNORECASE))
    return value if fits and not _ANOTHER.search(value) else None


def _names(name: str, slot: Slot) -> str:
    words = slot.called or tuple(dict.fromkeys((name.replace("_", " "), name.removesuffix("_id").replace("_", " "))))
    return rf"(?:{'|'.join(map(re.escape, words))})\b"


def _first(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.IGNORECASE) if pattern else None
    return match.group() if match else ""


def _fitting(value: str, slot: Slot) -> str:
    if slot.values:
        return value if value in slot.values else ""
    if not slot.pattern:
        return value if len(value) <= LONGEST else ""
    found = re.fullmatch(slot.pattern, value, re.IGNORECASE)
    return (value if slot.text else value.upper()) if found else ""
