"""What a style classifier reads in a reply: function words, punctuation and shape; content words are masked.

Function words and their sequences tell authors apart whatever the topic (Koppel et al. 2009).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain

from frontdesk.bot.config import VoiceStyle
from frontdesk.bot.text import said, sentences

_TOKEN = re.compile(r"\{\{[^{}]*\}\}|\d[\d.,:/]*|[^\W\d_]+(?:['’-][^\W\d_]+)*|[.!?…]+|[,;:()\"“”—–]")
_CLITIC = re.compile(r"(.+?)(n['’]t|['’](?:m|re|ll|ve|d|s))$")
_SUFFIXES = ("ing", "ed", "ly", "tion", "ment", "s")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


PRONOUNS = {
    "i": _set("i me my mine myself"),
    "we": _set("we us our ours ourselves"),
    "you": _set("you your yours yourself"),
}
MODALS = _set("can could may might must shall should will would ca wo")
HEDGES = _set(
    "perhaps maybe might could seem seems rather bit little quite guess suppose think hope kind sort probably"
)
POLITE = _set(
    "please thank thanks sorry apologise apologies apologize welcome pleasure glad happy appreciate appreciated "
    "kindly grateful regret regretful delighted pleased kind"
)
FORMAL = _set(
    "assist assistance provide provided inform information regarding concerning request require required further "
    "additional inquiry enquiry inquire contact contacting convenience experience experienced inconvenience "
    "receive representative member available currently however therefore"
)
PLAIN = _set(
    "help sort fix tell ask say hear look get give let come go want need know try start wait take pop fetch bring "
    "right sure fine good great lovely nice well here there now then ready done"
)
_FUNCTION = _set(
    "n't 's 'm 're 'll 've 'd a an the this that these those and or but nor so yet if because while when whenever "
    "where wherever why how what which who whom whose whatever whichever as than though although until unless "
    "since before after of in on at by for with without from to into onto over under out off up down about around "
    "through between against along across behind beside near above below per he him his she her hers it its they "
    "them their theirs it's am is are was were be been being have has had having do does did doing not no yes "
    "none nothing nobody never neither either both each every any some all most more less few many much such own "
    "same other another else only just even still already also too very really ever always again once soon "
    "anything anyone anybody something someone somebody everything everyone everybody here's there's that's let's "
    "oh ah hmm ok okay hello hi hey bye goodbye"
)
KEPT = frozenset(chain(_FUNCTION, *PRONOUNS.values(), MODALS, HEDGES, POLITE, FORMAL, PLAIN))
SPREAD = 5
_START, _END = "<s>", "</s>"

SURFACE = (
    "words per sentence",
    "longest sentence",
    "shortest sentence",
    "letters per word",
    "long words",
    "contractions",
    "exclamations",
    "questions",
    "commas",
    "other marks",
    "placeholders",
    "function words",
    "modals",
    "hedges",
    "politeness",
    "formal words",
    "plain words",
    *PRONOUNS,
)


@lru_cache(maxsize=20_000)
def split(text: str) -> tuple[tuple[str, ...], ...]:
    """Return, sentence by sentence, the lower-case words, marks and `{}` placeholders; contractions are two words."""
    return tuple(tuple(_tokens(sentence)) for sentence in sentences(text))


def _tokens(text: str) -> Iterator[str]:
    for match in _TOKEN.finditer(text.lower().replace("’", "'")):
        word = match.group()
        if word.startswith("{{"):
            yield "{}"
        elif split := _CLITIC.fullmatch(word):
            yield from split.groups()
        else:
            yield word


def spread_words(texts: Sequence[str], intents: Sequence[str]) -> frozenset[str]:
    """Return the words used for at least SPREAD intents: whatever they say, it is no topic."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for text, intent in zip(texts, intents, strict=True):
        for token in chain.from_iterable(split(text)):
            found[token].add(intent)
    return frozenset(token for token, users in found.items() if len(users) >= SPREAD and token[0].isalpha())


def masked(text: str, spread: frozenset[str] = frozenset()) -> list[list[str]]:
    """Return the tokens of each sentence; a content word outside `spread` becomes its shape (`~`, `~ing`, `#` ...)."""
    kept = KEPT | spread
    return [[_mask(token, kept) for token in sentence] for sentence in split(text)]


def _mask(token: str, kept: frozenset[str]) -> str:
    if token in kept or not token[0].isalnum():
        return token[:1] if token[0] in ".!?…" else token
    if token[0].isdigit():
        return "#"
    return next((f"~{suffix}" for suffix in _SUFFIXES if token.endswith(suffix) and len(token) > 4), "~")


def ngrams(text: str, spread: frozenset[str] = frozenset()) -> list[str]:
    """Return the masked 1-, 2- and 3-grams of each sentence, with its start and end marked."""
    found = []
    for sentence in masked(text, spread):
        padded = [_START, *sentence, _END]
        for n in (1, 2, 3):
            found += [" ".join(padded[i : i + n]) for i in range(len(padded) - n + 1)]
    return [gram for gram in found if gram not in (_START, _END)]


@lru_cache(maxsize=20_000)
def surface(text: str) -> tuple[float, ...]:
    """Return the surface figures of a text, in the order of SURFACE: means and shares, never its total length."""
    parts = split(text) or ((),)
    flat = list(chain.from_iterable(parts))
    words = [t for t in flat if t[0].isalpha() or t[0] == "'"]
    lengths = [sum(t[0].isalnum() or t == "{}" for t in sentence) for sentence in parts]
    n, count = max(len(words), 1), len(parts)

    def share(kind: frozenset[str]) -> float:
        return sum(word in kind for word in words) / n

    return (
        sum(lengths) / count,
        max(lengths),
        min(lengths),
        sum(map(len, words)) / n,
        sum(len(word) >= 8 for word in words) / n,
        sum(word.startswith("'") or word == "n't" for word in words) / n,
        text.count("!") / count,
        text.count("?") / count,
        flat.count(",") / n,
        sum(t[0] in ';:()"“”—–…' for t in flat) / n,
        flat.count("{}") / count,
        *(share(kind) for kind in (KEPT, MODALS, HEDGES, POLITE, FORMAL, PLAIN)),
        *(share(kind) for kind in PRONOUNS.values()),
    )


def lexicon_hits(text: str, lexicons: Mapping[str, VoiceStyle]) -> list[float]:
    """Return, per voice in order of name, how many `prefer` and how many `avoid` phrases of it a text has."""
    return [
        float(len(said(phrases, text)))
        for _, lexicon in sorted(lexicons.items())
        for phrases in (lexicon.prefer, lexicon.avoid)
    ]
