"""Postal addresses: street lines of several countries with what follows them; post boxes; postcodes."""

from __future__ import annotations

import re

from frontdesk.finetune.redact.numbers import Spans
from frontdesk.finetune.redact.plain import BLANK
from frontdesk.finetune.redact.words import STREET

_I = re.IGNORECASE
_SURE = (
    r"(?:street|road|rd|avenue|ave|boulevard|blvd|lane|ln|crescent|grove|highway|hwy|parkway|pkwy|marg|nagar|mews|st)"
)
_OFTEN = r"(?:drive|dr|close|court|ct|place|pl|way|square|terrace|gardens|walk|park|row|hill|green|circle|trail|view)"
_TITLED = rf"(?-i:{'|'.join(word.title() for word in sorted(set(STREET), key=len, reverse=True))})"
_HERE = re.compile(
    r"\b(?:address|live|lives|living|at|to|from|is|me|ship|deliver|send|sent|home|office|moved|house"
    r"|here)\W*(?:is|at|to|in)?\W*$",
    re.IGNORECASE,
)
_NAMES = r"(?:[a-z][\w'.-]*\s+){0,4}?[a-z0-9][\w'.-]*\s+"
_HOUSE = (
    r"(?:(?:flat|apt|apartment|unit|suite|no|nr|house|plot|h\.? ?no|door no|floor|level)\.?"
    r"\s*#?\s*\w{1,5}(?:[-/]\w{1,4}){0,3}[\s,]+)*"
)
_COMPASS = r"(?:\s(?:n|s|e|w|ne|nw|se|sw|north|south|east|west)\b\.?)?"
_START = rf"(?<![\w#.-])(?:{_HOUSE}\d{{1,6}}(?:[-/]\d{{1,4}})?[a-z]?,?\s+"
_ENGLISH = re.compile(
    rf"{_START}(?:\d{{1,3}}(?:st|nd|rd|th)\s+(?:{_SURE}|{_OFTEN})|{_NAMES}{_SURE}"
    rf"|(?-i:(?:[A-Z][\w'.-]*\s+){{1,4}}){_TITLED})\b\.?{_COMPASS})",
    _I,
)
_LIKELY = re.compile(rf"{_START}{_NAMES}{_OFTEN}\b\.?{_COMPASS})", _I)
_HOUSE_ONLY = re.compile(
    r"\b(?:flat|apt|apartment|unit|suite|plot|h\.? ?no|door no)\.?\s*#?\s*\d\w{0,4}(?:[-/]\w{1,4}){0,3}\b", _I
)
_FIRST = (
    r"(?:rue|avenue|av\.|boulevard|bd|place|chemin|allée|impasse|quai|cours|via|viale|piazza|corso|largo|calle"
    r"|c/|avenida|avda\.?|paseo|plaza|"
    r"carrer|rua|travessa|praça|estrada|ul\.|ulica|al\.|aleja|os\.|ulitsa|jalan|jl\.|carrera|cra\.?|strada|str\.)"
)
_ROMANCE = re.compile(
    rf"(?<!\w)(?:(?:\d{{1,4}}\s?(?:bis|ter)?,?\s+{_FIRST}\s+(?:[\w'’.-]+\s?){{1,5}}?(?=,|\.\s|$|\n|\s(?:and"
    rf"|please|in|is|or|my)\b|\s\d{{4,6}}))"
    rf"|(?:{_FIRST}\s+(?:[\w'’.-]+,?\s+){{1,5}}?(?:n[º°o.]\s*)?\d{{1,4}}\s?[a-z]?(?:[/-]\d{{1,4}})?\b))",
    _I,
)
_GERMANIC = re.compile(
    r"(?<!\w)(?:[A-Za-zÄÖÜäöüßåæøÅÆØ.-]+\s){0,1}[A-Za-zÄÖÜäöüßåæøÅÆØ-]*(?:stra(?:ß|ss)e|str\.|gasse|weg|platz"
    r"|allee|damm|ufer|ring|straat|laan|plein|gracht|kade|"
    r"dijk|singel|hof|gatan|vägen|gata|veien|vej|gade|katu|tie|utca|út|caddesi|sokak|cad\."
    r"|sok\.)\s(?:no[.:]?\s?)?\d{1,4}\s?[a-z]?(?:[/-]\d{1,4})?\b",
    _I,
)
_BOX = re.compile(r"\bp\.?\s?o\.?\s?box\s?#?\d+|\b(?:postfach|apartado|bo[iî]te postale|postbus|private bag)\s?\d+", _I)
_STATES = (
    r"(?:AL|AK|AZ|AR|CA|CO|CT|DE|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND"
    r"|OH|OK|OR|PA|RI|SC|SD|TN|TX|"
    r"UT|VT|VA|WA|WV|WI|WY|DC|PR|NSW|VIC|QLD|TAS|ACT|ON|QC|BC|AB|MB|SK|NS|NB|NL)"
)
_UK = r"(?:[a-z]{1,2}\d[a-z\d]?\s?\d[a-z]{2})"
_CANADA = r"(?:[a-z]\d[a-z][\s-]?\d[a-z]\d)"
_POSTCODE = re.compile(
    rf"(?<![\w-])(?:{_UK}|{_CANADA}|(?-i:{_STATES})\.?,?\s+\d{{4,5}}(?:-\d{{4}})?"
    rf"|(?-i:\d{{4}}\s[A-Z]{{2}})(?=[\s,]+[A-Z][a-z]))(?![\w-])",
    _I,
)
_POSTCODE_SAID = re.compile(
    r"\b(?:zip|zipcode|post ?code|postal|pin ?code|plz|cap|eircode)(?:\s(?:code|number|is|was|for|of|to|my"
    r"|changed))*[\s:=#]*((?:[a-z]{1,2})?\d[a-z0-9]{2,5}(?:[ -]\w{3,4}\b)?)",
    _I,
)
_TITLE = r"(?-i:[^\W\d_a-zß-öø-ÿ])[\w'’.-]*"
_LINKED = r"(?:\s(?!by\b|on\b|to\b|and\b|in\b|is\b|it\b|as\b|if\b|so\b|but\b|i\b|my\b|or\b)[a-zà-ÿ]{1,5}\.?)?"
_TOWN = rf"{_TITLE}(?:{_LINKED}\s{_TITLE}){{0,3}}"
_STOP = (
    r"(?:please|pls|but|and|or|by|instead|is|it|its|i|my|this|not|thanks|thank"
    r"|so|can|could|will|as|where|which|if|on|for|because)\b"
)
_TAIL = re.compile(
    rf"(?:[\s,]+(?:[A-Z]{{1,2}}-)?(?:\d{{2}}-\d{{3}}|\d{{4,6}}(?:\s(?-i:[A-Z]{{2}}))?),?\s{_TOWN})"
    rf"|(?:[\s,]+(?:apt|apartment|unit|suite|ste|flat|floor|fl|room|rm|building|bldg|block|wing|level"
    rf"|#)\.?\s*#?\s*\w{{1,5}}\b)"
    rf"|(?:[\s,]+(?:{_UK}|{_CANADA}|(?-i:{_STATES})\b(?:\.?,?\s+\d{{4,5}}(?:-\d{{4}})?)?"
    rf"|\d{{2}}-\d{{3}}|\d{{4,6}}(?:-\d{{3,4}})?\b(?:\s(?-i:[A-Z]{{2}})\b)?)(?!\w))"
    rf"|(?:,\s*{_TOWN})"
    rf"|(?:[\s,]+{_TITLE}(?:[\s,]+[\w'’.-]+){{0,3}}?[\s,]+(?:(?-i:{_STATES}),?\s+)?(?:\d{{4,6}}(?:-\d{{3,4}})?"
    rf"|{_UK}|{_CANADA})(?!\w))"
    rf"|(?:[\s,]+(?:[^\W\d_][\w'’.-]*[\s,]+){{1,4}}?(?:[a-z]{{2}}[\s,]+)?\d{{5,6}}(?:-\d{{4}})?(?!\w)(?!\s?[a-z]+\s(?:times|items)))"
    rf"|(?:,\s*(?!{_STOP})[\w'’-]+(?:\s(?!{_STOP})[\w'’-]+){{0,2}}(?=\s*(?:[,.;!?\n]|$|\s{_STOP})))",
    _I,
)
_ZIP = r"(?:[A-Z]{1,2}[- ])?(?:\d{4}-\d{3}|\d{2}-\d{3}|\d{3}\s\d{2}|\d{4,6}|\d{3})(?!\w)"
_CONTINENTAL = re.compile(
    rf"(?<!\w){_TOWN}(?:\s[a-zà-ÿ]{{1,8}}\.?)?\s\d{{1,5}}[a-z]?\.?,?\s+(?:{_ZIP},?\s{_TOWN}|{_TOWN},?\s{_ZIP})", _I
)
_AFTER_NUMBER = re.compile(
    rf"(?<![\w#.-])\d{{1,5}}[a-z]?,?\s{_TOWN}(?:\sstr)?,\s(?:{_ZIP},?\s{_TOWN}|{_TOWN},?\s{_ZIP})", _I
)
_BUILDING = re.compile(rf"{_TOWN},\s*$")
_NOT_A_STREET = re.compile(
    r"\b(?:days?|weeks?|months?|years?|hours?|minutes?|mins?|times?|items?|people|percent|of|the|a|my|your|this"
    r"|that|to|for|and|or|is|it|was|"
    r"in|on|from|with|cups?|kettles?|pieces?|sets?|pairs?|am|pm|dollars?|pounds?)\b",
    _I,
)


