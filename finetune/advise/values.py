"""The nouns of advice: what is known of an intent, the considerations with their evidence, and what is proposed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from frontdesk.bot.types import Kind


@dataclass(frozen=True, kw_only=True)
class Source:
    """A document that answered: how many versions were seen, and whether it states until or from when it holds."""

    title: str
    versions: int = 1
    dated: bool = False


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What the documents said to one example: how sure, which sentences (none: they abstained), from where."""

    question: str
    sure: float
    said: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    conflicts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Dossier:
    """All that a project knows of one intent.

    `replies` are agents' replies, the brand's own values as placeholders; `looked` what the documents said to some of
    the examples; `in_style` the share of replies that sound like the brand's voice. None: nothing could be asked.
    `marked` are examples in which a slot is marked or found; `action` is the configured action, `current` the route.
    """

    intent: str
    examples: tuple[str, ...]
    replies: tuple[str, ...] | None = None
    looked: tuple[Looked, ...] | None = None
    in_style: float | None = None
    marked: tuple[str, ...] = ()
    action: str = ""
    current: str = ""


@dataclass(frozen=True, kw_only=True)
class Consideration:
    """One question about an intent: how much it weighs here (0 to 1; None: no evidence), in words, with examples."""

    key: str
    question: str
    value: float | None
    says: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """Where an intent should go, how sure that is (0 to 1), why, and what would make it surer.

    `shares` is the fitted probability of each kind of intent, `because` how much each signal spoke for the one chosen,
    the most telling first; `rule` names the stated rule that decided instead, if one did.
    """

    intent: str
    route: Kind
    score: float
    sure: bool
    reason: str
    considerations: tuple[Consideration, ...]
    missing: tuple[str, ...] = ()
    shares: Mapping[str, float] = field(default_factory=dict)
    because: tuple[tuple[str, float], ...] = ()
    rule: str = ""
    current: str = ""

    @property
    def agrees(self) -> bool:
        """Whether the settings have this route already."""
        return self.route == self.current
