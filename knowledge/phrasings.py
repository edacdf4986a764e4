"""The texts that a question is searched with: itself, also in shop words, or the telling sentences of a long one.

Query fusion after RAG-Fusion (2402.03367).
"""

from __future__ import annotations

import re

from frontdesk.bot.text import sentences
from frontdesk.knowledge.terms import terms

LONG_CHARS = 300
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
_LEANS = re.compile(
    r"\b(?:it|its|it's|they|them|their|that|this|those|these|there|here|one|ones|he|she|both|either|same|then|"
    r"else|instead)\b|^(?:and|or|but|so|what about|how about|ok|okay)\b",
    re.IGNORECASE,
)


def phrasings(question: str) -> list[str]:
    """Return the texts to search with: the question, also in shop words, or the telling sentences of a long one."""
    if len(question) <= LONG_CHARS:
        return list(dict.fromkeys([question, reworded(question)]))
    telling = [one for one in sentences(question) if len(set(terms(one))) >= 3]
    return list(dict.fromkeys(telling))[:MAX_PHRASINGS] or [question]


def reworded(question: str) -> str:
    """Return a question in the words that help pages use: `send it back` is `return it`."""
    for pattern, words in _SHOP_WORDS:
        question = pattern.sub(words, question)
    return question


def leans(question: str) -> float:
    """Return how much a question depends on what was said before it: 1 with a pronoun or hardly a word, else 0.25."""
    return 1.0 if _LEANS.search(question) or len(set(terms(question))) <= 2 else 0.25
