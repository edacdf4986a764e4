"""Changes: what counts as a yes, what the bot may do alone, and that nothing is done twice."""

from __future__ import annotations

import hashlib
import json
import math
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from frontdesk.bot.config import Action
from frontdesk.bot.dialogue.calls import Result
from frontdesk.bot.dialogue.values import plain

Answer = Literal["yes", "no", "leave", ""]

YES_LASTS = 1800.0
"""Seconds after which a change that was read back is read back again before it is done."""

LONGEST_ANSWER = 120
"""Characters above which a message is more than a yes or a no."""

_YES_WORDS = (
    r"yes|yess+|yeah|yea|yep|yup|aye|sure(?: thing)?|let'?s do (?:it|that)|"
    r"i'd (?:like|love) (?:that|to)|correct|right|exactly|absolutely|definitely|certainly|of course|indeed|"
    r"that(?:'s| is) (?:right|correct|fine by me)|(?:i )?confirm(?:ed)?|go ahead|go for it|do it|do that|do so|"
    r"please do(?: it| that| so)?|(?:i )?(?:agree|am sure|'m sure)|i(?:'m| am) sure|i do|you may|make it so"
)
_YES = re.compile(
    rf"(?:(?:ok(?:ay)?|ah|oh|well|great|perfect|good|fine|alright)[\s,.!-]+)?(?:{_YES_WORDS})"
    rf"(?:[\s,.!-]+(?:and )?(?:{_YES_WORDS}|please|pls|thanks|"
    r"thank you|now))*[\s.!]*",
    re.IGNORECASE,
)
_NO = re.compile(
    r"(?:(?:no|nope|nah|no way|no thanks?|no thank you|don'?t|do not|please don'?t|don'?t do (?:it|that)|"
    r"(?:that(?:'s| is)|it(?:'s| is)|this is) (?:not (?:right|correct|what i (?:want|wanted|meant|asked for))|wrong)|"
    r"better not|rather not|i don'?t (?:want (?:to|that|it)|think so)|i(?:'d| would) rather not|not (?:now|yet))"
    r"(?:[\s,.!-]+|$))+(?:please|thanks|thank you)?[\s.!]*",
    re.IGNORECASE,
)
_LEAVE = re.compile(
    r"(?:(?:no|oh|ok(?:ay)?|actually|sorry|well|please|just|hm+|wait)[\s,.!-]+)*(?:never ?mind(?: (?:that|it|this))?|"
    r"forget (?:it|"
    r"about it|that)|leave it(?: (?:as it is|there|be))?|let'?s leave it|drop it|stop(?: it| this)?|abort|"
    r"cancel (?:this|that) (?:request|form|question)|i(?:'ve| have)? changed my mind|changed my mind|scrap that|"
    r"(?:it(?:'s| is) )?not (?:important|necessary)(?: any ?more)?|don'?t bother|quit|exit)"
    r"(?:[\s,.!-]+(?:then|please|thanks|thank you|for now))*[\s.!]*",
    re.IGNORECASE,
)


def answer_in(text: str, key: str = "") -> Answer:
    """Return what a message answers to "shall I?": a clear yes, a no, or that it is left; empty for all else.

    The buttons send `/affirm{"change": KEY}`: one of an earlier read-back confirms nothing.
    """
    words = plain(text).replace("’", "'")
    if len(words) > LONGEST_ANSWER:
        return ""
    if words.startswith("/"):
        return _pressed(words, key)
    if _YES.fullmatch(words):
        return "yes"
    if _LEAVE.fullmatch(words):
        return "leave"
    return "no" if _NO.fullmatch(words) else ""


def _pressed(payload: str, key: str) -> Answer:
    name, brace, rest = payload[1:].partition("{")
    try:
        meant = json.loads(brace + rest).get("change", key) if brace else key
    except (ValueError, AttributeError, RecursionError):
        return ""
    if name.strip() == "affirm" and meant == key:
        return "yes"
    return "no" if name.strip() == "deny" else ""


def key_of(conversation_id: str, message_id: str, intent: str, values: Mapping[str, Any]) -> str:
    """Return the idempotency key of a change: the same whenever the turn that read it back is done again."""
    told = json.dumps([conversation_id, message_id, intent, values], sort_keys=True, default=str)
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def beyond(action: Action, facts: Mapping[str, Any]) -> str:
    """Return why a change is not the bot's to make, by the facts that its read-back gave; empty when it may."""
    for name, limit in action.alone.at_most.items():
        value = facts.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return f"{name} is not known"
        if not 0 <= value <= limit:
            return f"{name} is {value:g}, the bot may do up to {limit:g} alone"
    for name, allowed in action.alone.only.items():
        if str(facts.get(name)) not in allowed:
            return f"{name} is {facts.get(name, 'not known')}, the bot may act on {', '.join(allowed)} alone"
    return ""


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A change that is about to be made: whether nobody began it before, and its results if it came to an end."""

    fresh: bool
    results: tuple[Result, ...] | None = None


class Ledger(Protocol):
    """What was changed, and who tried to prove what: kept where a crash does not reach it."""

    def begin(self, key: str) -> Begun:
        """Note, before it is made, that the change of this key begins."""
        ...

    def finish(self, key: str, results: tuple[Result, ...]) -> None:
        """Note what came of it."""
        ...

    def tried(self, subject: str, attempt: str, since: float) -> int:
        """Note an attempt on a subject once, and return how many there were since a time (epoch seconds)."""
        ...


@dataclass
class MemoryLedger:
    """A ledger for one process: command lines and tests. A server keeps its ledger in the store."""

    changes: dict[str, tuple[Result, ...] | None] = field(default_factory=dict)
    attempts: dict[tuple[str, str], float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, key: str) -> Begun:
        """See `Ledger`."""
        with self._lock:
            fresh = key not in self.changes
            return Begun(fresh=fresh, results=self.changes.setdefault(key, None))

    def finish(self, key: str, results: tuple[Result, ...]) -> None:
        """See `Ledger`."""
        with self._lock:
            self.changes[key] = results

    def tried(self, subject: str, attempt: str, since: float) -> int:
        """See `Ledger`."""
        with self._lock:
            self.attempts.setdefault((subject, attempt), time.time())
            return sum(at >= since for (who, _), at in self.attempts.items() if who == subject)
