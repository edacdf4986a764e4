"""A desk, and its people, for anyone who writes a channel: in memory, scripted from a message to a reply."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from frontdesk.bot.errors import ChannelError, Overloaded, StoreError
from frontdesk.bot.types import Conversation, Event, EventKind, Handoff, Message, Receipt, Reply, State, Turn, now

Script = Callable[[Message], Reply]
MAX_CHARS = 8000


class FakeDesk:
    """Implements Desk: each message is answered with `script(message)`, sentence by sentence.

    `pause` seconds pass before each sentence; `broken` makes every write raise StoreError, `full` Overloaded; a reply
    whose last sentence sets a state changes the conversation's. `votes` keeps the feedback, `heard` the words of every
    message taken, in order.
    """

    def __init__(self, script: Script, *, pause: float = 0.0) -> None:
        self.script, self.pause, self.broken, self.full = script, pause, False, False
        self.heard: list[str] = []
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
        if self.full:
            raise Overloaded("the fake desk is full.", where="FakeDesk")
        self.heard.append(message.text)
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


class FakePlaces:
    """Implements Places in memory: where each reply stands, by conversation and message."""

    def __init__(self) -> None:
        self.noted: dict[tuple[str, str], str] = {}
        self.age = 0.0

    async def claim(self, conversation_id: str, message_id: str, place: str) -> tuple[str, float]:
        """Note `place` unless there is one; return which stands now, and that it is `age` seconds old."""
        return self.noted.setdefault((conversation_id, message_id), place), self.age

    async def move(self, conversation_id: str, message_id: str, before: str, place: str) -> bool:
        """Note `place` where `before` stands."""
        if self.noted.get((conversation_id, message_id)) != before:
            return False
        self.noted[conversation_id, message_id] = place
        return True


@dataclass(frozen=True, kw_only=True)
class FakeNote:
    """A note, or a line of the log with `action` and the rest."""

    agent: str
    text: str
    written_at: datetime


@dataclass(frozen=True, kw_only=True)
class FakeDeed:
    """A line of the audit log."""

    actor: str
    action: str
    conversation_id: str
    detail: str
    done_at: datetime


class FakeStaff:
    """Implements Staff over a FakeDesk: the first who claims has it, and nothing comes due by itself."""

    def __init__(self, desk: FakeDesk) -> None:
        self.desk = desk
        self.left: dict[str, list[FakeNote]] = {}
        self.done: list[FakeDeed] = []

    async def claim(
        self, conversation_id: str, agent: str, *, force: bool = False, via: str = "", key: str = ""
    ) -> Handoff:
        """Give the conversation to `agent` unless another has it."""
        known = self.desk._conversations[conversation_id]
        held = known.handoff if known.state != "bot" else None
        held = held or Handoff(id=1, conversation_id=known.id, brand=known.brand, trigger="asked")
        if not held.agent or force:
            held = replace(held, agent=agent)
        self.desk._conversations[conversation_id] = replace(known, handoff=held)
        await self.desk._set_state(conversation_id, "human", "")
        return held

    async def write(self, conversation_id: str, text: str, agent: str, *, via: str = "", key: str = "") -> Event | None:
        """Write to the customer; 409 when another has the conversation."""
        held = await self.claim(conversation_id, agent)
        if held.agent != agent:
            raise ChannelError(f"{held.agent} has this conversation.", status=409, code="held")
        return await self.desk.post(conversation_id, text, agent)

    async def give_back(
        self, conversation_id: str, agent: str, outcome: str = "resolved", *, via: str = "", key: str = ""
    ) -> bool:
        """Give the conversation back to the bot."""
        await self.desk.hand_back(conversation_id)
        return True

    async def note(self, conversation_id: str, agent: str, text: str, *, via: str = "", key: str = "") -> bool:
        """Keep a note."""
        self.left.setdefault(conversation_id, []).append(FakeNote(agent=agent, text=text, written_at=now()))
        return True

    async def log(self, actor: str, action: str, conversation_id: str = "", detail: str = "") -> None:
        """Keep a line of the log."""
        line = FakeDeed(actor=actor, action=action, conversation_id=conversation_id, detail=detail, done_at=now())
        self.done.append(line)

    async def queue(self) -> list[Conversation]:
        """Return the conversations that are not the bot's."""
        return await self.desk.waiting()

    async def notes(self, conversation_id: str) -> Sequence[FakeNote]:
        """Return the notes."""
        return self.left.get(conversation_id, [])

    async def deeds(self, limit: int = 500, conversation_id: str = "") -> Sequence[FakeDeed]:
        """Return the log, the newest first."""
        return self.done[::-1][:limit]

    def summary(self, conversation: Conversation) -> Mapping[str, tuple[str, ...]]:
        """Return what was said last as what is open."""
        return {"open": (conversation.turns[-1].message.text,)} if conversation.turns else {}

    def canned(self, conversation: Conversation) -> Mapping[str, str]:
        """Return no ready reply."""
        return {}

    async def suggest(self, conversation: Conversation) -> Reply | None:
        """Return the script's answer to the last message."""
        return self.desk.script(conversation.turns[-1].message) if conversation.turns else None

    async def changes(self) -> AsyncIterator[None]:
        """Yield at once, and after every event."""
        seen = -1
        while True:
            yield
            seen = len(self.desk._events)
            async with self.desk._news:
                while len(self.desk._events) == seen:
                    await self.desk._news.wait()


def _reply_data(reply: Reply) -> dict[str, Any]:
    """Return REPLY as the outbox keeps it: without nodes, which the web edge adds."""
    routes = [
        {"kind": r.kind, "intent": r.intent, "confidence": r.confidence, "reason": r.reason} for r in reply.routes
    ]
    return {
        "text": reply.text,
        "routes": routes,
        "sentences": [asdict(sentence) for sentence in reply.sentences],
        "citations": [asdict(citation) for citation in reply.citations],
        "buttons": [asdict(button) for button in reply.buttons],
        "voice": reply.voice,
        "ms": int(reply.trace.get("ms", 0)),
    }
