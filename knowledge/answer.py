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
from frontdesk.knowledge.retrieve import phrasings, retrieve
from frontdesk.knowledge.select import Choice, Selection, Selector
from frontdesk.knowledge.values import Explanation, Hit, Question

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


@dataclass(frozen=True, kw_only=True)
class Selected:
    """What was found, what of it was chosen, and how sure that is."""

    found: Retrieved
    selection: Selection
    probability: float
    threshold: float


class Extractive:
    """Retrieve, select, cite: one LangChain chain per encoder."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder, self._selector = encoder, Selector(encoder)

    def run(self, index: Generation, question: Question) -> tuple[Sentence, ...]:
        """Return the cited sentences that answer `question`, best first; empty to abstain."""
        return self.explain(index, question).sentences

    def explain(self, index: Generation, question: Question) -> Explanation:
        """Return the answer with how it came about: the same run."""
        explanation: Explanation = self.chain.invoke(Asked(index=index, question=question))
        return explanation

    @cached_property
    def chain(self) -> Runnable[Asked, Explanation]:
        """The main path: `Asked -> Retrieved -> Selected -> Explanation`."""
        from langchain_core.runnables import RunnableLambda

        return RunnableLambda(self.retrieve) | RunnableLambda(self.select) | RunnableLambda(explained)

    def retrieve(self, asked: Asked) -> Retrieved:
        """Find the passages."""
        return Retrieved(asked=asked, hits=tuple(retrieve(asked.index, self._encoder, asked.question, HITS)))

    def candidates(self, asked: Asked) -> Selection:
        """Return the best sentences with their features, before any abstention: what the confidence is fitted on."""
        found = self.retrieve(asked)
        return self._selector.select(asked.index, asked.question, found.hits)

    def select(self, found: Retrieved) -> Selected:
        """Choose the sentences, or none when the confidence is below its threshold."""
        selection = self._selector.select(found.asked.index, found.asked.question, found.hits)
        probability, threshold = self._confidence.probability(selection.features), self._confidence.threshold
        if probability < threshold:
            selection = selection.empty(f"not sure enough: {probability:.2f}, wanted {threshold:.2f}")
        return Selected(found=found, selection=selection, probability=probability, threshold=threshold)

    @cached_property
    def _confidence(self) -> Confidence:
        return Confidence.shipped()


def explained(selected: Selected) -> Explanation:
    """Cite what was chosen, and say how it came about."""
    question = selected.found.asked.question
    return Explanation(
        question=question,
        searched=question.text,
        phrasings=tuple(phrasings(question.text)),
        hits=selected.found.hits,
        considered=selected.selection.considered,
        probability=selected.probability,
        threshold=selected.threshold,
        sentences=cite(selected.selection),
    )


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
