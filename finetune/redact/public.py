"""Numbers that are nobody's: prices, dates, times, measures and ranges; no recognizer may read them."""

from __future__ import annotations

import re

from frontdesk.finetune.redact.numbers import Spans

_MONEY = r"(?:dollars?|bucks|usd|us\$|eur|euros?|gbp|pounds?|quid|inr|rupees?|rs|cad|aud|chf|cents?|pence|points|miles)"
_UNIT = (
    r"(?:%|percent|°|degrees?|ml|cl|dl|l|lit(?:re|er)s?|oz|ounces?|lbs?|g|gr|grams?|kg|kgs|mm|cm|m|km"
    r"|inch(?:es)?|in\b(?=\W*$)|ft|feet|foot|yards?|w|"
    r"watts?|kw|kwh|v|volts?|mah|amps?|hz|ghz|mhz|gb|mb|tb|rpm|btu|lumens?|px|pixels?|dpi|fps|calories|kcal|steps|"
    r"(?:business |working |calendar )?(?:days?|nights?|weeks?|months?|hours?|hrs?|h|minutes?|mins?|seconds?"
    r"|secs?)|years?|yrs?|"
    r"times|people|persons?|guests|customers|reviews?|stars?|pieces?|pcs|items?|units?|copies|cups?|sheets?"
    r"|words?|characters?|"
    r"orders|packs?|boxes|bottles?|bags?|sets?|pairs?|rooms?|floors?|pages?|followers|users|members|employees)\b"
)
_AMOUNT = r"\d{1,3}(?:[ ,.']\d{3})+(?:[.,]\d{1,2})?|\d{1,7}(?:[.,]\d{1,2})?"
_PUBLIC = re.compile(
    rf"(?:[$€£¥₹₩]|\b(?:rs\.?|usd|eur|gbp|inr|cad|aud|us\$))\s?(?:{_AMOUNT})(?![\d])"
    rf"|(?<![\w.,+-])(?:{_AMOUNT})\s?(?:[$€£¥₹₩]|{_MONEY}\b)"
    rf"|(?<![\w.,+-])(?:(?:{_AMOUNT})\s?(?:-|to|x|/|or)\s?)?(?:{_AMOUNT})[ -]?{_UNIT}"
    r"|(?<![\d.:])\d{1,2}:\d{2}(?::\d{2})?(?:\s?-\s?\d{1,2}:\d{2})?(?:\s?[ap]\.?m\b\.?)?"
    r"|(?<![\d+])\d{1,2}\s?[ap]\.?m\b"
    r"|(?<![\w./-])(?:(?:19|20)\d{2}([-/.])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12]\d|3[01])|(?:0?[1-9]|[12]\d"
    r"|3[01])([-/.])(?:0?[1-9]|[12]\d|3[01])\2(?:19|20)\d{2})(?![\w/-])"
    r"|(?<![\w-])(?:19|20)\d{2}\s?[-/]\s?(?:19|20)?\d{2}(?![\w-])"
    r"|(?<![\w.,-])\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\w,])"
    r"|(?<![\w.,-])\d+\.\d{1,2}(?![\w.])",
    re.IGNORECASE,
)


def public(text: str) -> Spans:
    """Yield the spans of a plain text that hold such a number."""
    for match in _PUBLIC.finditer(text):
        yield match.span()
