"""What kind of thing a question asks for, as far as a quote can be seen to hold it: a time, or a figure."""

from __future__ import annotations

import re

_I = re.IGNORECASE
_TIME = re.compile(
    r"\b\d{1,2}(?:[:.]\d\d)? ?[ap]\.?m\b|\b\d{1,2}:\d\d\b|\b(?:19|20)\d\d\b|"
    r"\b(?:second|minute|hour|day|night|week|weekend|weekday|month|quarter|year|season|century)s?\b|"
    r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b|"
    r"\b(?:january|february|march|april|may|june|july|august|september|october|november|december)\b|"
    r"\b(?:today|tonight|tomorrow|noon|midnight|morning|evening|spring|summer|autumn|fall|winter|christmas|easter|"
    r"once|twice|immediately|instantly|daily|weekly|monthly|annually|yearly|always|never|as soon as)\b",
    _I,
)
_FIGURE = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|twenty|thirty|hundred|thousand|half|"
    r"no|none|free|unlimited|any number|as many)\b",
    _I,
)
_KINDS = (
    (re.compile(r"\b(?:when|(?:what|which) (?:time|day|date|year|month)|how (?:soon|often|late|early))\b", _I), _TIME),
    (
        re.compile(
            r"\bhow (?:many|much|long|big|large|heavy|tall|wide|hot|fast|quick|far|old)\b|"
            r"\b(?:what|which) (?:size|price|temperature|percentage)|\b(?:price|cost|fee|charge|capacity|"
            r"weight|weigh|dimensions?|hours|deadline|limit|wattage|voltage|number)\b",
            _I,
        ),
        re.compile(f"{_FIGURE.pattern}|{_TIME.pattern}", _I),
    ),
)


def wanted(question: str) -> re.Pattern[str] | None:
    """Return what a quote must hold to answer this kind of question; None where that cannot be told by looks."""
    return next((holds for asks, holds in _KINDS if asks.search(question)), None)
