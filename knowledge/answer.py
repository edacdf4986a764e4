"""The answer: a LangChain runnable that retrieves, selects the best supported sentences, checks and cites them.

By default no language model: each sentence is a verbatim quote of a document (markup removed for reading). With a chat
model the answer is worded by it, and every sentence checked. When nothing is good enough the answer is empty: abstain.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING

from frontdesk.bot.errors import ModelError
from frontdesk.bot.types import Encoder, Sentence
from frontdesk.knowledge.blocks import plain
from frontdesk.knowledge.citing import Citing
from frontdesk.knowledge.confidence import Confidence, Confidences
from frontdesk.knowledge.conflicts import Disagreements, resolve
from frontdesk.knowledge.followup import disputes, head_start
from frontdesk.knowledge.index import Generation
from frontdesk.knowledge.retrieve import Found, search
from frontdesk.knowledge.select import NEAR, Choice, Selection, Selector
from frontdesk.knowledge.support import Claim, SupportChecker, shared
from frontdesk.knowledge.values import ALONE, Considered, Explanation, Helpers, Question
from frontdesk.knowledge.written import Carried, Writer

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

HITS = 8
Release = Callable[[Sentence], None]
"""Called with each sentence of an answer as soon as it has passed its checks."""

log = logging.getLogger(__name__)


def kept_back(sentence: Sentence) -> None:
    """Release nothing early: for whoever reads the explanation."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question on its way through the chain, with the index it is asked of."""

    index: Generation
    question: Question
    release: Release = kept_back


@dataclass(frozen=True, kw_only=True)
class Retrieved:
    """A question with the passages found for it."""

    asked: Asked
    found: Found


@dataclass(frozen=True, kw_only=True)
class Selected:
    """What was found, what of it was chosen, and how sure that is."""

    retrieved: Retrieved
    selection: Selection
    probability: float
    threshold: float


class Extractive:
    """Retrieve, select, check, word, cite: one LangChain chain per encoder; `seconds` is a chat model's time."""

    def __init__(
        self,
        encoder: Encoder,
        helpers: Helpers = ALONE,
        seconds: float = 10.0,
        confidences: Confidences | None = None,
        disagreements: Disagreements | None = None,
    ) -> None:
        self._encoder, self._confidences, self._disagreements = encoder, confidences, disagreements
        self._selector = Selector(encoder, disagreements.resolve if disagreements else resolve)
        self._helpers = helpers
        self._checker = SupportChecker(helpers.support)
        self._writer = Writer(helpers.chat, self._checker, seconds, helpers.tariff) if helpers.chat else None

    def explain(self, index: Generation, question: Question, release: Release = kept_back) -> Explanation:
        """Return the answer with how it came about: the same run. Sentences are also given to `release` in time."""
        explanation: Explanation = self.chain.invoke(Asked(index=index, question=question, release=release))
        return explanation

    @cached_property
    def chain(self) -> Runnable[Asked, Explanation]:
        """The main path: `Asked -> Selected -> Selected -> Explanation`."""
        from langchain_core.runnables import RunnableLambda

        return RunnableLambda(self.choose) | RunnableLambda(self.check) | RunnableLambda(self.word)

    def choose(self, asked: Asked) -> Selected:
        """Find passages and choose sentences, none when the confidence is below its threshold.

        A question that could mean something by itself is read both after what was said before it and alone; the surer
        reading counts, with a head start for the likelier. One that says again what was said just now answers the
        question before, and counts only where that is disputed.
        """
        best = self.select(self.retrieve(asked))
        if asked.question.history and isfinite(ahead := head_start(asked.question.text)):
            alone = self.select(self.retrieve(replace(asked, question=replace(asked.question, history=()))))
            again = _said_again(best) and not disputes(asked.question.text)
            best = alone if again or alone.probability > best.probability + ahead else best
        if best.selection.choices and best.selection.conflicts and self._disagreements:
            self._disagreements.record(asked.question.text, best.selection.conflicts)
        return best

    def retrieve(self, asked: Asked) -> Retrieved:
        """Find the passages."""
        return Retrieved(asked=asked, found=search(asked.index, self._encoder, asked.question, HITS, self._helpers))

    def candidates(self, asked: Asked) -> Selection:
        """Return the best sentences with their features, before any abstention: what the confidence is fitted on."""
        found = self.retrieve(asked).found
        return self._selector.select(asked.index, found.question, found.hits)

    def select(self, retrieved: Retrieved) -> Selected:
        """Choose the sentences, or none when the confidence is below its threshold."""
        asked, found = retrieved.asked, retrieved.found
        selection = self._selector.select(asked.index, found.question, found.hits)
        confidence = self._confidences.current if self._confidences else Confidence.shipped()
        probability = confidence.probability(selection.features)
        threshold = max(confidence.threshold, asked.question.wanted)
        if probability < threshold:
            selection = selection.empty(f"not sure enough: {probability:.2f}, wanted {threshold:.2f}")
        return Selected(retrieved=retrieved, selection=selection, probability=probability, threshold=threshold)

    def check(self, selected: Selected) -> Selected:
        """Drop the sentences that have other words than their quotes and are not carried by them."""
        choices = selected.selection.choices
        asked = [choice for choice in choices if not own_words(choice)]
        objections = self._checker.objections([_claim(choice) for choice in asked])
        dropped = {
            (c.hit.document.id, c.quote.start, c.quote.end): why for c, why in zip(asked, objections, strict=True)
        }
        if not any(dropped.values()):
            return selected
        considered = tuple(
            replace(one, why=dropped.get((one.document_id, one.start, one.end), "")) if one.kept else one
            for one in selected.selection.considered
        )
        left = tuple(c for c in choices if not dropped.get((c.hit.document.id, c.quote.start, c.quote.end)))
        return replace(selected, selection=replace(selected.selection, choices=left, considered=considered))

    def word(self, selected: Selected) -> Explanation:
        """Cite what was chosen, or what the chat model wrote of it when that passes its checks."""
        citing, release = Citing(), selected.retrieved.asked.release
        quoted = tuple(citing.sentence(c.quote.text, c.hit, (c.quote,)) for c in selected.selection.choices)
        if quoted and self._writer:
            return self._written(self._writer, selected, quoted)
        for sentence in quoted:
            release(sentence)
        return explained(selected, quoted)

    def _written(self, writer: Writer, selected: Selected, quoted: tuple[Sentence, ...]) -> Explanation:
        """Release what passes from the first sentence that answers on; without one, what was `quoted`."""
        asked, citing = selected.retrieved.asked, Citing()
        held: list[Sentence] = []
        sent: list[Sentence] = []
        weighed: list[Considered] = []
        notes: list[str] = []
        try:
            for one in writer.write(asked.question, selected.retrieved.found.hits):
                weighed.append(shown(one))
                if one.hit is None:
                    continue
                held.append(citing.sentence(one.text, one.hit, one.quotes))
                if sent or self._answers(selected, held[-1]):
                    for sentence in held:
                        asked.release(sentence)
                    sent, held = [*sent, *held], []
        except ModelError as error:
            log.warning("%s", error)
            notes.append(error.what)
        if sent:
            left = tuple(
                replace(one, why="the answer was worded anew") if one.kept else one
                for one in selected.selection.considered
            )
            return explained(selected, tuple(sent), (*weighed, *left), notes)
        weighed = [replace(one, why="does not answer the question") if one.kept else one for one in weighed]
        for sentence in quoted:
            asked.release(sentence)
        return explained(
            selected, quoted, (*selected.selection.considered, *weighed), [*notes, "nothing written was used"]
        )

    def _answers(self, selected: Selected, sentence: Sentence) -> bool:
        """Whether a sentence is about as near to the question as the best quote is."""
        text = f"{sentence.citations[0].title}: {sentence.text}"
        asked, said = self._encoder.encode([selected.retrieved.found.question.text, text])
        return float(asked @ said) >= max(c.cosine for c in selected.selection.choices) - NEAR


