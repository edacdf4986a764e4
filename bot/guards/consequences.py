"""What a planted text would bring about, stopped where it would be said: orders to an assistant, numbers of records.

A document is only quoted, and its sentences that speak to an assistant are blanked out when it is read in; this is the
last look, at what is about to leave.
"""

from __future__ import annotations

import re

from frontdesk.bot.config import Brand
from frontdesk.bot.guards.check import Context, Verdict
from frontdesk.bot.types import Sentence

_ORDERS = re.compile(
    r"(?:^|[.!?:]\s+)\W{0,4}(?:please |always |and |then )*(?:(?:say|state|claim|announce|pretend|mention|add) that|"
    r"(?:tell|show|inform|send|promise) (?:the |every |each |all |any )?(?:customers?|users?|visitors?|shoppers?)|"
    r"(?:begin|start|end|finish) (?:your|each|every) (?:answer|reply|response)|(?:answer|reply|respond) only with)\b|"
    r"\b(?:call|run|execute|invoke|trigger) (?:the )?action_\w+",
    re.IGNORECASE,
)


class ConsequenceCheck:
    """No document makes the bot repeat an order to an assistant, or name a record that the customer did not name."""

    def check(self, sentence: Sentence, context: Context) -> Verdict:
        """Reroute a knowledge sentence that gives orders, or that holds a value of an account slot nobody wrote."""
        if context.route.kind != "knowledge" or sentence.support.kind == "record":
            return Verdict(action="keep", sentence=sentence)
        parts = [sentence.text, *(citation.quote for citation in sentence.citations)]
        if any(_ORDERS.search(part) for part in parts):
            return Verdict(action="reroute", sentence=sentence, reason="consequence: an order to an assistant")
        if any(_named(part, context.message.text, context.brand) for part in parts):
            return Verdict(action="reroute", sentence=sentence, reason="consequence: a record nobody named")
        return Verdict(action="keep", sentence=sentence)


def _named(part: str, written: str, brand: Brand) -> bool:
    """Whether a value that only an account slot has stands in `part` and not in what the customer wrote."""
    patterns = [slot.pattern for slot in brand.slots.values() if slot.pattern and slot.bare]
    found = {match.group().upper() for pattern in patterns for match in re.finditer(pattern, part, re.IGNORECASE)}
    return any(value not in written.upper() for value in found)
