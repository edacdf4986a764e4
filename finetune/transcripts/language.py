"""Which language a text is in, as far as a few words tell.

py3langid (Lui and Baldwin's langid.py, ACL 2012: naive Bayes over byte n-grams), restricted to the languages that
support desks write, and believed only when it is sure.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from typing import Any

from frontdesk.bot.errors import ConfigError

COMMON = frozenset(
    {"ar", "bg", "cs", "da", "de", "el", "en", "es", "fi", "fr", "he", "hi", "hr", "hu", "id", "it", "ja", "ko", "nl"}
    | {"no", "pl", "pt", "ro", "ru", "sk", "sl", "sr", "sv", "th", "tr", "uk", "vi", "zh"}
)
SURE = 0.8
"""The confidence from which on it is believed; another script needs none."""
ENOUGH = 15
"""Latin letters below which nobody can tell: "bonjour" may be an English speaker's."""
LONGEST = 300
"""Characters looked at."""
_NO_WORDS = re.compile(r"\{\{\w+\}\}|\S*[@/\d]\S*")
_ENGLISH = frozenset(
    {"the", "and", "you", "your", "my", "i", "i'm", "it's", "have", "has", "not", "that", "this", "with", "for", "are"}
    | {"it", "can", "to", "of", "what", "we", "please", "thanks", "thank", "would", "but", "from", "how", "when", "be"}
)
"""Words that only English has, or hardly any other has so many of."""
PLAINLY = 0.25
"""The share of them from which on no model is asked: it is 20 times slower, and a large file has many turns."""


def foreign(text: str, wanted: frozenset[str]) -> str | None:
    """Return the ISO 639-1 code of the text's language if it is surely none of `wanted`; None also when in doubt."""
    if not wanted or ("en" in wanted and _plainly_english(text[:LONGEST])):
        return None
    words = _NO_WORDS.sub(" ", text[:LONGEST]).strip()
    letters = [character for character in words if character.isalpha()]
    latin = sum(character < "\u0250" for character in letters) * 2 >= len(letters)
    if not letters or (latin and len(letters) < ENOUGH):
        return None
    language, confidence = _identifier().classify(words)
    return str(language) if language not in wanted and (confidence >= SURE or not latin) else None


def _plainly_english(text: str) -> bool:
    words = text.lower().split()
    return sum(word in _ENGLISH for word in words) >= PLAINLY * len(words)


def check_languages(wanted: Collection[str]) -> frozenset[str]:
    """Return the codes; raises ConfigError for one that cannot be recognised."""
    if unknown := set(wanted) - COMMON:
        raise ConfigError(
            f"language {', '.join(sorted(unknown))} cannot be recognised.",
            where="languages",
            fix=f"one of {' '.join(sorted(COMMON))}, or none to take every language.",
        )
    return frozenset(wanted)


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(sorted(COMMON))
    return identifier