def _said_again(selected: Selected) -> bool:
    """Whether at least half of what was chosen stands in the text before the question."""
    choices, before = selected.selection.choices, selected.retrieved.asked.question.history[-1]
    return bool(choices) and 2 * sum(one.quote.text in before for one in choices) >= len(choices)


def own_words(choice: Choice) -> bool:
    """Whether a sentence is its quote without the markup, or says nothing but words of it and of what it is under."""
    start, end = choice.quote.start, choice.quote.end
    if choice.quote.header is None and plain(choice.hit.document.text[start:end]) == choice.quote.text:
        return True
    claim = _claim(choice)
    return shared(claim.sentence, f"{claim.names} {claim.quote}") == 1.0


def _claim(choice: Choice) -> Claim:
    text = choice.hit.document.text
    quoted = " ".join(plain(text[start:end]).replace("|", " ") for start, end in sorted(choice.quote.spans))
    return Claim(sentence=choice.quote.text, quote=quoted, names=" — ".join(choice.hit.heading))


def shown(one: Carried) -> Considered:
    """Return a written sentence as an explanation shows it."""
    if one.hit is None:
        return Considered(text=one.text, why=one.why, written=True)
    document, quotes = one.hit.document, one.quotes
    return Considered(
        text=one.text,
        document_id=document.id,
        title=document.title,
        version=document.version,
        start=quotes[0].start,
        end=quotes[-1].end,
        written=True,
    )


def explained(
    selected: Selected,
    sentences: tuple[Sentence, ...],
    considered: tuple[Considered, ...] | None = None,
    notes: Sequence[str] = (),
) -> Explanation:
    """Say how an answer came about."""
    found = selected.retrieved.found
    return Explanation(
        question=selected.retrieved.asked.question,
        searched=found.question.text,
        phrasings=found.phrasings,
        hits=found.hits,
        considered=selected.selection.considered if considered is None else considered,
        probability=selected.probability,
        threshold=selected.threshold,
        conflicts=tuple(map(str, selected.selection.conflicts)),
        notes=(*found.notes, *notes),
        sentences=sentences,
    )
