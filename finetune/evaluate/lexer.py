"""Words of a reply with what kind of value each is: number, money, time, date, link, e-mail, code ...

Parsers over tokens, no pattern shared with the fact firewall: the two are to fail in different places.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

VALUES = frozenset({"number", "money", "percent", "time", "date", "link", "email", "phone", "code"})
"""The kinds of token that are facts by themselves."""


def bag(words: str) -> frozenset[str]:
    """Return the blank-separated words as a set."""
    return frozenset(words.split())


_CURRENCIES = "$€£¥₹"
_CURRENCY_WORDS = bag("dollar dollars euro euros pound pounds cent cents usd eur gbp bucks quid")
_ENDINGS = bag("com org net example io co uk de fr eu shop store info app dev ca au us")
_STRIPPED = ".,;:!?…\"'“”‘’()[]<>*_~|"
_MARKS = frozenset(".!?…,;:()—–\n")
_MONTHS = (
    "january february march april may june july august september october november december jan feb mar apr jun jul aug "
    "sep sept oct nov dec"
)
MONTHS = bag(_MONTHS)
ORDINALS = ("st", "nd", "rd", "th")


@dataclass(frozen=True, kw_only=True)
class Token:
    """One word, mark or value: `kind` is `word`, `mark`, `known` or one of VALUES; `low` is lower case, bare."""

    kind: str
    text: str
    low: str


def lexed(text: str, known: Mapping[str, str]) -> list[Token]:
    """Return the tokens of a text; placeholders and literal known values are of the kind `known`.

    A placeholder that `known` cannot fill, and a broken one, is of the kind `placeholder`.
    """
    plain = text.replace("’", "'")
    for value in sorted({v for v in known.values() if v}, key=len, reverse=True):
        plain = plain.replace(value.replace("’", "'"), " \x00 ")
    return list(_joined(list(_tokens(plain, known))))


def _tokens(text: str, known: Mapping[str, str]) -> Iterator[Token]:
    for before, name, closed in _placeholders(text):
        for raw in before.replace("\n", " \n ").replace("—", " — ").replace("–", " – ").split(" "):
            yield from _word(raw)
        if name is not None:
            filled = closed and bool(known.get(name))
            yield Token(kind="known" if filled else "placeholder", text=f"{{{{{name}}}}}", low=name)


def _placeholders(text: str) -> Iterator[tuple[str, str | None, bool]]:
    """Yield (text before, placeholder's name or None at the end, whether it is well formed)."""
    while True:
        before, opened, rest = text.partition("{{")
        if not opened:
            stray, braces, after = before.partition("}}")
            yield (stray, "}}", False) if braces else (before, None, True)
            if not braces:
                return
            text = after
            continue
        name, closed, after = rest.partition("}}")
        yield before, name.strip(), bool(closed)
        text = after if closed else ""


def _word(raw: str) -> Iterator[Token]:
    """One blank-separated piece: its marks, and its core."""
    if raw == "\x00":
        yield Token(kind="known", text=raw, low=raw)
        return
    core = raw.strip(_STRIPPED + "".join(_MARKS))
    head, tail = raw.partition(core)[::2] if core else (raw, "")
    yield from (Token(kind="mark", text=mark, low=mark) for mark in head if mark in _MARKS)
    if core:
        for piece in core.split("/") if "/" in core and "://" not in core and not _has_digit(core) else [core]:
            if piece:
                yield Token(kind=_kind(piece), text=piece, low=piece.lower())
    yield from (Token(kind="mark", text=mark, low=mark) for mark in tail if mark in _MARKS)


def _kind(core: str) -> str:
    low = core.lower()
    if "@" in low and "." in low.rpartition("@")[2]:
        return "email"
    if _is_link(low):
        return "link"
    if not _has_digit(low):
        return "word"
    if low[0] in _CURRENCIES or low[-1] in _CURRENCIES:
        return "money"
    if low.endswith("%"):
        return "percent"
    if low.endswith(("am", "pm", "a.m", "p.m")) or _is_clock(low):
        return "time"
    if low[:-2].isdigit() and low.endswith(ORDINALS):
        return "date"
    digits = low.replace(",", "").replace(".", "").replace("-", "").replace("+", "").replace("(", "").replace(")", "")
    if digits.isdigit():
        return "date" if low.count("-") == 2 or low.count("/") == 2 else "phone" if len(digits) >= 7 else "number"
    return "code"


def _is_link(low: str) -> bool:
    if "://" in low or low.startswith("www."):
        return True
    host = low.split("/")[0]
    name, dot, ending = host.rpartition(".")
    return bool(dot) and ending in _ENDINGS and name.replace("-", "").replace(".", "").isalnum() and len(name) > 1


def _is_clock(low: str) -> bool:
    hour, colon, minute = low.partition(":")
    return bool(colon) and hour.isdigit() and minute[:2].isdigit()


def _has_digit(text: str) -> bool:
    return any(character.isdigit() for character in text)


def _joined(tokens: list[Token]) -> Iterator[Token]:
    """Give a number its meaning from its neighbour: `5 dollars`, `9 am`, `May 4`, `4 percent`."""
    for place, token in enumerate(tokens):
        after = tokens[place + 1].low if place + 1 < len(tokens) else ""
        before = tokens[place - 1].low if place else ""
        kind = token.kind
        if kind == "number":
            if after in _CURRENCY_WORDS:
                kind = "money"
            elif after in ("am", "pm", "a.m", "p.m", "o'clock"):
                kind = "time"
            elif after in MONTHS or before in MONTHS:
                kind = "date"
            elif after in ("percent", "per"):
                kind = "percent"
        yield Token(kind=kind, text=token.text, low=token.low)
