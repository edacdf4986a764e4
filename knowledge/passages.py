"""Structure-aware splitting of a document into passages with heading path and exact character spans."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from frontdesk.bot.text import sentence_spans
from frontdesk.knowledge import quotes
from frontdesk.knowledge.blocks import Block, blocks, plain
from frontdesk.knowledge.values import Document, Passage, Quote, Span

_STEPS = re.compile(r"\b(?:steps?|instructions|as follows)\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Piece:
    """The smallest span that is never cut, with the lead it needs when it starts a passage of its own."""

    start: int
    end: int
    heading: tuple[str, ...]
    lead: Span | None = None


def split(document: Document, limit: int) -> list[Passage]:
    """Return the passages of `document`, in order, none longer than `limit` unless one line or word is.

    Passages never cross a heading; a table's later passages carry its header as lead, a list's its lead-in.
    """
    found = list(blocks(document.text))
    if found and found[0].heading[:1] == (document.title,):
        found = [_under(block, document.title) for block in found]
    led = list(zip(found, _leads(document.text, found), strict=True))
    pieces = [piece for block, lead in led for piece in _pieces(document.text, block, lead, limit)]
    said = [quote for block, lead in led for quote in _quotes(document, block, lead)]
    said += _cures(document, led)
    said.sort(key=lambda quote: quote.end)
    return [_with_quotes(passage, said) for passage in _pack(document.text, pieces, limit)]


def _under(block: Block, title: str) -> Block:
    """Drop the document's own title from a heading path."""
    path = block.heading[1:] if block.heading[:1] == (title,) else block.heading
    return Block(kind=block.kind, start=block.start, end=block.end, heading=path, parts=block.parts)


def _leads(text: str, found: list[Block]) -> Iterator[Span | None]:
    """Yield for each block the span that introduces it: a list's lead-in, a table's header row and ruler."""
    before: Block | None = None
    for block in found:
        if block.kind == "table" and len(block.parts) > 1:
            yield block.start, block.parts[0][1]
        elif block.kind == "list" and before and before.kind == "paragraph" and before.heading == block.heading:
            yield _last_sentence(text, before, steps=text[block.start].isdigit())
        else:
            yield None
        if not _shown(text, block):
            before = block


def _shown(text: str, block: Block) -> bool:
    """Whether a block is only a picture."""
    return block.kind == "paragraph" and text.startswith("![", block.start) and not plain(text[block.start : block.end])


def _last_sentence(text: str, block: Block, steps: bool) -> Span | None:
    """Return the span of the closing sentence of a paragraph that leads to a list: by a colon, or by naming `steps`."""
    spans = sentence_spans(text[block.start : block.end].replace("\n", " "))
    start = block.start + spans[-1][0]
    leads = text[block.end - 1] == ":" or (steps and _STEPS.search(text, start, block.end))
    return (start, block.end) if leads else None


def _pieces(text: str, block: Block, lead: Span | None, limit: int) -> Iterator[Piece]:
    if block.kind == "other":
        return
    if block.end - block.start <= limit:
        yield Piece(start=block.start, end=block.end, heading=block.heading, lead=lead)
        return
    inside = sentence_spans(text[block.start : block.end])
    spans = list(block.parts) or [(block.start + a, block.start + b) for a, b in inside]
    if block.kind == "table":
        spans = [(block.start, spans[1][1] if len(spans) > 1 else spans[0][1]), *spans[2:]]
    for start, end in spans:
        for a, b in _cut(text, start, end, limit):
            yield Piece(start=a, end=b, heading=block.heading, lead=lead)


def _cut(text: str, start: int, end: int, limit: int) -> Iterator[Span]:
    """Cut an over-long span at white space."""
    while end - start > limit:
        space = text.rfind(" ", start + limit // 2, start + limit)
        stop = space if space > 0 else start + limit
        yield start, stop
        start = stop + (text[stop] == " ")
    if start < end:
        yield start, end


def _pack(text: str, pieces: list[Piece], limit: int) -> Iterator[Passage]:
    """Join neighbours under one heading while they fit and nothing unquotable lies between them."""
    group: list[Piece] = []
    for piece in pieces:
        if group and not _fits(text, group, piece, limit):
            yield _passage(group)
            group = []
        group.append(piece)
    if group:
        yield _passage(group)


def _fits(text: str, group: list[Piece], piece: Piece, limit: int) -> bool:
    same = piece.heading == group[0].heading and piece.end - group[0].start <= limit
    return same and not text[group[-1].end : piece.start].strip()


def _passage(group: list[Piece]) -> Passage:
    first, last = group[0], group[-1]
    lead = first.lead if first.lead and first.lead[0] < first.start else None
    return Passage(start=first.start, end=last.end, heading=first.heading, lead=lead)


def _quotes(document: Document, block: Block, lead: Span | None) -> list[Quote]:
    subject = block.heading[-1] if block.heading and not document.title else document.title
    return quotes.of(document.text, block, lead if block.kind == "list" else None, subject)


def _cures(document: Document, led: list[tuple[Block, Span | None]]) -> Iterator[Quote]:
    """Yield each short section under a symptom, whole."""
    for _, section in groupby(led, key=lambda one: one[0].heading):
        if found := quotes.cure(document.text, list(section), document.title):
            yield found


def _with_quotes(passage: Passage, said: list[Quote]) -> Passage:
    """Attach the quotes that end inside the passage, and those of several lines that reach into it."""
    inside = bisect_right(said, passage.start, key=_end)
    ended = bisect_right(said, passage.end, key=_end)
    reaching = [quote for quote in said[ended:] if quote.start < passage.end and "\n" in quote.text]
    own = (*said[inside:ended], *reaching)
    return Passage(start=passage.start, end=passage.end, heading=passage.heading, lead=passage.lead, quotes=own)


def _end(quote: Quote) -> int:
    return quote.end