def addresses(text: str) -> Spans:
    """A street line with the town, state and postcode that follow it; post boxes; postcodes."""
    for match in _ENGLISH.finditer(text):
        if not _NOT_A_STREET.search(_between(match.group())):
            yield _begun(text, match.start()), _extended(text, match.end())
    for match in _LIKELY.finditer(text):
        if _HERE.search(text[: match.start()]) and not _NOT_A_STREET.search(_between(match.group())):
            yield match.start(), _extended(text, match.end())
    for pattern in (_ROMANCE, _GERMANIC, _CONTINENTAL, _AFTER_NUMBER, _BOX, _HOUSE_ONLY):
        for match in pattern.finditer(text):
            if BLANK not in match.group():
                yield match.start(), _extended(text, match.end())
    for match in _POSTCODE.finditer(text):
        yield match.span()
    for match in _POSTCODE_SAID.finditer(text):
        yield match.span(1)


def _between(line: str) -> str:
    """What stands between the house number and the street's last word."""
    number = re.search(r"\d\w*,?\s+", line)
    rest = line[number.end() :] if number else line
    return rest.rsplit(None, 1)[0] if " " in rest else ""


def _begun(text: str, start: int) -> int:
    """Take in the name of a building before the house number."""
    building = _BUILDING.search(text[max(0, start - 60) : start])
    ends = building and re.search(
        r"(?:Court|House|Apartments|Towers?|Building|Lodge|Mansions?|Heights|Hall),", building.group()
    )
    return start - len(building.group()) if building and ends else start


def _extended(text: str, end: int) -> int:
    """Go on over flat, town, state and postcode while they follow."""
    while (tail := _TAIL.match(text, end)) and BLANK not in tail.group() and "\n\n" not in tail.group():
        end = tail.end()
    while text[end - 1] in ".,":
        end -= 1
    return end
