"""Taking a change back: for a while, by the customer who had it made, in the conversation in which it was made.

The report of a change whose action names an `undo` carries a button; its payload names the change. The action behind it
is run once under a key of its own, with the slots that are kept, and with `undo_key`, the key of the change.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import Any

from frontdesk.bot.config import Action, Brand
from frontdesk.bot.dialogue.values import plain
from frontdesk.bot.types import Button, Conversation, Message, Route

UNDO = "undo_change"
"""The intent of taking a change back, and the name of its payload."""
UNDOABLE = "undoable"
"""The slot that remembers the changes that may be taken back, the newest last."""
MOST = 5
"""The changes of a conversation that are remembered."""
_WORDS = re.compile(
    r"(?:(?:no|oh|oops|wait|sorry|actually|please|pls|can you|could you|hang on|i(?: would|'d) like to|i want to)\b"
    r"[\s,.!-]*)*(?:(?:undo|reverse|revert|take back)(?: (?:it|that|this|(?:the|my) (?:last )?\w+))?|"
    r"take (?:it|that|this) back)(?:[\s,.!-]+(?:again|please|pls|thanks|thank you|now))*[\s.!?]*",
    re.IGNORECASE,
)

Made = Mapping[str, Any]
"""A change that was made: its intent, key, the values that are kept, whose it is (`customer`), and when (`at`)."""


def taken_back(message: Message, conversation: Conversation, brand: Brand) -> Route | None:
    """Return the route of a message that takes a change back, by its button or in words right below it; else None."""
    text = plain(message.text).replace("’", "'")
    pressed = _key_in(text)
    if pressed is None and conversation.turns and (last := conversation.turns[-1].reply):
        words = text.casefold() == brand.messages.undo_button.casefold() or _WORDS.fullmatch(text)
        keys = [key for button in last.buttons if (key := _key_in(button.payload))]
        pressed = keys[-1] if words and keys else None
    if pressed is None or conversation.state != "bot":
        return None
    return Route(kind="account", intent=UNDO, confidence=1.0, reason="takes a change back", slots={"change": pressed})


def _key_in(payload: str) -> str | None:
    """The key that a button's payload names, empty where it names none; None for any other text."""
    name, brace, rest = payload.partition("{")
    if name.strip() != f"/{UNDO}":
        return None
    try:
        return str(json.loads(brace + rest).get("change", ""))
    except (ValueError, AttributeError, RecursionError):
        return ""


def undo_button(key: str, brand: Brand) -> Button:
    """Return the button that takes the change of a key back."""
    return Button(title=brand.messages.undo_button, payload=f'/{UNDO}{{"change":"{key}"}}')


def remembered(slots: Mapping[str, Any]) -> list[Made]:
    """Return the changes that a conversation remembers."""
    rows = slots.get(UNDOABLE)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list | tuple) else []


def with_made(slots: Mapping[str, Any], intent: str, waits: Mapping[str, Any], brand: Brand) -> list[Made]:
    """Return what is remembered once a change was made that may be taken back."""
    kept = {name: value for name, value in waits["values"].items() if name in brand.slots and brand.slots[name].kept}
    made = {"intent": intent, "key": waits["key"], "values": kept, "customer": waits["customer"], "at": time.time()}
    return [*without(slots, str(waits["key"])), made][-MOST:]


def without(slots: Mapping[str, Any], key: str) -> list[Made]:
    """Return what is remembered but for the change of a key."""
    return [row for row in remembered(slots) if row.get("key") != key]


def undoable(route: Route, slots: Mapping[str, Any], brand: Brand) -> tuple[Made, Action] | None:
    """Return the change that a route takes back, with its action; None where there is none, or no longer."""
    key = route.slots.get("change")
    made = next((row for row in remembered(slots) if key and row.get("key") == key), None)
    action = brand.actions.get(str(made["intent"])) if made else None
    if made is None or action is None or not action.undo:
        return None
    return (made, action) if time.time() - float(made["at"]) <= 60 * action.undo_minutes else None
