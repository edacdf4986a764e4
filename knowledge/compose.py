"""What is said of the quotes that were weighed: the best one, and what belongs to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from frontdesk.knowledge.terms import terms
from frontdesk.knowledge.values import Considered

if TYPE_CHECKING:
    from frontdesk.knowledge.select import Choice

MOST = 3
NEAR, ELSEWHERE = 0.1, 0.04
"""A further sentence must score within this of the best one, of the same document and of another."""


def composed(scored: Iterable[Choice], barred: Mapping[int, str]) -> tuple[tuple[Choice, ...], tuple[Considered, ...]]:
    """Return the best choice and those near it that say something else; and every choice with why it was dropped."""
    chosen: list[Choice] = []
    considered: list[Considered] = []
    for choice in scored:
        why = barred.get(id(choice)) or _objection(choice, chosen)
        considered.append(weighed(choice, why))
        if not why:
            chosen.append(choice)
    return tuple(chosen), tuple(considered)


def _objection(choice: Choice, chosen: Sequence[Choice]) -> str:
    """Return why a choice does not join those chosen so far; empty when it does."""
    if not chosen:
        return ""
    if len(chosen) == MOST:
        return f"{MOST} sentences are enough"
    near = NEAR if choice.hit.document.id == chosen[0].hit.document.id else ELSEWHERE
    if choice.score < chosen[0].score - near:
        return f"scores {chosen[0].score - choice.score:.2f} less than the best"
    if any(_same(choice, other) for other in chosen):
        return "says what a better one says"
    return "another section of the same document" if any(_mixed(choice, other) for other in chosen) else ""


def weighed(choice: Choice, why: str) -> Considered:
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


def _mixed(one: Choice, other: Choice) -> bool:
    """Whether they stand in different sections of one document: two methods joined would make a wrong third."""
    return one.hit.document.id == other.hit.document.id and one.hit.passage.heading != other.hit.passage.heading


def _same(one: Choice, other: Choice) -> bool:
    overlap = one.quote.start < other.quote.end and other.quote.start < one.quote.end
    if overlap and one.hit.document.id == other.hit.document.id:
        return True
    a, b = set(terms(one.quote.text)), set(terms(other.quote.text))
    return len(a & b) >= 0.7 * min(len(a), len(b))
