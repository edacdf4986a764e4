"""How a message is put: whether it asks something, whether it wants something done, whether its writer is angry."""

from __future__ import annotations

import re

_OPENING = r"(?:(?:hi|hello|hey|ok(?:ay)?|so|and|but|also|or|well|please|sorry|thanks|excuse me|good \w+)\b[\s,!.]*)*"
_ASKS = re.compile(
    rf"\?|^{_OPENING}(?:who|whom|whose|what|when|where|which|why|how|is|are|was|were|does|did|can|could|may|will|"
    r"would|should|shall|do (?:you|i|we|they|your|the)|(?:has|have|had) (?:you|i|we|they|my|your|the)|"
    r"(?:wh(?:at|ere|en|o)|how)'?s|any (?:chance|way|idea))\b|"
    r"\b(?:tell me|let me know|explain|(?:like|need|want) to know|wonder(?:ing|ed)?|questions? (?:about|on)|"
    r"(?:info|information|details) (?:about|on)|looking for)\b",
    re.IGNORECASE,
)

_WANTS = re.compile(
    rf"^{_OPENING}(?:(?:then|just|first|second|now|oh)\b[\s,!.]*)*"
    r"(?:send|cancel|refund|change|stop|remove|delete|close|add|swap|show|tell|give|get|put|take|help|sign|track|"
    r"compare|update|replace|exchange|return|reset|connect|transfer|need|want|let me|set|make|find|play|turn|schedule|"
    r"book|remind|check|switch|explain|call|i (?:just |really )?(?:want|need|demand|wish)|"
    r"(?:i|we)(?:'d| would) (?:really |also |just )?(?:like|love|prefer|rather)|i(?: am|'m) looking)\b|"
    r"\b(?:please|kindly)\b",
    re.IGNORECASE,
)

_ANGRY = re.compile(
    r"\b(?:angry|furious|livid|fuming|outrag(?:ed|eous)|ridiculous|unacceptable|disgust\w+|disgrace\w*|pathetic|"
    r"appalling|shameful|shame on you|(?:this|it|that|service|shop|company)(?:'s| is) a joke|what a joke|"
    r"scam(?:med|mers?|s)?|thieves|liars?|(?:lying|lied) to|rip[- ]?off|ripped off|cheat(?:ed|ing)|useless|"
    r"incompetent|unprofessional|you (?:are |absolute |complete )*(?:idiots?|stupid)|idiots|"
    r"worst (?:service|shop|company|store|experience)|"
    r"(?:you|this|that|it|bot|chat|shop|company|service|support)(?:'re|'s| are| is) "
    r"(?:(?:all|just|so|such|absolute|complete|total|utter(?:ly)?) )*(?:rubbish|garbage|crap|trash|hopeless)|"
    r"terrible|horrible|awful|bullshit|wtf|(?:what|why|where|how) the (?:hell|heck|f\w+)|pissed|fed up|sick of|"
    r"sick and tired|had enough|enough is enough|never (?:again|ordering|buying)|sue you|wast(?:e|ing) (?:of )?my time|"
    r"frustrat(?:ed|ing|ion)|annoy(?:ed|ing)|irritat(?:ed|ing)|nobody (?:cares|answers|helps)|"
    r"(?:very|highly|extremely|so) poor service|how many times|are you kidding|i demand|"
    r"extreme(?:ly)? (?:dissatisf\w+|displeas\w+|upset|unhappy))\b",
    re.IGNORECASE,
)
_SHOUTED = re.compile(r"\b[A-Z]{3,}(?:[\s']+[A-Z]{2,})+\b")
_MARKS = re.compile(r"[!?]{2,}")
_MANY_MARKS = 3


def asks(text: str) -> bool:
    """Whether the text is put as a question, or asks to be told something."""
    return bool(_ASKS.search(text))


def requests(text: str) -> bool:
    """Whether the text asks something or wants something done; what only tells how things are does neither."""
    return asks(text) or bool(_WANTS.search(text))


def anger(text: str) -> tuple[str, ...]:
    """Return the cues that the writer is angry: angry words, else shouting with repeated marks; empty for none.

    Words decide alone; words in capitals only beside "!!" or "??", and marks alone from three in a row on.
    """
    words = tuple(dict.fromkeys(found.lower() for found in _ANGRY.findall(text)))
    marks, shouted = _MARKS.findall(text), _SHOUTED.findall(text)
    long = [run for run in marks if len(run) >= _MANY_MARKS]
    return words or (tuple(shouted + marks) if long or (marks and shouted) else ())
