"""Whether a quote carries a sentence: figures, names, negations and units exactly, the rest by a trained scorer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from frontdesk.bot.text import sentences
from frontdesk.knowledge.claims import objection
from frontdesk.knowledge.terms import terms
from frontdesk.knowledge.values import Scorer

EVIDENCE_WORDS = 110
CARRIES = 0.5
"""The scorer's probability from which a quote carries a sentence: its training moves the best bar to here."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A sentence, the plain words of the quote that should carry it, and the names that the quote stands under."""

    sentence: str
    quote: str
    names: str = ""


class SupportChecker:
    """Checks claims; without a scorer, by what they state exactly and by their words alone."""

    def __init__(self, scorer: Scorer | None = None) -> None:
        self._scorer = scorer

    def objections(self, claims: Sequence[Claim]) -> list[str]:
        """Return per claim why its quote does not carry it, empty when it does; raises ModelError."""
        found = [objection(claim.sentence, claim.quote, claim.names) for claim in claims]
        left = [k for k, why in enumerate(found) if not why]
        for k, score in zip(left, self.probabilities([claims[k] for k in left]), strict=True):
            if score < CARRIES:
                found[k] = f"its quote does not carry it ({score:.2f})"
        return found

    def probabilities(self, claims: Sequence[Claim]) -> list[float]:
        """Return per claim how likely its quote carries it: the scorer's word, else the share of telling words."""
        if self._scorer is None:
            return [shared(claim.sentence, f"{claim.names} {claim.quote}") for claim in claims]
        return [float(score) for score in self._scorer.score([shown(claim) for claim in claims])]


def shown(claim: Claim) -> tuple[str, str]:
    """Return the two texts that the scorer reads."""
    quote = evidence(claim.quote, claim.sentence)
    return (f"{claim.names}: {quote}" if claim.names else quote), claim.sentence


def shared(sentence: str, quote: str) -> float:
    """Return the share of a sentence's telling words that stand in a quote; 0 for a sentence that has none."""
    said, there = terms(sentence), set(terms(quote))
    return sum(term in there for term in said) / len(said) if said else 0.0


def evidence(text: str, sentence: str, words: int = EVIDENCE_WORDS) -> str:
    """Return the sentences of `text` that share most with `sentence`, in their order, about `words` words in all.

    A short text is returned whole.
    """
    if len(text.split()) <= words:
        return text
    said, pieces = set(terms(sentence)), sentences(text)
    order = sorted(range(len(pieces)), key=lambda k: -len(said & set(terms(pieces[k]))))
    kept: list[int] = []
    for k in order:
        if kept and sum(len(pieces[j].split()) for j in (*kept, k)) > words:
            break
        kept.append(k)
    return " ".join(pieces[k] for k in sorted(kept))
