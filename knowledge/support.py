"""Whether a quote carries a sentence: figures, names, negations and units exactly, the rest by a trained scorer."""

from __future__ import annotations

from frontdesk.bot.text import sentences
from frontdesk.knowledge.terms import terms

EVIDENCE_WORDS = 110


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
