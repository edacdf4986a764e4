"""Which language a text is in, as far as a few words tell.

py3langid (Lui and Baldwin's langid.py, ACL 2012: naive Bayes over byte n-grams), restricted to the languages that
support desks write, and believed only when it is sure.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from typing import Any

OTHER_LANGUAGE = "other_language"
"""The intent of a message in a language that the brand does not answer in; its slot `language` has the code."""
COMMON = frozenset(
    {"ar", "bg", "cs", "da", "de", "el", "en", "es", "fi", "fr", "he", "hi", "hr", "hu", "id", "it", "ja", "ko", "nl"}
    | {"no", "pl", "pt", "ro", "ru", "sk", "sl", "sr", "sv", "th", "tr", "uk", "vi", "zh"}
)
SURE = 0.8
"""The confidence from which on it is believed; another script needs none."""
LIKELY = 0.5
"""The confidence that is enough for a text nobody could make sense of."""
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


def foreign(text: str, wanted: Collection[str], *, lost: bool = False) -> str | None:
    """Return the ISO 639-1 code of the text's language if it is surely none of `wanted`; None also when in doubt.

    `lost` says that nothing else makes sense of the text either: then two words are enough, and less certainty.
    """
    if not wanted or ("en" in wanted and _plainly_english(text[:LONGEST])):
        return None
    found = _language(text, lost=lost)
    return found if found and found not in wanted else None


def written_in(text: str, among: Collection[str]) -> str:
    """Return which of the languages `among` the text is surely in; empty in doubt."""
    if "en" in among and _plainly_english(text[:LONGEST]):
        return "en"
    found = _language(text, lost=False)
    return found if found in among else ""


def _language(text: str, *, lost: bool) -> str:
    """Return the code of the text's language, empty in doubt."""
    words = _NO_WORDS.sub(" ", text[:LONGEST]).strip()
    letters = [character for character in words if character.isalpha()]
    latin = sum(character < "\u0250" for character in letters) * 2 >= len(letters)
    enough = len(words.split()) > 1 if lost else len(letters) >= ENOUGH
    if not letters or (latin and not enough):
        return ""
    language, confidence = _identifier().classify(words)
    least = (LIKELY if lost else SURE) if latin else 0.0
    return str(language) if confidence >= least else ""


def _plainly_english(text: str) -> bool:
    words = text.lower().split()
    return sum(word in _ENGLISH for word in words) >= PLAINLY * len(words)


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(sorted(COMMON))
    return identifier
