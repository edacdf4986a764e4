"""The nouns of knowledge: documents, passages, quotes, hits, how an answer came about, the ingest report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, Protocol

from frontdesk.bot.types import Sentence
from frontdesk.bot.usage import NAMELESS, Tariff

if TYPE_CHECKING:
    import numpy as np
    from langchain_core.language_models import BaseChatModel
    from numpy.typing import NDArray

Span = tuple[int, int]
Audience = Literal["customers", "staff"]
"""Who may read a document; staff read both kinds."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What a reader may be shown: their audience, language tag (empty: any) and the day they ask (empty: today)."""

    audience: Audience = "customers"
    locale: str = ""
    day: str = ""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked, the texts said before it, oldest first, and on whose behalf.

    `wanted` is how sure an answer must be where the asker has doubts of their own; below a base's threshold it is void.
    `topic` is in words what a router takes it to be about. `new` is what was asked, where `text` is that said in full
    with the question before it.
    """

    text: str
    history: tuple[str, ...] = ()
    scope: Scope = field(default_factory=Scope)
    wanted: float = 0.0
    topic: str = ""
    new: str = ""


@dataclass(frozen=True, kw_only=True)
class Document:
    """A source converted to Markdown. `context` holds further words that name it (product, city ...).

    `locale` is a language tag ("en", "de-AT"), empty when it serves all. `valid_from` and `expires` are ISO dates that
    the document states of itself, empty when it states none; it is not cited from the day it expires.
    """

    id: str
    title: str
    text: str
    url: str = ""
    context: Mapping[str, str] = field(default_factory=dict)
    audience: Audience = "customers"
    locale: str = ""
    valid_from: str = ""
    expires: str = ""

    @cached_property
    def version(self) -> str:
        """SHA-256 (hex) of everything a citation shows or depends on."""
        terms = (self.audience, self.locale, self.valid_from, self.expires)
        parts = (self.title, self.url, *(f"{k}={v}" for k, v in sorted(self.context.items())), *terms, self.text)
        return sha256("\0".join(parts).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Quote:
    """A quotable piece: `document.text[start:end]` verbatim, and `text`, the same without markup, readable alone.

    `header` is the span of the table header whose names `text` repeats; it is cited too.
    """

    start: int
    end: int
    text: str
    header: Span | None = None

    @property
    def spans(self) -> list[Span]:
        """What is cited: the piece, and the table header when its names are said."""
        return [(self.start, self.end), *([self.header] if self.header else [])]


@dataclass(frozen=True, kw_only=True)
class Passage:
    """A retrievable span of a document under its heading path.

    `lead` is the span of the table header or list lead-in that the passage needs when it lies outside of it.
    """

    start: int
    end: int
    heading: tuple[str, ...] = ()
    lead: Span | None = None
    quotes: tuple[Quote, ...] = ()

    def search_text(self, document: Document) -> str:
        """Return what is indexed: title, context, heading path, lead and the passage itself."""
        lead = document.text[slice(*self.lead)] if self.lead else ""
        names = (document.title, *document.context.values(), *self.heading, lead)
        return "\n".join([*(name for name in names if name), document.text[self.start : self.end]])

    def named(self, document: Document, quote: Quote) -> str:
        """Return a quote under the names of what it is about, as it is compared with a question."""
        return f"{' — '.join(name for name in (document.title, *self.heading) if name)}: {quote.text}"


def text_hash(text: str) -> str:
    """Return the key of a text in the vector cache."""
    return sha256(text.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A passage found for a question. `dense` is a cosine, `lexical` a BM25 score, `score` the fused rank score."""

    passage: Passage
    document: Document
    score: float
    dense: float
    lexical: float

    @property
    def heading(self) -> tuple[str, ...]:
        """Title and heading path, outermost first."""
        return (self.document.title, *self.passage.heading)

    @property
    def text(self) -> str:
        """The passage, verbatim."""
        return self.document.text[self.passage.start : self.passage.end]


@dataclass(frozen=True, kw_only=True)
class Considered:
    """Something that was weighed for an answer, best first: a quote, or a sentence that a chat model wrote.

    `text` is as it would be said, `start` and `end` are its span in that version of the document (0, 0 for a written
    sentence that no quote carries), `score` is higher for better; `why` says why it was dropped, empty when kept.
    """

    text: str
    document_id: str = ""
    title: str = ""
    version: str = ""
    start: int = 0
    end: int = 0
    score: float = 0.0
    why: str = ""
    written: bool = False

    @property
    def kept(self) -> bool:
        """Whether it is in the answer."""
        return not self.why


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """How an answer came about, by the same run that gave it.

    `searched` is the question as it was searched for, `phrasings` every text that was searched with, `hits` the
    passages, best first, `probability` how likely the best quote answers, `threshold` the least that is answered at.
    `conflicts` are sentences for the operator about documents that disagree, `notes` about a chat model that failed.
    """

    question: Question
    searched: str = ""
    phrasings: tuple[str, ...] = ()
    hits: tuple[Hit, ...] = ()
    considered: tuple[Considered, ...] = ()
    probability: float = 0.0
    threshold: float = 0.0
    conflicts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sentences: tuple[Sentence, ...] = ()


class Scorer(Protocol):
    """Gives each pair of texts a probability, e.g. that the first carries the second; safe to share between threads."""

    @property
    def fingerprint(self) -> str:
        """Name the weights and their precision."""
        ...

    def score(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """Return one probability per pair, shape (len(pairs),)."""
        ...


class Phraser(Protocol):
    """Says a question in other words, within a time limit of its own."""

    def __call__(self, question: str) -> list[str]:
        """Return other phrasings of `question`, best first; raises ModelError."""
        ...


@dataclass(frozen=True, kw_only=True)
class Helpers:
    """What answers are made with besides the encoder: a scorer of what a text carries, a model that words them.

    `tariff` counts what `chat` reads and writes; `rerank` scores how well a passage (second) answers a question
    (first), `phraser` words a question differently.
    """

    support: Scorer | None = None
    chat: BaseChatModel | None = None
    tariff: Tariff = NAMELESS
    rerank: Scorer | None = None
    phraser: Phraser | None = None


ALONE = Helpers()
"""No help at all: answers are quoted, and found with the question's own words."""


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A source that was not taken up, and why."""

    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class IngestReport:
    """What an ingest did. The first four count documents, and `renamed` those that only have another id now.

    `embedded` counts texts that were new to the encoder; after `searchable_seconds` of all `seconds` the new index
    answered questions.

    A skipped document whose earlier version could be read keeps serving that version. `defused` names what was left
    out of documents that were taken up: sentences that speak to an assistant instead of a customer.
    """

    added: int
    changed: int
    unchanged: int
    removed: int
    skipped: tuple[Skipped, ...]
    passages: int
    embedded: int
    seconds: float
    defused: tuple[Skipped, ...] = ()
    renamed: int = 0
    searchable_seconds: float = 0.0
