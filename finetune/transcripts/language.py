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
LONGEST = 1_000
"""Characters looked at."""
_NO_WORDS = re.compile(r"\{\{\w+\}\}|\S*[@/\d]\S*")


def foreign(text: str, wanted: frozenset[str]) -> str | None:
    """Return the ISO 639-1 code of the text's language if it is surely none of `wanted`; None also when in doubt."""
    words = _NO_WORDS.sub(" ", text[:LONGEST]).strip()
    letters = [character for character in words if character.isalpha()]
    latin = sum(character < "\u0250" for character in letters) * 2 >= len(letters)
    if not wanted or not letters or (latin and len(letters) < ENOUGH):
        return None
    language, confidence = _identifier().classify(words)
    return str(language) if language not in wanted and (confidence >= SURE or not latin) else None


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
