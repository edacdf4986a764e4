"""A message that asks several things -> its questions, each with what was said to it."""

from __future__ import annotations

import re

from frontdesk.bot.text import sentences
from frontdesk.knowledge.terms import terms

MOST = 4
"""The most parts of a message; what follows belongs to the last."""
_ASKS = (
    r"(?:how|what|what's|when|where|which|who|whom|whose|why|can|could|do|does|did|is|are|was|were|will|would|should|"
    r"shall|may|must|has|have|am)"
)
_JOINT = re.compile(
    rf"\s*[,;–—]?\s+(?:and|also|plus|or|but)(?:\s+(?:also|then|if so))?,?\s+(?={_ASKS}\b)", re.IGNORECASE
)
_QUESTION = re.compile(
    rf"(?:^(?:(?:and|also|but|so|ok|okay|or)\W+)*|[,.:;–—]\s+|\b(?:know|tell me|ask|wonder\w*)\s+){_ASKS}\b",
    re.IGNORECASE,
)


def parts(text: str) -> tuple[str, ...]:
    """Return the questions of `text`, in order, each with the statements before it; one alone is `text` itself."""
    found: list[str] = []
    said: list[str] = []
    for sentence in sentences(text):
        for piece in _joined(sentence):
            said.append(piece)
            if _asks(piece):
                found.append(" ".join(said))
                said = []
    if found and said:
        found[-1] = " ".join([found[-1], *said])
    if len(found) < 2:
        return (text,)
    return (*found[: MOST - 1], " ".join(found[MOST - 1 :])) if len(found) > MOST else tuple(found)


def _joined(sentence: str) -> list[str]:
    """Return the questions that one sentence joins by `and`; the sentence itself when a side says nothing."""
    pieces = _JOINT.split(sentence)
    whole = all(terms(piece) for piece in pieces) and bool(_QUESTION.search(pieces[0]))
    return pieces if whole else [sentence]


def _asks(piece: str) -> bool:
    said, asked = len(terms(piece)), bool(_QUESTION.match(piece))
    return (asked and said > 0) or (said > 1 and piece.rstrip().endswith("?"))
