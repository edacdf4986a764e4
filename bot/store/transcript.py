"""Conversations as they are kept: turns, slots, state, votes, and what is forgotten when.

Every function takes a connection and runs inside one transaction.
"""

from __future__ import annotations

import json
import logging
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, exists, func, or_, select, update

from frontdesk.bot.store import codec, handoffs, inbox, ledger, outbox
from frontdesk.bot.store import figures as reading
from frontdesk.bot.store.inbox import INSERT, Lane, Pending
from frontdesk.bot.store.statements import Row, Statement
from frontdesk.bot.store.tables import conversations, lanes, placed, settled, turns, votes
from frontdesk.bot.store.tables import inbox as messages
from frontdesk.bot.store.tables import outbox as events
from frontdesk.bot.types import Conversation, Customer, Event, Message, State, Turn

HELD: tuple[State, ...] = ("waiting", "human")
LAST_TURNS = 20
"""How many turns of a conversation its next message is answered with."""
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError)
"""What reading a row raises that another program has damaged."""

log = logging.getLogger(__name__)


def close_turn(
    connection: Connection,
    lane: Lane,
    pending: Pending,
    reply: Mapping[str, Any] | None,
    slots: Mapping[str, Any],
    state: State | None,
    customer: Customer,
    private: Mapping[str, Any],
) -> Event:
    """Store the turn, remember, mark the message answered and commit `done`; a second close changes nothing."""
    if inbox.close(connection, lane, pending):
        _add_turn(connection, pending, None if reply is None else {**reply, **private})
        why = {key: str(value) for key, value in (private.get("handoff") or {}).items()}
        _remember(connection, pending.message, slots, state, customer, why)
    return outbox.add_once(connection, pending, outbox.DONE_SEQ, "done", reply or {})


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A message that is about to be answered, and the conversation so far, without it."""

    pending: Pending
    conversation: Conversation | None


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A lane that a worker has now, and what it begins with; None where that must be looked at by itself."""

    lane: Lane
    begun: Begun | None


@dataclass(frozen=True, kw_only=True)
class Closed:
    """The `done` event of a turn; where nothing `waits` the lane was let go, else `following` is as in `Taken`."""

    event: Event
    waits: bool = False
    following: Begun | None = None


def take(connection: Connection, owner: str, limit: int, lease_seconds: float, typing: bool) -> list[Taken]:
    """Claim lanes and begin with the oldest message of each; with `typing` everybody is told that it is begun."""
    lanes = inbox.claim(connection, owner, limit, lease_seconds)
    return [Taken(lane=lane, begun=_begun(connection, lane, typing)) for lane in lanes]


def _begun(connection: Connection, lane: Lane, typing: bool) -> Begun | None:
    """Return what a lane begins with; None for nothing, or where that cannot be read: others go on all the same."""
    try:
        pending = inbox.oldest(connection, lane)
        found = attended(connection, lane.conversation_id, LAST_TURNS) if pending else None
    except UNREADABLE:
        log.exception("what waits in conversation %s cannot be read", lane.conversation_id)
        return None
    if pending is None:
        return None
    if typing and not pending.message.metadata.get("noted"):
        outbox.add_once(connection, pending, outbox.TYPING_SEQ, "typing", {})
    return Begun(pending=pending, conversation=found)


def close_and_go_on(connection: Connection, lane: Lane, typing: bool, **closing: Any) -> Closed:
    """Close a turn as `close_turn` does and begin the next; the lane of a conversation that is done is let go."""
    event = close_turn(connection, lane, **closing)
    if inbox.waits(connection, lane):
        return Closed(event=event, waits=True, following=_begun(connection, lane, typing))
    inbox.let_go(connection, lane)
    return Closed(event=event)


def _add_turn(connection: Connection, pending: Pending, reply: Mapping[str, Any] | None) -> None:
    message = pending.message
    values = {
        "inbox_id": pending.inbox_id,
        "conversation_id": message.conversation_id,
        "message_id": message.id,
        "message": codec.dumps(message),
        "reply": None if reply is None else codec.dumps(reply),
        "created_at": time.time(),
    }
    _TURN.run(connection, values)


_COLUMNS = [column.name for column in turns.c if column.name != "id"]
_TURN = Statement(turns.insert().values({name: bindparam(name) for name in _COLUMNS}))
_OF = conversations.c.id == bindparam("of")
_MEMORY = Statement(
    select(conversations.c.slots, conversations.c.state, conversations.c.customer).where(_OF).with_for_update()
)
_REMEMBER = Statement(
    update(conversations)
    .where(_OF)
    .values({name: bindparam(name) for name in ("slots", "state", "customer", "updated_at")})
)


