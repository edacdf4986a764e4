"""Words to search terms: folded, without English stop words, lightly stemmed."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_WORD = re.compile(r"\d+(?:[.,]\d+)+|[^\W_]+(?:['’][^\W_]+)?")
_NUMBERING = re.compile(r"^[ \t]*\d{1,2}[.)][ \t]+", re.MULTILINE)
"""The number of a step, which is no word of it."""
_VOWEL = re.compile(r"[aeiouy]")
_DOUBLE = re.compile(r"([bdfgklmnprt])\1$")

_STOP = """
    a about above after again all also am an and any are aren't as at be because been before being below between
    both but by can can't cannot could couldn't did didn't do does doesn't doing don't down during each few for
    from further get got had hadn't has hasn't have haven't having he her here hers him his how i i'd i'll i'm
    i've if in into is isn't it it's its itself just know let me more most my myself need no nor not of off on
    once only or other our ours out over own please same she should shouldn't so some such tell than that that's
    the their theirs them then there there's these they they're this those through to too under until up us very
    want was wasn't we we're we've were weren't what what's when where where's which while who whom why will with
    won't would wouldn't yes you you'd you'll you're you've your yours
"""
STOP_WORDS = frozenset(_STOP.split())


def terms(text: str) -> list[str]:
    """Return the search terms of `text`, in order, with repeats; the numbers of list items are none."""
    return list(_terms(text))


@lru_cache(maxsize=256)
def _terms(text: str) -> tuple[str, ...]:
    """A question is taken apart by every step of a search."""
    plain = _NUMBERING.sub("", text).lower().replace("’", "'").replace("e-mail", "email")
    if not plain.isascii():
        plain = "".join(char for char in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(char))
    return tuple(stem(word) for word in _WORD.findall(plain) if word not in STOP_WORDS)


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """Strip English plural, -ed and -ing endings (step 1 of Porter 1980) and a final -e."""
    word = word.removesuffix("'s")
    if len(word) < 4 or not word.isalpha():
        return word
    return _undouble(_past(_singular(word)))


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def _past(word: str) -> str:
    for suffix in ("ing", "ed"):
        head = word.removesuffix(suffix)
        if head != word and len(head) > 2 and _VOWEL.search(head):
            return head
    return word.removesuffix("e") if len(word) > 4 else word


def _undouble(word: str) -> str:
    return word[:-1] if len(word) > 3 and _DOUBLE.search(word) and not word.endswith("ll") else word
