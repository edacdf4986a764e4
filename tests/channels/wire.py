"""What the channel tests share: a scripted desk, an app served in process, and the wait for a turn to end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
from fastapi import APIRouter, FastAPI

from frontdesk.bot.types import Button, Citation, Conversation, Effect, Event, Message, Reply, Route, Sentence
from frontdesk.channels.desk import Desk
from frontdesk.channels.testing import FakeDesk

CITATION = Citation(
    number=1,
    document_id="returns",
    title="Returns <policy>",
    url="https://shop.example/returns",
    version="v1",
    quote="You may return it within 45 days.",
    start=0,
    end=33,
)
BUTTONS = tuple(Button(title=f"Choice {n}", payload=f"/choice_{n}") for n in range(1, 8))


BESIDE: tuple[dict[str, Any], ...] = (
    {"image": "https://shop.example/kettle.png"},
    {"attachment": {"type": "file", "payload": {"src": "https://shop.example/label.pdf"}}},
    {"elements": [{"title": "Kettle", "subtitle": "Red", "buttons": [{"title": "This", "payload": "/kettle"}]}]},
    {"custom": {"type": "map", "zoom": 3}},
)
"""What an action may show beside words."""


def script(message: Message) -> Reply:
    """Answer `return` with a citation, `choose` with buttons, `show` with more than words, all else with an echo."""
    route = Route(kind="knowledge", intent="return_policy", confidence=0.9, reason="test")
    if "return" in message.text:
        sentences = (
            Sentence(text="You may return it within 45 days.", citations=(CITATION,)),
            Sentence(text="Good luck."),
        )
        text = "You may return it within 45 days. [1] Good luck."
        return Reply(text=text, routes=(route,), sentences=sentences, citations=(CITATION,))
    if "choose" in message.text:
        text = "Which one?"
        return Reply(text=text, routes=(route,), sentences=(Sentence(text=text),), buttons=BUTTONS)
    if "show" in message.text:
        sentence = Sentence(text="Here it is.", effect=Effect(shown=BESIDE))
        return Reply(text=sentence.text, routes=(route,), sentences=(sentence,))
    text = f"You said: {message.text}"
    return Reply(text=text, routes=(route,), sentences=(Sentence(text=text),), voice="warm@1")


def scripted() -> FakeDesk:
    """Return a desk that answers with `script`."""
    return FakeDesk(script)


@asynccontextmanager
async def served(*routers: APIRouter) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of an app with these routers; an unhandled exception is a 500, as in production."""
    app = FastAPI()
    for router in routers:
        app.include_router(router)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://frontdesk.test") as client:
        yield client


async def done(desk: Desk, conversation_id: str, turns: int = 1) -> list[Event]:
    """Return the first `turns` done events of a conversation, with the metadata the wiring adds."""
    found: list[Event] = []
    async for event in desk.events(conversation_id):
        if event.kind == "done":
            conversation = await kept(desk, conversation_id)
            metadata = conversation.turns[len(found)].message.metadata
            found.append(replace(event, data={**event.data, "metadata": metadata}))
        if len(found) == turns:
            return found
    raise AssertionError("the events ended")


async def kept(desk: Desk, conversation_id: str) -> Conversation:
    """Return a conversation that must exist."""
    conversation = await desk.conversation(conversation_id)
    assert conversation is not None
    return conversation


def event_with(data: dict[str, Any], conversation_id: str = "c", number: int = 1, kind: Any = "done") -> Event:
    """Return an outbox event."""
    return Event(id=number, conversation_id=conversation_id, message_id="m", kind=kind, data=data)
