"""A real desk over a real store, with a bot that is scripted by words: for tests of what people do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from frontdesk.bot.config import Brand, Limits
from frontdesk.bot.desk import FrontDesk
from frontdesk.bot.dialogue.clarify import ClarifyAnswerer
from frontdesk.bot.engine import Engine
from frontdesk.bot.handoff import HandoffAnswerer
from frontdesk.bot.router.route import not_twice
from frontdesk.bot.store import Store
from frontdesk.bot.types import (
    Citation,
    Conversation,
    Customer,
    Effect,
    Event,
    Kind,
    Message,
    Route,
    Sentence,
    Support,
)

QUOTE = "You may return anything within 45 days of delivery."
CITATION = Citation(
    number=1,
    document_id="returns",
    title="Returns",
    url="https://shop.example/returns",
    version="v1",
    quote=QUOTE,
    start=0,
    end=len(QUOTE),
)
ADA = Customer(id="ada", identity="token", attributes={"name": "Ada Byron"})
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""A Monday."""


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, **span: float) -> None:
        """Let time pass."""
        self.moment += timedelta(**span)


class Words:
    """A router that goes by one word; what it does not know it asks back, once, as the real one does."""

    KINDS: Mapping[str, tuple[Kind, str]] = {
        "person": ("handoff", "human_agent"),
        "cancel": ("handoff", "cancel_order"),
        "return": ("knowledge", "return_policy"),
        "refund": ("account", "refund"),
        "break": ("voice", "break"),
        "hello": ("voice", "greeting"),
    }

    def route(self, message: Message, conversation: Conversation) -> tuple[Route, ...]:
        """Return the route of the first known word."""
        for word, (kind, intent) in self.KINDS.items():
            if word in message.text:
                return (Route(kind=kind, intent=intent, confidence=0.9, reason=f"says {word}"),)
        likely = (("refund", 0.4), ("greeting", 0.2)) if "money" in message.text else ()
        asking = Route(kind="clarify", intent="", confidence=0.4, reason="in doubt", alternatives=likely)
        return (not_twice(asking, conversation, {name for name, _ in likely}),)


class Script:
    """Answers voice, knowledge and account by their intents; a voice that talks of people moves nothing."""

    async def answer(self, message: Message, conversation: Conversation, route: Route) -> AsyncIterator[Sentence]:
        """Yield what the intent of the route has to say."""
        if route.intent == "break":
            raise RuntimeError("the voice is broken")
        if route.kind == "knowledge":
            yield Sentence(text=QUOTE, citations=(CITATION,), support=Support(kind="quote", source="returns"))
        elif route.kind == "account":
            effect = Effect(state="waiting", reason="the amount is above the limit")
            yield Sentence(text="That's not mine to decide.", effect=effect)
        else:
            yield Sentence(text="Hello! I'm passing you to a colleague right now, no need to wait.")


def desk_of(folder: Path, brand: Brand, clock: Clock | None = None) -> FrontDesk:
    """Return a desk for one brand, not yet started."""
    brands, times = {"b": brand}, clock or Clock(datetime.now(UTC))
    script = Script()
    engine = Engine(
        brands=brands,
        routers={"b": Words()},
        answerers={
            "voice": script,
            "knowledge": script,
            "account": script,
            "clarify": ClarifyAnswerer(brands),
            "handoff": HandoffAnswerer(brands, times),
        },
        checks=(),
    )
    desk = FrontDesk(engine, Store(f"sqlite:///{folder / 'desk.db'}"), Limits(), workers=4)
    desk.staff.clock = times
    return desk


@asynccontextmanager
async def opened(desk: FrontDesk) -> AsyncIterator[FrontDesk]:
    """Start the desk, and stop it."""
    await desk.start()
    try:
        async with asyncio.timeout(30):
            yield desk
    finally:
        await desk.stop()


def run(folder: Path, play: Callable[[FrontDesk], Awaitable[None]], brand: Brand, clock: Clock | None = None) -> None:
    """Play against a started desk."""

    async def whole() -> None:
        async with opened(desk_of(folder, brand, clock)) as desk:
            await play(desk)

    asyncio.run(whole())


async def say(desk: FrontDesk, text: str, conversation: str = "x") -> list[Event]:
    """Write as the customer; return the events of the turn."""
    at = await desk.position(conversation)
    message = Message(
        text=text,
        conversation_id=conversation,
        brand="b",
        channel="web",
        customer=ADA,
        id=f"{conversation}:{text}:{at}",
    )
    receipt = await desk.accept(message, message.id)
    seen = []
    async for event in desk.events(conversation, receipt.position):
        seen.append(event)
        if event.kind == "done":
            return seen
    raise AssertionError("the stream ended")


async def told(desk: FrontDesk, text: str, conversation: str = "x") -> str:
    """Write as the customer; return what is answered."""
    return str((await say(desk, text, conversation))[-1].data.get("text", ""))


async def state(desk: FrontDesk, conversation: str = "x") -> Conversation:
    """Return a conversation that must exist."""
    found = await desk.conversation(conversation)
    assert found is not None
    return found


async def last_words(desk: FrontDesk, conversation: str = "x") -> Event:
    """Return the last sentence that the customer read."""
    said = [event for event in desk.store.events(conversation, 0, 1000) if event.kind == "sentence"]
    return said[-1]
