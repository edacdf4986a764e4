"""One-time codes, passwords, PINs, security answers and dates of birth, told by the words around them."""

from __future__ import annotations

import re

from frontdesk.finetune.redact.numbers import Spans, digits
from frontdesk.finetune.redact.words import ORDINARY

_I = re.IGNORECASE
_SECRET = (
    r"(?:(?:security answer|passcode|pass code|pass phrase|passphrase|otp|o\.t\.p\.?"
    r"|pin|tan|mfa|2fa|totp|cvv2?|cvc2?|csc)"
    r"(?:\s(?:code|number|digits))?"
    r"|(?:security|verification|login|log-in|sign-?in|confirmation|access|auth\w*|one[- ]time|activation|unlock"
    r"|recovery|backup|reset|gift ?card|door|gate|entry|six[- ]digit|6[- ]digit|four[- ]digit|4[- ]digit)"
    r"(?:\s(?:code|number|pin|password|passcode|token))+"
    r"|(?:the|my|your|this|that|a|was|is|says?|got|sms|text|e?-?mail|app) code|^code|token|gift ?card)"
)
_GAP = (
    r"(?:\s(?:number|you sent|i got|i received|i was sent|they sent"
    r"|from the (?:text|sms|app|e-?mail)|for \w+|came (?:through )?as|says|reads|shows|should be))*"
)
_IS = r"\s*(?:is|was|are|=|:|->|-|,)?\s*(?:it'?s\s|now\s|still\s|actually\s)?[\s:=\"'(*`#-]*"
_CODE = re.compile(
    rf"(?<![\w]){_SECRET}{_GAP}{_IS}((?=[a-z-]*\d)[a-z0-9]{{1,10}}(?:[ -](?=[a-z]*\d)[a-z0-9]{{2,5}})*)(?![\w])", _I
)
_BEFORE = re.compile(
    r"(?<![\w.,])((?:[a-z]-)?\d{3,4}[ -]?\d{2,4}|\d{4}|(?=[a-z]*\d[a-z]*\d)[a-z0-9]{4,10})\s(?:is|was|that'?s"
    r"|as|for)\s(?:my|the|your"
    r"|an?)?\s*(?:\w+\s)?(?:code|otp|pin|password|passcode|cvv|cvc)\b",
    _I,
)
_ENTERED = re.compile(
    r"\b(?:(?:enter(?:ed|ing)?|typ(?:e|ed|ing)|tried)\s(?:in\s|the\s"
    r"|code\s)*((?=[a-z-]*\d[a-z-]*\d)[a-z0-9]{1,8}(?:[ -]?\d{2,4})?)"
    r"|(?:use[d]?|got|sent|received)\s(?:me\s|the\s|code\s)*(\d{3}[ -]?\d{3}))\b"
    r"(?!\s?(?:times|items|x)\b|[.,]\d|[ -]?\d)",
    _I,
)
_WORD = re.compile(
    r"\b(?:password|passwort|pass ?word|pwd|passwd|passphrase|security answer|secret(?: word)?|memorable word"
    r"|mother'?s maiden name)\b"
    r"(?:\s(?:for|on|to)\s\w+(?:\s\w+)?)?\s*(?:(?P<firm>[:=]|->|should be)|(?:is"
    r"|was|to)(?:\s(?:now|still|just))?)\s*"
    r"[\"'`“(]*(?P<word>[^\s\"'`”)]{3,64})",
    _I,
)
_BORN = re.compile(
    r"\b(?:d\.?o\.?b\.?|date of birth|birth ?date|birthday|born)\b(?:\s(?:is|was|on|the|in))*[\s:=]*"
    r"(\d{1,4}[./ -]\d{1,2}[./ -]\d{1,4}|\d{1,2}(?:st|nd|rd|th)?\s(?:of\s)?[a-z]{3,9}\.?,?\s\d{2,4}"
    r"|[a-z]{3,9}\.?\s\d{1,2}(?:st|nd|rd|th)?,?\s\d{2,4})",
    _I,
)
_PUBLIC = re.compile(
    r"\b(?:promo(?:tion(?:al)?)?|discount|coupon|voucher|offer|error|status|country|dress|qr|bar|area|zip"
    r"|postal|post|sort|dialling|product|item|sku|colou?r|http)\s?$",
    _I,
)


def codes(text: str) -> Spans:
    """Codes of digits (and letters with digits) beside a word for a secret; promotion and error codes are public."""
    for match in _CODE.finditer(text):
        word = text[: match.start()] + re.split(r"\bcode", match.group(), maxsplit=1, flags=_I)[0]
        if len(digits(match.group(1))) >= 2 and not _PUBLIC.search(word.rstrip()):
            yield match.span(1)
    for pattern in (_BEFORE, _ENTERED, _BORN):
        for match in pattern.finditer(text):
            yield match.span(match.lastindex or 0)
    yield from _passwords(text)


def _passwords(text: str) -> Spans:
    """A password is any token after `password is` that is no ordinary word, or any at all after a colon."""
    for match in _WORD.finditer(text):
        word = match["word"].rstrip(".,;") or match["word"]
        odd = any(not char.isalpha() for char in word) or (word != word.lower() and word != word.title())
        ordinary = word.lower().strip("'’") in ORDINARY or word.endswith("ing") or "'" in word or word.startswith("{{")
        if (odd and not ordinary) or (match["firm"] and word.lower() not in ORDINARY):
            yield match.start("word"), match.start("word") + len(word)
