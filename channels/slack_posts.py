"""A reply in Slack's words: mrkdwn text, sources in context blocks, buttons in rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from frontdesk.channels.footnotes import address, quote, title, unlinked
from frontdesk.channels.split import split

SECTION_LIMIT = 3000
_ROW, _CONTEXT = 5, 10
_CALL = 40  # what naming somebody takes
_MOST_BUTTONS, _MOST_SOURCES = 100, 100
FEEDBACK = "feedback_buttons"
_TITLE_LIMIT, _VALUE_LIMIT = 75, 2000
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_BOLD = re.compile(r"\*\*(\S(?:[^*\n]*\S)?)\*\*")

Block = dict[str, Any]


def posts(reply: Mapping[str, Any], called: str = "", rated: str = "") -> list[Block]:
    """Return the bodies of chat.postMessage for a REPLY, or for a person's message (`text`, `author`).

    `called` is the member or group that the last one names; `rated` is what its thumbs carry, see `thumbs`.
    """
    author = str(reply.get("author") or "")
    words = f"**{author}:** {reply.get('text') or ''}" if author else str(reply.get("text") or "")
    pieces = split(unlinked(words), SECTION_LIMIT - (_CALL if called else 0), _escaped_size)
    messages: list[Block] = [{"text": mrkdwn(piece)} for piece in pieces]
    if messages and called:
        messages[-1]["text"] += f"\n{mention(called)}"
    extras = below(reply, rated)
    if messages and extras:
        messages[-1]["blocks"] = [_section(messages[-1]["text"]), *extras]
    return messages


def whole(reply: Mapping[str, Any], rated: str = "") -> Block:
    """Return text and blocks of a REPLY in one message, for chat.update."""
    pieces = [mrkdwn(piece) for piece in split(unlinked(str(reply.get("text") or "")), SECTION_LIMIT, _escaped_size)]
    return {"text": pieces[0], "blocks": [*map(_section, pieces), *below(reply, rated)]}


def below(reply: Mapping[str, Any], rated: str = "") -> list[Block]:
    """Return what stands below a reply's words: its sources, its buttons, and the thumbs where it may be rated."""
    blocks = _context_blocks(reply.get("citations") or ()) + _button_rows(reply.get("buttons") or ())
    return blocks + ([thumbs(rated)] if rated else [])


def thumbs(rated: str) -> Block:
    """Return Slack's feedback buttons; a press brings back `up` or `down`, a space, and `rated`.

    Source: https://docs.slack.dev/reference/block-kit/block-elements/feedback-buttons-element
    """
    buttons = {
        f"{name}_button": {"text": {"type": "plain_text", "text": words}, "value": f"{value} {rated}"}
        for name, words, value in (("positive", "Helpful", "up"), ("negative", "Not helpful", "down"))
    }
    element = {"type": FEEDBACK, "action_id": FEEDBACK, **buttons}
    return {"type": "context_actions", "elements": [element]}


def without_thumbs(body: Mapping[str, Any]) -> Block:
    """Return the body of a post without its feedback buttons, for a workspace that does not know them."""
    return {**body, "blocks": [block for block in body.get("blocks", ()) if block["type"] != "context_actions"]}


def mention(called: str) -> str:
    """Return the words that call a member, or a group, whose id begins with S."""
    return f"<!subteam^{called}>" if called.startswith("S") else f"<@{called}>"


def markdown(text: str) -> str:
    """Return text as the Markdown of a stream: bold kept, links written out, and the rest escaped as entities."""
    return escape(unlinked(text))


def _section(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def mrkdwn(text: str) -> str:
    """Return text as mrkdwn: escaped, so that no mention or disguised link gets through, with bold kept."""
    return _BOLD.sub(r"*\1*", escape(text))


def escape(text: str) -> str:
    """Escape Slack's three control characters.

    Source: https://docs.slack.dev/messaging/formatting-message-text
    """
    return re.sub("[&<>]", lambda match: _ESCAPES[match[0]], text)


def _escaped_size(char: str) -> int:
    return len(_ESCAPES.get(char, char))


def _context_blocks(citations: Iterable[Mapping[str, Any]]) -> list[Block]:
    notes = [{"type": "mrkdwn", "text": _footnote(citation)} for citation in list(citations)[:_MOST_SOURCES]]
    return [{"type": "context", "elements": rows} for rows in _rows(notes, _CONTEXT)]


def _footnote(citation: Mapping[str, Any]) -> str:
    url, name, words = address(citation), escape(title(citation)), escape(quote(citation))
    linked = f"<{escape(url)}|{name}>" if url else name
    return f"[{citation.get('number')}] {linked}" + (f": “{words}”" if words else "")


def _button_rows(buttons: Iterable[Mapping[str, Any]]) -> list[Block]:
    elements = [_button(number, button) for number, button in enumerate(list(buttons)[:_MOST_BUTTONS])]
    return [{"type": "actions", "elements": row} for row in _rows(elements, _ROW)]


def _button(number: int, button: Mapping[str, Any]) -> Block:
    name, payload = str(button.get("title") or "…"), str(button.get("payload") or "")
    label = name if len(name) <= _TITLE_LIMIT else name[: _TITLE_LIMIT - 1] + "…"
    return {
        "type": "button",
        "action_id": f"choice_{number}",
        "text": {"type": "plain_text", "text": label},
        "value": payload if 0 < len(payload) <= _VALUE_LIMIT else name[:_VALUE_LIMIT],
    }


def _rows(items: Sequence[Block], size: int) -> list[list[Block]]:
    return [list(items[start : start + size]) for start in range(0, len(items), size)]
