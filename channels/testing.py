"""A desk for anyone who writes a channel: in memory, scripted by one function from a message to a reply."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from frontdesk.bot.errors import ChannelError, StoreError
from frontdesk.bot.types import Conversation, Event, EventKind, Message, Receipt, Reply, State, Turn

Script = Callable[[Message], Reply]
MAX_CHARS = 8000


class FakeDesk:
    """Implements Desk: each message is answered with `script(message)`, sentence by sentence.

    `pause` seconds pass before each sentence; `broken` makes every write raise StoreError; a reply whose
    last sentence sets a state changes the conversation's. `votes` keeps the feedback.
    """

    def __init__(self, script: Script, *, pause: float = 0.0) -> None:
        self.script, self.pause, self.broken = script, pause, False
        self.votes: list[tuple[str, str, Mapping[str, Any]]] = []
        self._conversations: dict[str, Conversation] = {}
        self._receipts: dict[tuple[str, str], Receipt] = {}
        self._events: list[Event] = []
        self._lanes: dict[str, asyncio.Lock] = {}
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count(1)

    async def accept(self, message: Message, event_id: str) -> Receipt:
        """Keep the message and answer it in the background, in order."""
        if self.broken:
            raise StoreError("the fake store is switched off.", where="FakeDesk")
        if not message.text.strip() or len(message.text) > MAX_CHARS:
            raise ChannelError("The text is empty or too long.", code="invalid_text")
        key = (message.channel, event_id)
        if key in self._receipts:
            return replace(self._receipts[key], duplicate=True)
        found = self._conversations.get(message.conversation_id)
        known = found or Conversation(id=message.conversation_id, brand=message.brand, channel=message.channel)
        turns = (*known.turns, Turn(message=message))
        self._conversations[known.id] = replace(known, turns=turns, customer=message.customer)
        position = await self.position(known.id)
        self._receipts[key] = Receipt(conversation_id=known.id, message_id=message.id, position=position)
        task = asyncio.create_task(self._work(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return self._receipts[key]

    async def receipts(self, channel: str, prefix: str) -> list[Receipt]:
        """Return the newest receipts of events whose id begins with `prefix`."""
        kept = [receipt for key, receipt in self._receipts.items() if key[0] == channel and key[1].startswith(prefix)]
        return [receipt for receipt in reversed(kept) if not self._waits_after(receipt)]

    async def events(self, conversation_id: str, after: int = 0) -> AsyncIterator[Event]:
        """Replay the events after `after`, then follow."""
        while True:
            for event in [e for e in self._events if e.conversation_id == conversation_id and e.id > after]:
                after = event.id
                yield event
            async with self._news:
                while self._newest(conversation_id) <= after:
                    await self._news.wait()

    async def conversation(self, conversation_id: str) -> Conversation | None:
        """Return the conversation; it exists as soon as its first message is accepted."""
        return self._conversations.get(conversation_id)

    async def position(self, conversation_id: str) -> int:
        """Return the position of its last event."""
        return self._newest(conversation_id)

    async def post(self, conversation_id: str, text: str, author: str) -> Event:
        """Write as a person and take the conversation over."""
        await self._set_state(conversation_id, "human", "")
        data = {"text": text, "citations": [], "author": author}
        return await self._emit(conversation_id, f"person-{next(self._numbers)}", "sentence", data)

    async def hand_back(self, conversation_id: str) -> None:
        """Give the conversation to the bot again."""
        await self._set_state(conversation_id, "bot", "")

    async def waiting(self) -> list[Conversation]:
        """Return the conversations that are not the bot's."""
        return [conversation for conversation in self._conversations.values() if conversation.state != "bot"]

    async def feedback(self, conversation_id: str, message_id: str, value: Mapping[str, Any]) -> None:
        """Keep a vote."""
        self.votes.append((conversation_id, message_id, value))

    async def _work(self, message: Message) -> None:
        async with self._lanes.setdefault(message.conversation_id, asyncio.Lock()):
            held = self._conversations[message.conversation_id].state == "human"
            reply = Reply(text="", routes=()) if held else self.script(message)
            await self._say(message, reply)
            if not held:
                self._close(message, reply)

    async def _say(self, message: Message, reply: Reply) -> None:
        at = (message.conversation_id, message.id)
        if reply.sentences:
            await self._emit(*at, "typing", {})
        for sentence in reply.sentences:
            await asyncio.sleep(self.pause)
            citations = [asdict(citation) for citation in sentence.citations]
            await self._emit(*at, "sentence", {"text": sentence.text, "citations": citations})
            if sentence.effect.state:
                await self._set_state(message.conversation_id, sentence.effect.state, message.id)
        if reply.buttons:
            await self._emit(*at, "buttons", {"buttons": [asdict(button) for button in reply.buttons]})
        await self._emit(*at, "done", _reply_data(reply))

    def _close(self, message: Message, reply: Reply) -> None:
        known = self._conversations[message.conversation_id]
        turns = tuple(replace(t, reply=reply) if t.message.id == message.id else t for t in known.turns)
        self._conversations[known.id] = replace(known, turns=turns)

    async def _set_state(self, conversation_id: str, state: State, message_id: str) -> None:
        known = self._conversations[conversation_id]
        if known.state != state:
            self._conversations[conversation_id] = replace(known, state=state)
            await self._emit(conversation_id, message_id, "state", {"state": state})

    async def _emit(self, conversation_id: str, message_id: str, kind: EventKind, data: Mapping[str, Any]) -> Event:
        if self.broken:
            raise StoreError("the fake store is switched off.", where="FakeDesk")
        position = len(self._events) + 1
        event = Event(id=position, conversation_id=conversation_id, message_id=message_id, kind=kind, data=data)
        self._events.append(event)
        async with self._news:
            self._news.notify_all()
        return event

    def _waits_after(self, receipt: Receipt) -> bool:
        said = [turn.message.id for turn in self._conversations[receipt.conversation_id].turns]
        closed = {event.message_id for event in self._events if event.kind == "done"}
        return any(message_id not in closed for message_id in said[said.index(receipt.message_id) + 1 :])

    def _newest(self, conversation_id: str) -> int:
        return max((event.id for event in self._events if event.conversation_id == conversation_id), default=0)


def _reply_data(reply: Reply) -> dict[str, Any]:
    """Return REPLY as the outbox keeps it: without nodes, which the web edge adds."""
    routes = [
        {"kind": r.kind, "intent": r.intent, "confidence": r.confidence, "reason": r.reason} for r in reply.routes
    ]
    return {
        "text": reply.text,
        "routes": routes,
        "citations": [asdict(citation) for citation in reply.citations],
        "buttons": [asdict(button) for button in reply.buttons],
        "voice": reply.voice,
        "ms": int(reply.trace.get("ms", 0)),
    }
