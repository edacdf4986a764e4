"""Whether it helped: asked at most now and then, never in the way, and what is said is a vote on the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from frontdesk.bot.config import Brand, Helped
from frontdesk.bot.desk import FrontDesk
from frontdesk.bot.engine import Engine
from frontdesk.bot.helped import HelpedAnswerer, question
from frontdesk.bot.store.numbers import Share, numbers
from frontdesk.bot.types import Button, Conversation, Effect, Event, Kind, Route, Sentence, Support
from tests.bot.desks import CITATION, QUOTE, Words, desk_of, opened, say

BRAND = Brand(name="Shop")
ASKS, YES, NO = BRAND.messages.helped, "/helped", "/not_helped"


class Polite(Words):
    """Knows thanks and goodbyes, too."""

    KINDS: Mapping[str, tuple[Kind, str]] = {
        **Words.KINDS,
        "thanks": ("voice", "thanks"),
        "bye": ("voice", "goodbye"),
    }


def desk_at(folder: Path, brand: Brand = BRAND) -> FrontDesk:
    desk = desk_of(folder, brand)
    old, brands = desk.engine, {"b": brand}
    answerers = {**old.answerers, "voice": HelpedAnswerer(old.answerers["voice"], brands)}
    desk.engine = Engine(brands=brands, routers={"b": Polite()}, answerers=answerers, checks=())
    return desk


def played(folder: Path, *texts: str, brand: Brand = BRAND) -> tuple[list[list[Event]], Share, list[str]]:
    """Return the events of each turn, the cases in which the customer said so, and the votes."""

    async def whole() -> tuple[list[list[Event]], Share, list[str]]:
        async with opened(desk_at(folder, brand)) as desk:
            events = [await say(desk, text) for text in texts]
            today = datetime.now(UTC).date()
            found = numbers(desk.store, today - timedelta(1), today + timedelta(1), days=0)
            votes = desk.store.look(lambda c: [row.value for row in c.exec_driver_sql("select value from feedback")])
            return events, found.whole.said_so, votes

    return asyncio.run(whole())


def texts_of(events: list[Event]) -> list[str]:
    return [event.data["text"] for event in events if event.kind == "sentence"]


def payloads(events: list[Event]) -> list[str]:
    return [one["payload"] for event in events if event.kind == "buttons" for one in event.data["buttons"]]


def test_at_a_natural_end_the_customer_is_asked_and_a_yes_is_a_verified_resolution(tmp_path: Path) -> None:
    turns, said_so, votes = played(tmp_path, "return?", "thanks", YES, "return again?", "thanks", "bye")
    assert [ASKS in texts_of(events) for events in turns] == [False, True, False, False, False, False]
    assert payloads(turns[1]) == [YES, NO]
    assert texts_of(turns[2]) == [BRAND.messages.helped_thanks]
    assert (said_so, votes) == (Share(n=1, of=1), ['{"value":"up"}'])


@pytest.mark.parametrize("words", [NO, "No, it didn't", "no", "nope"])
def test_a_no_is_heard_in_words_too_and_offers_a_person(tmp_path: Path, words: str) -> None:
    turns, said_so, votes = played(tmp_path, "return?", "thanks", words)
    assert texts_of(turns[2]) == [BRAND.messages.not_helped]
    assert payloads(turns[2]) == ["/human_agent"]
    assert (said_so.n, votes) == (0, ['{"value":"down"}'])


def test_below_the_answer_where_the_brand_wants_it_and_not_again_for_a_while(tmp_path: Path) -> None:
    brand = BRAND.model_copy(update={"helped": Helped(after="answer", every=2)})
    turns, _, votes = played(tmp_path, "return?", "return, and?", "thanks", "return once more?", "yes", brand=brand)
    assert [ASKS in texts_of(events) for events in turns] == [True, False, False, True, False]
    assert votes == ['{"value":"up"}']


@pytest.mark.parametrize(
    "texts",
    [
        ("hello", "thanks"),
        ("money?", "thanks"),
        ("what?", "bye"),
        ("return?", "person", "thanks"),
        ("return?", "refund", "thanks"),
        ("return?", "money?"),
        ("thanks",),
    ],
)
def test_it_is_never_asked_where_nothing_was_answered(tmp_path: Path, texts: tuple[str, ...]) -> None:
    turns, _, _ = played(tmp_path, *texts)
    assert not any(ASKS in texts_of(events) for events in turns)


def test_a_press_without_a_question_is_thanked_for_and_votes_for_nothing(tmp_path: Path) -> None:
    turns, said_so, votes = played(tmp_path, "return?", YES)
    assert texts_of(turns[1]) == [BRAND.messages.helped_thanks]
    assert (said_so.n, votes) == (0, [])


def test_yes_after_anything_else_is_no_vote(tmp_path: Path) -> None:
    turns, _, votes = played(tmp_path, "return?", "thanks", "return, then?", "yes")
    assert texts_of(turns[3]) != [BRAND.messages.helped_thanks]
    assert votes == []


def test_a_brand_may_leave_it(tmp_path: Path) -> None:
    brand = BRAND.model_copy(update={"helped": Helped(after="never")})
    turns, _, _ = played(tmp_path, "return?", "thanks", brand=brand)
    assert not any(ASKS in texts_of(events) for events in turns)


def answered(kind: Kind, sentence: Sentence, slots: dict[str, str] | None = None) -> Sentence | None:
    brand = BRAND.model_copy(update={"helped": Helped(after="answer")})
    route = Route(kind=kind, intent="x", confidence=1.0, reason="")
    return question(Conversation(id="c", brand="b", slots=slots or {}), brand, (route,), (sentence,))


def test_only_an_answer_that_something_carries_is_asked_about() -> None:
    quoted, record = Sentence(text=QUOTE, citations=(CITATION,)), Support(kind="record", source="orders")
    assert answered("knowledge", quoted)
    assert answered("account", Sentence(text="It ships today.", support=record))
    assert answered("knowledge", Sentence(text="I don't have that.")) is None
    assert answered("account", Sentence(text="Which order?"), {"pending_intent": "order_status"}) is None
    asking = Effect(buttons=(Button(title="Yes", payload="/affirm"),))
    assert answered("account", Sentence(text="Shall I?", support=record, effect=asking)) is None
    assert answered("account", Sentence(text="No.", support=record, effect=Effect(state="waiting"))) is None


def test_who_waits_for_a_person_is_not_asked() -> None:
    brand = BRAND.model_copy(update={"helped": Helped(after="answer")})
    waiting = Conversation(id="c", brand="b", state="waiting")
    route = Route(kind="knowledge", intent="x", confidence=1.0, reason="")
    assert question(waiting, brand, (route,), (Sentence(text=QUOTE, citations=(CITATION,)),)) is None
