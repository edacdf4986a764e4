"""Figures of a knowledge sentence stand in its quote, or in the title of what is quoted."""

from __future__ import annotations

import pytest

from frontdesk.bot.config import Brand
from frontdesk.bot.guards import Context, SupportCheck
from frontdesk.bot.types import Citation, Conversation, Customer, Message, Route, Sentence

CITED = Citation(
    number=1, document_id="d", title="Nano 33", url="", version="1", quote="| Voltage | 3.3 V |", start=0, end=9
)


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("Nano 33 — Voltage: 3.3 V", "keep"),
        ("Nano 33 — Voltage: 5 V", "reroute"),
        ("The R4 runs at 3.3 V.", "keep"),
        ("The R4 runs at 3.35 V.", "reroute"),
    ],
)
def test_figures_come_from_the_quote_or_its_title(text: str, action: str) -> None:
    message = Message(text="?", conversation_id="x", brand="b", channel="web", customer=Customer(id="c"), id="1")
    route = Route(kind="knowledge", intent="i", confidence=1.0, reason="")
    context = Context(message=message, conversation=Conversation(id="x", brand="b"), route=route, brand=Brand(name="B"))
    assert SupportCheck().check(Sentence(text=text, citations=(CITED,)), context).action == action
