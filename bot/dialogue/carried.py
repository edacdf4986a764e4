"""What an action names: figures, codes such as a tracking number, and names; and which of them nothing known carries.

An action may err, and a team's own action server is somebody else's program: what it says of a customer must stand in a
record of that customer's, in what they wrote themselves, or in the brand's settings.
"""

from __future__ import annotations

import calendar
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from frontdesk.bot.config import Brand
from frontdesk.bot.guards.support import figures
from frontdesk.bot.router.languages import foreign

_CODE = re.compile(r"(?<!\w)(?=\w*\d)(?=\w*[^\W\d_])\w{4,}")
_WORD = re.compile(r"[^\W\d_]+")
_STARTS = re.compile(r"(?:^|[.!?:;\n(“\"‘–—•*-])\s*$")
_CAPITALS = 4
"""Letters up to which a word in capitals is an abbreviation."""
_DATES = frozenset(name.casefold() for names in (calendar.day_name, calendar.month_name) for name in names if name)


def words_of(*texts: str) -> frozenset[str]:
    """Return the words in some texts, in lower case."""
    return frozenset(word.casefold() for text in texts for word in _WORD.findall(text))


def brand_words(brand: Brand) -> frozenset[str]:
    """Return the words of a brand's settings, with the days and months."""
    return words_of(brand.model_dump_json()) | _DATES


def told_by(records: Iterable[Mapping[str, Any]]) -> str:
    """Return records as one text."""
    return json.dumps(list(records), default=str, ensure_ascii=False)


def codes(text: str) -> set[str]:
    """Return what has both letters and digits: an order number, a tracking number."""
    return {found.casefold() for found in _CODE.findall(text)}


def names(text: str, known: frozenset[str]) -> list[str]:
    """Return the words that look like names and are not in `known`: capitals within a sentence, or two at its start.

    Only English tells names by their capitals: for a text that is surely in another language there are none.
    """
    found: list[str] = []
    capitals = [(match, _is_name(match.group(), known)) for match in _WORD.finditer(text)]
    for place, (match, named) in enumerate(capitals):
        after = capitals[place + 1] if place + 1 < len(capitals) else None
        begins = bool(_STARTS.search(text[: match.start()]))
        followed = after is not None and after[1] and text[match.end() : after[0].start()] == " "
        if named and (not begins or followed):
            found.append(match.group())
    return [] if found and foreign(text, ("en",)) else found


def _is_name(word: str, known: frozenset[str]) -> bool:
    short = word.isupper() and len(word) <= _CAPITALS
    return word[0].isupper() and not short and word.casefold() not in known


def uncarried(text: str, carried: str, known: frozenset[str]) -> bool:
    """Whether a text has a code or a name that neither `carried`, the records and what was heard, nor `known` has."""
    return bool(codes(text) - codes(carried) or names(text, known | words_of(carried)))


def unfounded(text: str, carried: str, known: frozenset[str]) -> bool:
    """Whether a text has a figure, a code or a name that nothing carries."""
    return bool(figures(text) - figures(carried)) or uncarried(text, carried, known)
