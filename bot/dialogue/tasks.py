"""The account task that is open in a conversation, and the slots that remember it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from frontdesk.bot.config import Action, Brand
from frontdesk.bot.dialogue.calls import LEFT
from frontdesk.bot.types import Conversation

PENDING, REQUESTED, CONFIRMATION, MISSES = "pending_intent", "requested_slot", "confirmation", "misses"
"""The slots that remember an open task: its intent, what it asked for, what it waits to have confirmed, and how often
its question was not answered."""
BESIDE = "task_slots"
"""The slot that names what actions set for a task beside the brand's slots; it is forgotten with the task."""
NEXT = "next_tasks"
"""The slot, also of a route, that holds what else the customer asked for: a list of [intent, values] as JSON."""
OVER: Mapping[str, Any] = dict.fromkeys((PENDING, REQUESTED, CONFIRMATION, MISSES, BESIDE, LEFT))

RESUME = "resume_task"
"""The intent of the route that repeats a task's question after something else was answered."""
_TOLD = 2000
"""Characters that are read of what was written before a form began."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """An open task: its intent, the slots of its form, what it asked for last, and the change it would make.

    `question` is the reply that asked, with what its buttons say.
    """

    intent: str
    slots: tuple[str, ...]
    requested: str = ""
    confirmation: Mapping[str, Any] | None = None
    question: str = ""

    @property
    def key(self) -> str:
        """The key of the change that waits to be confirmed."""
        return str((self.confirmation or {}).get("key", ""))


def open_task(conversation: Conversation, brand: Brand) -> Task | None:
    """Return the task that the bot's last reply asked something for, or None."""
    intent = conversation.slots.get(PENDING)
    last = conversation.turns[-1].reply if conversation.turns else None
    asked = last is not None and any(route.kind == "account" for route in last.routes)
    if not isinstance(intent, str) or intent not in brand.actions or not asked:
        return None
    confirmation = conversation.slots.get(CONFIRMATION)
    requested = str(conversation.slots.get(REQUESTED) or "")
    return Task(
        intent=intent,
        slots=form_slots(brand.actions[intent], brand, requested),
        requested=requested,
        confirmation=confirmation if isinstance(confirmation, Mapping) else None,
        question=" ".join((last.text, *(button.title for button in last.buttons))) if last else "",
    )


def opened_with(conversation: Conversation, intent: str) -> str:
    """Return what the customer wrote since a task that is open began: it may tell more than was asked."""
    said: list[str] = []
    for turn in reversed(conversation.turns):
        effects = [sentence.effect for sentence in turn.reply.sentences] if turn.reply else []
        if all(effect.slots.get(PENDING) != intent for effect in effects):
            break
        said.append("" if turn.message.text.startswith("/") else turn.message.text)
    return "\n".join(text for text in reversed(said) if text)[:_TOLD]


def form_slots(action: Action, brand: Brand, *more: str) -> tuple[str, ...]:
    """Return the slots that a task may ask for: its own, those of the challenge, and what a validation asked for."""
    proof = brand.challenge.slots if brand.challenge else ()
    return tuple(dict.fromkeys(name for name in (*action.slots, *proof, *more) if name in brand.slots))
