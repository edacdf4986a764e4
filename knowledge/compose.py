"""What is said of the quotes that were weighed: the best one with what stands around it, as the document has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from frontdesk.knowledge.terms import terms
from frontdesk.knowledge.values import Considered

if TYPE_CHECKING:
    from frontdesk.knowledge.select import Choice

CHARS = 350
"""As much of a section is said around the best quote: a condition and its exception seldom stand in one sentence."""
LEAST = 0.35
"""What stands around the best quote must score within this of it."""
ALSO = 0.1
"""A quote of the same document that scores within this of the best one comes before what stands around it."""
ELSEWHERE, MOST = 0.04, 2
"""A quote of another document must score within this of the best one; so many are added at most."""


def composed(weighed: Sequence[Choice], barred: Mapping[int, str]) -> tuple[tuple[Choice, ...], tuple[Considered, ...]]:
    """Return what is said, in the document's own order, and every choice with why it was dropped, best first.

    `weighed` is ordered, best first; `barred` gives by `id` the reason why a choice may not be said.
    """
    left = [choice for choice in weighed if id(choice) not in barred]
    said = _excerpt(left) + _elsewhere(left) if left else []
    kept = {id(choice) for choice in said}
    reasons = (barred.get(id(one)) or ("" if id(one) in kept else _objection(one, said)) for one in weighed)
    return tuple(said), tuple(shown(one, why) for one, why in zip(weighed, reasons, strict=True))


def _excerpt(left: Sequence[Choice]) -> list[Choice]:
    """Return the best quote, those of its document that are about as good, and what stands around it, as it fits."""
    best = left[0]
    if _whole(best):
        return [best]
    here = [one for one in left if one.hit.document.id == best.hit.document.id and not _whole(one)]
    said = [best]
    for one in here:
        if one.score >= best.score - ALSO and _room(said, one):
            said.append(one)
    near = [one for one in here if one.score >= best.score - LEAST and _section(one) == _section(best)]
    near.sort(key=lambda one: one.quote.start)
    after = [one for one in near if one.quote.start > best.quote.start]
    before = [one for one in near[::-1] if one.quote.start < best.quote.start]
    said += _around(said, after, before)
    return sorted(said, key=lambda one: one.quote.start)


def _around(said: Sequence[Choice], after: Sequence[Choice], before: Sequence[Choice]) -> list[Choice]:
    """Return the next ones after and before in turn, until one has no room."""
    found: list[Choice] = []
    turns = [_apart(side, said) for side in (after, before)]
    while any(turns):
        side = turns[len(found) % 2] or turns[(len(found) + 1) % 2]
        if not _room([*said, *found], side[0]):
            break
        found.append(side.pop(0))
    return found


def _room(said: Sequence[Choice], one: Choice) -> bool:
    """Whether a quote can be said too: it repeats nothing, and all of them are short enough."""
    long = sum(len(other.quote.text) for other in said) + len(one.quote.text) > CHARS
    return not long and not any(_overlap(one, other) for other in said)


def _whole(choice: Choice) -> bool:
    """Whether a quote is said alone: a list of steps is complete, and a table's rows are about different things."""
    return "\n" in choice.quote.text or choice.hit.document.text[choice.quote.start] == "|"


def _apart(choices: Sequence[Choice], said: Sequence[Choice]) -> list[Choice]:
    """Return the choices without those that overlap one before them, or one that is said."""
    kept: list[Choice] = []
    for one in choices:
        if not any(_overlap(one, other) for other in (*kept, *said)):
            kept.append(one)
    return kept


def _elsewhere(left: Sequence[Choice]) -> list[Choice]:
    """Return what other documents say that is about as good and new."""
    said = [left[0]]
    for one in left[1:]:
        other = one.hit.document.id != left[0].hit.document.id
        if other and len(said) <= MOST and not _objection(one, said):
            said.append(one)
    return said[1:]


def _objection(choice: Choice, said: Sequence[Choice]) -> str:
    """Return why a choice is not said beside others; empty when it may be."""
    best = max(said, key=lambda one: one.score)
    if choice.score < best.score - ELSEWHERE:
        return f"scores {best.score - choice.score:.2f} less than the best"
    if any(_same(choice, other) for other in said):
        return "says what a better one says"
    here = choice.hit.document.id == best.hit.document.id
    return "another part of the same document" if here else ""


def shown(choice: Choice, why: str) -> Considered:
    """Return a choice as an explanation shows it."""
    document, quote = choice.hit.document, choice.quote
    return Considered(
        text=quote.text,
        document_id=document.id,
        title=document.title,
        version=document.version,
        start=quote.start,
        end=quote.end,
        score=choice.score,
        why=why,
    )


def _section(choice: Choice) -> tuple[str, ...]:
    return (choice.hit.document.id, *choice.hit.passage.heading)


def _overlap(one: Choice, other: Choice) -> bool:
    near = one.quote.start < other.quote.end and other.quote.start < one.quote.end
    return near and one.hit.document.id == other.hit.document.id


def _same(one: Choice, other: Choice) -> bool:
    a, b = set(terms(one.quote.text)), set(terms(other.quote.text))
    return _overlap(one, other) or len(a & b) >= 0.7 * min(len(a), len(b))
