"""The texts that a question is searched with: itself, also in shop words, or the telling sentences of a long one.

Query fusion after RAG-Fusion (2402.03367): by rule, and by a chat model where one is configured.
"""

from __future__ import annotations

import re

from frontdesk.bot.text import sentences
from frontdesk.knowledge.followup import LONG_CHARS, Resolved
from frontdesk.knowledge.terms import terms

MAX_PHRASINGS = 64
_SHOP_WORDS = [
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in (
        (r"\b(?:send|give|bring|ship|mail|post)((?:\s+[\w']+){0,4}?)\s+back\b", r"return\1"),
        (r"\b(?:get|have|receive|want)?\s*(?:my|the|your)?\s*(?:money|cash) back\b", " refund"),
        (r"\bswap\b", "exchange"),
        (r"\bpostage\b", "shipping"),
    )
]


def phrasings(said: Resolved, topic: str = "") -> list[str]:
    """Return the texts to search with; a short question also with the topic before it, where one is known."""
    if len(said.text) > LONG_CHARS:
        telling = [one for one in sentences(said.text) if len(set(terms(one))) >= 3]
        return list(dict.fromkeys(telling))[:MAX_PHRASINGS] or [said.text]
    found = [*said.searched, *map(reworded, said.searched)]
    return list(dict.fromkeys(found + [f"{topic} {said.text}"] * bool(topic)))


def reworded(question: str) -> str:
    """Return a question in the words that help pages use: `send it back` is `return it`."""
    for pattern, words in _SHOP_WORDS:
        question = pattern.sub(words, question)
    return question
