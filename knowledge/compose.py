"""What is said of the quotes that were weighed: the best one, and what belongs to it, in the document's own order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from frontdesk.knowledge.terms import terms
from frontdesk.knowledge.values import Considered

if TYPE_CHECKING:
    from frontdesk.knowledge.select import Choice

MOST = 3
NEAR, ELSEWHERE = 0.1, 0.04
"""A further quote must score within this of the best one, of the same document and of another."""
ANSWERS = 0.5
"""The least a further quote must be to the reader, when there is one."""


def composed(weighed: Sequence[Choice], barred: Mapping[int, str]) -> tuple[tuple[Choice, ...], tuple[Considered, ...]]:
    """Return what is said, and every choice with why it was dropped, best first.

    `weighed` is ordered, best first; `barred` gives by `id` the reason why a choice may not be said. Quotes of the best
    one's document are said in its order: steps and conditions follow each other as they were written.
    """
    chosen: list[Choice] = []
    considered: list[Considered] = []
    for choice in weighed:
        why = barred.get(id(choice)) or _objection(choice, chosen)
        considered.append(shown(choice, why))
        if not why:
            chosen.append(choice)
    return tuple(_in_order(chosen)), tuple(considered)


def _objection(choice: Choice, chosen: Sequence[Choice]) -> str:
    """Return why a choice does not join those chosen so far; empty when it does."""
    if not chosen:
        return ""
    best = chosen[0]
    if len(chosen) == MOST:
        return f"{MOST} sentences are enough"
    near = NEAR if choice.hit.document.id == best.hit.document.id else ELSEWHERE
    if choice.score < best.score - near:
        return f"scores {best.score - choice.score:.2f} less than the best"
    if best.read and choice.read < ANSWERS:
        return "does not answer by itself"
    if any(_same(choice, other) for other in chosen):
        return "says what a better one says"
    return "another section of the same document" if any(_mixed(choice, other) for other in chosen) else ""


def _in_order(chosen: Sequence[Choice]) -> list[Choice]:
    """Return the choices as they are said: the best one's document first, in its order, then the others'."""
    here = [choice for choice in chosen if choice.hit.document.id == chosen[0].hit.document.id]
    elsewhere = [choice for choice in chosen if choice.hit.document.id != chosen[0].hit.document.id]
    return sorted(here, key=lambda choice: choice.quote.start) + elsewhere


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


def _mixed(one: Choice, other: Choice) -> bool:
    """Whether they stand in different sections of one document: two methods joined would make a wrong third."""
    return one.hit.document.id == other.hit.document.id and one.hit.passage.heading != other.hit.passage.heading


def _same(one: Choice, other: Choice) -> bool:
    overlap = one.quote.start < other.quote.end and other.quote.start < one.quote.end
    if overlap and one.hit.document.id == other.hit.document.id:
        return True
    a, b = set(terms(one.quote.text)), set(terms(other.quote.text))
    return len(a & b) >= 0.7 * min(len(a), len(b))
