"""What the operator's pages show of the knowledge, as values, and whom they ask for it; the wiring provides it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from frontdesk.bot.types import Route, Sentence

Audience = Literal["customers", "staff"]
Reason = Literal["no_answer", "unclear", "asked_for_person"]


@dataclass(frozen=True, kw_only=True)
class Passage:
    """A passage that was found: `text` is the document's from character `start` on.

    `score` is what orders passages, `dense` a cosine, `lexical` a BM25 score.
    """

    document_id: str
    title: str
    version: str
    url: str
    heading: tuple[str, ...]
    text: str
    start: int
    score: float
    dense: float
    lexical: float


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """A sentence that was considered for the answer, [start, end) of its document; `why` it was dropped, or empty."""

    text: str
    document_id: str
    title: str
    version: str
    start: int
    end: int
    score: float
    why: str
    kept: bool
    written: bool


@dataclass(frozen=True, kw_only=True)
class Explained:
    """How the answer to a question came about; `routes` is where the router would send it."""

    question: str
    routes: tuple[Route, ...]
    history: tuple[str, ...]
    searched: str
    phrasings: tuple[str, ...]
    passages: tuple[Passage, ...]
    considered: tuple[Weighed, ...]
    probability: float
    threshold: float
    conflicts: tuple[str, ...]
    notes: tuple[str, ...]
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """An unanswered question, without personal data."""

    conversation_id: str
    message_id: str
    text: str
    asked_at: datetime
    reason: Reason


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Unanswered questions that ask the same, the most typical first."""

    questions: tuple[Asked, ...]

    @property
    def title(self) -> str:
        """The most typical question."""
        return self.questions[0].text

    @property
    def last(self) -> datetime:
        """When it was asked last."""
        return max(one.asked_at for one in self.questions)


@dataclass(frozen=True, kw_only=True)
class Correction:
    """An answer that a person gave to a question, as a document; `version` changes with every edit."""

    slug: str
    question: str
    answer: str
    document_id: str
    version: str
    audience: Audience
    corrects: str
    valid_from: str


@dataclass(frozen=True, kw_only=True)
class Clash:
    """Nothing was changed: another person was faster. `now` is what stands there, None when it is gone."""

    now: Correction | None


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A correction to be: `seen` is the version it replaces, empty for none."""

    question: str
    answer: str
    audience: Audience
    corrects: str
    seen: str


class Oversight(Protocol):
    """What the pages ask of the bot; every method takes the brand whose knowledge is meant."""

    @property
    def brands(self) -> Mapping[str, str]:
        """The names of the brands by their keys, the default one first."""
        ...

    def job(self, brand: str) -> str:
        """Return the name of the job that reads the brand's documents in."""
        ...

    async def before(self, conversation_id: str, message_id: str) -> tuple[str, ...]:
        """Return what was said in a conversation before a message, oldest first; nothing when there is none."""
        ...

    async def explain(self, brand: str, question: str, audience: Audience, history: tuple[str, ...]) -> Explained:
        """Answer a question asked after `history`, and say how; raises KnowledgeError or ModelError."""
        ...

    async def gaps(self, brand: str, days: int) -> Sequence[Gap]:
        """Return what nobody could answer in the last days, the most asked first."""
        ...

    async def settle(self, questions: Sequence[tuple[str, str]]) -> None:
        """Take questions, as (conversation id, message id), off the list."""
        ...

    async def conflicts(self, brand: str) -> Sequence[str]:
        """Return a sentence for each pair of documents that were found to disagree when a customer asked."""
        ...

    async def corrections(self, brand: str) -> Sequence[Correction]:
        """Return every correction, by question."""
        ...

    async def correction(self, brand: str, question: str) -> Correction | None:
        """Return the correction of this very question, if there is one."""
        ...

    async def correct(self, brand: str, draft: Draft) -> Correction | Clash:
        """Write a correction; it answers once it is read in. Raises KnowledgeError when it cannot be written."""
        ...

    async def withdraw(self, brand: str, slug: str, seen: str) -> Clash | None:
        """Delete a correction; it is gone from answers once that is read in."""
        ...
