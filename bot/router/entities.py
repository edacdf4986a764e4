"""Values in a message: order numbers, e-mail addresses, dates, products, by rules and by what `nlu.yml` names.

The rules are a brand's slot patterns and nlu.yml's regexes; the names are its lookups, its synonyms and the values
marked in its examples, found as whole words, in the plural and with one letter wrong in a long one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from functools import cached_property

from frontdesk.bot.router.dates import dates
from frontdesk.bot.router.nlu import Entity, Example, Lexicon

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_WORDS = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_LONG = 6
"""Letters from which on a word may have one wrong."""
RULE, NAMED, MARKED = "RegexEntityExtractor", "LookupExtractor", "ExampleExtractor"


NOTHING = Lexicon()


class Entities:
    """Finds entities; cheap to make, safe to share between threads."""

    def __init__(
        self,
        lexicon: Lexicon | None = None,
        examples: Iterable[Example] = (),
        patterns: Mapping[str, str] | None = None,
    ) -> None:
        self._lexicon, self._examples = lexicon or Lexicon(), tuple(examples)
        self._patterns = {name: pattern for name, pattern in (patterns or {}).items() if pattern}

    def find(self, text: str, today: date) -> tuple[Entity, ...]:
        """Return the entities of a text in order; where two overlap, the rule before the name, then the longer."""
        found = [*self._by_rule(text), *dates(text, today), *self._by_name(text)]
        ranked = sorted(found, key=lambda one: (one.extractor != RULE, one.start - one.end))
        kept: list[Entity] = []
        for one in ranked:
            if all(one.end <= other.start or other.end <= one.start for other in kept):
                kept.append(one)
        return tuple(sorted(kept, key=lambda one: one.start))

    def names(self, keys: Collection[str], text: str) -> bool:
        """Whether a text has an entity of `keys` by its pattern."""
        return any(pattern.search(text) for name, pattern in self._rules if name in keys)

    def _by_rule(self, text: str) -> Iterator[Entity]:
        for name, pattern in self._rules:
            for match in pattern.finditer(text):
                if match.group():
                    yield self._entity(name, match.group(), match.start(), RULE)

    def _by_name(self, text: str) -> Iterator[Entity]:
        """Phrases of one to `longest` words that are a known name, or nearly so."""
        words = [(match.start(), match.end()) for match in _WORDS.finditer(text)]
        longest = max((len(phrase.split()) for phrase in self._names), default=0)
        for first in range(len(words)):
            for last in range(first, min(first + longest, len(words))):
                start, end = words[first][0], words[last][1]
                known = self._known(_plain(text[start:end]))
                if known:
                    name, value, extractor = known
                    yield Entity(name=name, value=value, start=start, end=end, extractor=extractor)

    def _known(self, phrase: str) -> tuple[str, str, str] | None:
        """What a phrase names: as it stands, in the singular, or with one letter wrong."""
        for form in (phrase, phrase.removesuffix("s"), phrase.removesuffix("es")):
            if form in self._names:
                return self._names[form]
        if len(phrase) < _LONG or phrase[0] not in self._initials:
            return None
        near = [name for name in self._initials[phrase[0]] if len(name) >= _LONG and _one_off(phrase, name)]
        return self._names[near[0]] if len(near) == 1 else None

    def _entity(self, name: str, text: str, start: int, extractor: str) -> Entity:
        value = self._lexicon.synonyms.get(text.casefold(), text)
        return Entity(name=name, value=value, start=start, end=start + len(text), extractor=extractor)

    @cached_property
    def _rules(self) -> list[tuple[str, re.Pattern[str]]]:
        """Patterns by entity; one in nlu.yml counts when an example marks an entity of its name, as in Rasa."""
        marked = {
            entity.name for example in self._examples for entity in example.entities
        } | self._lexicon.lookups.keys()
        own = [(name, text) for name, texts in self._lexicon.regexes.items() if name in marked for text in texts]
        rules = [(name, re.compile(text, re.IGNORECASE)) for name, text in (*self._patterns.items(), *own)]
        return [*rules, ("email", _EMAIL)]

    @cached_property
    def _names(self) -> dict[str, tuple[str, str, str]]:
        """(entity, value, extractor) of every known phrase, in lower case."""
        ruled = {name for name, _ in self._rules}
        names = {
            _plain(example.text[entity.start : entity.end]): (entity.name, entity.value, MARKED)
            for example in self._examples
            for entity in example.entities
            if entity.name not in ruled
        }
        for name, phrases in self._lexicon.lookups.items():
            names |= {_plain(phrase): (name, phrase, NAMED) for phrase in phrases}
        said = {_plain(value): found for found in names.values() for value in (found[1],)}
        for text, value in self._lexicon.synonyms.items():
            if found := said.get(_plain(value)):
                names[_plain(text)] = (found[0], value, found[2])
        return {phrase: found for phrase, found in names.items() if phrase}

    @cached_property
    def _initials(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name in self._names:
            found.setdefault(name[0], []).append(name)
        return found


def _plain(text: str) -> str:
    return " ".join(_WORDS.findall(text.casefold().replace("’", "'")))


def _one_off(one: str, other: str) -> bool:
    """Whether one letter more, less, other or swapped makes the one text the other."""
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    first = next((k for k, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    a, b = one[first:], other[first:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])
