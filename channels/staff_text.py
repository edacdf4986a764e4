"""What people who work elsewhere read first about a conversation that waits, as lines of plain text."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from frontdesk.bot.types import Conversation

TITLES: Mapping[str, str] = {
    "why": "Why it is here",
    "open": "Still open",
    "asked": "Asked",
    "tried": "Tried",
    "cited": "Cited",
    "known": "Known",
}
"""The parts of a summary, in the order in which they are read."""


def headline(conversation: Conversation) -> str:
    """Return who waits, for which brand, from where."""
    customer = conversation.customer
    name = (customer.attributes.get("name") or customer.id) if customer else "A customer"
    known = "verified" if customer and customer.verified else "not verified"
    return f"{name} waits for a person ({conversation.brand}, {conversation.channel}, {known})"


def told(summary: Mapping[str, tuple[str, ...]]) -> str:
    """Return a summary as paragraphs."""
    parts = [(TITLES[name], summary[name]) for name in TITLES if name in summary]
    return "\n".join(f"{title}:\n" + "\n".join(f"- {line}" for line in lines) for title, lines in parts)


def inbox_link(inbox_url: str, conversation: Conversation) -> str:
    """Return where the inbox shows the conversation; empty when nobody said where the inbox is."""
    base = inbox_url.rstrip("/")
    return f"{base}/inbox/conversation?id={quote(conversation.id, safe='')}" if base else ""
