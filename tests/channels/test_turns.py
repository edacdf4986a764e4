"""Following one turn through the outbox."""

from __future__ import annotations

import asyncio

from frontdesk.bot.types import Customer, Message
from frontdesk.channels.testing import FakeDesk
from frontdesk.channels.turns import collect
from tests.channels.wire import script, scripted


def message(text: str, number: int) -> Message:
    """Return a message of one conversation."""
    return Message(
        text=text, conversation_id="c", brand="b", channel="test", customer=Customer(id="u"), id=f"m{number}"
    )


def test_a_turn_ends_with_its_own_done() -> None:
    async def go() -> list[tuple[str, str]]:
        desk = scripted()
        await desk.accept(message("first", 1), "1")
        receipt = await desk.accept(message("choose", 2), "2")
        return [(event.message_id, event.kind) async for event in collect(desk, receipt, 5)]

    events = asyncio.run(go())
    assert {message_id for message_id, _ in events} == {"m2"}
    assert [kind for _, kind in events] == ["typing", "sentence", "buttons", "done"]


def test_a_repeated_message_is_replayed_from_the_outbox() -> None:
    async def go() -> list[list[int]]:
        desk = scripted()
        receipts = [await desk.accept(message("hi", 1), "1") for _ in range(2)]
        return [[event.id async for event in collect(desk, receipt, 5)] for receipt in receipts]

    first, second = asyncio.run(go())
    assert first == second


def test_it_ends_without_a_word_when_time_is_up() -> None:
    async def go() -> list[str]:
        desk = FakeDesk(script, pause=30)
        receipt = await desk.accept(message("hi", 1), "1")
        return [event.kind async for event in collect(desk, receipt, 0.05)]

    assert asyncio.run(go()) == ["typing"]
