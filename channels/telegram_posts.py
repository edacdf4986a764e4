"""A reply in Telegram's words: plain text with its sources below, and an inline keyboard.

Plain text needs no escaping, so nothing a model or a document says can break or disguise it; what is bold stands beside
it, as entities, where MarkdownV2 would have to escape 19 characters.
Source: https://core.telegram.org/bots/api#messageentity
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from frontdesk.bot.types import Button, Conversation
from frontdesk.channels.footnotes import sources, unbolded
from frontdesk.channels.split import size, split, utf16_units

TEXT_LIMIT = 4096
CALLBACK_LIMIT = 64
_SHORT = "#"
_MOST_BUTTONS = 100

Post = dict[str, Any]


def posts(reply: Mapping[str, Any]) -> list[Post]:
    """Return the bodies of sendMessage for a REPLY, or for a person's message (`text`, `author`)."""
    author, said = str(reply.get("author") or ""), str(reply.get("text") or "").strip()
    words, bold = unbolded(f"{author}: {said}" if author and said else said)
    notes = "\n".join(sources(reply.get("citations") or ())) if words else ""
    text = "\n\n".join(part for part in (words, notes) if part)
    messages = _pieces(text, bold)
    buttons = list(reply.get("buttons") or ())[:_MOST_BUTTONS]
    if messages and buttons:
        messages[-1]["reply_markup"] = {"inline_keyboard": [[_button(button)] for button in buttons]}
    return messages


def _pieces(text: str, bold: Iterable[tuple[int, int]]) -> list[Post]:
    """Return the text in messages, with what is bold in each; Telegram counts in UTF-16 units."""
    messages, end = [], 0
    for piece in split(text, TEXT_LIMIT, utf16_units):
        start = text.index(piece, end)
        end = start + len(piece)
        inside = [(max(a, start), min(b, end)) for a, b in bold if a < end and b > start]
        entities = [
            {"type": "bold", "offset": size(text[start:a], utf16_units), "length": size(text[a:b], utf16_units)}
            for a, b in inside
        ]
        messages.append({"text": piece} | ({"entities": entities} if entities else {}))
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
