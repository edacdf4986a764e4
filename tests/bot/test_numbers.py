"""The numbers: cases told apart, how each ended and how that is known, on both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, delete, func, insert, select

from frontdesk.bot.store import Store
from frontdesk.bot.store.costs import Spent
from frontdesk.bot.store.figures import says_solved
from frontdesk.bot.store.numbers import Numbers, Share, numbers, told
from frontdesk.bot.store.tables import figures, inbox, outbox, turns, votes

TODAY = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
DAY = timedelta(days=1)
LONG_AGO = TODAY - 20 * DAY


class Past:
    """Writes turns into a store as if they had been said at a time of our choosing."""

    def __init__(self, store: Store) -> None:
        self.store, self.turns = store, 0

    def said(
        self,
        conversation: str,
        at: datetime,
        kind: str = "knowledge",
        *,
        text: str = "What about returns?",
        intent: str = "returns",
        cited: bool = True,
        waiting: bool = False,
        customer: str = "",
        brand: str = "b",
        wait: float = 0.5,
        vote: str = "",
        **reply: Any,
    ) -> None:
        """One turn; no kind: a person had the conversation."""
        self.turns += 1
        number, when = self.turns, at.timestamp()
        message = {"text": text, "brand": brand, "id": str(number), "customer": {"id": customer or conversation}}
        effect = {"state": "waiting"} if waiting else {}
        whole = {
            "text": "An answer.",
            "routes": [{"kind": kind, "intent": intent}],
            "citations": [{"number": 1}] if cited and kind == "knowledge" else [],
            "sentences": [{"effect": effect}],
            "voice": "warm@1" if kind == "voice" else None,
            "ms": 250,
            **reply,
        }
        dumped = json.dumps(whole) if kind else None
        ids = {"conversation_id": conversation, "message_id": str(number)}

        def add(connection: Connection) -> None:
            body = {"channel": "web", "event_id": str(number), "body": "{}", "position": 0}
            connection.execute(insert(inbox).values(id=number, **ids, **body, received_at=when, closed_at=when))
            turn = {"inbox_id": number, "message": json.dumps(message), "reply": dumped, "created_at": when + 1}
            connection.execute(insert(turns).values(id=number, **ids, **turn))
            event = {"channel": "web", "inbox_id": number, "seq": 0, "kind": "sentence", "data": "{}"}
            connection.execute(insert(outbox).values(**ids, **event, created_at=when + wait))
            if vote:
                value = json.dumps({"value": vote}, separators=(",", ":"))
                connection.execute(insert(votes).values(**ids, value=value, created_at=when + 60))

        self.store._write(add)

    def person(self, conversation: str, at: datetime) -> None:
        """A person writes."""
        event = {"channel": "web", "message_id": "p", "kind": "sentence", "data": '{"text":"Hi","author":"Ada"}'}
        row = insert(outbox).values(conversation_id=conversation, **event, created_at=at.timestamp())
        self.store._write(lambda connection: connection.execute(row) and None)

    def numbers(self, *, brand: str = "", days: int = 7, back: int = 30) -> Numbers:
        today = datetime.now(UTC).date()
        return numbers(self.store, today - timedelta(days=back), today + timedelta(days=1), brand, days=days)


@pytest.fixture
def past(store_url: str) -> Iterator[Past]:
    with Store(store_url) as store:
        yield Past(store)


def test_an_empty_store_has_numbers_of_nothing(past: Past) -> None:
    found = past.numbers().whole
    assert (found.cases, found.messages, found.involved.share, found.first_response.p50) == (0, 0, None, None)


def test_a_long_pause_begins_another_case(past: Past) -> None:
    for hours in (0, 1, 24, 50):
        past.said("chat", LONG_AGO + timedelta(hours=hours), wait=hours)
    found = past.numbers()
    assert (found.whole.cases, found.whole.messages) == (2, 4)
    assert found.whole.first_response.n == 2
    assert found.whole.first_response.p95 == pytest.approx(50)
    assert [day for day, here in found.by_day.items() if here.cases] == [LONG_AGO.date(), (LONG_AGO + 2 * DAY).date()]
    past.said("chat", LONG_AGO + timedelta(hours=51))
    assert past.numbers().whole.cases == 2  # read on, not anew


ENDINGS: tuple[tuple[dict[str, Any], int, int], ...] = (
    ({}, 0, 1),
    ({"vote": "up"}, 1, 0),
    ({"vote": "down"}, 0, 0),
    ({"cited": False}, 0, 0),
    ({"kind": "clarify"}, 0, 0),
    ({"kind": "handoff", "waiting": True}, 0, 0),
    ({"kind": "handoff", "waiting": True, "vote": "up"}, 0, 0),
    ({"kind": ""}, 0, 0),
    ({"kind": "account"}, 0, 1),
    ({"kind": "voice", "text": "Great, that solved it!"}, 1, 0),
    ({"kind": "voice", "text": "thanks"}, 0, 1),
    ({"kind": "voice", "text": "that didn't help"}, 0, 1),
)


def test_how_a_case_ends_decides_whether_it_is_resolved(past: Past) -> None:
    for number, (ending, _, _) in enumerate(ENDINGS):
        past.said(f"x{number}", LONG_AGO, brand=f"b{number}")
        past.said(f"x{number}", LONG_AGO + timedelta(minutes=1), **{"brand": f"b{number}", **ending})
    for number, (ending, said_so, no_return) in enumerate(ENDINGS):
        found = past.numbers(brand=f"b{number}").whole
        assert (found.said_so, found.no_return) == (Share(n=said_so, of=1), Share(n=no_return, of=1)), ending


def test_small_talk_resolves_nothing_and_young_cases_are_undecided(past: Past) -> None:
    past.said("talk", LONG_AGO, "voice")
    past.said("young", TODAY - 2 * DAY)
    found = past.numbers().whole
    assert (found.small_talk, found.undecided, found.no_return.of) == (1, 1, 0)
    assert past.numbers(days=1).whole.no_return == Share(n=1, of=1)


def test_who_comes_back_was_not_helped(past: Past) -> None:
    past.said("first", LONG_AGO, customer="C1")
    past.said("second", LONG_AGO + 3 * DAY, customer="C1")
    past.said("other brand", LONG_AGO + DAY, customer="C1", brand="other")
    assert past.numbers(brand="b").whole.no_return == Share(n=1, of=2)
    assert past.numbers(brand="b", days=2).whole.no_return == Share(n=2, of=2)
    assert past.numbers().whole.no_return == Share(n=2, of=3)


def test_a_person_who_writes_takes_part(past: Past) -> None:
    past.said("alone", LONG_AGO)
    past.said("helped", LONG_AGO)
    past.person("helped", LONG_AGO + timedelta(minutes=5))
    past.said("by a person only", LONG_AGO, "")
    found = past.numbers().whole
    assert (found.involved, found.alone) == (Share(n=2, of=3), Share(n=1, of=2))
    assert found.no_return == Share(n=1, of=2)


def test_handoffs_have_reasons_and_voices_have_votes(past: Past) -> None:
    past.said("a", LONG_AGO, "voice", vote="up")
    past.said("b", LONG_AGO, "voice", vote="down")
    past.said("c", LONG_AGO, "handoff", intent="human_agent", waiting=True)
    past.said("d", LONG_AGO, "handoff", intent="cancel", waiting=True)
    past.said("e", LONG_AGO, "clarify", waiting=True, handoff={"trigger": "clarify", "intent": "order"})
    past.said("f", LONG_AGO, "knowledge", cited=False)
    found = past.numbers()
    assert found.reasons == {("asked", "human_agent"): 1, ("routed", "cancel"): 1, ("clarify", "order"): 1}
    assert [(one.voice, one.messages, one.satisfied) for one in found.voices] == [("warm@1", 2, Share(n=1, of=2))]
    whole = found.whole
    assert (whole.handed_over, whole.clarified) == (Share(n=3, of=6), Share(n=1, of=6))
    assert (whole.unanswered, whole.satisfied) == (Share(n=1, of=1), Share(n=1, of=2))
    assert whole.seconds == pytest.approx(1.5)


def asked(model: str, read: int | None, wrote: int | None, cost: float = 0.0, provider: str = "openai") -> Any:
    return {"model": model, "provider": provider, "tokens_in": read, "tokens_out": wrote, "cost": cost}


def test_what_models_read_and_wrote_is_kept_by_case_and_by_model(past: Past) -> None:
    calls = [asked("large", 900, 30, 0.5), asked("large", 100, 10, 0.1), asked("large", None, None)]
    past.said("a", LONG_AGO, trace={"models": [*calls, asked("base", 50, 5, provider="frontdesk")]})
    past.said("a", LONG_AGO + timedelta(minutes=1), trace={"models": [asked("small", 8, 2, 0.2)]}, vote="up")
    past.said("b", LONG_AGO)
    past.said("young", TODAY, trace={"models": [asked("large", 1, 1, 3.0)]}, brand="other")
    found = past.numbers()
    cost = found.whole.spent.cost
    assert cost == pytest.approx(3.8)
    assert found.whole.spent == Spent(tokens_in=1009, tokens_out=43, tokens_here=55, uncounted=1, cost=cost)
    assert found.whole.spent_decided == pytest.approx(0.8)
    assert [(one.model, one.calls, one.uncounted, one.tokens_in) for one in found.models] == [
        ("large", 4, 1, 1001),
        ("small", 1, 0, 8),
        ("base", 1, 0, 50),
    ]
    assert past.numbers(brand="other").whole.spent == Spent(tokens_in=1, tokens_out=1, cost=3.0)
    assert told(found)["whole"]["spent"]["tokens_here"] == 55
    past.store.forget_before(TODAY + DAY)
    assert past.numbers().models == []


def test_what_is_forgotten_counts_no_more(past: Past) -> None:
    past.said("a", LONG_AGO)
    past.said("b", LONG_AGO)
    assert past.numbers().whole.cases == 2
    past.store._write(lambda connection: connection.execute(delete(turns).where(turns.c.id == 1)) and None)
    assert past.numbers().whole.cases == 1
    past.store.forget_before(TODAY + DAY)  # retention takes the figures with the turns
    left = past.store._opened().read(lambda c: c.execute(select(func.count()).select_from(figures)).scalar_one())
    assert left == 0


def test_a_case_belongs_to_the_day_it_began_on(past: Past) -> None:
    past.said("x", LONG_AGO)
    past.said("x", LONG_AGO + timedelta(hours=20))
    day = LONG_AGO.date()
    before = numbers(past.store, day - DAY, day)
    after = numbers(past.store, day + DAY, day + 2 * DAY)
    assert (before.whole.cases, after.whole.cases, numbers(past.store, day, day + DAY).whole.messages) == (0, 0, 2)
    assert list(after.by_day) == [day + DAY]


@pytest.mark.parametrize(
    ("text", "solved"),
    [
        ("That solved it, thank you", True),
        ("thanks, that’s what I needed", True),
        ("it works now", True),
        ("My problem is fixed", True),
        ("we're all set", True),
        ("that worked!", True),
        ("thanks", False),
        ("That didn't help", False),
        ("that never worked", False),
        ("is the problem solved?", False),
        ("it isn't sorted", False),
        ("where is my order", False),
    ],
)
def test_only_plain_words_say_that_it_is_solved(text: str, solved: bool) -> None:
    assert says_solved(text) is solved
