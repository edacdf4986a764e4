"""The words of frontdesk: every noun the parts exchange, as frozen values.

Read this file first. Values know nothing of storage, channels or vendors and are equal when their content is.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["voice", "knowledge", "account", "clarify", "handoff"]
Identity = Literal["anonymous", "channel", "challenge", "token"]
State = Literal["bot", "waiting", "human"]
Role = Literal["customer", "agent"]
EventKind = Literal["sentence", "buttons", "typing", "state", "done", "error"]
Trigger = Literal["asked", "anger", "clarify", "risky", "policy", "safety", "routed", "failure", "agent"]
"""Why a person is needed: asked for, anger, asked back again and again, doubt about what is risky, what an action may
not do alone, danger, an intent that people answer, a failure; `agent`: a person came unasked."""

VERIFIED: frozenset[Identity] = frozenset({"challenge", "token"})
"""The identities strong enough to hear about an account."""


def now() -> datetime:
    """The current time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Customer:
    """Who is writing, and how well we know it."""

    id: str
    identity: Identity = "anonymous"
    audience: str = "customers"
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def verified(self) -> bool:
        """Whether account facts may be told to this customer."""
        return self.identity in VERIFIED


@dataclass(frozen=True, kw_only=True)
class Message:
    """One thing said by a customer."""

    text: str
    conversation_id: str
    brand: str
    channel: str
    customer: Customer
    id: str
    locale: str = ""
    sent_at: datetime = field(default_factory=now)
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Button:
    """A choice offered to the customer; `payload` is what comes back when it is pressed."""

    title: str
    payload: str


@dataclass(frozen=True, kw_only=True)
class Route:
    """Where a message, or the part of it that is `text`, goes, with what confidence and why."""

    kind: Kind
    intent: str
    confidence: float
    reason: str
    alternatives: tuple[tuple[str, float], ...] = ()
    slots: Mapping[str, str] = field(default_factory=dict)
    text: str = ""  # the part of the message that this is about; empty: all of it
    otherwise: Route | None = None  # where it goes when this route has nothing to say
    wanted: float = 0.0  # in doubt: how sure documents must be to answer first; 0: as ever, or they are not asked
    trigger: Trigger | None = None  # why a person is needed, where that is more than the intent's own route

    @property
    def topic(self) -> str:
        """The intent's name as words: "return policy"."""
        return " ".join(re.split(r"[\W_]+", self.intent)).strip()


@dataclass(frozen=True, kw_only=True)
class Citation:
    """A verbatim quote: `quote == document_text[start:end]` in that version of the document."""

    number: int
    document_id: str
    title: str
    url: str
    version: str
    quote: str
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Support:
    """The verdict on one sentence: what carries it. `none` means the sentence states no fact."""

    kind: Literal["quote", "record", "profile", "none"] = "none"
    source: str = ""
    read_at: str = ""  # when a record was read, in ISO 8601


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What a sentence brings about besides being read: buttons, remembered slots, a change of state."""

    buttons: tuple[Button, ...] = ()
    shown: tuple[Mapping[str, Any], ...] = ()  # each one of Rasa's image, attachment, elements or custom, by its name
    slots: Mapping[str, Any] = field(default_factory=dict)
    state: State | None = None
    action: str | None = None
    voice: str | None = None
    reason: str = ""  # with the state `waiting`: what people are told of why it comes to them
    trigger: Trigger | None = None  # with a reason: what kind of reason, where it is not the policy


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """One sentence of a reply, with the citations and the support that carry it."""

    text: str
    citations: tuple[Citation, ...] = ()
    support: Support = field(default_factory=Support)
    effect: Effect = field(default_factory=Effect)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What we answer to one message: the sentences that passed every check."""

    text: str
    routes: tuple[Route, ...]
    sentences: tuple[Sentence, ...] = ()
    citations: tuple[Citation, ...] = ()
    buttons: tuple[Button, ...] = ()
    actions: tuple[str, ...] = ()
    voice: str | None = None
    trace: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A message and what was answered; `reply` is None while a person has the conversation."""

    message: Message
    reply: Reply | None = None


@dataclass(frozen=True, kw_only=True)
class Handoff:
    """One stay of a conversation with people: why it came, who has it, how far it is. Times are UTC."""

    id: int
    conversation_id: str
    brand: str
    trigger: Trigger
    intent: str = ""
    reason: str = ""
    opened_at: datetime = field(default_factory=now)
    agent: str = ""
    """Who has it; empty while nobody does."""
    claimed_at: datetime | None = None
    answered_at: datetime | None = None  # when a person wrote first
    spoke_at: datetime | None = None  # when a person wrote last
    heard_at: datetime | None = None  # since when the customer waits for a person's next words
    told_at: datetime | None = None  # when the customer heard that it takes long
    ended_at: datetime | None = None
    outcome: str = ""
    """`resolved`: a person gave it back; `left`: the customer did; `idle`: nobody wrote any more."""
    last_message: str = ""
    """The last message before it ended; what follows begins afresh."""


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """The ordered turns of one customer with one brand, what is remembered, and who holds it."""

    id: str
    brand: str
    channel: str = ""
    customer: Customer | None = None
    turns: tuple[Turn, ...] = ()
    slots: Mapping[str, Any] = field(default_factory=dict)
    state: State = "bot"
    handoff: Handoff | None = None  # the latest one, open or ended
    ahead: int = 0  # how many conversations wait for a person before this one


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """Proof that a message is committed. Its events are those after outbox position `position`."""

    conversation_id: str
    message_id: str
    position: int
    duplicate: bool = False


@dataclass(frozen=True, kw_only=True)
class Event:
    """One committed row of the outbox, the only delivery stream; `id` is its position."""

    id: int
    conversation_id: str
    message_id: str
    kind: EventKind
    data: Mapping[str, Any]


class Encoder(Protocol):
    """Turns texts into unit vectors; `fingerprint` names weights and precision, for caches and indexes."""

    @property
    def fingerprint(self) -> str:
        """Name the weights and their precision; vectors of different fingerprints never mix."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row per text, shape (len(texts), dimension), L2-normalised."""
        ...


class Answerer(Protocol):
    """Everything that answers has this shape."""

    def answer(self, message: Message, conversation: Conversation, route: Route) -> AsyncIterator[Sentence]:
        """Yield the sentences of the answer; nothing means: I don't have that."""
        ...
