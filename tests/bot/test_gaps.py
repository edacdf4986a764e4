"""Which questions count as unanswered, on SQLite and PostgreSQL, and how a person settles them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from frontdesk.bot.store import Store
from frontdesk.bot.store.gaps import QUIET_SECONDS
from frontdesk.bot.store.tables import turns
from frontdesk.bot.types import Customer, Message

LONG_AGO = datetime.now(UTC) - timedelta(days=1)
CITED = [{"number": 1, "title": "Returns", "quote": "45 days"}]
WHO = Customer(id="ada")


@dataclass
class Talk:
    """Writes turns into a store."""

    store: Store
    count: int = 0
    ids: list[str] = field(default_factory=list)

    def say(self, conversation: str, text: str, *kinds: str, cited: bool = False, title: str = "") -> None:
        """Close a turn that was routed to `kinds`; none means that a person held the conversation."""
        self.count += 1
        ids: dict[str, Any] = {"id": f"m-{self.count}", "conversation_id": conversation}
        metadata = {"title": title} if title else {}
        message = Message(text=text, brand="shop", channel="web", customer=WHO, metadata=metadata, **ids)
        self.store.put(message, ids["id"])
        (lane,) = self.store.claim("me", 1, 30)
        pending = self.store.next(lane)
        assert pending is not None
        routes = [{"kind": kind, "intent": "x", "confidence": 0.9, "reason": ""} for kind in kinds]
        reply = {"text": "…", "routes": routes, "citations": CITED if cited else []} if kinds else None
        self.store.close_turn(lane, pending, reply, {}, None, WHO)
        self.store.release(lane)

    def open(self) -> list[tuple[str, str]]:
        """The questions that are still open, oldest first."""
        return [(one.text, one.reason) for one in reversed(self.store.unanswered(LONG_AGO))]

    def age(self, seconds: float) -> None:
        """Make every turn older."""
        database: Any = self.store._opened()
        older = update(turns).values(created_at=turns.c.created_at - seconds)
        database.submit(lambda connection: connection.execute(older)).result()


@pytest.fixture
def talk(store_url: str) -> Iterator[Talk]:
    with Store(store_url) as store:
        yield Talk(store)


def test_an_answer_without_a_source_is_a_gap(talk: Talk) -> None:
    talk.say("a", "Do you gift-wrap?", "knowledge")
    talk.say("b", "How long can I return?", "knowledge", cited=True)
    talk.say("c", "hello", "voice")
    talk.say("d", "to a person")
    talk.say("e", "!!!", "knowledge")
    assert talk.open() == [("Do you gift-wrap?", "no_answer")]
    (one,) = talk.store.unanswered(LONG_AGO)
    assert (one.conversation_id, one.message_id, one.brand) == ("a", "m-1", "shop")
    assert talk.store.unanswered(datetime.now(UTC) + timedelta(seconds=5)) == []


def test_a_person_asked_for_right_after_an_answer_is_a_gap(talk: Talk) -> None:
    talk.say("a", "How long can I return?", "knowledge", cited=True)
    talk.say("a", "give me a person", "handoff")
    talk.say("b", "What does it weigh?", "knowledge", cited=True)
    talk.say("b", "thanks", "voice")
    talk.say("b", "a person please", "handoff")
    assert talk.open() == [("How long can I return?", "asked_for_person")]


def test_choices_that_lead_nowhere_are_a_gap(talk: Talk) -> None:
    talk.say("pressed", "my lamp flickers", "clarify")
    talk.say("pressed", "/lamp_care", "knowledge", title="Lamp care")
    talk.say("answered", "my lamp is dusty", "clarify")
    talk.say("answered", "/lamp_care", "knowledge", cited=True)
    talk.say("again", "glorp", "clarify")
    talk.say("again", "i mean the blorf", "clarify")
    talk.say("again", "/human_agent", "handoff", title="Talk to a person")
    talk.say("fresh", "about the rug", "clarify")
    talk.say("alone", "/opening_hours", "knowledge", title="Opening hours")
    found = [("my lamp flickers", "no_answer"), ("glorp", "unclear"), ("i mean the blorf", "unclear")]
    assert talk.open() == [*found, ("Opening hours", "no_answer")]
    talk.age(QUIET_SECONDS)
    assert ("about the rug", "unclear") in talk.open()


def test_what_a_person_settled_does_not_come_back(talk: Talk) -> None:
    talk.say("a", "Do you gift-wrap?", "knowledge")
    talk.say("b", "Do you wrap gifts?", "knowledge")
    talk.store.settle([("a", "m-1")])
    talk.store.settle([("a", "m-1"), ("gone", "m-9")])
    talk.store.settle([])
    assert talk.open() == [("Do you wrap gifts?", "no_answer")]
    talk.store.forget_before(datetime.now(UTC) + timedelta(seconds=5))
    assert talk.open() == []
