"""What the people who answer may do: take a conversation, write, note, give it back; and the clock that watches them.

Every deed is one transaction (bot/store/handoffs.py): of two who reach for a conversation at once, one gets it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

from frontdesk.bot.config import Brand
from frontdesk.bot.engine import Engine
from frontdesk.bot.guards.firewall import filled, violations
from frontdesk.bot.guards.safety import pressing
from frontdesk.bot.handoff import fell_silent, fresh, given_back, too_slow
from frontdesk.bot.hours import open_at
from frontdesk.bot.relay import Relays, Target
from frontdesk.bot.store import Store, handoffs
from frontdesk.bot.store.bell import Bell
from frontdesk.bot.store.handoffs import Deed, Note
from frontdesk.bot.store.store import ANY
from frontdesk.bot.summary import asked_last, summary
from frontdesk.bot.types import Conversation, Event, Handoff, Reply, now

TICK_SECONDS = 5.0
BACKSTOP_SECONDS = 15.0
"""A look at the queue although nobody told of a change."""
RETRY_SECONDS = 1.0
"""How soon at most a target that failed is looked at again."""
CLOCK = "frontdesk"
"""Who the audit log names for what no person did."""

log = logging.getLogger(__name__)


class Staff:
    """The people's side of the desk; `clock` tells the time that limits are measured by."""

    def __init__(self, engine: Engine, store: Store, clock: Callable[[], datetime] = now) -> None:
        self.engine, self.store, self.clock = engine, store, clock
        self.targets: list[Target] = []
        """Where people work elsewhere; the wiring adds them before the start."""
        self._tasks: list[asyncio.Task[None]] = []

    # What people do

    async def claim(
        self, conversation_id: str, agent: str, *, force: bool = False, via: str = "", key: str = ""
    ) -> Handoff:
        """Give the conversation to `agent` unless another has it, or `key` came before; return who has it now.

        Raises ChannelError 404.
        """
        of = partial(handoffs.claim, conversation_id=conversation_id, agent=agent)
        taking = partial(of, force=force, via=via, key=key)
        return await self.store.call(self.store.do, taking, conversation_id)

    async def write(self, conversation_id: str, text: str, agent: str, *, via: str = "", key: str = "") -> Event | None:
        """Write to the customer as `agent`; None when `key` came before. ChannelError 409 when another has it."""
        writing = partial(handoffs.write, conversation_id=conversation_id, agent=agent, text=text, via=via, key=key)
        return await self.store.call(self.store.do, writing, conversation_id)

    async def give_back(
        self, conversation_id: str, agent: str, outcome: str = "resolved", *, via: str = "", key: str = ""
    ) -> bool:
        """Give the conversation back to the bot, which says so; False when the bot has it, or `key` came before."""
        conversation = await self.store.call(self.store.conversation, conversation_id)
        brand = self._brand(conversation.brand) if conversation else next(iter(self.engine.brands.values()))
        of = partial(handoffs.end, conversation_id=conversation_id, agent=agent, outcome=outcome)
        ending = partial(of, words=given_back(brand), via=via, key=key)
        return await self.store.call(self.store.do, ending, conversation_id)

    async def note(self, conversation_id: str, agent: str, text: str, *, via: str = "", key: str = "") -> bool:
        """Leave a note that only people read; False when `key` came before."""
        noting = partial(handoffs.note, conversation_id=conversation_id, agent=agent, text=text, via=via, key=key)
        return await self.store.call(self.store.do, noting, conversation_id)

    async def log(self, actor: str, action: str, conversation_id: str = "", detail: str = "") -> None:
        """Add a line to the audit log."""
        line = partial(handoffs.noted, actor=actor, action=action, conversation_id=conversation_id, detail=detail)
        await self.store.call(self.store.do, line, conversation_id)

    # What people see

    async def queue(self) -> list[Conversation]:
        """Return the conversations that wait for or are with a person: what presses first, then the longest."""
        return sorted(await self.store.call(self.store.waiting), key=lambda each: not pressing(each.handoff))

    async def notes(self, conversation_id: str) -> list[Note]:
        """Return a conversation's notes, the oldest first."""
        return await self.store.call(self.store.look, partial(handoffs.notes_of, conversation_id=conversation_id))

    async def deeds(self, limit: int = 500, conversation_id: str = "") -> list[Deed]:
        """Return the newest lines of the audit log, of one conversation or of all."""
        reading = partial(handoffs.deeds, limit=limit, conversation_id=conversation_id)
        return await self.store.call(self.store.look, reading)

    def summary(self, conversation: Conversation) -> Mapping[str, tuple[str, ...]]:
        """Return what was asked, tried, cited and is open, and why it came to people; made by rules."""
        return summary(conversation, self._brand(conversation.brand))

    def canned(self, conversation: Conversation) -> Mapping[str, str]:
        """Return the brand's ready replies by name, filled; one that lacks a value is left out."""
        brand = self._brand(conversation.brand)
        customer = conversation.customer
        name = customer.attributes.get("name", "").split(" ")[0] if customer else ""
        known = {"brand": brand.name, **brand.profile, "customer_name": name}
        ready = brand.handoff.canned.items()
        return {title: filled(text, known) for title, text in ready if not _lacks(text, known)}

    async def suggest(self, conversation: Conversation) -> Reply | None:
        """Return what the bot would answer to the last question, with its sources; None where it has nothing.

        Offered, never sent: nothing is committed, no action runs, and only voice and knowledge are asked.
        """
        question = asked_last(conversation)
        return await self.engine.suggest(question, fresh(conversation)) if question else None

    async def changes(self, backstop: float = BACKSTOP_SECONDS) -> AsyncIterator[None]:
        """Yield at once, and whenever a conversation may have changed, at least every `backstop` seconds."""
        bell = Bell()
        self.store.spoken.join(ANY, bell)
        self.store.arrived.join(ANY, bell)
        try:
            while not self.store.ending:
                yield
                await bell.wait(backstop)
        finally:
            self.store.spoken.leave(ANY, bell)
            self.store.arrived.leave(ANY, bell)

    # The clock

    async def start(self) -> None:
        """Begin to watch the time, and to tell those who work elsewhere."""
        self.relays = Relays(self.store, self.targets, self.summary)
        self._tasks = [asyncio.create_task(self._every(TICK_SECONDS, self.tick), name="frontdesk-staff")]
        if self.targets:
            self._tasks.append(asyncio.create_task(self._telling(), name="frontdesk-relays"))

    async def conversation_at(self, target: str, address: str) -> str | None:
        """Return the conversation that stands at this address of a target."""
        return await self.relays.conversation_at(target, address)

    async def stop(self) -> None:
        """Stop watching; what was not told comes with the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _every(self, seconds: float, look: Callable[[], Awaitable[object]]) -> None:
        while True:
            await self._safely(look)
            await asyncio.sleep(seconds)

    async def _telling(self) -> None:
        async for _ in self.changes(RETRY_SECONDS):
            await self._safely(self.relays.round)

    async def _safely(self, look: Callable[[], Awaitable[object]]) -> None:
        try:
            await look()
        except Exception:  # whatever it is, the next look must come
            log.exception("the waiting conversations could not be looked at")

    async def tick(self) -> None:
        """Do what has come due: tell who waits too long, free what is left lying, give back what is idle.

        What fails for one conversation is logged, and the others still have their turn.
        """
        for handoff in await self.store.call(self.store.look, handoffs.unended):
            await self._safely(partial(self._look_at, handoff, self._brand(handoff.brand), self.clock()))

    async def _look_at(self, handoff: Handoff, brand: Brand, moment: datetime) -> None:
        rules, of = brand.handoff, handoff.conversation_id
        waits, owed, spoke = handoff.opened_at, handoff.heard_at, handoff.spoke_at
        if not handoff.agent:
            there = open_at(rules, moment)
            if there and handoff.told_at is None and moment - waits >= timedelta(minutes=rules.wait_minutes):
                telling = partial(handoffs.tell, handoff=handoff, words=too_slow(brand))
                await self.store.call(self.store.do, telling, of)
        elif owed and moment - owed >= timedelta(minutes=rules.silence_minutes):
            freeing = partial(handoffs.release, handoff=handoff, words=fell_silent(brand, handoff.agent))
            await self.store.call(self.store.do, freeing, of)
        elif not owed and spoke and moment - spoke >= timedelta(hours=rules.idle_hours):
            await self.give_back(of, CLOCK, "idle")

    def _brand(self, name: str) -> Brand:
        """Return the brand; one that the settings no longer have is treated as the first."""
        return self.engine.brands.get(name) or next(iter(self.engine.brands.values()))


def _lacks(text: str, known: Mapping[str, str]) -> bool:
    return any(reason.startswith(("placeholder", "broken")) for reason in violations(text, known, ""))
