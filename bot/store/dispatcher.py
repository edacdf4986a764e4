"""The dispatcher: takes conversations with waiting messages and drains each strictly in order, many at once."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

from frontdesk.bot.errors import StoreError
from frontdesk.bot.store.bell import Bell
from frontdesk.bot.store.inbox import Lane, LeaseLost, Pending
from frontdesk.bot.store.store import ARRIVALS, POLL_SECONDS, Store
from frontdesk.bot.store.transcript import Begun, Closed, Taken
from frontdesk.bot.types import Conversation, Customer, Event, EventKind, Message, State

LEASE_SECONDS = 6.0
"""How long a dead worker's conversations wait for another; a live one renews three times as often."""
FAILURES = 3
"""Handler errors on one message before it is given up."""
STARTS = 25
"""Starts of one message without an end: it seems to kill the process. Well above a run of restarts."""
BURST = 16
"""Messages of one conversation before others have their turn."""
LATELY = 16
"""How many messages the average of how long one takes looks back, about."""
BACKOFF_SECONDS = 0.5
LONGEST_PAUSE = 30.0
APOLOGY = "Something went wrong on our side. I've passed your message to a colleague."

log = logging.getLogger(__name__)


class Turnwork:
    """One message to answer: what the handler reads, and where it commits what it says."""

    def __init__(
        self, store: Store, lane: Lane, pending: Pending, known: Conversation | None = None, *, typing: bool = False
    ) -> None:
        self.store, self.lane, self.pending, self._typing = store, lane, pending, typing
        self._known = known
        self.closed: Closed | None = None

    @property
    def message(self) -> Message:
        """The message to answer."""
        return self.pending.message

    @property
    def attempt(self) -> int:
        """1 on the first try, more after errors."""
        return self.lane.failures + 1

    async def conversation(self) -> Conversation:
        """Return the conversation so far, without this message."""
        found = self._known or await self.store.call(self.store.conversation, self.message.conversation_id)
        if found is None:
            raise StoreError("the conversation was deleted while it was answered.", where=self.message.conversation_id)
        return found

    async def commit(self, seq: int, kind: EventKind, data: Mapping[str, Any]) -> Event:
        """Commit event `seq` (0, 1, ...); see `Store.commit`."""
        return await asyncio.wrap_future(self.store.commit_async(self.lane, self.pending, seq, kind, data))

    async def close(
        self,
        reply: Mapping[str, Any] | None,
        *,
        state: State | None,
        slots: Mapping[str, Any] | None = None,
        customer: Customer | None = None,
        private: Mapping[str, Any] | None = None,
    ) -> Event:
        """Close the turn, as the last thing done for it; see `Store.close_turn`.

        The customer is the message's unless one is given.
        """
        closing: dict[str, Any] = {"reply": reply, "slots": slots or {}, "state": state, "private": private or {}}
        closing |= {"customer": customer or self.message.customer, "typing": self._typing}
        self.closed = await asyncio.wrap_future(self.store.finish_async(self.lane, self.pending, **closing))
        return self.closed.event


Handle = Callable[[Turnwork], Awaitable[None]]
GiveUp = Callable[[Turnwork, Exception], Awaitable[None]]


async def apologise(work: Turnwork, error: Exception) -> None:
    """Close the turn with an apology and leave the conversation to a person; the last resort."""
    reply: dict[str, Any] = {"text": APOLOGY, "routes": [], "citations": [], "buttons": [], "voice": None}
    await work.close(reply, state="waiting", private={"trace": {"error": f"{type(error).__name__}: {error}"}})


