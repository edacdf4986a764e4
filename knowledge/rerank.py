"""Reordering what was found by a cross-encoder, which reads question and passage together."""

from __future__ import annotations

from collections.abc import Sequence

from frontdesk.knowledge.values import Hit, Scorer

RERANKED = 24
"""How many of the best passages are read again; those after them keep their places."""


def reordered(question: str, hits: Sequence[Hit], scorer: Scorer) -> list[int]:
    """Return the places of `hits` in the scorer's order. Raises what the scorer raises."""
    scores = scorer.score([(question, f"{' — '.join(hit.heading)}: {hit.text}") for hit in hits])
    return sorted(range(len(hits)), key=lambda at: -float(scores[at]))
