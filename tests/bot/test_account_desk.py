"""A change through the real desk and store: a turn that fails at its end is done again, the change is not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from frontdesk.bot.config import Limits
from frontdesk.bot.desk import FrontDesk
from frontdesk.bot.errors import StoreError
from frontdesk.bot.store import Store
from frontdesk.bot.types import Customer, Message
from tests.bot.talking import Talk, book, desk


def message(number: int, text: str) -> Message:
    who = Customer(id="C1", identity="token")
    return Message(text=text, conversation_id="c", brand="b", channel="web", customer=who, id=f"m{number}")


async def said(front: FrontDesk, number: int, text: str) -> str:
    """The reply to a message, once its turn is closed."""
    receipt = await front.accept(message(number, text), f"m{number}")
    async for event in front.events("c", receipt.position):
        if event.kind == "done" and event.message_id == f"m{number}":
            return str(event.data["text"])
    raise AssertionError("no reply")


@pytest.mark.parametrize("fails", ["finish_async", "commit_async"])
def test_a_turn_that_is_done_again_makes_its_change_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    store = Store(f"sqlite:///{tmp_path / 'x.db'}")
    talk = Talk(desk(tmp_path), ledger=store.ledger)
    front = FrontDesk(talk.engine, store, Limits(), workers=1)
    real, times = getattr(store, fails), []

    def breaks(*arguments: Any, **named: Any) -> Any:
        wrote = bool(book(tmp_path))
        times.append(wrote)
        if wrote and times.count(True) == 1:
            raise StoreError("the database dies here")
        return real(*arguments, **named)

    async def played() -> list[str]:
        await front.start()
        try:
            texts = [await said(front, 1, "move 101"), await said(front, 2, "42 Elm Street")]
            monkeypatch.setattr(store, fails, breaks)
            return [*texts, await said(front, 3, "yes")]
        finally:
            await front.stop()

    texts = asyncio.run(played())
    assert texts[1:] == ["I'd send LN-101 to 42 Elm Street. Shall I?", "LN-101 now goes to 42 Elm Street."]
    assert times.count(True) >= 2
    assert len(book(tmp_path)) == 1