class Dispatcher:
    """Runs `handle` on every message, one at a time within a conversation, on at most `workers` conversations.

    A handler must close the turn. One that raises, or returns without closing, is tried again after a pause; after
    FAILURES tries (or STARTS, when it kills the process or the database refuses it) `give_up` closes the turn
    instead, and if that fails too, a plain apology does. With `typing` whoever follows hears that a turn begins.
    """

    def __init__(
        self,
        store: Store,
        handle: Handle,
        *,
        workers: int,
        owner: str | None = None,
        give_up: GiveUp = apologise,
        lease_seconds: float = LEASE_SECONDS,
        typing: bool = False,
    ) -> None:
        self._typing = typing
        self._store, self._handle, self._give_up = store, handle, give_up
        self._workers, self._owner, self._lease = workers, owner or str(uuid4()), lease_seconds
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self.taken = 0
        """Conversations taken up so far."""
        self.turn_seconds = 0.0
        """How long a message takes lately, on average."""
        self._all_busy: float | None = None

    def behind(self) -> float:
        """Return for how many seconds no worker was left over when conversations were taken up; 0 when one was."""
        return 0.0 if self._all_busy is None else time.monotonic() - self._all_busy

    async def start(self) -> None:
        """Begin to take conversations."""
        self._stopping, self._rest = False, threading.Event()
        self._bell = Bell()
        self._store.arrived.join(ARRIVALS, self._bell)
        self._heart = threading.Thread(target=self._beat, name="frontdesk-lease", daemon=True)
        self._heart.start()
        self._main = asyncio.create_task(self._run(), name="frontdesk-dispatcher")

    async def stop(self, grace: float = 10.0) -> None:
        """Take nothing new, give the turns in progress `grace` seconds, then leave them to the next start."""
        self._stopping = True
        self._bell.ring()
        await self._main
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self._rest.set()
        await asyncio.to_thread(self._heart.join)
        self._store.arrived.leave(ARRIVALS, self._bell)

    async def _run(self) -> None:
        while not self._stopping:
            for taken in await self._take():
                self._begin(taken)
            await self._bell.wait(POLL_SECONDS)

    async def _take(self) -> list[Taken]:
        free = self._workers - len(self._tasks)
        if free <= 0:
            return []
        try:
            taking = self._store.take_async(self._owner, free, self._lease, typing=self._typing)
            lanes = await asyncio.wrap_future(taking)
        except Exception as error:  # whatever it is, the next look must come
            log.warning("no conversation could be taken: %s", error)
            return []
        caught_up = len(lanes) < free
        self._all_busy = None if caught_up else self._all_busy or time.monotonic()
        return lanes

    def _begin(self, taken: Taken) -> None:
        task = asyncio.create_task(self._hold(taken), name=f"frontdesk-lane {taken.lane.conversation_id}")
        self._tasks.add(task)
        self.taken += 1
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Look again where conversations were left for want of workers; of those let go, `_let_go` tells."""
        self._tasks.discard(task)
        if self._all_busy is not None:
            self._bell.ring()

    async def _hold(self, taken: Taken) -> None:
        """Drain the lane and let it go, whatever happens. A database that fails is no fault of the message."""
        lane, delay, failed = taken.lane, 0.0, False
        try:
            if await self._drain(lane, taken.begun):
                return
        except asyncio.CancelledError:
            await self._let_go(lane, delay, failed)
            raise
        except LeaseLost:
            log.warning("conversation %s went to another worker", lane.conversation_id)
            return
        except StoreError as error:
            delay = min(BACKOFF_SECONDS * 2**lane.starts, LONGEST_PAUSE)
            log.warning("conversation %s waits %.1f s: %s", lane.conversation_id, delay, error)
        except Exception:
            delay, failed = BACKOFF_SECONDS * 2**lane.failures, True
            log.exception("a turn failed in conversation %s", lane.conversation_id)
        await self._let_go(lane, delay, failed)

    async def _let_go(self, lane: Lane, delay: float, failed: bool) -> None:
        """Release the lane, as soon as the database lets us: until then its lease is renewed."""
        while True:
            try:
                await self._store.call(self._store.release, lane, delay, failed=failed)
                return self._bell.ring()
            except StoreError:
                if self._stopping:
                    return None
                await asyncio.sleep(POLL_SECONDS)

    async def _drain(self, lane: Lane, begun: Begun | None) -> bool:
        """Answer what waits, up to a BURST; whether the lane was let go with the last turn, as nothing followed."""
        for _ in range(BURST):
            if self._stopping:
                return False
            begun = begun or await self._looked_up(lane)
            if begun is None:
                return False
            work = Turnwork(self._store, lane, begun.pending, begun.conversation, typing=self._typing)
            closed = await self._answer(work)
            if not closed.waits:
                return True
            begun, lane = closed.following, replace(lane, starts=1, failures=0)
        return False

    async def _looked_up(self, lane: Lane) -> Begun | None:
        pending = await self._store.call(self._store.next, lane)
        return None if pending is None else Begun(pending=pending, conversation=None)

    async def _answer(self, work: Turnwork) -> Closed:
        """Answer one message, or give it up after too many tries; returns how its turn was closed."""
        began = time.monotonic()
        try:
            if work.attempt > FAILURES or work.lane.starts > STARTS:
                raise RuntimeError("this message was started several times and never answered")
            await self._handle(work)
            self.turn_seconds += (time.monotonic() - began - self.turn_seconds) / LATELY
            return self._closed(work)
        except StoreError:
            raise
        except Exception as error:
            if work.attempt < FAILURES and work.lane.starts <= STARTS:
                raise
            log.exception("a message of conversation %s is given up", work.message.conversation_id)
            return await self._end(work, error)

    async def _end(self, work: Turnwork, error: Exception) -> Closed:
        try:
            await self._give_up(work, error)
            return self._closed(work)
        except StoreError:
            raise
        except Exception:
            log.exception("give_up failed in conversation %s", work.message.conversation_id)
            await apologise(work, error)
            return self._closed(work)

    def _closed(self, work: Turnwork) -> Closed:
        """Return how `work` was closed; raises when its turn was left open."""
        if work.closed is None:
            raise RuntimeError("the handler returned without closing the turn")
        return work.closed

    def _beat(self) -> None:
        """Renew the leases from a thread, so that a busy event loop does not lose them."""
        while not self._rest.wait(self._lease / 3):
            if self._tasks:
                try:
                    self._store.renew(self._owner, self._lease)
                except Exception as error:  # likewise
                    log.warning("the leases could not be renewed: %s", error)
