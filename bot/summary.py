"""What an agent reads first: what was asked, tried, cited and is open. By rules from what was stored; no model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from frontdesk.bot.config import Brand
from frontdesk.bot.dialogue.tasks import RESUME, open_task
from frontdesk.bot.dialogue.undo import UNDO
from frontdesk.bot.handoff import BACK, HUMAN, LEAVE, fresh
from frontdesk.bot.types import Conversation, Message, Reply, Route, Trigger, Turn

LAST = 6
"""How many of the customer's messages a summary names."""
LONGEST = 200
WHY: Mapping[Trigger, str] = {
    "asked": "The customer asked for a person",
    "anger": "The customer is angry",
    "clarify": "The bot did not understand twice",
    "risky": "The bot was unsure about something risky",
    "policy": "The bot may not decide this alone",
    "safety": "Somebody may be in danger, or it needs care",
    "routed": "People answer this",
    "failure": "The bot could not answer",
    "agent": "A colleague took it",
}
"""Why a conversation came to people, in words."""


def summary(conversation: Conversation, brand: Brand) -> Mapping[str, tuple[str, ...]]:
    """Return lines under `why`, `asked`, `tried`, `cited`, `known` and `open`; a part without lines is left out."""
    turns = [turn for turn in fresh(conversation).turns if not _pressed(turn.message)]
    parts = {
        "why": _why(conversation, brand),
        "asked": _distinct(_words(turn.message, brand) for turn in turns[-LAST:]),
        "tried": _distinct(line for turn in turns[-LAST:] if turn.reply for line in _tried(turn.reply, brand)),
        "cited": _distinct(
            f"{one.title}: “{_short(one.quote)}”" for turn in turns if turn.reply for one in turn.reply.citations
        ),
        "known": tuple(f"{name.replace('_', ' ')}: {value}" for name, value in _slots(conversation, brand).items()),
        "open": (*_left_off(conversation, brand), *_open(turns, brand)),
    }
    return {name: lines for name, lines in parts.items() if lines}


def asked_last(conversation: Conversation) -> Message | None:
    """Return the customer's last message in words of their own that is not just a wish for a person, or None."""
    turns = [turn for turn in fresh(conversation).turns if not turn.message.text.startswith("/")]
    said = [turn.message for turn in turns if not (turn.reply and _only_a_person(turn.reply))]
    return said[-1] if said else None


def _only_a_person(reply: Reply) -> bool:
    moved = any(sentence.effect.state == "waiting" for sentence in reply.sentences)
    return moved and all(route.intent == HUMAN for route in reply.routes)


def _why(conversation: Conversation, brand: Brand) -> tuple[str, ...]:
    handoff = conversation.handoff
    if handoff is None:
        return ()
    about = f": {_title(handoff.intent, brand)}" if handoff.trigger in ("routed", "policy", "risky") else ""
    detail = f" ({handoff.reason})" if handoff.trigger == "policy" and handoff.reason else ""
    return (f"{WHY[handoff.trigger]}{about}{detail}.",)


def _tried(reply: Reply, brand: Brand) -> list[str]:
    """Return one line per route: what the bot did about it."""
    routes = [route for route in reply.routes if route.kind != "handoff" and route.intent != RESUME]
    return [_did(route, reply, _title(route.intent, brand)) for route in routes]


def _did(route: Route, reply: Reply, about: str) -> str:
    if route.kind == "knowledge":
        return (
            f"Answered from the documents: {about}" if reply.citations else f"Found nothing in the documents: {about}"
        )
    if route.intent == UNDO:
        return "Took a change back" if reply.actions else "Was asked to take a change back, which was too late"
    if route.kind == "account":
        return f"Looked at the account: {about}" if reply.actions else f"Asked for what {about} needs"
    return f"Asked back: {about}" if route.kind == "clarify" else f"Answered itself: {about}"


def _open(turns: list[Turn], brand: Brand) -> tuple[str, ...]:
    """Return what nobody has answered: since the handoff, and the message that led to it."""
    unanswered = [turn for turn in turns if turn.reply is None or any(r.kind == "handoff" for r in turn.reply.routes)]
    return _distinct(_words(turn.message, brand) for turn in unanswered[-LAST:])


def _left_off(conversation: Conversation, brand: Brand) -> tuple[str, ...]:
    """Return how far the account task was that the handoff broke off; what was given for it is under `known`."""
    before: list[Turn] = []
    slots: dict[str, Any] = {}
    for turn in fresh(conversation).turns:
        effects = [sentence.effect for sentence in turn.reply.sentences] if turn.reply else []
        if turn.reply is None or any(effect.state == "waiting" for effect in effects):
            break
        before.append(turn)
        for effect in effects:
            slots |= effect.slots
    task = open_task(replace(conversation, turns=tuple(before), slots=slots), brand)
    if task is None:
        return ()
    asked = f"was asked for the {task.requested.replace('_', ' ')}" if task.requested else "was asked which is meant"
    where = "was read back and has no yes: nothing is changed" if task.confirmation else asked
    return (f"{_title(task.intent, brand)}: {where}",)


def _slots(conversation: Conversation, brand: Brand) -> Mapping[str, str]:
    known = {name: conversation.slots.get(name) for name in brand.slots}
    return {name: value for name, value in known.items() if isinstance(value, str) and value}


def _words(message: Message, brand: Brand) -> str:
    """Return what the customer saw themselves say, shortened."""
    title = message.metadata.get("title")
    if message.text.startswith("/"):
        return title if isinstance(title, str) else _title(message.text[1:], brand)
    return f"“{_short(message.text)}”"


def _pressed(message: Message) -> bool:
    return message.text.strip() in (BACK, LEAVE)


def _title(intent: str, brand: Brand) -> str:
    return brand.titles.get(intent) or intent.replace("_", " ") or "an unclear question"


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= LONGEST else words[: LONGEST - 1].rstrip() + "…"


def _distinct(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(lines))
