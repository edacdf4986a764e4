"""A reply in Telegram's words: plain text with its sources below, and an inline keyboard.

Plain text needs no escaping, so nothing a model or a document says can break or disguise it.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from frontdesk.bot.types import Button, Conversation
from frontdesk.channels.footnotes import plain, sources
from frontdesk.channels.split import split, utf16_units

TEXT_LIMIT = 4096
CALLBACK_LIMIT = 64
_SHORT = "#"
_MOST_BUTTONS = 100

Post = dict[str, Any]


def posts(reply: Mapping[str, Any]) -> list[Post]:
    """Return the bodies of sendMessage for a REPLY, or for a person's message (`text`, `author`)."""
    author, words = str(reply.get("author") or ""), plain(str(reply.get("text") or "")).strip()
    notes = "\n".join(sources(reply.get("citations") or ())) if words else ""
    text = (f"{author}: " if author and words else "") + "\n\n".join(part for part in (words, notes) if part)
    messages: list[Post] = [{"text": piece} for piece in split(text, TEXT_LIMIT, utf16_units)]
    buttons = list(reply.get("buttons") or ())[:_MOST_BUTTONS]
    if messages and buttons:
        messages[-1]["reply_markup"] = {"inline_keyboard": [[_button(button)] for button in buttons]}
    return messages


def callback_data(payload: str) -> str:
    """Return what Telegram carries for a payload: itself, or a short id made from it when it exceeds 64 bytes."""
    if 0 < len(payload.encode()) <= CALLBACK_LIMIT and not payload.startswith(_SHORT):
        return payload
    return _SHORT + sha256(payload.encode()).hexdigest()[:32]


def pressed(data: str, conversation: Conversation | None) -> Button | None:
    """Return the button of the conversation's replies that carries `data`, the latest first.

    Nothing is kept for this: a short id is made from the payload, and the payload is in the stored reply.
    """
    turns = conversation.turns if conversation else ()
    replies = (turn.reply for turn in reversed(turns) if turn.reply)
    return next((b for reply in replies for b in reply.buttons if callback_data(b.payload) == data), None)


def _button(button: Mapping[str, Any]) -> Post:
    title, payload = str(button.get("title") or "…"), str(button.get("payload") or "")
    return {"text": title, "callback_data": callback_data(payload or title)}
