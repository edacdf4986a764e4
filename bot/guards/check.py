"""The one shape of a check, and how checks compose: a list, first objection wins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from frontdesk.bot.config import Brand
from frontdesk.bot.types import Conversation, Message, Route, Sentence


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a check may look at besides the sentence."""

    message: Message
    conversation: Conversation
    route: Route
    brand: Brand


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Keep the sentence, replace it, or give the message to a person; `reason` goes into the trace."""

    action: Literal["keep", "replace", "reroute"]
    sentence: Sentence
    reason: str = ""


class Check(Protocol):
    """Everything that checks has this shape."""

    def check(self, sentence: Sentence, context: Context) -> Verdict:
        """Return what is to be done with the sentence; never raises."""
        ...


def checked(checks: Sequence[Check], sentence: Sentence, context: Context) -> Verdict:
    """Run the checks in order; a replacement is checked on, a reroute ends it."""
    verdict = Verdict(action="keep", sentence=sentence)
    for check in checks:
        found = check.check(verdict.sentence, context)
        if found.action == "reroute":
            return found
        if found.action == "replace":
            verdict = found
    return verdict
