"""What kind of thing a question asks for, as far as a quote can be seen to hold it: a time, money, a figure."""

from __future__ import annotations

import re

from frontdesk.knowledge.units import measure, spelt

_TIME = (
    r"\b\d{1,2}(?:[:.]\d\d)? ?[ap]\.?m\b|\b\d{1,2}:\d\d\b|\b(?:19|20)\d\d\b|"
    r"\b(?:second|minute|hour|day|night|week|weekend|weekday|month|quarter|year|season|century)s?\b|"
    r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b|"
    r"\b(?:january|february|april|june|july|august|september|october|november|december)\b|\b(?-i:March|May)\b|"
    r"\b(?:today|tonight|tomorrow|noon|midnight|morning|evening|spring|summer|autumn|winter|christmas|easter|"
    r"in (?:the )?fall|once (?:a|an|every|per|in)|twice|immediately|instantly|daily|weekly|monthly|annually|yearly|"
    r"always|never|as soon as|for ever|forever|no (?:time )?limit|lifetime|permanent(?:ly)?|any time)\b"
)
_FIGURE = (
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|twenty|thirty|hundred|thousand|half|"
    r"no|none|free|unlimited|any number|as many)\b"
)
_NUMBER = r"(?:\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|half an?|an?)\b)"


def _amount(*kinds: str) -> str:
    """A number with a unit of one of these kinds."""
    return rf"{_NUMBER}[\s-]?(?:{spelt(*kinds)})(?!\w)"


_MONEY = (
    rf"[$£€]\s?\d|{_amount('dollars', 'pounds', 'euros', 'per cent')}|"
    r"\b(?:free|no (?:\w+ )?(?:cost|charge|fee)s?|nothing|included|complimentary|half)\b"
)
_LENGTH = _amount("length", "inches")
_WEIGHT = _amount("mass", "pounds of weight", "ounces")
_DEGREES = _amount("degrees", "degrees Fahrenheit") + r"|\bdegrees?\b"
_WH = r"\b(?:what(?! if\b)|which|whats|how)\b[^.?!]{0,40}\b"
_WHEN = r"\bwhen(?:'s| (?:do|does|did|will|is|are|can|was|were|would|should|could|must|may))\b"
"""Not the "when" of "when I am away"."""
_KINDS = tuple(
    (re.compile(asks, re.IGNORECASE), re.compile(holds, re.IGNORECASE))
    for asks, holds in (
        (rf"{_WHEN}|\b(?:what|which) (?:time|day|date|year|month)\b|{_WH}deadline\b", _TIME),
        (r"\bhow (?:soon|often|late|early|much (?:time|longer))\b", _TIME),
        (r"\bhow long\b", f"{_TIME}|{_LENGTH}"),
        (rf"{_WH}(?:price|cost|fee|charge)s?\b", _MONEY),
        (r"\bhow much (?:is|are|was|do|does|did|will|would|for|cheaper)\b", _MONEY),
        (rf"\bhow heavy\b|{_WH}(?:weighs?|weight)\b", _WEIGHT),
        (rf"\bhow (?:hot|cold|warm)\b|{_WH}temperature", _DEGREES),
        (r"\bhow (?:many|much|big|large|tall|wide|fast|quick|far|old|loud|thick|deep|high)\b", f"{_FIGURE}|{_TIME}"),
        (rf"{_WH}(?:size|percentage|capacity|dimensions?|hours|limit|wattage|voltage|number)\b", f"{_FIGURE}|{_TIME}"),
    )
)
_MANY = re.compile(r"\bhow many (\w+(?: days)?)", re.IGNORECASE)


def wanted(question: str) -> re.Pattern[str] | None:
    """Return what a quote must hold to answer this kind of question; None where that cannot be told by looks."""
    many = _MANY.search(question)
    kind = measure(1, many.group(1)).kind if many else ""
    if kind in ("time", "calendar", "working days"):
        return _KINDS[0][1]
    if kind:
        return re.compile(_amount(kind), re.IGNORECASE)
    return next((holds for asks, holds in _KINDS if asks.search(question)), None)
