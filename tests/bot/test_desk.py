"""The desk over a real store: accepted, answered in order, followed, handed to a person and back, delivered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from frontdesk.bot.config import Brand, Limits
from frontdesk.bot.delivery import Delivery
from frontdesk.bot.desk import FrontDesk
from frontdesk.bot.dialogue.clarify import ClarifyAnswerer
from frontdesk.bot.engine import Engine
from frontdesk.bot.errors import ChannelError
from frontdesk.bot.handoff import HandoffAnswerer
from frontdesk.bot.store import Store
from frontdesk.bot.types import Conversation, Customer, Event, Kind, Message, Route, Sentence

BRANDS = {"b": Brand(name="Shop")}


class EchoRouter:
    """Sends everything to the voice, but `person` to a person."""

    def route(self, message: Message, conversation: Conversation) -> tuple[Route, ...]:
        kind: Kind = "handoff" if message.text == "person" else "voice"
        return (Route(kind=kind, intent="echo", confidence=1.0, reason="test"),)


class Echo:
    async def answer(self, message: Message, conversation: Conversation, route: Route) -> AsyncIterator[Sentence]:
        yield Sentence(text=f"You said {message.text}.")
        yield Sentence(text=f"That makes {len(conversation.turns)} before.")


def message(text: str, number: int = 1, conversation: str = "x", channel: str = "web") -> Message:
    who = Customer(id="c")
    return Message(text=text, conversation_id=conversation, brand="b", channel=channel, customer=who, id=str(number))


def run(folder: Path, play: Callable[[FrontDesk], Awaitable[None]]) -> None:
    engine = Engine(
        brands=BRANDS,
        routers={"b": EchoRouter()},
        answerers={"voice": Echo(), "clarify": ClarifyAnswerer(BRANDS), "handoff": HandoffAnswerer(BRANDS)},
        checks=(),
    )

    async def whole() -> None:
        desk = FrontDesk(engine, Store(f"sqlite:///{folder / 'desk.db'}"), Limits(), workers=4)
        await desk.start()
        try:
            async with asyncio.timeout(30):
                await play(desk)
        finally:
            await desk.stop()

    asyncio.run(whole())


async def until(desk: FrontDesk, conversation: str, kind: str, after: int = 0, count: int = 1) -> list[Event]:
    """Return the events up to the `count`-th of `kind`."""
    seen: list[Event] = []
    async for event in desk.events(conversation, after):
        seen.append(event)
        count -= event.kind == kind
        if not count:
            return seen
    raise AssertionError("the stream ended")


def test_a_turn_is_committed_event_by_event(tmp_path: Path) -> None:
    async def play(desk: FrontDesk) -> None:
        receipt = await desk.accept(message("hello"), "e1")
        events = await until(desk, "x", "done", receipt.position)
        assert [event.kind for event in events] == ["typing", "sentence", "sentence", "done"]
        assert events[-1].data["text"] == "You said hello. That makes 0 before."
        again = await desk.accept(message("hello"), "e1")
        assert again.duplicate
        assert await desk.position("x") == events[-1].id

    run(tmp_path, play)


def test_messages_of_one_conversation_are_answered_in_order(tmp_path: Path) -> None:
    async def play(desk: FrontDesk) -> None:
        for number in range(8):
            await desk.accept(message(f"m{number}", number), f"e{number}")
        events = await until(desk, "x", "done", count=8)
        said = [event.data["text"] for event in events if event.kind == "done"]
        assert said == [f"You said m{n}. That makes {n} before." for n in range(8)]

    run(tmp_path, play)


@pytest.mark.parametrize(("text", "status"), [("", 422), (" \n\t ", 422), ("x" * 8001, 413)])
def test_what_cannot_be_answered_is_refused_before_it_is_stored(tmp_path: Path, text: str, status: int) -> None:
    async def play(desk: FrontDesk) -> None:
        with pytest.raises(ChannelError) as caught:
            await desk.accept(message(text), "e1")
        assert caught.value.status == status
        assert await desk.conversation("x") is None

    run(tmp_path, play)


def test_a_person_takes_over_writes_and_hands_back(tmp_path: Path) -> None:
    async def play(desk: FrontDesk) -> None:
        receipt = await desk.accept(message("person"), "e1")
        events = await until(desk, "x", "done", receipt.position)
        assert [event.data for event in events if event.kind == "state"] == [{"state": "waiting"}]
        assert [c.id for c in await desk.waiting()] == ["x"]
        at = await desk.position("x")
        await desk.post("x", "Hello, this is Ada.", "Ada")
        taken = await until(desk, "x", "sentence", at)
        assert [event.kind for event in taken] == ["state", "sentence"]
        assert taken[-1].data["author"] == "Ada"
        receipt = await desk.accept(message("thanks", 2), "e2")
        still = await until(desk, "x", "done", receipt.position)
        assert [event.kind for event in still if event.kind == "sentence"] == []
        await desk.hand_back("x")
        receipt = await desk.accept(message("and you?", 3), "e3")
        back = await until(desk, "x", "done", receipt.position)
        assert back[-1].data["text"].startswith("You said and you?.")
        with pytest.raises(ChannelError):
            await desk.post("nowhere", "hi", "Ada")

    run(tmp_path, play)


def test_a_pushing_channel_gets_replies_and_a_persons_words_once_each(tmp_path: Path) -> None:
    class Platform:
        """Refuses the first call, as a platform under load does."""

        def __init__(self) -> None:
            self.got: list[str] = []
            self.calls = 0

        async def send(self, event: Event, conversation: Conversation) -> None:
            self.calls += 1
            if self.calls == 1:
                error = RuntimeError("429")
                error.seconds = 0.0  # type: ignore[attr-defined]
                raise error
            self.got.append(event.data["text"])

    async def play(desk: FrontDesk) -> None:
        platform = Platform()
        delivery = Delivery(desk.store, {"slack": platform})
        await delivery.start()
        await desk.accept(message("hi", channel="slack"), "e1")
        await until(desk, "x", "done")
        await desk.post("x", "Ada here.", "Ada")
        while len(platform.got) < 2:
            await asyncio.sleep(0.02)
        await delivery.stop()
        assert platform.got == ["You said hi. That makes 0 before.", "Ada here."]

    run(tmp_path, play)
