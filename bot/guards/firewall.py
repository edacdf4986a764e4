"""The fact firewall: a voice states no fact that did not come from a slot, the profile or the customer's own message.

The voice writes `{{placeholders}}`, code fills them. Whatever else looks like a fact is a violation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from frontdesk.bot.guards.check import Context, Verdict
from frontdesk.bot.text import sentences
from frontdesk.bot.types import Sentence

PLACEHOLDER = re.compile(r"\{\{\s*([a-z_][a-z0-9_]*)\s*\}\}")

_NUMBER_WORD = (
    r"(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty|"
    r"ninety|hundred|thousand|a couple of|a few|several|half an?|an?)"
    r"(?! (?:second|seconds|minute|minutes|moment)\b)"
)
_UNIT = (
    r"(?:seconds?|minutes?|hours?|(?:business |working )?days?|weeks?|months?|years?|percent|dollars?|euros?|pounds?|"
    r"cents?|cm|inches|litres?|liters?|watts?|fortnights?)"
)
FACTS: Mapping[str, re.Pattern[str]] = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "link": r"https?://\S+|www\.\S+|\b[a-z0-9-]+\.(?:com|org|net|example|io|co\.uk)\b",
        "email": r"[\w.+-]+@[\w-]+\.[\w.]+",
        "number": r"[$€£¥]?\d[\d.,:/-]*\w*%?",
        "amount": rf"\b(?:{_NUMBER_WORD}|\d[\d.,]*)[ -]?{_UNIT}\b",
        "date": r"\b(?:(?:mon|tues|wednes|thurs|fri|satur|sun)days?|january|february|march(?= \d)|april|june|july|"
        r"august|september|october|november|december|tomorrow|tonight|overnight|next week|christmas|weekdays?|"
        r"weekends?|fortnight|noon|midnight|same day|around the clock|nine to five)\b",
        "address": r"\b(?:street|avenue|boulevard|p\.?o\.? box|suite|zip code)\b",
    }.items()
}
_DONE = (
    r"(?:refunded|reimbursed|credited|cancell?ed|shipped|dispatched|delivered|replaced|processed|issued|waived|"
    r"upgraded|deleted)"
)
_DO = (
    r"(?:refund|reimburse|credit|compensate|cancel|ship|dispatch|deliver|replace|waive|upgrade|exchange|return|"
    r"arrive)"
)
CLAIMS: Mapping[str, re.Pattern[str]] = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "promise": rf"\b(?:will|we'll|i'll|you'll|it'll|shall|going to) (?:\w+ ){{0,2}}{_DO}\b|"
        rf"\byou (?:can|may) (?:\w+ )?{_DO}\b",
        "done": r"\b(?:(?<!be )refunded|cancell?ed|shipped|dispatched|approved|reimbursed|(?:has|have|'ve) (?:\w+ )?"
        r"(?:arrived|gone through|changed|closed|updated))\b|\bon its way\b|\bis (?:now )?closed\b|"
        r"\bi(?:'ve| have)? (?:just )?(?:changed|closed|updated) your\b",
        "claim": r"\b(?:(?:is|are|comes?|ships?|shipping|delivery|returns?|postage) (?:\w+ )?free\b(?! to)|free for|"
        r"half[- ]price|dishwasher|microwave|costs? nothing|(?:won't|not) be charged|worldwide|qualif(?:y|ies)|"
        r"match any|covered for|made in|we take (?!it|that|this|care|pride|your|complaints|feedback)|send you a|"
        r"get a refund|(?:our|a) \w+ (?:shop|store|branch)\b)",
        "outcome": rf"\b(?:is|are|was|were|been|be|get|got|have|has|i've|we've) (?:\w+ )?{_DONE}\b",
        "policy": r"\b(?:free (?:of charge|shipping|delivery|returns?|replacement)|no (?:extra )?(?:cost|charge|fee)|"
        r"money[- ]back|warrant(?:y|ies)|guaranteed?|full refund|discount|coupon|voucher|promo code|entitled|eligible|"
        r"in stock|out of stock|sold out|on sale|lifetime|we accept|our policy)\b",
    }.items()
}


REPEATABLE = frozenset({"link", "email", "number"})
"""What a voice may repeat when the customer said it: an order number, an address. Never an amount or a date."""
QUESTIONABLE = frozenset({"done", "outcome"})
"""What is no claim inside a question or a condition."""


def facts_in(text: str) -> list[tuple[str, str]]:
    """Return every (kind, text) in `text` that looks like a fact or a policy claim."""
    tables = (FACTS, CLAIMS)
    return [(kind, m.group()) for table in tables for kind, pattern in table.items() for m in pattern.finditer(text)]


def violations(template: str, known: Mapping[str, str], said: str) -> list[str]:
    """Return what in a voice's `template` comes from nowhere; empty means it may be filled and sent.

    `known` are the values code may fill in; `said` is the customer's message, whose own words may be repeated.
    """
    unknown = [f"placeholder {name}" for name in PLACEHOLDER.findall(template) if not known.get(name)]
    bare = PLACEHOLDER.sub("\u241f", template)
    broken = ["broken placeholder"] if re.search(r"\{\{|\}\}", bare) else []
    heard = said.casefold()
    stated = " ".join(part for part in sentences(bare) if not _asks(part))
    invented = [
        f"{kind} {found!r}"
        for kind, found in facts_in(bare)
        if not (_repeats(found, heard) if kind in REPEATABLE else kind in QUESTIONABLE and found not in stated)
    ]
    return unknown + broken + invented


def _asks(sentence: str) -> bool:
    """Whether a sentence is a question or a condition, which claims nothing to be done."""
    return sentence.rstrip().endswith("?") or sentence.lstrip().casefold().startswith("if ")


def _repeats(found: str, heard: str) -> bool:
    """Whether the customer said exactly this, as a word of its own."""
    words = re.escape(found.strip(".,:;-/").casefold())
    return bool(re.search(rf"(?<!\w){words}(?!\w)", heard))


def filled(template: str, known: Mapping[str, str]) -> str:
    """Return the template with its placeholders filled; a missing one raises KeyError (check first)."""
    return PLACEHOLDER.sub(lambda match: known[match.group(1)], template)


class FactFirewall:
    """The last look at what the voice, or a fixed message, is about to say: no fact without its source."""

    def check(self, sentence: Sentence, context: Context) -> Verdict:
        """Reroute a voice sentence that states a fact found neither in profile, slots nor message."""
        if context.route.kind != "voice":
            return Verdict(action="keep", sentence=sentence)
        text = sentence.text
        for value in sorted(_sources(context), key=len, reverse=True):
            text = text.replace(value, " ")
        bad = violations(text, {}, context.message.text)
        if bad:
            return Verdict(action="reroute", sentence=sentence, reason=f"fact firewall: {', '.join(bad)}")
        return Verdict(action="keep", sentence=sentence)


def _sources(context: Context) -> list[str]:
    slots = [value for value in context.conversation.slots.values() if isinstance(value, str)]
    attributes = [part for value in context.message.customer.attributes.values() for part in (value, *value.split())]
    return [v for v in (*context.brand.profile.values(), context.brand.name, *slots, *attributes) if v]
