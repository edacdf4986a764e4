"""What the review page shows, as values, and whom it asks; the wiring provides it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

Doubt = Literal["unsure", "out_of_scope", "corrected"]


@dataclass(frozen=True, kw_only=True)
class Doubted:
    """A message, or the part of one, whose intent was in doubt; `text` is what would be written, without personal data.

    `said` is how many customers wrote it; `chosen` is the button that one of them then pressed, or empty.
    """

    key: str
    text: str
    said: int
    conversation_id: str
    message_id: str
    asked_at: datetime
    doubt: Doubt
    guess: str
    confidence: float
    chosen: str


@dataclass(frozen=True, kw_only=True)
class Alike:
    """Doubted messages that ask much the same, the most typical first.

    `intent` is the proposed one, empty where none fits; `name` is what a new one might be called.
    """

    messages: tuple[Doubted, ...]
    intent: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Examples:
    """The project's examples: their intents, and how many the served router has not learned."""

    intents: tuple[str, ...]
    waiting: int
    served: int | None


class Review(Protocol):
    """What the page asks of the bot. The methods block; call them from a thread."""

    @property
    def brands(self) -> Mapping[str, str]:
        """The names of the brands by their keys, the default one first."""
        ...

    def queue(self, brand: str, days: int) -> Sequence[Alike]:
        """Return the messages of the last days that nobody has reviewed, the largest group first."""
        ...

    def examples(self) -> Examples:
        """Return what is known of the examples; raises ConfigError when they cannot be read."""
        ...

    def decide(self, intent: str, rows: Sequence[tuple[str, str]]) -> int:
        """Make examples of rows, as (key, text), or dismiss them (no intent); return how many were not decided before.

        Raises ConfigError for an intent that has no good name, or examples that cannot be written; the decision stays.
        """
        ...

    def train(self) -> Mapping[str, Any]:
        """Train a router and put it through the gate; return what `frontdesk train --json` says."""
        ...
