"""Telling people who work elsewhere: what waits, and what is said in it, from the outbox, at least once, in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal, Protocol

from frontdesk.bot.store import Store, relays, transcript
from frontdesk.bot.store.relays import Relay
from frontdesk.bot.types import Conversation, Event

Who = Literal["customer", "person", "assistant"]

BATCH = 50
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 300.0
"""Seconds until a target that failed is tried again; doubled with every failure in a row."""

log = logging.getLogger(__name__)


class Target(Protocol):
    """A place where people work elsewhere. An error that a method raises has it called again; `seconds` says when."""

    name: str

    async def opened(self, conversation: Conversation, summary: Mapping[str, tuple[str, ...]]) -> str:
        """Tell of a conversation that waits for a person; return where it stands there, as a thread's address."""
        ...

    async def said(self, conversation: Conversation, address: str, who: Who, name: str, text: str, key: str) -> None:
        """Tell what somebody said there; `key` is the same when it is told again."""
        ...

    async def ended(self, conversation: Conversation, address: str) -> None:
        """Tell that the bot has the conversation again."""
        ...


class Summarise(Protocol):
    """Makes the summary of a conversation."""

    def __call__(self, conversation: Conversation) -> Mapping[str, tuple[str, ...]]:
        """Return lines by what they are about."""
        ...


class Relays:
    """Tells every target of every stay with people."""

    def __init__(self, store: Store, targets: Sequence[Target], summary: Summarise) -> None:
        self.store, self.summary = store, summary
        self.targets = {target.name: target for target in targets}

    async def round(self) -> int:
        """Tell what is due; returns how much was. One target that fails keeps no other waiting."""
        looking = partial(relays.due, targets=list(self.targets))
        found = await self.store.call(self.store.look, looking)
        await asyncio.gather(*(self._tell(relay) for relay in found))
        return len(found)

    async def conversation_at(self, target: str, address: str) -> str | None:
        """Return the conversation that stands at this address of a target."""
        asking = partial(relays.conversation_at, target=target, address=address)
        return await self.store.call(self.store.look, asking)

    async def _tell(self, relay: Relay) -> None:
        try:
            await self._told(relay)
        except Exception as error:
            pause = float(getattr(error, "seconds", 0.0)) or min(FIRST_PAUSE * 2**relay.failures, LONGEST_PAUSE)
            log.warning("%s was not told of a conversation (%s); again in %.0f s", relay.target, error, pause)
            failing = partial(relays.failed, relay=relay, delay=pause)
            await self.store.call(self.store.do, failing, relay.handoff.conversation_id)

    async def _told(self, relay: Relay) -> None:
        """Tell what was not told yet: what was said is read before the conversation, which so knows all of it."""
        of, target = relay.handoff.conversation_id, self.targets[relay.target]
        position = relay.position if relay.address else await self.store.call(self.store.last_position, of)
        events = await self.store.call(self.store.events, of, position, BATCH) if relay.address else []
        conversation = await self.store.call(self.store.conversation, of)
        if conversation is None:
            return await self._note(relay, "", 0, ended=True)
        if not relay.address:
            return await self._note(relay, await target.opened(conversation, self.summary(conversation)), position)
        for event in events:
            await self._event(target, conversation, relay, event)
            await self._note(relay, relay.address, event.id)
            if event.kind == "state" and event.data.get("state") == "bot":
                return await self._note(relay, relay.address, event.id, ended=True)
        if not events and relay.handoff.ended_at:
            return await self._note(relay, relay.address, relay.position, ended=True)
        return None

    async def _event(self, target: Target, conversation: Conversation, relay: Relay, event: Event) -> None:
        """Tell one event; what came from the target itself, and what the bot says in a turn, is not told there."""
        data, key = event.data, f"{conversation.id}:{event.id}"
        if event.kind == "state" and data.get("state") == "bot":
            await target.ended(conversation, relay.address)
        elif event.kind == "sentence" and data.get("author") and data.get("via") != target.name:
            who: Who = "assistant" if data.get("automatic") else "person"
            await target.said(conversation, relay.address, who, str(data["author"]), str(data["text"]), key)
        elif event.kind == "done":
            asked = partial(transcript.message, conversation_id=conversation.id, message_id=event.message_id)
            message = await self.store.call(self.store.look, asked)
            if message:
                text = str(message.metadata.get("title") or message.text)
                name = message.customer.attributes.get("name", "")
                await target.said(conversation, relay.address, "customer", name, text, key)

    async def _note(self, relay: Relay, address: str, position: int, *, ended: bool = False) -> None:
        noting = partial(relays.told, relay=relay, address=address, position=position, ended=ended)
        await self.store.call(self.store.do, noting, relay.handoff.conversation_id)
