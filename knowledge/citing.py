"""Sentences with their numbered, verbatim citations."""

from __future__ import annotations

from collections.abc import Sequence

from frontdesk.bot.types import Citation, Sentence, Support
from frontdesk.knowledge.values import Document, Hit, Quote, Span


class Citing:
    """Numbers the quotes of one answer from 1; a quote that is cited again keeps its number."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str, Span], int] = {}

    def sentence(self, text: str, hit: Hit, quotes: Sequence[Quote]) -> Sentence:
        """Return `text` with the citations of the `quotes` of a passage that carry it."""
        document = hit.document
        citations = tuple(self._citation(document, span) for quote in quotes for span in quote.spans)
        start, end = quotes[0].start, quotes[-1].end
        support = Support(kind="quote", source=f"{document.id}@{document.version[:12]}:{start}-{end}")
        return Sentence(text=text, citations=citations, support=support)

    def _citation(self, document: Document, span: Span) -> Citation:
        number = self._numbers.setdefault((document.id, document.version, span), len(self._numbers) + 1)
        return Citation(
            number=number,
            document_id=document.id,
            title=document.title,
            url=document.url,
            version=document.version,
            quote=document.text[slice(*span)],
            start=span[0],
            end=span[1],
        )