def _remember(
    connection: Connection,
    message: Message,
    slots: Mapping[str, Any],
    state: State | None,
    customer: Customer,
    why: Mapping[str, str],
) -> None:
    conversation_id = message.conversation_id
    [(remembered, before, known)] = _MEMORY.all(connection, {"of": conversation_id})
    kept = {name: value for name, value in {**json.loads(remembered), **slots}.items() if value is not None}
    held = "human" in (before, state)  # only people bring people in, and they or the clock out
    after: State = before if held or state is None else state
    signed = json.loads(known).get("identity") == "token" and customer.identity != "token"  # never downgraded
    values = {
        "of": conversation_id,
        "slots": codec.dumps(kept),
        "state": after,
        "customer": known if signed else codec.dumps(customer),
        "updated_at": time.time(),
    }
    _REMEMBER.run(connection, values)
    _stay(connection, message, before, after, why)


def _stay(connection: Connection, message: Message, before: State, after: State, why: Mapping[str, str]) -> None:
    """Begin or end the stay with people that a turn begins or ends; what is written to a person waits for them."""
    if after == "human":
        handoffs.written(connection, message.conversation_id)
    elif (before, after) == ("bot", "waiting"):
        handoffs.opened(connection, message.conversation_id, why)
    elif why.get("trigger") == "safety":
        handoffs.pressed(connection, message.conversation_id, why)
    elif (before, after) == ("waiting", "bot"):
        handoffs.ended(connection, message.conversation_id, "left", message.id)


def one(connection: Connection, conversation_id: str, last_turns: int) -> Conversation | None:
    """Return the conversation with its last turns, or None; its stays with people are not looked up."""
    row = _ONE.one(connection, {"of": conversation_id})
    if row is None:
        return None
    newest = _NEWEST.all(connection, {"of": conversation_id, "most": last_turns})
    return _conversation(row, tuple(_turn(*each) for each in reversed(newest)))


_KNOWN = [conversations.c[name] for name in ("id", "brand", "channel", "customer", "slots", "state")]
_ONE = Statement(select(*_KNOWN).where(_OF))
_TURNS = select(turns.c.message, turns.c.reply).where(turns.c.conversation_id == bindparam("of"))
_NEWEST = Statement(_TURNS.order_by(turns.c.id.desc()).limit(bindparam("most")))


def message(connection: Connection, conversation_id: str, message_id: str) -> Message | None:
    """Return a message of the conversation that was answered, or None."""
    found = _MESSAGE.one(connection, {"of": conversation_id, "named": message_id})
    return None if found is None else codec.message_from_json(json.loads(found[0]))


_MESSAGE = Statement(_TURNS.where(turns.c.message_id == bindparam("named")).order_by(turns.c.id).limit(1))


def attended(connection: Connection, conversation_id: str, last_turns: int) -> Conversation | None:
    """Return the conversation with its last turns, its latest stay with people and its place in the queue."""
    found = one(connection, conversation_id, last_turns)
    if found is None:
        return None
    handoff = handoffs.last_of(connection, conversation_id)
    return replace(found, handoff=handoff, ahead=handoffs.ahead(connection, found.brand, handoff))


def take_unsent(connection: Connection, **taking: Any) -> list[tuple[Event, Conversation | None]]:
    """Take what is to be pushed, see outbox.take_unsent, each with its conversation and the last of its turns.

    None for a conversation that cannot be read: the others are pushed all the same.
    """

    def place(event: Event) -> Conversation | None:
        try:
            return one(connection, event.conversation_id, 1)
        except UNREADABLE:
            return None

    return [(event, place(event)) for event in outbox.take_unsent(connection, **taking)]


def waiting(connection: Connection, last_turns: int) -> list[Conversation]:
    """Return the conversations that wait for or are with a person, those that came first at the beginning."""
    held = select(*_KNOWN).where(conversations.c.state.in_(HELD)).order_by(conversations.c.updated_at)
    found = _with_turns(connection, [tuple(row) for row in connection.execute(held)], last_turns)
    stays = handoffs.latest(connection, [each.id for each in found])
    with_people = [replace(each, handoff=stays.get(each.id)) for each in found]
    return sorted(with_people, key=lambda each: each.handoff.id if each.handoff else 0)


