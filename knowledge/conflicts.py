"""Documents that disagree: the newer valid one is cited, and the operator is told.

Two quotes conflict when they say the same words about the same thing, but with other figures of one unit, or one of
them with a negation. A name, model or condition that only one of them has makes them quotes about two things: no
conflict.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, Text

from frontdesk.knowledge import documents as sql
from frontdesk.knowledge.documents import Documents
from frontdesk.knowledge.phrasings import reworded
from frontdesk.knowledge.schema import DOCUMENT
from frontdesk.knowledge.select import Choice
from frontdesk.knowledge.terms import stem, terms
from frontdesk.knowledge.values import Document, Scope

_FIGURE = re.compile(r"([$€£])?\s?(\d+(?:[.,:]\d+)*)(?:\s?(%)|[ -]([^\W\d_]+))?")
_NEGATION = re.compile(r"\b(?:not|no|never|cannot|without|none|neither|nor)\b|\b\w+n['’]t\b", re.IGNORECASE)
_SPELLED = {"one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8"}
_SPELLED |= {
    "nine": "9",
    "ten": "10",
    "twelve": "12",
    "fourteen": "14",
    "fifteen": "15",
    "twenty": "20",
    "thirty": "30",
}
_LIGHT = frozenset(
    terms(
        "can may must will get take give make please customer people item usually always currently now today within "
        "after before up least most maximum minimum exactly about date day possible allowed offer accept return each"
    )
)
"""Words that come and go between two wordings of the same thing."""
_WORD = re.compile(r"[^\W_][\w'’+-]*")

_meta = MetaData()
CONFLICT = Table(
    "conflict",
    _meta,
    Column("id", Integer, primary_key=True),
    Column("kept", String, nullable=False),
    Column("kept_version", String(64), nullable=False),
    Column("dropped", String, nullable=False),
    Column("dropped_version", String(64), nullable=False),
    Column("text", Text, nullable=False, unique=True),
    Column("question", Text, nullable=False),
    Column("times", Integer, nullable=False),
    Column("seen_at", String(40), nullable=False),
)
"""What documents were found to disagree about: both versions, what the operator is told, and the last question."""


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """Two quotes of different documents that answer the same with different figures, or one of them with a not."""

    kept: Choice
    dropped: Choice
    why: str

    def __str__(self) -> str:
        """Tell the operator, in one sentence."""
        kept, dropped = self.kept.hit.document, self.dropped.hit.document
        return (
            f"“{kept.title or kept.id}” ({kept.id}) says “{self.kept.quote.text}”, but “{dropped.title or dropped.id}” "
            f"({dropped.id}) says “{self.dropped.quote.text}”; {self.why}."
        )


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """The choices that may be cited, in their order, and why each other one may not."""

    kept: tuple[Choice, ...]
    dropped: tuple[tuple[Choice, str], ...] = ()
    conflicts: tuple[Conflict, ...] = ()


Since = Callable[[Document], str]
"""Returns the ISO date, or time, since which a document says what it says; empty when nobody knows."""


def stated(document: Document) -> str:
    """Return the date from which a document says it is valid."""
    return document.valid_from


def resolve(choices: Sequence[Choice], scope: Scope, since: Since = stated) -> Resolved:
    """Return which of `choices`, best first, may be cited on the day of `scope`: of two that disagree, the newer one.

    Where neither is newer, the better one is kept; the operator is told in either case.
    """
    day = scope.day or datetime.now(UTC).date().isoformat()
    dropped = {at: why for at, choice in enumerate(choices) if (why := untimely(choice.hit.document, day))}
    lower = _lower(choice.hit.document for choice in choices)
    conflicts: list[Conflict] = []
    for at, one in enumerate(choices):
        for after in range(at + 1, len(choices)):
            if at in dropped or after in dropped or not disagree(one, choices[after], lower):
                continue
            loser, conflict = _settled(at, after, choices, since)
            dropped[loser] = f"disagrees with {conflict.kept.hit.document.id}"
            conflicts.append(conflict)
    kept = tuple(choice for at, choice in enumerate(choices) if at not in dropped)
    reasons = tuple((choices[at], why) for at, why in sorted(dropped.items()))
    return Resolved(kept=kept, dropped=reasons, conflicts=tuple(conflicts))


def untimely(document: Document, day: str) -> str:
    """Return why a document may not be cited on `day`; empty when it may."""
    if document.expires and document.expires[:10] <= day[:10]:
        return f"expired on {document.expires}"
    return f"valid only from {document.valid_from}" if document.valid_from[:10] > day[:10] else ""


def _settled(at: int, after: int, choices: Sequence[Choice], since: Since) -> tuple[int, Conflict]:
    """Return which of two choices is dropped, and the conflict."""
    first, second = (since(choices[one].hit.document)[:10] for one in (at, after))
    loser, winner = (at, after) if second > first else (after, at)
    dates = sorted((first, second))
    why = f"the newer one ({dates[1]}) is cited" if first != second else "neither is newer; the better match is cited"
    return loser, Conflict(kept=choices[winner], dropped=choices[loser], why=why)


def disagree(one: Choice, other: Choice, lower: frozenset[str] = frozenset()) -> bool:
    """Whether two quotes are about the same thing and cannot both be right; `lower` are words known not to be names."""
    if one.hit.document.id == other.hit.document.id:
        return False
    a, b = reworded(one.quote.text), reworded(other.quote.text)
    mine, theirs = _words(a), _words(b)
    common = mine & theirs
    spare, lacking = mine - theirs - _LIGHT, theirs - mine - _LIGHT
    if not common or spare or lacking or _names(one, lower) ^ _names(other, lower):
        return False
    figures, others = _figures(a), _figures(b)
    if any(figures[unit].isdisjoint(others[unit]) for unit in figures.keys() & others.keys()):
        return True
    same = figures == others and len(common) > 1
    return same and bool(_NEGATION.search(a)) != bool(_NEGATION.search(b))


def _words(text: str) -> frozenset[str]:
    """Return what a quote is about: its words without figures, their units and negations."""
    bare = _NEGATION.sub(" ", _FIGURE.sub(" ", _spelled(text)))
    return frozenset(terms(bare))


def _figures(text: str) -> Mapping[str, set[str]]:
    """Return the figures of a text by what they count; those that count nothing named are left out."""
    found: dict[str, set[str]] = {}
    for currency, number, percent, unit in _FIGURE.findall(_spelled(text)):
        if counted := currency or percent or stem(unit.lower()):
            found.setdefault(counted, set()).add(re.sub(r",(?=\d{3}\b)|[.:]0+$", "", number))
    return found


def _spelled(text: str) -> str:
    return _WORD.sub(lambda match: _SPELLED.get(match.group().lower(), match.group()), text)


def _names(choice: Choice, lower: frozenset[str]) -> frozenset[str]:
    """Return the names in a quote and what stands over it: models, and capitalised words never seen otherwise."""
    context = " ".join(value for value in choice.hit.document.context.values() if not value.isdigit())
    named = " ".join((*choice.hit.heading, context))
    words = [*_WORD.findall(named), *_WORD.findall(choice.quote.text)[1:]]
    models = {word.lower() for word in words if re.search(r"\d", word) and re.search(r"[^\W\d_]", word)}
    capital = {stem(word.lower()) for word in words if word[0].isupper()}
    known = {stem(term) for term in _LIGHT} | lower
    return frozenset(models | {word for word in capital - known if terms(word)})


def _lower(documents: Iterable[Document]) -> frozenset[str]:
    """Return the words that stand without a capital in some document: they are no names."""
    texts = {document.version: f"{document.title} {document.text}" for document in documents}
    return frozenset(stem(word) for text in texts.values() for word in _WORD.findall(text) if word[0].islower())


class Disagreements:
    """Settles the conflicts of one knowledge base and keeps them for the operator, in its `knowledge.db`."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def resolve(self, choices: Sequence[Choice], scope: Scope) -> Resolved:
        """Return which choices may be cited; a document that states no date is as old as its ingest."""
        return resolve(choices, scope, self._since)

    def _since(self, document: Document) -> str:
        if document.valid_from:
            return document.valid_from
        with self._documents.transaction() as connection:
            row = DOCUMENT.c
            wanted = (row.id == document.id) & (row.version == document.version) & row.valid_to.is_(None)
            return connection.scalar(sa.select(row.valid_from).where(wanted)) or ""

    def record(self, question: str, conflicts: Sequence[Conflict]) -> None:
        """Keep what was found; the same conflict again is counted."""
        with self._documents.transaction() as connection:
            _meta.create_all(connection)
            for conflict in conflicts:
                _put(connection, question, conflict)

    def texts(self) -> list[str]:
        """Return what the operator is told of conflicts between current documents, the latest first."""
        with self._documents.transaction() as connection:
            if not sa.inspect(connection).has_table(CONFLICT.name):
                return []
            current = {(name, version) for name, (_, version) in sql.current(connection).items()}
            rows = connection.execute(
                sa.select(CONFLICT).order_by(CONFLICT.c.seen_at.desc(), CONFLICT.c.id.desc())
            ).all()
            pairs = {r.id: {(r.kept, r.kept_version), (r.dropped, r.dropped_version)} for r in rows}
            settled = [one for one, pair in pairs.items() if not pair <= current]
            connection.execute(sa.delete(CONFLICT).where(CONFLICT.c.id.in_(settled)))
        return [row.text for row in rows if row.id not in settled]


def _put(connection: Connection, question: str, conflict: Conflict) -> None:
    kept, dropped, text = conflict.kept.hit.document, conflict.dropped.hit.document, str(conflict)
    seen = {"question": question, "seen_at": datetime.now(UTC).isoformat()}
    here = CONFLICT.c.text == text
    if connection.execute(sa.update(CONFLICT).where(here).values(times=CONFLICT.c.times + 1, **seen)).rowcount:
        return
    first = {"kept": kept.id, "kept_version": kept.version}
    second = {"dropped": dropped.id, "dropped_version": dropped.version}
    connection.execute(sa.insert(CONFLICT).values(text=text, times=1, **first, **second, **seen))
