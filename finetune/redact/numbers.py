"""Structured personal data by shape, checksum and the words around it: every recognizer yields spans of a plain text.

Recall comes first: a number of six digits or more that is no date, price or quantity is somebody's, whatever it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from frontdesk.finetune.redact.checksums import luhn, mod97
from frontdesk.finetune.redact.plain import BLANK
from frontdesk.finetune.redact.words import AFTER

Spans = Iterator[tuple[int, int]]
Recognizer = Callable[[str], Spans]
_I = re.IGNORECASE

_EMAIL = re.compile(r"[\w.+%'&-]*\w\s?@\s?\w[\w-]*(?:\s?\.\s?\w[\w-]*)+")
_AT, _DOT = r"\s?(?:[\[({<]\s?(?:at|@)\s?[\])}>]|\bat\b)\s?", r"\s?(?:[\[({<]\s?(?:dot|\.)\s?[\])}>]|\bdot\b)\s?"
_HOSTS = r"(?:gmail|googlemail|yahoo|hotmail|outlook|icloud|live|aol|msn|proton(?:mail)?|gmx|web)"
_SPELLED = re.compile(
    rf"\w[\w.+-]*(?:{_DOT}\w[\w+-]*)*{_AT}(?:\w[\w-]*(?:{_DOT}\w+)+|{_HOSTS}(?:\.\w+)+)"
    rf"|\w[\w.+-]*\s?[\[({{<]\s?(?:at|@)\s?[\])}}>]\s?\w[\w-]*(?:(?:{_DOT}|\.)\w+)+",
    _I,
)

_IBAN = re.compile(r"(?<![a-z0-9])[a-z]{2}\d{2}(?:[ .-]{0,2}[a-z0-9]){11,30}", _I)
_IBAN_SAID = re.compile(
    r"\biban\b(?:\s(?:number|no))?[\s:=]*(?:is|was)?[\s:=]*([a-z]{2}\d[a-z0-9 -]{6,34}[a-z0-9])\b", _I
)

_CARD = re.compile(r"(?<![\d])\d(?:[ .\-_/]{0,3}\d){12,18}(?!\d)")
_CARD_TAIL = re.compile(
    r"(?:[*x•#]{2,}[ -]?)+(\d{3,4})\b|\b(?:ending|ends|finishing|last (?:four|4)(?: digits| numbers)?)"
    r"(?:\s(?:in|with|on|of|are|is|my|the|card|visa|mastercard|amex))*[\s:]*(\d{4})\b",
    _I,
)
_EXPIRY = re.compile(r"\bexp(?:iry|ires|iration|\.)?(?:\s(?:date|on|is))*[\s:]*(\d{2}\s?[/-]\s?\d{2,4})\b", _I)

_NUMBER = r"[a-z]{0,6}[-_.#]?\d[a-z0-9]*(?:[-_/.][a-z0-9]+)*(?:\s\d[\d-]{2,})*"
_MARKED = re.compile(r"[#:=]|\b(?:number|no|nr|num|ids?|ref|is|was)\b", _I)
_PART = re.compile(_NUMBER, _I)
_LIST = rf"({_NUMBER}(?:\s?(?:,|and|&|or|\+)\s?#?{_NUMBER})*)"
_LINK = (
    r"(?:\s?(?:number|numbers|nummer|nos?|num|nr|id|ids|ref|reference|code|confirmation|slip|label)\b\.?)*"
    r"[\s:#=(\"'-]*(?:(?:is|was|are|it'?s|for|of|no)\s[\s#:\"'(]*)?"
)
_ORDER = re.compile(
    r"(?<![a-z])(?:orders?|ordr|oder|booking|reservation|tracking|track|tickets?|cases?|complaint|reference|ref"
    r"|invoices?|parcel|"
    r"package|shipment|consignment|confirmation|returns?|rma|purchase|po|transaction|txn|awb|receipt|claim|quote)"
    + _LINK
    + _LIST,
    _I,
)
_ORDER_SHAPE = re.compile(
    r"#\s?[a-z]{0,6}-?\d{3,}(?:-\d+)*"
    r"|(?<![a-z0-9])(?:ord|inv|tck|tkt|ref|rma|trk|po|so|case|sr|crn|bk|wo|ret|sh)[-_]?#?\d{3,}(?:-\d+)*"
    r"|(?<![a-z0-9])[a-z]{1,5}[-_]?\d{5,}(?:-\d+)*"
    r"|(?<![\d-])\d{3}-\d{6,8}-\d{6,8}(?![\d-])",
    _I,
)
_ACCOUNT = re.compile(
    r"(?<![a-z])(?:accounts?|acct|acc|a/c|customer|client|member(?:ship)?|loyalty|policy|sort ?code|routing|bsb"
    r"|aba|ssn|social security|"
    r"social|passport|licen[cs]e|tax|vat|nhs|aadhaar|pan|nino|national insurance|user|subscription|iban|swift"
    r"|bic|imei|serial|meter|"
    r"contract|patient|student|employee|rewards?|points card|club)" + _LINK + _LIST,
    _I,
)
_ACCOUNT_SHAPE = re.compile(
    r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])|(?<![\d-])\d{2}-\d{2}-\d{2}(?![\d-])"
    r"|(?<![a-z0-9])(?:ac|acc|acct|cust|cus|usr|mem|mbr|cl|id)[-_]?\d{4,}"
    r"|(?<![a-z])(?:[a-z]{2}\s?\d{2}\s?\d{2}\s?\d{2}\s?[a-d])(?![a-z])",
    _I,
)
_RUN = re.compile(r"(?<![\w.,])(?:\+\s?|\(\s?\+?)?\d(?:[ .\-/()]{0,3}\d)*")
_PHONE_SAID = re.compile(
    r"\b(?:phone|telephone|mobile|mob|cell|tel|landline|whats ?app|call(?:ed|ing)?|ring|text|sms|reach|contact"
    r"|number|fax|dial|handy|portable)\b[^.?!\n]{0,24}$",
    _I,
)
_SPOKEN = re.compile(
    r"\b(?:(?:(?:double|triple)[ -])?(?:zero|oh|nought|one|two|three|four|five|six|seven|eight|nine)\b[ ,.-]{0,2}){6,}",
    _I,
)
_MIXED = re.compile(
    r"(?<![\w@/])(?=[a-z0-9-]*\d[a-z0-9-]*\d[a-z0-9-]*\d[a-z0-9-]*\d)(?=[a-z0-9-]*[a-z])[a-z0-9]+(?:-[a-z0-9]+)*\b", _I
)
_GLUED = re.compile(r"\d{6,}")
_LONE = re.compile(
    r"^\W*(?:it'?s|its|yes|yeah|sure|ok|here|here you go|here it is|um|that's|thats"
    r"|is)?[\s,:]*#?([a-z]{0,4}-?\d[\d -]{2,}\d)\W*(?:thanks|thank you|please|ty)?\W*$",
    _I,
)


def digits(text: str) -> str:
    """Return the ASCII digits of a plain text."""
    return "".join(char for char in text if "0" <= char <= "9")


def emails(text: str) -> Spans:
    """Addresses as typed, and as spelled to escape robots (`jane at example dot com`)."""
    for match in _EMAIL.finditer(text):
        yield match.span()
    for match in _SPELLED.finditer(_EMAIL.sub(lambda found: BLANK * len(found.group()), text)):
        yield match.span()


def ibans(text: str) -> Spans:
    """The longest stretch from a country code on that passes mod 97, or whatever is announced as an IBAN."""
    for match in _IBAN.finditer(text):
        for end in range(match.end(), match.start() + 14, -1):
            joined = re.sub(r"[^a-z0-9]", "", text[match.start() : end].lower())
            cut = end < len(text) and text[end].isalnum()
            if not cut and 15 <= len(joined) <= 34 and text[end - 1].isalnum() and mod97(joined):
                yield match.start(), end
                break
    for match in _IBAN_SAID.finditer(text):
        yield match.span(1)


def cards(text: str) -> Spans:
    """Thirteen to nineteen digits that pass Luhn, however spaced; last fours when given as such; expiry dates."""
    for match in _CARD.finditer(text):
        if luhn(digits(match.group())):
            yield match.span()
    for match in _CARD_TAIL.finditer(text):
        yield match.span(match.lastindex or 0)
    for match in _EXPIRY.finditer(text):
        yield match.span(1)


def orders(text: str) -> Spans:
    """Numbers named as an order, ticket, parcel and the like, and tokens shaped like one."""
    yield from _announced(_ORDER, text, least=3)
    for match in _ORDER_SHAPE.finditer(text):
        yield match.span()


def accounts(text: str) -> Spans:
    """Numbers named as an account, membership, identity document and the like, and their national shapes."""
    yield from _announced(_ACCOUNT, text, least=4)
    for match in _ACCOUNT_SHAPE.finditer(text):
        yield match.span()


def phones(text: str) -> Spans:
    """Digit groups written as telephone numbers are, or announced as one; digits spelled out in words."""
    for match in _RUN.finditer(text):
        count, run = len(digits(match.group())), match.group()
        said = _PHONE_SAID.search(text[max(0, match.start() - 40) : match.start()])
        if (count >= 5 and said) or (7 <= count <= 15 and _written_as_phone(run, count)):
            yield match.span()
    for match in _SPOKEN.finditer(text):
        yield match.span()


def leftovers(text: str) -> Spans:
    """What no other recognizer named: six digits and more, tokens of letters and digits, a turn that is one number."""
    for match in _RUN.finditer(text):
        if len(digits(match.group())) >= 6 or _bare(match, text):
            yield match.span()
    for match in _GLUED.finditer(text):
        yield match.span()
    for match in _MIXED.finditer(text):
        if len(match.group()) >= 7:
            yield match.span()
    if lone := _LONE.match(text):
        yield lone.span(1)


def _announced(pattern: re.Pattern[str], text: str, *, least: int) -> Spans:
    for match in pattern.finditer(text):
        sure = _MARKED.search(text[match.start() : match.start(1)]) is not None
        for part in _PART.finditer(match.group(1)):
            if len(digits(part.group())) >= (least if sure else 4) and BLANK not in part.group():
                start, end = match.start(1) + part.start(), match.start(1) + part.end()
                yield start, end - len(part.group()) + len(part.group().rstrip(".-_/"))


def _written_as_phone(run: str, count: int) -> bool:
    groups = re.findall(r"\d+", run)
    if run[0] in "+(" or run.startswith("00"):
        return True
    if len(groups) == 1:
        return (count in (10, 11) and run[0] in "0126789") or (count >= 9 and run[0] == "0")
    thousands = len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:]) and " " in run
    return not thousands and count >= 7


def _bare(match: re.Match[str], text: str) -> bool:
    """Five digits in one group with no unit after them are an order number or a postcode, not a quantity."""
    after = re.match(r"\s?[a-z%°]+", text[match.end() :], _I)
    return (
        match.group().isdigit()
        and len(match.group()) == 5
        and (after is None or after.group().strip().lower() in AFTER)
    )