def _with_turns(connection: Connection, rows: Sequence[Row], last_turns: int) -> list[Conversation]:
    age = func.row_number().over(partition_by=turns.c.conversation_id, order_by=turns.c.id.desc()).label("age")
    mine = turns.c.conversation_id.in_([row[0] for row in rows])
    aged = select(turns.c.id, turns.c.conversation_id, turns.c.message, turns.c.reply, age).where(mine).subquery()
    found = defaultdict(list)
    for row in connection.execute(select(aged).where(aged.c.age <= last_turns).order_by(aged.c.id)):
        found[row.conversation_id].append(_turn(row.message, row.reply))
    return [_conversation(row, tuple(found[row[0]])) for row in rows]


def _turn(message: str, reply: str | None) -> Turn:
    said = codec.reply_from_json(json.loads(reply)) if reply else None
    return Turn(message=codec.message_from_json(json.loads(message)), reply=said)


def _conversation(row: Row, its_turns: tuple[Turn, ...]) -> Conversation:
    conversation_id, brand, channel, customer, slots, state = row
    return Conversation(
        id=conversation_id,
        brand=brand,
        channel=channel,
        customer=codec.customer_from_json(json.loads(customer)),
        turns=its_turns,
        slots=json.loads(slots),
        state=state,
    )


def vote(connection: Connection, conversation_id: str, message_id: str, value: Mapping[str, Any]) -> None:
    """Store the vote on one reply, replacing an earlier one; raises ChannelError 404 when there is no such reply."""
    answered = exists().where(events.c.conversation_id == conversation_id, events.c.message_id == message_id)
    if not connection.execute(select(answered)).scalar_one():
        raise outbox.unknown(conversation_id)
    adding = INSERT[connection.dialect.name](votes).values(
        conversation_id=conversation_id, message_id=message_id, value=codec.dumps(value), created_at=time.time()
    )
    changed = {"value": adding.excluded.value, "created_at": adding.excluded.created_at}
    connection.execute(adding.on_conflict_do_update(index_elements=["conversation_id", "message_id"], set_=changed))


def counts(connection: Connection) -> Mapping[str, int]:
    """Return how many there are of each: conversations, turns, and what waits for whom."""
    wanted = {
        "conversations": select(func.count()).select_from(conversations),
        "turns": select(func.count()).select_from(turns),
        "pending": select(func.count()).where(messages.c.closed_at.is_(None)),
        "working": select(func.count()).where(lanes.c.owner.isnot(None)),
        "unsent": select(func.count()).where(events.c.send_at.isnot(None)),
        "waiting": select(func.count()).where(conversations.c.state == "waiting"),
        "human": select(func.count()).where(conversations.c.state == "human"),
    }
    row = connection.execute(select(*(query.scalar_subquery().label(name) for name, query in wanted.items()))).one()
    return dict(row._mapping)


def oldest(connection: Connection) -> datetime | None:
    """Return the time of the oldest turn, event, message or vote; None when there is none."""
    times = (turns.c.created_at, events.c.created_at, messages.c.received_at, votes.c.created_at)
    found = connection.execute(select(*(select(func.min(time)).scalar_subquery() for time in times))).one()
    known = [moment for moment in found if moment is not None]
    return datetime.fromtimestamp(min(known), UTC) if known else None


def forget_before(connection: Connection, moment: datetime) -> int:
    """Delete what is older than `moment` and answered; returns how many conversations are gone entirely.

    A reply that no platform took by then goes too; on the web, where customers fetch theirs, none is ever marked.
    """
    limit = moment.timestamp()
    connection.execute(delete(turns).where(turns.c.created_at < limit))
    reading.drop_orphans(connection)
    connection.execute(delete(events).where(events.c.created_at < limit))
    connection.execute(delete(votes).where(votes.c.created_at < limit))
    connection.execute(delete(placed).where(placed.c.created_at < limit))
    connection.execute(delete(settled).where(settled.c.settled_at < limit))
    connection.execute(delete(messages).where(messages.c.received_at < limit, messages.c.closed_at < limit))
    ledger.forget(connection, limit)
    busy = or_(
        exists().where(messages.c.conversation_id == conversations.c.id),
        exists().where(events.c.conversation_id == conversations.c.id),
    )
    gone = connection.execute(delete(conversations).where(conversations.c.updated_at < limit, ~busy)).rowcount
    handoffs.forget_before(connection, limit)
    orphaned = ~exists().where(conversations.c.id == lanes.c.conversation_id)
    connection.execute(delete(lanes).where(lanes.c.owner.is_(None), lanes.c.due_at.is_(None), orphaned))
    return gone
