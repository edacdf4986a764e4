"""Ranked passages -> the few that are handed on: no document takes all places, and what must be there is."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from frontdesk.knowledge.index import Generation
from frontdesk.knowledge.values import Hit, Span

FIRST, CROWD, LINKING = 5, 2, 2
"""The best passages come first, then at most so many of a document; whose best documents' links are followed."""


def shortlist(index: Generation, ranked: Sequence[int], wanted: Sequence[int], k: int) -> list[int]:
    """Return `k` of the ranked passages: the best and, in the last places, what is `wanted` and what the best link to.

    The first ones keep their places whatever is wanted.
    """
    order = spread(ranked, index.owner[list(ranked)].tolist())
    places = max(k - FIRST, 0)
    there = set(order[:k])
    late = [at for at in dict.fromkeys([*wanted, *_linked(index, order, k)]) if at not in there][:places]
    kept = {*order[:FIRST], *wanted}
    best = order[:k]
    while len(best) + len(late) > k:
        out = next((at for at in range(len(best) - 1, FIRST - 1, -1) if best[at] not in kept), None)
        if out is None:
            late = late[: k - len(best)]
        else:
            del best[out]
    return [*best, *late]


def _linked(index: Generation, order: Sequence[int], k: int) -> list[int]:
    """Return the best passage of a document that the best ones link to, when none of those is among the first `k`."""
    firsts = list(dict.fromkeys(index.owner[list(order[:k])].tolist()))
    linked = {to for at in firsts[:LINKING] for to in index.links.of(index.stored[at].document.id)}
    linked.difference_update(index.stored[at].document.id for at in firsts if linked)
    return [at for at in order[k:] if index.stored[at].document.id in linked][:1] if linked else []


def once(hits: Sequence[Hit]) -> Iterator[Hit]:
    """Yield the hits, each quote with the first of them only: a long list belongs to all passages that it reaches."""
    of = Counter(hit.document.id for hit in hits)
    seen: dict[str, set[Span]] = defaultdict(set)
    for hit in hits:
        if of[hit.document.id] == 1:
            yield hit
            continue
        here = seen[hit.document.id]
        quotes = {(quote.start, quote.end): quote for quote in hit.passage.quotes}
        fresh = tuple(quote for span, quote in quotes.items() if span not in here)
        here.update(quotes)
        yield hit if len(fresh) == len(quotes) else replace(hit, passage=replace(hit.passage, quotes=fresh))


def spread(ranked: Sequence[int], owners: Sequence[int]) -> list[int]:
    """Return the first passages as they rank, then those of documents that have few before those that have many.

    A question that needs several documents finds them all among a few passages. `owners` has each one's document.
    """
    seen: dict[int, int] = {}
    early, late = list[int](), list[int]()
    for place, (at, owner) in enumerate(zip(ranked, owners, strict=True)):
        before = seen.get(owner, 0)
        (late if place >= FIRST and before >= CROWD else early).append(at)
        seen[owner] = before + 1
    return early + late
