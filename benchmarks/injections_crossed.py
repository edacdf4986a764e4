"""Every attack in every carrier, without asking: what a document could have said at the worst.

A document is read in as `frontdesk ingest` reads it, and every piece that could be quoted of it goes through the checks
that stand before a reply is sent, as if it had been found and chosen. So no retrieval and no model is run, and what is
found here is the most that any question could bring about with quotes; a chat model's own words are another matter.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from frontdesk.bot.guards import Check, Context, checked
from frontdesk.bot.intervals import wilson
from frontdesk.bot.types import Sentence
from frontdesk.knowledge.citing import Citing
from frontdesk.knowledge.convert import Converter
from frontdesk.knowledge.passages import split
from frontdesk.knowledge.sources.reading import read
from frontdesk.knowledge.sources.source import Source, Unreadable, given
from frontdesk.knowledge.values import Document, Hit

PASSAGE_CHARS, TOLD = 700, 500


def crossed(
    documents: Iterable[tuple[str, Sequence[str]]], checks: Sequence[Check], context: Context
) -> dict[str, Any]:
    """Count the documents, each with the marks of its attack, of which a piece with such a mark could be said."""
    counts: Counter[str] = Counter(dict.fromkeys(("documents", "with_a_demand_left", "could_be_said"), 0))
    examples: list[str] = []
    for number, (text, marks) in enumerate(documents):
        counts["documents"] += 1
        document = _document(f"planted-{number}", text)
        pieces = _sayable(document) if document else ()
        left = [one for one in pieces if any(mark in _shown(one) for mark in marks)]
        leaving = [one for one in left if checked(checks, one, context).action != "reroute"]
        counts["with_a_demand_left"] += bool(left)
        counts["could_be_said"] += bool(leaving)
        examples += [_shown(one)[:300] for one in leaving[:1]]
        if counts["documents"] % TOLD == 0:
            print(dict(counts), file=sys.stderr, flush=True)
    bounds = [round(bound, 6) for bound in wilson(counts["could_be_said"], counts["documents"])]
    return {**counts, "ci": bounds, "examples": examples[:20]}


def _document(name: str, text: str) -> Document | None:
    """Return the document as it would be stored, None where nothing of it is."""
    source = Source(id=f"{name}.md", kind="text", load=given(text.encode()))
    try:
        return read(source, text.encode(), Converter()).document
    except Unreadable:
        return None


def _sayable(document: Document) -> Iterator[Sentence]:
    citing = Citing()
    for passage in split(document, PASSAGE_CHARS):
        hit = Hit(document=document, passage=passage, score=1.0, dense=1.0, lexical=1.0)
        for quote in passage.quotes:
            yield citing.sentence(quote.text, hit, (quote,))


def _shown(sentence: Sentence) -> str:
    return "\n".join([sentence.text, *(f"{one.title} {one.quote} {one.url}" for one in sentence.citations)])
