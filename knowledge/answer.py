"""The extractive answer: a LangChain runnable that retrieves, selects the best supported sentences and cites them.

No language model. Each sentence is a verbatim quote of a document (markup removed for reading); when nothing is good
enough the answer is empty and the bot abstains.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING

from frontdesk.bot.types import Citation, Encoder, Sentence, Support
from frontdesk.knowledge.confidence import Confidence
from frontdesk.knowledge.index import Generation
from frontdesk.knowledge.retrieve import retrieve
from frontdesk.knowledge.select import Choice, Selection, Selector
from frontdesk.knowledge.values import Hit, Question

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

HITS = 8


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question on its way through the chain, with the index it is asked of."""

    index: Generation
    question: Question


@dataclass(frozen=True, kw_only=True)
class Retrieved:
    """A question with the passages found for it."""

    asked: Asked
    hits: tuple[Hit, ...]


class Extractive:
    """Retrieve, select, cite: one LangChain chain per encoder."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder, self._selector = encoder, Selector(encoder)

    def run(self, index: Generation, question: Question) -> tuple[Sentence, ...]:
        """Return the cited sentences that answer `question`, best first; empty to abstain."""
        sentences: tuple[Sentence, ...] = self.chain.invoke(Asked(index=index, question=question))
        return sentences

    @cached_property
    def chain(self) -> Runnable[Asked, tuple[Sentence, ...]]:
        """The main path: `Asked -> Retrieved -> Selection -> tuple[Sentence, ...]`."""
        from langchain_core.runnables import RunnableLambda

        return RunnableLambda(self.retrieve) | RunnableLambda(self.select) | RunnableLambda(cite)

    def retrieve(self, asked: Asked) -> Retrieved:
        """Find the passages."""
        return Retrieved(asked=asked, hits=tuple(retrieve(asked.index, self._encoder, asked.question, HITS)))

    def candidates(self, asked: Asked) -> Selection:
        """Return the best sentences with their features, before any abstention: what the confidence is fitted on."""
        found = self.retrieve(asked)
        return self._selector.select(asked.index, asked.question, found.hits)

    def select(self, found: Retrieved) -> Selection:
        """Choose the sentences, or none when the confidence is below its threshold."""
        selection = self._selector.select(found.asked.index, found.asked.question, found.hits)
        return selection if self._confidence.accepts(selection.features) else selection.empty()

    @cached_property
    def _confidence(self) -> Confidence:
        return Confidence.shipped()


def cite(selection: Selection) -> tuple[Sentence, ...]:
    """Give each chosen sentence its numbered, verbatim citations."""
    numbers = count(1)
    return tuple(_sentence(choice, numbers) for choice in selection.choices)


def _sentence(choice: Choice, numbers: Iterator[int]) -> Sentence:
    document, quote = choice.hit.document, choice.quote
    citations = tuple(
        Citation(
            number=next(numbers),
            document_id=document.id,
            title=document.title,
            url=document.url,
            version=document.version,
            quote=document.text[start:end],
            start=start,
            end=end,
        )
        for start, end in quote.spans
    )
    support = Support(kind="quote", source=f"{document.id}@{document.version[:12]}:{quote.start}-{quote.end}")
    return Sentence(text=quote.text, citations=citations, support=support)
