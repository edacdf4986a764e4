"""The store: what is accepted is committed before it is acknowledged, and what is said is committed before it is sent.

Blocking, thread-safe functions; the async edge awaits them through `Store.call`, which has threads of its own.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from sqlalchemy import Connection

from frontdesk.bot.errors import Overloaded, StoreError
from frontdesk.bot.store import gaps, inbox, outbox, review, transcript
from frontdesk.bot.store.bell import Signal
from frontdesk.bot.store.database import Database, T, Work
from frontdesk.bot.store.inbox import Lane, Pending, Room
from frontdesk.bot.store.ledger import StoreLedger
from frontdesk.bot.store.opening import open_database
from frontdesk.bot.store.transcript import Closed, Taken
from frontdesk.bot.types import Conversation, Customer, Event, EventKind, Message, Receipt, State

P = ParamSpec("P")
R = TypeVar("R")

CALLERS = 32
"""Threads that wait for the database on behalf of the event loop."""
ARRIVALS = ""
"""The key of `Store.arrived`: the dispatchers hear of every conversation."""
ANY = ""
"""The key of `Store.spoken` for those who follow every conversation."""
POLL_SECONDS = 1.0
CLOCKS_DIFFER = 5.0
"""Seconds by which the clocks of servers that share a database may differ."""


class Store:
    """Inbox, outbox and conversations at a SQLAlchemy URL: SQLite for one server, PostgreSQL for several.

    On channels that are `fetched` customers come for what is said to them; on all others it waits to be pushed.

    Every method raises StoreError when the database fails, ChannelError (4xx) for ids it cannot hold or find.
    """

    def __init__(self, url: str, fetched: Collection[str] = ()) -> None:
        self.url, self._fetched = url, fetched
        self.arrived, self.spoken = Signal(), Signal()
        self.ledger = StoreLedger(self._write)
        self._database: Database | None = None
        self._callers = ThreadPoolExecutor(CALLERS, thread_name_prefix="frontdesk-store-call")
        self.ending = False
        """Whether what follows a conversation ends once it has everything that is committed."""
        self._closing = threading.Event()
        self._watch: threading.Thread | None = None

    def open(self) -> Self:
        """Make the tables and take the file's lock; raises StoreError when another server has it."""
        self._database, self.ending = open_database(self.url, self._fetched, self._told), False
        if self._database.shared:
            self._watch = threading.Thread(target=self._listen, name="frontdesk-store-watch", daemon=True)
            self._watch.start()
        else:
            self._write(inbox.abandon_all)
            self._write(outbox.abandon_all)
        return self

    def close(self) -> None:
        """Commit what was submitted and let go of the database."""
        self._closing.set()
        if self._watch:
            self._watch.join()
        if self._database:
            self._database.close()
        self._callers.shutdown()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def call(self, method: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Await one of the store's blocking methods, in a thread that no model can keep busy."""
        return await asyncio.get_running_loop().run_in_executor(self._callers, partial(method, *args, **kwargs))

    # The inbox

    def put(self, message: Message, event_id: str) -> Receipt:
        """Commit the message once under (message.channel, event_id); a repeat returns the first receipt, marked."""
        return self.put_async(message, event_id).result()

    def put_async(self, message: Message, event_id: str, room: Room | None = None) -> Future[Receipt]:
        """Return at once; the future resolves after the commit (`asyncio.wrap_future` awaits it).

        A new message for which there is no `room` raises Overloaded.
        """
        putting = self._opened().submit(partial(inbox.put, row=inbox.row_of(message, event_id), room=room))
        receipt: Future[Receipt] = Future()
        receipt.set_running_or_notify_cancel()
        putting.add_done_callback(partial(self._put, receipt))
        return receipt

    def _put(self, receipt: Future[Receipt], putting: Future[Receipt | None]) -> None:
        if error := putting.exception():
            receipt.set_exception(error)
        elif stored := putting.result():
            self.arrived.tell(ARRIVALS)
            receipt.set_result(stored)
        else:
            receipt.set_exception(Overloaded("too many messages wait for their answer.", fix="send it again later."))

    def receipts(self, channel: str, prefix: str, limit: int = 8) -> list[Receipt]:
        """Return the newest receipts of events whose id begins with `prefix`, lower-case hexadecimal digits.

        Without those of messages after which another one already waits.
        """
        return self._opened().read(partial(inbox.receipts, channel=channel, prefix=prefix, limit=limit))

    def claim(self, owner: str, limit: int, lease_seconds: float) -> list[Lane]:
        """Take up to `limit` conversations with waiting messages that nobody holds."""
        return self._write(partial(inbox.claim, owner=owner, limit=limit, lease_seconds=lease_seconds))

    def take_async(self, owner: str, limit: int, lease_seconds: float, *, typing: bool = False) -> Future[list[Taken]]:
        """Claim, and begin with what waits; with `typing` followers hear of it. Resolves after the commit."""
        return self._opened().submit(
            partial(transcript.take, owner=owner, limit=limit, lease_seconds=lease_seconds, typing=typing)
        )

    def next(self, lane: Lane) -> Pending | None:
        """Return the lane's oldest message without a turn."""
        return self._opened().read(partial(inbox.oldest, lane=lane))

    def renew(self, owner: str, lease_seconds: float) -> int:
        """Prolong every lease of `owner` to `lease_seconds` from now; returns how many it holds."""
        return self._write(partial(inbox.renew, owner=owner, lease_seconds=lease_seconds))

    def release(self, lane: Lane, delay: float = 0.0, *, failed: bool = False) -> None:
        """Let the lane go, due again in `delay` seconds if messages wait; `failed` counts an attempt."""
        self._write(partial(inbox.release, lane=lane, delay=delay, failed=failed))

    # A turn

    def commit(self, lane: Lane, pending: Pending, seq: int, kind: EventKind, data: Mapping[str, Any]) -> Event:
        """Commit event `seq` (0, 1, ...) of a turn before it is sent.

        After a crash the same `seq` returns the event that was stored, unchanged: go on from its data. Raises
        LeaseLost when another worker has the lane.
        """
        return self.commit_async(lane, pending, seq, kind, data).result()

    def commit_async(
        self, lane: Lane, pending: Pending, seq: int, kind: EventKind, data: Mapping[str, Any]
    ) -> Future[Event]:
        """Return at once; the future resolves after the commit."""
        return self._opened().submit(partial(outbox.commit, lane=lane, pending=pending, seq=seq, kind=kind, data=data))

    def close_turn(
        self,
        lane: Lane,
        pending: Pending,
        reply: Mapping[str, Any] | None,
        slots: Mapping[str, Any],
        state: State | None,
        customer: Customer,
        *,
        private: Mapping[str, Any] | None = None,
    ) -> Event:
        """Store the turn, merge slots (None deletes one), set the state and commit `done`, in one transaction.

        `reply` (JSON types) is the data of `done`; `private` (trace, sentences) joins it in the transcript only. No
        reply: a person holds the conversation, nothing is pushed. `human` begins and ends only by what people do.
        """
        closing: dict[str, Any] = {"reply": reply, "slots": slots, "state": state, "customer": customer}
        closing["private"] = private or {}
        return self._write(partial(transcript.close_turn, lane=lane, pending=pending, **closing))

    def finish_async(self, lane: Lane, pending: Pending, *, typing: bool = False, **closing: Any) -> Future[Closed]:
        """Close the turn as `close_turn` does, and begin what follows or let the lane go; return at once."""
        return self._opened().submit(
            partial(transcript.close_and_go_on, lane=lane, typing=typing, pending=pending, **closing)
        )

    # Conversations

    def conversation(self, conversation_id: str, last_turns: int = 20) -> Conversation | None:
        """Return the conversation with its last turns and its latest stay with people, or None."""
        return self._opened().read(partial(transcript.attended, conversation_id=conversation_id, last_turns=last_turns))

    def waiting(self, last_turns: int = 20) -> list[Conversation]:
        """Return the conversations that wait for, or are with, a person; those that came first at the beginning."""
        return self._opened().read(partial(transcript.waiting, last_turns=last_turns))

    def do(self, work: Work[T], conversation_id: str) -> T:
        """Commit a function of bot/store/handoffs.py or relays.py, then tell whoever follows the conversation."""
        done = self._write(work)
        self.spoken.tell(conversation_id)
        self.spoken.tell(ANY)
        return done

    def look(self, work: Work[T]) -> T:
        """Return what such a function reads."""
        return self._opened().read(work)

    def feedback(self, conversation_id: str, message_id: str, value: Mapping[str, Any]) -> None:
        """Store the vote on one reply; a later vote replaces it."""
        self._write(partial(transcript.vote, conversation_id=conversation_id, message_id=message_id, value=value))

    def counts(self) -> Mapping[str, int]:
        """Return conversations, turns, pending, working, unsent, waiting and human."""
        return self._opened().read(transcript.counts)

    def unanswered(self, since: datetime) -> list[gaps.Unanswered]:
        """Return the questions asked `since` that the bot could not answer and nobody has settled, newest first."""
        return self._opened().read(partial(gaps.unanswered, since=since))

    def settle(self, questions: Sequence[tuple[str, str]]) -> None:
        """Note that unanswered questions, as (conversation id, message id), are dealt with."""
        self._write(partial(gaps.settle, questions=questions))

    def doubtful(self, since: datetime) -> list[review.Doubtful]:
        """Return the messages closed `since` whose intent was in doubt and which nobody has reviewed, newest first."""
        return self._opened().read(partial(review.doubtful, since=since))

    def decide(self, decisions: Sequence[review.Decision]) -> int:
        """Keep what a person made of doubtful messages; returns how many nobody had decided before."""
        return self._write(partial(review.decide, decisions=decisions))

    def unwritten(self) -> list[review.Decision]:
        """Return the decided examples that `written` has not been told of."""
        return self._opened().read(review.unwritten)

    def written(self, keys: Sequence[str]) -> None:
        """Note that decided examples stand in the project's examples."""
        self._write(partial(review.written, keys=keys))

    def forget_before(self, moment: datetime) -> int:
        """Delete what is answered and older than `moment`; returns how many conversations are gone entirely."""
        return self._write(partial(transcript.forget_before, moment=moment))

    def oldest(self) -> datetime | None:
        """Return when the oldest thing that `forget_before` deletes was written, or None."""
        return self._opened().read(transcript.oldest)

    def scrub(self) -> None:
        """Leave nothing readable of what was deleted in the database's files."""
        self._opened().scrub()

    # The outbox

    def post(self, conversation_id: str, kind: EventKind, data: Mapping[str, Any]) -> Event:
        """Commit an event outside a turn (a person's `sentence`, a change of `state`), with its own message id."""
        return self._write(partial(outbox.post, conversation_id=conversation_id, kind=kind, data=data))

    def events(self, conversation_id: str, after: int = 0, limit: int = 100) -> list[Event]:
        """Return the next events after position `after`, in order."""
        return self._opened().read(partial(outbox.after, conversation_id=conversation_id, position=after, limit=limit))

    def last_position(self, conversation_id: str) -> int:
        """Return the position of the conversation's last event; 0 for none."""
        return self._opened().read(partial(outbox.last, conversation_id=conversation_id))

    def unsent(self, channels: Collection[str], limit: int = 100, lease_seconds: float = 10.0) -> list[Event]:
        """Take what these channels must push (`done`, and what has an `author`), the oldest of each conversation.

        Each is offered again after `lease_seconds` (also after a crash) unless `mark_sent`, so send within that time.
        """
        return [event for event, _ in self.unsent_async(channels, limit, lease_seconds).result()]

    def unsent_async(
        self, channels: Collection[str], limit: int, lease_seconds: float
    ) -> Future[list[tuple[Event, Conversation | None]]]:
        """Return at once; each event comes with its conversation and the last turn, None where that must be read."""
        taking = partial(transcript.take_unsent, channels=list(channels), limit=limit, lease_seconds=lease_seconds)
        return self._opened().submit(taking)

    def mark_sent(self, event_id: int) -> None:
        """Note that the platform has the event; the conversation's next one may follow."""
        self.mark_sent_async(event_id).result()

    def mark_sent_async(self, event_id: int) -> Future[None]:
        """Return at once; the future resolves after the commit."""
        return self._opened().submit(partial(outbox.mark_sent, event_id=event_id))

    def postpone(self, event_id: int, delay: float) -> None:
        """Offer an event that could not be sent again in `delay` seconds (the platform's Retry-After)."""
        self._write(partial(outbox.postpone, event_id=event_id, delay=delay))

    # Underneath

    def end_following(self) -> None:
        """End whatever follows a conversation, once it has everything that is committed."""
        self.ending = True
        self.spoken.tell_all()

    def _opened(self) -> Database:
        if self._database is None:
            raise StoreError("the store is not open.", where="store", fix="call open() first.")
        return self._database

    def _write(self, work: Work[T]) -> T:
        return self._opened().submit(work).result()

    def _told(self, events: Sequence[Event]) -> None:
        """Tell of events that were just committed; where others write too, they are only pointed at."""
        shared = self._database is None or self._database.shared
        for event in events:
            self.spoken.tell(event.conversation_id, None if shared else event)
        if any(event.kind in ("done", "state") for event in events):
            self.spoken.tell(ANY)

    def _listen(self) -> None:
        """Tell of events that other processes committed; PostgreSQL only."""
        while not self._closing.wait(POLL_SECONDS):
            try:
                recent: list[str] = self._opened().read(self._recent)
            except StoreError:
                continue
            for conversation_id in (*recent, *([ANY] if recent else [])):
                self.spoken.tell(conversation_id)

    @staticmethod
    def _recent(connection: Connection) -> list[str]:
        return outbox.changed_since(connection, time.time() - CLOCKS_DIFFER - POLL_SECONDS)
