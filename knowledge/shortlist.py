"""Ranked passages -> the few that are handed on: no document takes all places, and what must be there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from frontdesk.knowledge.index import Generation
from frontdesk.knowledge.values import Hit

FIRST, CROWD, LINKING = 5, 2, 2
"""The best passages come first, then at most so many of a document; whose best documents' links are followed."""


def shortlist(index: Generation, ranked: Sequence[Hit], wanted: Sequence[Hit], k: int) -> list[Hit]:
    """Return `k` of the ranked hits: the best ones and, in the last places, what is `wanted` and what those link to.

    The first ones keep their places whatever is wanted; each quote is given once.
    """
    hits = spread(ranked)
    places = max(k - FIRST, 0)
    there = {spot(hit) for hit in hits[:k]}
    missing = {spot(hit): hit for hit in [*wanted, *_linked(index, hits, k)] if spot(hit) not in there}
    late = list(missing.values())[:places]
    kept = {spot(hit) for hit in [*hits[:FIRST], *wanted]}
    best = hits[:k]
    while len(best) + len(late) > k:
        out = next((at for at in range(len(best) - 1, FIRST - 1, -1) if spot(best[at]) not in kept), None)
        if out is None:
            late = late[: k - len(best)]
        else:
            del best[out]
    return list(_once([*best, *late]))


def spot(hit: Hit) -> tuple[str, int]:
    """Return what tells a passage from all others."""
    return hit.document.id, hit.passage.start


def _linked(index: Generation, hits: Sequence[Hit], k: int) -> list[Hit]:
    """Return the best hit of a document that the best documents link to, when none of those is among the first `k`."""
    best = list(dict.fromkeys(hit.document.id for hit in hits[:k]))[:LINKING]
    linked = {to for one in best for to in index.links.of(one)} - {hit.document.id for hit in hits[:k]}
    return [hit for hit in hits[k:] if hit.document.id in linked][:1]


def _once(hits: Sequence[Hit]) -> Iterator[Hit]:
    """Yield the hits, each quote with the first of them only: a long list belongs to all passages that it reaches."""
    seen: set[tuple[str, int, int]] = set()
    for hit in hits:
        keys = {(hit.document.id, quote.start, quote.end): quote for quote in hit.passage.quotes}
        fresh = tuple(quote for key, quote in keys.items() if key not in seen)
        seen.update(keys)
        yield hit if len(fresh) == len(keys) else replace(hit, passage=replace(hit.passage, quotes=fresh))


def spread(hits: Sequence[Hit]) -> list[Hit]:
    """Return the first hits as they rank, then those of documents that have few before those that have many.

    A question that needs several documents finds them all among a few passages.
    """
    seen: Counter[str] = Counter()
    early, late = list[Hit](), list[Hit]()
    for place, hit in enumerate(hits):
        crowded = place >= FIRST and seen[hit.document.id] >= CROWD
        (late if crowded else early).append(hit)
        seen[hit.document.id] += 1
    return early + late
