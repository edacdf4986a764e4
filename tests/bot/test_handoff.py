"""The handoff over a real store: what brings a person in, what is said, when, by whom, and how it ends."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import delete

from frontdesk.bot.config import Brand
from frontdesk.bot.desk import FrontDesk
from frontdesk.bot.errors import ChannelError
from frontdesk.bot.handoff import BACK, LEAVE
from frontdesk.bot.hours import next_opening, open_at, spoken
from frontdesk.bot.people import HandoffRules
from frontdesk.bot.store.tables import conversations
from frontdesk.bot.types import State
from tests.bot.desks import NOON, QUOTE, Clock, last_words, run, say, state, told

NAMES = {"titles": {"return_policy": "Returning something", "cancel_order": "Cancel an order", "refund": "A refund"}}


def brand(**handoff: Any) -> Brand:
    return Brand.model_validate({"name": "Shop", **NAMES, "handoff": handoff})


PLAIN = brand()


# C5: the routing field decides, whatever a model says


def test_a_voice_that_talks_of_people_moves_nothing_and_the_route_alone_does(tmp_path: Path) -> None:
    async def play(desk: FrontDesk) -> None:
        assert "passing you to a colleague" in await told(desk, "hello")
        assert (await state(desk)).state == "bot"
        assert await desk.waiting() == []
        assert await told(desk, "cancel it") == PLAIN.messages.handoff
        assert (await state(desk)).state == "waiting"

    run(tmp_path, play, PLAIN)


# C6: always a visible message, always in the queue


@pytest.mark.parametrize(
    ("text", "trigger", "words"),
    [
        ("a person please", "asked", PLAIN.messages.handoff),
        ("/human_agent", "asked", PLAIN.messages.handoff),
        ("I want to TALK to a human, hello?", "asked", PLAIN.messages.handoff),
        ("cancel my order", "routed", PLAIN.messages.handoff),
        ("refund it all", "policy", "That's not mine to decide."),
        ("break", "failure", PLAIN.messages.apology),
    ],
)
def test_every_handoff_is_said_and_queued_with_its_reason(tmp_path: Path, text: str, trigger: str, words: str) -> None:
    async def play(desk: FrontDesk) -> None:
        events = await say(desk, text)
        assert words in events[-1].data["text"]
        assert {"state": "waiting"} in [event.data for event in events]
        (queued,) = await desk.staff.queue()
        assert queued.handoff is not None
        assert (queued.id, queued.handoff.trigger, queued.handoff.agent) == ("x", trigger, "")
        assert queued.handoff.reason or trigger == "policy"

    run(tmp_path, play, PLAIN)


def test_a_second_question_back_and_doubt_about_what_is_risky_bring_a_person(tmp_path: Path) -> None:
    async def play(desk: FrontDesk) -> None:
        await told(desk, "blorp")
        assert (await state(desk)).state == "bot"
        await told(desk, "blorp blorp")
        await told(desk, "about the money", "y")
        triggers = [each.handoff.trigger for each in await desk.staff.queue() if each.handoff]
        assert triggers == ["clarify", "risky"]

    run(tmp_path, play, brand(risky=["refund"]))


def test_a_trigger_that_is_switched_off_asks_back(tmp_path: Path) -> None:
    async def play(desk: FrontDesk) -> None:
        for text in ("blorp", "blorp blorp", "about the money"):
            await told(desk, text)
        assert (await state(desk)).state == "bot"

    run(tmp_path, play, brand(triggers=[], risky=["refund"]))


# C8: a person first, keywords, office hours, off


def test_a_person_may_be_asked_for_first_and_in_the_brands_own_words(tmp_path: Path) -> None:
    async def play(desk: FrontDesk) -> None:
        assert await told(desk, "Supervisor, now, about my return!") == PLAIN.messages.handoff
        assert (await state(desk)).state == "waiting"

    run(tmp_path, play, brand(keywords=["supervisor"]))


def test_the_off_switch_offers_nobody_and_keeps_the_conversation_with_the_bot(tmp_path: Path) -> None:
    alone = brand(enabled=False)

    async def play(desk: FrontDesk) -> None:
        assert await told(desk, "a person please") == alone.messages.no_people
        broken = await say(desk, "break")
        assert "colleague" not in broken[-1].data["text"]
        asked = await say(desk, "about the money")
        payloads = [button["payload"] for event in asked if event.kind == "buttons" for button in event.data["buttons"]]
        assert "/refund" in payloads and "/human_agent" not in payloads
        assert (await state(desk)).state == "bot"
        assert await desk.waiting() == []

    run(tmp_path, play, alone)


HOURS = {"timezone": "America/New_York", "hours": ["Mon-Fri 08:00-18:00", "Sat 09:00-13:00"], "closed": ["2026-03-03"]}


def test_outside_the_hours_the_next_opening_is_said_and_the_conversation_kept(tmp_path: Path) -> None:
    clock = Clock(datetime(2026, 3, 2, 23, 30, tzinfo=UTC))  # Monday evening there; Tuesday is closed

    async def play(desk: FrontDesk) -> None:
        words = await told(desk, "a person please")
        assert "on Wednesday at 08:00 (EST)" in words and "colleague" in words
        assert [each.id for each in await desk.staff.queue()] == ["x"]
        clock.forward(hours=12)
        await desk.staff.tick()
        assert (await last_words(desk)).data["text"] == words, "nobody is there: nothing more is promised or asked"
        clock.moment = datetime(2026, 3, 4, 13, 30, tzinfo=UTC)
        assert await told(desk, "still there?") == PLAIN.messages.waiting

    run(tmp_path, play, brand(**HOURS), clock)


@pytest.mark.parametrize("text", ["break", "a person please"])
def test_a_failure_says_when_people_are_back_too(tmp_path: Path, text: str) -> None:
    closed = brand(closed=[str(datetime.now(UTC).date() + timedelta(days=day)) for day in range(-1, 90)])

    async def play(desk: FrontDesk) -> None:
        assert (await told(desk, text)).endswith(closed.messages.away_long)

    run(tmp_path, play, closed)


@pytest.mark.parametrize(
    ("moment", "there", "says"),
    [
        ("2026-03-02T12:59:00+00:00", False, "today at 08:00 (EST)"),
        ("2026-03-02T13:00:00+00:00", True, ""),
        ("2026-03-06T23:00:00+00:00", False, "tomorrow at 09:00 (EST)"),
        ("2026-03-07T18:00:00+00:00", False, "on Monday at 08:00 (EDT)"),  # the clocks change in between
        ("2026-12-24T23:30:00+00:00", False, "tomorrow at 08:00 (EST)"),
    ],
)
def test_hours_are_the_brands_own_daylight_saving_included(moment: str, there: bool, says: str) -> None:
    rules, at = HandoffRules.model_validate(HOURS), datetime.fromisoformat(moment)
    opening = next_opening(rules, at)
    assert open_at(rules, at) is there
    assert (spoken(opening, at) if opening else "") == says


def test_no_opening_in_sight_and_no_hours_at_all() -> None:
    always = HandoffRules()
    assert open_at(always, NOON) and next_opening(always, NOON) is None
    closed = HandoffRules.model_validate({"closed": [str(NOON.date() + timedelta(days=day)) for day in range(90)]})
    assert not open_at(closed, NOON) and next_opening(closed, NOON) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"timezone": "Mars/Base"},
        {"hours": ["always"]},
        {"hours": ["Fri-Mon 08:00-18:00"]},
        {"hours": ["Mon 18:00-08:00"]},
    ],
)
def test_hours_that_cannot_be_read_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HandoffRules.model_validate(wrong)


def test_the_place_in_the_queue_is_said(tmp_path: Path) -> None:
    async def play(desk: FrontDesk) -> None:
        assert "queue" not in await told(desk, "a person", "one")
        assert "number 2 in the queue" in await told(desk, "a person", "two")
        assert "number 3 in the queue" in await told(desk, "a person", "three")
        await desk.staff.claim("one", "Ana")
        assert "number 2 in the queue" in await told(desk, "hello?", "three")

    run(tmp_path, play, PLAIN)


def test_what_presses_while_a_person_is_awaited_comes_first(tmp_path: Path) -> None:
    async def play(desk: FrontDesk) -> None:
        await told(desk, "a person", "one")
        await told(desk, "a person", "two")
        await told(desk, "I want to kill myself", "two")
        first, second = await desk.staff.queue()
        assert first.handoff is not None
        assert (first.id, first.handoff.trigger, first.handoff.intent) == ("two", "safety", "safety_self_harm")
        assert second.handoff is not None
        assert (second.id, second.handoff.trigger) == ("one", "asked")

    run(tmp_path, play, PLAIN)


# Time limits


def test_waiting_too_long_is_said_once_with_a_choice(tmp_path: Path) -> None:
    clock = Clock(datetime.now(UTC))

    async def play(desk: FrontDesk) -> None:
        await told(desk, "a person")
        before = await desk.position("x")
        await desk.staff.tick()
        assert await desk.position("x") == before
        clock.forward(minutes=6)
        await asyncio.gather(desk.staff.tick(), desk.staff.tick())
        slow = await last_words(desk)
        assert slow.data["text"] == PLAIN.messages.slow and slow.data["author"] == "Assistant"
        assert [button["payload"] for button in slow.data["buttons"]] == [LEAVE, BACK]
        assert await told(desk, LEAVE) == PLAIN.messages.left
        assert (await state(desk)).state == "waiting"
        assert await told(desk, BACK) == PLAIN.messages.back
        found = await state(desk)
        assert found.handoff is not None
        assert (found.state, found.handoff.outcome) == ("bot", "left")

    run(tmp_path, play, PLAIN, clock)


def test_a_person_who_falls_silent_lets_it_wait_for_anyone(tmp_path: Path) -> None:
    clock = Clock(datetime.now(UTC))

    async def play(desk: FrontDesk) -> None:
        await told(desk, "a person")
        await desk.post("x", "One moment, I'll look.", "Ana")
        clock.forward(minutes=20)
        await desk.staff.tick()
        assert (await state(desk)).state == "human", "Ana answered; the customer owes the next word"
        await told(desk, "and?")
        clock.forward(minutes=20)
        await desk.staff.tick()
        found = await state(desk)
        assert found.handoff is not None
        assert (found.state, found.handoff.agent) == ("waiting", "")
        assert (await last_words(desk)).data["text"].startswith("Ana hasn't answered")
        assert (await desk.staff.claim("x", "Ben")).agent == "Ben"

    run(tmp_path, play, PLAIN, clock)


def test_what_is_answered_and_idle_goes_back_to_the_bot(tmp_path: Path) -> None:
    clock = Clock(datetime.now(UTC))

    async def play(desk: FrontDesk) -> None:
        await told(desk, "a person")
        await desk.post("x", "It is on its way.", "Ana")
        clock.forward(hours=25)
        await desk.staff.tick()
        found = await state(desk)
        assert found.handoff is not None
        assert (found.state, found.handoff.outcome) == ("bot", "idle")
        assert (await last_words(desk)).data["text"] == PLAIN.messages.resolved

    run(tmp_path, play, PLAIN, clock)


def test_one_stay_that_fails_does_not_keep_the_others_waiting(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock(datetime.now(UTC))

    async def play(desk: FrontDesk) -> None:
        for conversation in ("x", "y"):
            await say(desk, "a person", conversation)
        desk.store.do(
            lambda connection: connection.execute(delete(conversations).where(conversations.c.id == "x")), "x"
        )
        clock.forward(minutes=20)
        await desk.staff.tick()
        assert (await last_words(desk, "y")).data["automatic"] is True
        assert "could not be looked at" in caplog.text

    run(tmp_path, play, PLAIN, clock)


# C7: after the end


def test_after_the_end_nothing_from_before_triggers_again(tmp_path: Path) -> None:
    async def play(desk: FrontDesk) -> None:
        for text in ("blorp", "blorp blorp"):
            await told(desk, text)
        await desk.post("x", "All done.", "Ana")
        await desk.hand_back("x", "Ana")
        assert (await last_words(desk)).data["text"] == PLAIN.messages.resolved
        assert (await state(desk)).slots == {}
        await told(desk, "blorp")
        assert (await state(desk)).state == "bot", "it was asked back before the end, and that counts no more"
        await told(desk, "blorp blorp")
        assert (await state(desk)).state == "waiting", "twice since then does"
        assert [deed.action for deed in await desk.staff.deeds()] == ["gave back", "replied", "claimed"]

    run(tmp_path, play, PLAIN)


# One holder


def test_of_two_who_reach_for_it_at_once_one_has_it(tmp_path: Path) -> None:
    async def play(desk: FrontDesk) -> None:
        await told(desk, "a person")
        both = await asyncio.gather(desk.staff.claim("x", "Ana"), desk.staff.claim("x", "Ben"))
        holder = both[0].agent
        assert both[1].agent == holder and holder in ("Ana", "Ben")
        other = "Ben" if holder == "Ana" else "Ana"
        with pytest.raises(ChannelError) as caught:
            await desk.post("x", "Me too!", other)
        assert (caught.value.status, holder in caught.value.what) == (409, True)
        assert (await desk.staff.claim("x", other, force=True)).agent == other
        with pytest.raises(ChannelError):
            await desk.post("x", "Still me?", holder)
        actions = [(deed.actor, deed.action, deed.detail) for deed in await desk.staff.deeds()]
        assert actions == [(other, "took over", holder), (holder, "claimed", "")]

    run(tmp_path, play, PLAIN)


def test_the_same_word_from_elsewhere_is_written_once(tmp_path: Path) -> None:
    async def play(desk: FrontDesk) -> None:
        await told(desk, "a person")
        first = await desk.staff.write("x", "Hello.", "Ana", via="slack", key="T:C:1")
        again = await desk.staff.write("x", "Hello.", "Ana", via="slack", key="T:C:1")
        assert first is not None and again is None
        said = [event for event in desk.store.events("x", 0, 100) if event.data.get("author") == "Ana"]
        assert len(said) == 1

    run(tmp_path, play, PLAIN)


# What people see


def test_the_summary_names_what_was_asked_tried_cited_and_is_open(tmp_path: Path) -> None:
    async def play(desk: FrontDesk) -> None:
        for text in ("how long may I return it?", "about the money", "cancel my order", "are you there?"):
            await told(desk, text)
        found = desk.staff.summary(await state(desk))
        assert found["why"] == ("People answer this: Cancel an order.",)
        assert found["asked"][0] == "“how long may I return it?”"
        assert "Answered from the documents: Returning something" in found["tried"]
        assert found["cited"] == (f"Returns: “{QUOTE}”",)
        assert found["open"] == ("“cancel my order”", "“are you there?”")

    run(tmp_path, play, PLAIN)


def test_a_suggestion_has_its_sources_and_changes_nothing(tmp_path: Path) -> None:
    async def play(desk: FrontDesk) -> None:
        await told(desk, "a person")
        await told(desk, "may I return it?")
        before = await desk.position("x")
        reply = await desk.staff.suggest(await state(desk))
        assert reply is not None
        assert [citation.quote for citation in reply.citations] == [QUOTE]
        await told(desk, "refund all of it")
        assert await desk.staff.suggest(await state(desk)) is None, "no action runs for a suggestion"
        assert (await state(desk)).state == "waiting" and await desk.position("x") > before

    run(tmp_path, play, PLAIN)


def test_ready_replies_are_filled_and_one_that_lacks_a_value_is_left_out(tmp_path: Path) -> None:
    async def play(desk: FrontDesk) -> None:
        await told(desk, "a person")
        ready = desk.staff.canned(await state(desk))
        assert ready == {"Hello": "Hello Ada, Shop here."}

    canned = {"Hello": "Hello {{customer_name}}, {{brand}} here.", "Phone": "Call {{support_phone}}."}
    run(tmp_path, play, brand(canned=canned))


def test_notes_are_for_people_only(tmp_path: Path) -> None:
    async def play(desk: FrontDesk) -> None:
        await told(desk, "a person")
        before = await desk.position("x")
        await desk.staff.note("x", "Ana", "Called twice already.")
        assert await desk.position("x") == before
        assert [(note.agent, note.text) for note in await desk.staff.notes("x")] == [("Ana", "Called twice already.")]
        with pytest.raises(ChannelError):
            await desk.staff.note("nowhere", "Ana", "?")

    run(tmp_path, play, PLAIN)


def test_a_person_may_take_a_conversation_from_the_bot(tmp_path: Path) -> None:
    async def play(desk: FrontDesk) -> None:
        await told(desk, "hello")
        taken = await desk.staff.claim("x", "Ana")
        expected: State = "human"
        assert (taken.trigger, taken.agent, (await state(desk)).state) == ("agent", "Ana", expected)
        assert await told(desk, "hello again") == "", "the bot keeps still"
        assert await desk.staff.give_back("x", "Ana") and not await desk.staff.give_back("x", "Ana")

    run(tmp_path, play, PLAIN)


def test_every_test_that_the_docs_name_is_there() -> None:
    root = Path(__file__).parents[2]
    named = set(re.findall(r"`(test_\w+)`", (root / "docs" / "inbox.md").read_text(encoding="utf-8")))
    written = "".join(path.read_text(encoding="utf-8") for path in (root / "tests").rglob("test_*.py"))
    assert len(named) > 10
    assert [name for name in sorted(named) if f"def {name}(" not in written] == []
