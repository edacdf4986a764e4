"""What a reply must do: each act is recognised by the phrases that perform it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_PERSON = r"(?:person|people|human|someone|somebody|colleagues?|team ?mates?|team|agent|folks|specialist)"
ACTS: Mapping[str, re.Pattern[str]] = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "greet": r"\b(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|welcome|howdy|nice to)\b",
        "farewell": r"\b(?:bye|goodbye|take care|see you|farewell|good (?:day|night|one)|lovely (?:day|evening|rest)|"
        r"have a|enjoy|until next|till next|come back|next time)\b",
        "thank": r"\b(?:thank|thanks|grateful|appreciate)",
        "welcome_thanks": r"\b(?:welcome|pleasure|glad|happy to|any ?time|no trouble|no problem|not at all|of course|"
        r"my job|don't mention|that's what)\b",
        "apologise": r"\b(?:sorry|apolog)",
        "offer_person": rf"\b{_PERSON}\b",
        "offer_help": r"\b(?:help|look|find|sort|here|hand|assist|do for you|anything|walk|show|guide|point|start|"
        r"tell me|ask)\b",
        "disclose_bot": r"\A(?!\s*yes\b)[\s\S]*\b(?:bot|assistant|automated|software|program|machine|"
        r"not a (?:person|human)|computer|robot)\b",
        "ask_order_number": r"\border (?:number|id|no)\b",
        "will_wait": r"\b(?:wait|be here|right here|take your time|going anywhere|no rush|when(?:ever| you're)|"
        r"stay put|your place)\b",
        "explain_again": r"\b(?:explain|go over|again|words|which (?:part|bit)|clear|simpler)\b",
        "give_hours": r"\{\{support_hours\}\}",
        "give_contact": r"\{\{support_(?:email|phone)\}\}|@|\+\d",
    }.items()
}


def missing_acts(text: str, required: Iterable[str]) -> list[str]:
    """Return the required acts that `text` does not perform; an unknown act name raises KeyError."""
    return [act for act in required if not ACTS[act].search(text)]
