"""Reordering what was found by a cross-encoder, which reads question and passage together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from frontdesk.knowledge.values import Hit, Scorer

RERANKED = 24
"""How many of the best passages are read again; those after them keep their places."""


def reranked(question: str, hits: Sequence[Hit], scorer: Scorer) -> list[Hit]:
    """Return `hits` in the scorer's order; the fused scores stay with the places. Raises what the scorer raises."""
    best, rest = hits[:RERANKED], hits[RERANKED:]
    scores = scorer.score([(question, f"{' — '.join(hit.heading)}: {hit.text}") for hit in best])
    order = sorted(range(len(best)), key=lambda at: -float(scores[at]))
    return [replace(best[at], score=place.score) for at, place in zip(order, best, strict=True)] + list(rest)
