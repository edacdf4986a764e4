"""The desk: what channels talk to. Commits what comes in, has it answered in order, commits what goes out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from itertools import count
from typing import Any

from frontdesk.bot.admission import Admission
from frontdesk.bot.config import Limits
from frontdesk.bot.engine import Engine, changes, moved_to
from frontdesk.bot.errors import ChannelError
from frontdesk.bot.handoff import why
from frontdesk.bot.helped import vote
from frontdesk.bot.staff import Staff
from frontdesk.bot.store import Dispatcher, Store, Turnwork, follow
from frontdesk.bot.store.codec import build, plain
from frontdesk.bot.types import Conversation, Event, Message, Receipt, Reply, Sentence

BUTTONS, STATE = 10_001, 10_002
"""The places of a turn's other events; its sentences count from 0, so that a redone turn finds each again."""


class FrontDesk:
    """One running bot over one store."""

    def __init__(self, engine: Engine, store: Store, limits: Limits, *, workers: int) -> None:
        self.engine, self.store, self.limits = engine, store, limits
        self.staff = Staff(engine, store)
        self.dispatcher = Dispatcher(store, self.answer, workers=workers, give_up=self.give_up, typing=True)
        self.admission = Admission(limits, self.dispatcher, workers)

    async def start(self) -> None:
        """Open the store and begin to answer; what an earlier run accepted and did not answer comes first."""
        await asyncio.to_thread(self.store.open)
        await self.dispatcher.start()
        await self.staff.start()

    async def stop(self, grace: float = 10.0) -> None:
        """Finish the turns in progress, then close the store."""
        await self.staff.stop()
        await self.dispatcher.stop(grace)
        await asyncio.to_thread(self.store.close)

    # A turn

    async def answer(self, work: Turnwork) -> None:
        """Answer one message; every sentence is committed before anybody can read it.

        One that is only to be `noted` (metadata) is closed without an answer.
        """
        conversation, numbers = await work.conversation(), count()

        async def send(sentence: Sentence) -> Sentence:
            data = {"text": sentence.text, "citations": plain(sentence.citations)}
            event = await work.commit(next(numbers), "sentence", data)
            return sentence if event.data == data else build(Sentence, {**plain(sentence), **event.data})

        if work.message.metadata.get("noted"):
            await work.close(None, state=None)
            return
        await self._close(work, conversation, await self.engine.respond(work.message, conversation, send))

    async def give_up(self, work: Turnwork, error: Exception) -> None:
        """Close a turn that failed again and again with an apology, and hand it to a person."""
        reply = self.engine.sorry(work.message, error)
        await self._close(work, await work.conversation(), reply)

    async def _close(self, work: Turnwork, conversation: Conversation, reply: Reply) -> None:
        state = moved_to(reply)
        if cast := vote(conversation, reply):
            with suppress(ChannelError):  # the answer was forgotten meanwhile
                await self.feedback(conversation.id, cast[0], {"value": cast[1]})
        if reply.buttons:
            await work.commit(BUTTONS, "buttons", {"buttons": plain(reply.buttons)})
        if state and state != conversation.state:
            await work.commit(STATE, "state", {"state": state})
        told = reply_data(reply, work.message) if reply.sentences else None
        private: dict[str, Any] = {"trace": dict(reply.trace)}
        handoff = why(reply)
        private |= {"handoff": handoff} if state == "waiting" or handoff["trigger"] == "safety" else {}
        await work.close(told, state=state, slots=changes(reply), private=private)

    # What a channel may ask

    async def accept(self, message: Message, event_id: str) -> Receipt:
        """Commit the message under (channel, event id), then wake the workers; raises Overloaded for want of room."""
        if not message.text.strip():
            raise ChannelError("the message is empty.", fix="send some text.", status=422, code="empty_text")
        if len(message.text) > self.limits.text_chars:
            raise ChannelError(
                f"the message has {len(message.text)} characters.",
                fix=f"send at most {self.limits.text_chars}.",
                status=413,
                code="text_too_long",
            )
        if message.brand not in self.engine.brands:
            known = ", ".join(self.engine.brands)
            raise ChannelError(f"no brand {message.brand!r}.", fix=f"use one of {known}.", status=422, code="no_brand")
        with self.admission.place() as room:
            return await asyncio.wrap_future(self.store.put_async(message, event_id, room))

    async def receipts(self, channel: str, prefix: str) -> list[Receipt]:
        """Return the newest receipts of events whose id begins with `prefix`."""
        return await self.store.call(self.store.receipts, channel, prefix)

    def events(self, conversation_id: str, after: int = 0) -> AsyncIterator[Event]:
        """Replay the committed events after position `after`, then follow."""
        return follow(self.store, conversation_id, after)

    async def conversation(self, conversation_id: str) -> Conversation | None:
        """Return the conversation, or None."""
        return await self.store.call(self.store.conversation, conversation_id)

    async def position(self, conversation_id: str) -> int:
        """Return the outbox position of the conversation's last event."""
        return await self.store.call(self.store.last_position, conversation_id)

    async def waiting(self) -> list[Conversation]:
        """Return the conversations that wait for, or are with, a person."""
        return await self.store.call(self.store.waiting)

    async def post(self, conversation_id: str, text: str, author: str) -> Event:
        """Write to the customer as a person, who then has the conversation; ChannelError 409 when another has it."""
        written = await self.staff.write(conversation_id, text, author)
        assert written is not None  # only a repeated key is not written
        return written

    async def hand_back(self, conversation_id: str, author: str = "") -> None:
        """Give the conversation back to the bot, which says so."""
        await self.staff.give_back(conversation_id, author)

    async def feedback(self, conversation_id: str, message_id: str, value: Mapping[str, Any]) -> None:
        """Store a vote on one reply."""
        await self.store.call(self.store.feedback, conversation_id, message_id, value)


def reply_data(reply: Reply, message: Message) -> dict[str, Any]:
    """Return a reply as the data of its `done` event; `metadata` tells a pushing channel where it goes."""
    return {
        **{key: plain(getattr(reply, key)) for key in ("text", "routes", "sentences", "citations", "buttons", "voice")},
        "ms": round(reply.trace.get("ms", 0)),
        "metadata": plain(message.metadata),
    }
