"""Which facts in a voice's reply come from nowhere: the judge of the fact firewall, written apart from it.

A reply is lexed into typed values (lexer.py) and read clause by clause for what it asserts: durations, dates, promises,
acts said to be done, policies, properties of products. A question or a condition asserts nothing in its last clause.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile

from frontdesk.finetune.evaluate.claims import claims
from frontdesk.finetune.evaluate.lexer import MONTHS, VALUES, Token, bag, lexed

_UNITS = bag(
    "day days week weeks month months year years hour hours fortnight fortnights weekday weekdays decade decades"
)
_INSTANTS = bag("second seconds minute minutes moment moments sec secs tick ticks")
_AMOUNTS = bag("percent dollar dollars euro euros cent cents kilo kilos gram grams litre litres inch inches")
_SMALL = bag("a an one two couple few")
_NUMERALS = bag(
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen eighteen twenty "
    "thirty forty fifty sixty seventy eighty ninety hundred thousand dozen couple few several half"
)
_BETWEEN = bag("of to or and a an business working full more good calendar whole extra - –")
_SPAN_BEFORE = bag("in within under for after takes take than lasts last every about around next past over until by")
_SURE_MONTHS = MONTHS - bag("may march mar sep jun jan dec")
_WEEKDAYS = bag("monday tuesday wednesday thursday friday saturday sunday")
_DAYS = bag("tomorrow tonight yesterday overnight christmas midnight noon")
_PARTING = bag("see until till happy")
_NEXT = bag("next this coming following")
_PERIODS = bag("week month year weekend morning afternoon evening")
_SCHEDULE = bag(
    "open opens closed closes close available deliver delivers delivered ship ships shipped dispatch arrive "
    "arrives here hours answer answers reply replies by before after during"
)


def facts_from_nowhere(reply: str, known_values: Mapping[str, str], said: str) -> list[str]:
    """Return what a reply states that is neither a known value nor the customer's own word, as `kind: text`.

    `known_values` are the values that code fills into placeholders; `reply` may be a template or filled. Empty means
    that every fact in it has a source.
    """
    tokens = lexed(reply, known_values)
    heard = frozenset(token.low for token in lexed(said, {})) | frozenset(said.lower().replace("’", "'").split())
    found = [f"placeholder: {token.text}" for token in tokens if token.kind == "placeholder"]
    found += [f"{t.kind}: {t.text}" for t in tokens if t.kind in VALUES and not _heard(t, heard)]
    for sentence in _sentences(tokens):
        words = [token for token in sentence if token.kind != "mark"]
        found += [f"duration: {text}" for text in _durations(words)]
        found += [f"date: {text}" for text in _dates(words, heard)]
        found += list(claims(sentence, heard))
    return found


def _heard(token: Token, heard: frozenset[str]) -> bool:
    """Whether the customer wrote this very value, perhaps with a # before it."""
    return token.low in heard or f"#{token.low.lstrip('#')}" in heard or token.low.lstrip("#") in heard


def _sentences(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Split tokens at full stops; the closing mark stays with its sentence."""
    current: list[Token] = []
    for token in tokens:
        current.append(token)
        if token.kind == "mark" and token.low in ".!?…\n":
            yield current
            current = []
    if current:
        yield current


def _durations(words: Sequence[Token]) -> Iterator[str]:
    """Spans of time and amounts written in words: `two days`, `within a week`, `a couple of hours`."""
    for place, token in enumerate(words):
        low = token.low.removesuffix("'s").removesuffix("s'")
        unit = low if low in _UNITS | _INSTANTS | _AMOUNTS else low.rpartition("-")[2]
        if unit not in _UNITS | _INSTANTS | _AMOUNTS:
            continue
        count = _count_before(words, place)
        if "-" in low and low.partition("-")[0] in _NUMERALS | {"one"}:
            yield token.text
        elif count and not (unit in _INSTANTS and set(count) <= _SMALL | _BETWEEN):
            yield " ".join([*count, token.text])


def _count_before(words: Sequence[Token], place: int) -> list[str]:
    """The numeral before a unit, empty when there is none: a lone `a` counts after `in`, `within`, `takes` ..."""
    run = list(takewhile(_counts, (t.low for t in reversed(words[:place]))))
    count = list(reversed(run))
    if any(set(low.split("-")) & _NUMERALS for low in count):
        return count
    before = words[place - len(count) - 1].low if place > len(count) else ""
    lone = bool(count) and count[-1] in ("a", "an", "one") and before in _SPAN_BEFORE and words[place].low in _UNITS
    return [before, *count] if lone else []


def _counts(low: str) -> bool:
    return low in _BETWEEN or set(low.split("-")) <= _NUMERALS | {"one"}


def _dates(words: Sequence[Token], heard: frozenset[str]) -> Iterator[str]:
    """Days, months and periods that the customer did not name, and weekends when something is promised for them."""
    lows = [token.low.removesuffix("'s") for token in words]
    for place, low in enumerate(lows):
        before = lows[place - 1] if place else ""
        if low in heard or low.rstrip("s") in heard:
            continue
        single = low.rstrip("s") if low.rstrip("s") in _WEEKDAYS else low
        parting = bool({before, *lows[max(0, place - 2) : place]} & _PARTING)
        month = low in _SURE_MONTHS and words[place].text[0].isupper()
        if month or (single in _WEEKDAYS | _DAYS and not parting):
            yield words[place].text
        elif low in _PERIODS and before in _NEXT and (before != "this" or set(lows) & _SCHEDULE) and not parting:
            yield f"{before} {low}"
        elif low in ("weekend", "weekends", "weekdays") and set(lows) & _SCHEDULE:
            yield words[place].text
