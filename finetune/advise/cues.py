"""What the words of a message say about where it belongs: cues that a person would underline, in English.

Each is a pattern over one message. They were chosen for support talk in general; how much each counts is fitted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_I = r"(?:i|we)"
_RECORD = (
    r"(?:orders?|accounts?|profile|parcels?|packages?|deliver(?:y|ies)|shipments?|refunds?|reimbursements?|rebates?|"
    r"payments?|purchases?|invoices?|bills?|receipts?|transactions?|transfers?|deposits?|withdrawals?|charges?|"
    r"cards?|statements?|balance|money|funds|cash|salary|cheques?|checks?|top[- ]?ups?|booking|reservation|claims?|"
    r"subscription|plan|contract|items?|details|data|address|identity|direct debit)"
)
_PERSON = (
    r"(?:humans?|(?:real|live|actual) (?:person|people|one|man|woman)|person|agents?|operators?|representatives?|reps?|"
    r"managers?|supervisors?|advis[eo]rs?|colleagues?|staff|someone (?:real|else))"
)
_LAW = (
    r"(?:lawyers?|solicitors?|attorneys?|sue|suing|lawsuits?|court|legal|illegal|the law|police|ombudsman|"
    r"consumer (?:protection|rights)|trading standards|authorities|press charges|report(?:ing)? (?:you|your))"
)
CUES: Mapping[str, re.Pattern[str]] = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "general": r"\b(?:how (?:do|does|can|could|would|to|long|much|many|far|often|old|soon|big|is|are)|"
        r"what(?:'s|s)?\b(?! (?:happened|went|is wrong|is going))|which|where (?:can|do|does|is|are|to)|"
        r"when (?:do|does|is|are|can)|can (?:i|you|we|it|my)|could (?:i|we)|do (?:you|i|we)|does|"
        r"is (?:it|there|the|your)|are (?:there|you|your|the)|tell me (?:about|more)|am i able|"
        r"why (?:do|does|is|are))\b",
        "yours": r"\b(?:your|ur|you (?:offer|accept|have|ship|sell|deliver|take|support|charge|provide|make|do))\b",
        "own": rf"\b(?:my|our|mine) (?:[\w'-]+ ){{0,3}}?{_RECORD}\b|#?\b[a-z]{{0,3}}-?\d{{4,}}\b|"
        rf"\b{_I} (?:ordered|bought|paid|purchased|sent|received)\b",
        "event": r"\b(?:was|were|has|have|had|did|been|went|got|came|sent|made|paid|lost|took|tried|received|charged|"
        r"declined|rejected|refused|failed|cancelled|reverted|disappeared|arrived|stolen|broke|broken|missing|"
        r"pending|stuck|swallowed|blocked|wrong|twice)\b|n't\b|\b(?:not|never|still|yet|isnt|wont|cant|doesnt|"
        r"hasnt|didnt|havent|problems?|issues?|errors?|trouble)\b",
        "change": r"\b(?:cancel(?:l?ing|lation)?|change|changing|edit(?:ing)?|modif(?:y|ying)|update|updating|"
        r"correct(?:ing)?|delet(?:e|ing)|remov(?:e|ing)|clos(?:e|ing)|switch(?:ing)?|swap|revert|reverse|stop|block|freeze|terminate|"
        r"deactivate|refund(?:ed)?|reimburse(?:d|ment)?|money back|replace|redirect|transfer|pay (?:money|someone))\b",
        "person": rf"^(?!.*\b(?:are you|r u|you a|am i|is this)\b).*\b(?:{_PERSON}|{_LAW})\b",
        "to_us": r"\b(?:are you|you're|youre|r u|you (?:a|an|the|so|really|guys)|"
        r"how(?:'s| is| are) (?:it|you|your|things)|what can you|who are you|you (?:know|feel|sleep|like|help)|"
        r"talking to|am i (?:talking|speaking|chatting))\b",
        "harm": r"\b(?:money|pay(?:ment|ing|ed)?|paid|charg\w+|refund\w*|reimburse\w*|price\w*|costs?|fees?|cash|funds|"
        r"bank\w*|cards?|account\w*|password\w*|passcode|pin|identity|address|data|privacy|invoices?|bills?|"
        r"warranty|guarantee\w*|legal\w*|lawyers?|sue|court|fraud\w*|stolen|hacked|compromised|dangerous|unsafe|"
        r"allerg\w+|injur\w+|burn\w*|polic(?:y|ies)|terms|contract\w*|interest|limits?)\b",
        "please_do": rf"\b(?:please|help|need|want|{_I}'?d like|{_I} would like|assist\w*|show|give|send|get)\b",
    }.items()
}


def holds(cue: str, text: str) -> bool:
    """Whether a message has the cue."""
    return bool(CUES[cue].search(text.replace("’", "'")))


def share(cue: str, texts: Sequence[str]) -> float:
    """Return the share of the messages that have the cue; 0 for none."""
    return sum(holds(cue, text) for text in texts) / max(1, len(texts))


def silent(text: str) -> bool:
    """Whether a message has no cue at all: it asks for nothing that could be looked up or done."""
    return not any(holds(cue, text) for cue in CUES)
