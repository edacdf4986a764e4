"""The inbox: messages under unique keys, and one lane per conversation that one worker at a time may hold.

Every function takes a connection and runs inside one transaction. Locking order on PostgreSQL: the lane row first,
always; thus ids grow in commit order within a conversation, in the inbox and in the outbox.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    Boolean,
    Connection,
    Double,
    ScalarSelect,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from frontdesk.bot.errors import ChannelError, StoreError
from frontdesk.bot.store import codec
from frontdesk.bot.store.statements import Statement
from frontdesk.bot.store.tables import ID_CHARS, conversations, inbox, lanes, outbox
from frontdesk.bot.types import Message, Receipt

_SURROGATE = re.compile("[\ud800-\udfff]")
INSERT: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(frozen=True, kw_only=True)
class Room:
    """How much may wait for its answer when one more message comes."""

    messages: int
    """In all, those being answered included."""
    in_conversation: int
    """Likewise, in its own conversation."""
    conversations: int
    """Conversations that no worker has taken up."""


class LeaseLost(StoreError):
    """Another worker holds the conversation now: stop, and write nothing more for it."""


@dataclass(frozen=True, kw_only=True)
class Lane:
    """A conversation held by one worker. `fence` is the claim's number; older holders can no longer write."""

    conversation_id: str
    owner: str
    fence: int
    starts: int = 1
    """Claims since the last closed turn, this one included; it grows when processes die over a message."""
    failures: int = 0
    """Handler errors since the last closed turn."""


@dataclass(frozen=True, kw_only=True)
class Pending:
    """The oldest message of a lane that has no turn yet."""

    inbox_id: int
    message: Message


def check_id(value: str, name: str) -> str:
    """Return `value`; raises ChannelError unless it is 1 to 255 characters that every database can hold."""
    if 0 < len(value) <= ID_CHARS and "\0" not in value and not _SURROGATE.search(value):
        return value
    raise ChannelError(
        f"{name} is not 1 to {ID_CHARS} characters of Unicode text.", where=name, fix="send another id.", code="bad_id"
    )


def row_of(message: Message, event_id: str) -> dict[str, Any]:
    """Return the checked, encoded parameters of `put`; raises ChannelError for ids the store cannot hold."""
    return {
        "channel": check_id(message.channel, "channel"),
        "event_id": check_id(event_id, "event_id"),
        "conversation_id": check_id(message.conversation_id, "conversation_id"),
        "message_id": check_id(message.id, "message_id"),
        "brand": check_id(message.brand, "brand"),
        "body": codec.dumps(message),
        "customer": codec.dumps(message.customer),
        "signed": message.customer.identity == "token",
        "now": time.time(),
    }


def put(connection: Connection, row: dict[str, Any], room: Room | None = None) -> Receipt | None:
    """Store a message once under (channel, event_id); a repeat returns the first receipt, marked duplicate.

    None, and nothing is stored, for a new one for which there is no `room`: an error would break up the group of writes
    that it is committed with, just when there are many.
    """
    if room and not _fits(connection, row, room):
        return _first_receipt(connection, row)
    touch_lane, add_message, add_conversation = _puts(connection.dialect.name)
    touch_lane.run(connection, row)
    stored = add_message.one(connection, row)
    if stored is None:
        return _first_receipt(connection, row)
    add_conversation.run(connection, row)
    return Receipt(conversation_id=row["conversation_id"], message_id=row["message_id"], position=stored[0])


@cache
def _puts(dialect: str) -> tuple[Statement, Statement, Statement]:
    """Return the three statements of `put`, built once: lane (this locks it), message, conversation."""
    make: Any = INSERT[dialect]
    ids: dict[str, Any] = {"conversation_id": bindparam("conversation_id")}
    lane = make(lanes).values(**ids, due_at=bindparam("now"), fence=0, starts=0, failures=0)
    last = select(func.coalesce(func.max(outbox.c.id), 0)).where(
        outbox.c.conversation_id == bindparam("conversation_id")
    )
    message = make(inbox).values(
        **ids,
        channel=bindparam("channel"),
        event_id=bindparam("event_id"),
        message_id=bindparam("message_id"),
        body=bindparam("body"),
        received_at=bindparam("now"),
        position=last.scalar_subquery(),
    )
    conversation = make(conversations).values(
        id=bindparam("conversation_id"),
        brand=bindparam("brand"),
        channel=bindparam("channel"),
        customer=bindparam("customer"),
        slots="{}",
        state="bot",
        updated_at=bindparam("now"),
    )
    due = func.coalesce(lanes.c.due_at, lane.excluded.due_at)
    signed = (bindparam("signed", type_=Boolean), conversation.excluded.customer)
    known = {
        "updated_at": conversation.excluded.updated_at,
        "customer": case(signed, else_=conversations.c.customer),
    }
    return (
        Statement(lane.on_conflict_do_update(index_elements=["conversation_id"], set_={"due_at": due})),
        Statement(message.on_conflict_do_nothing(index_elements=["channel", "event_id"]).returning(inbox.c.position)),
        Statement(conversation.on_conflict_do_update(index_elements=["id"], set_=known)),
    )


def _first(statement: Select[Any], most: str) -> ScalarSelect[int]:
    """Count the rows of a statement, but no further than to the parameter `most`."""
    return select(func.count()).select_from(statement.limit(bindparam(most)).subquery()).scalar_subquery()


_UNANSWERED = select(inbox.c.id).where(inbox.c.closed_at.is_(None))
_IDLE = select(lanes.c.conversation_id).where(lanes.c.due_at <= bindparam("now"), lanes.c.owner.is_(None))
_BACKLOG = Statement(
    select(
        _first(_UNANSWERED, "most"),
        _first(_UNANSWERED.where(inbox.c.conversation_id == bindparam("of")), "each"),
        _first(_IDLE, "idle"),
    )
)


def _fits(connection: Connection, row: Mapping[str, Any], room: Room) -> bool:
    limits = {"most": room.messages, "each": room.in_conversation, "idle": room.conversations}
    found = _BACKLOG.one(connection, {**limits, "of": row["conversation_id"], "now": row["now"]})
    unanswered, here, idle = found or (0, 0, 0)
    return bool(unanswered < room.messages and here < room.in_conversation and idle < room.conversations)


def _first_receipt(connection: Connection, row: dict[str, Any]) -> Receipt | None:
    first = connection.execute(
        select(inbox.c.conversation_id, inbox.c.message_id, inbox.c.position).where(
            inbox.c.channel == row["channel"], inbox.c.event_id == row["event_id"]
        )
    ).first()
    return first and Receipt(**first._mapping, duplicate=True)


def receipts(connection: Connection, channel: str, prefix: str, limit: int) -> list[Receipt]:
    """Return the newest receipts of events whose id begins with `prefix`; not where a later message waits.

    `prefix` is lower-case hexadecimal: in every collation "g" comes after whatever may follow it.
    """
    within = inbox.c.event_id.between(prefix, prefix + "g")
    newest = select(inbox.c.id).where(inbox.c.channel == channel, within).order_by(inbox.c.id.desc()).limit(limit)
    later = inbox.alias()
    waits = exists().where(
        later.c.conversation_id == inbox.c.conversation_id, later.c.closed_at.is_(None), later.c.id > inbox.c.id
    )
    found = select(inbox.c.conversation_id, inbox.c.message_id, inbox.c.position)
    found = found.where(inbox.c.id.in_(newest.scalar_subquery()), ~waits).order_by(inbox.c.id.desc())
    return [Receipt(**row._mapping) for row in connection.execute(found)]


# Statements of the main path are built once: building one costs more than running it.
_DUE = (
    select(lanes.c.conversation_id)
    .where(lanes.c.due_at <= bindparam("now"), or_(lanes.c.owner.is_(None), lanes.c.lease_until < bindparam("now")))
    .order_by(lanes.c.due_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
    .cte("due")
)
_CLAIM = Statement(
    update(lanes)
    .where(lanes.c.conversation_id.in_(select(_DUE.c.conversation_id)))
    .values(owner=bindparam("by"), lease_until=bindparam("until"), fence=lanes.c.fence + 1, starts=lanes.c.starts + 1)
    .returning(lanes.c.conversation_id, lanes.c.fence, lanes.c.starts, lanes.c.failures)
)


def claim(connection: Connection, owner: str, limit: int, lease_seconds: float) -> list[Lane]:
    """Take up to `limit` due lanes that nobody holds, longest due first."""
    now = time.time()
    taken = _CLAIM.all(connection, {"now": now, "most": limit, "by": owner, "until": now + lease_seconds})
    return [
        Lane(owner=owner, conversation_id=of, fence=fence, starts=starts, failures=failures)
        for of, fence, starts, failures in taken
    ]


_OPEN = and_(inbox.c.conversation_id == bindparam("of"), inbox.c.closed_at.is_(None))
_WAITS = Statement(select(inbox.c.id).where(_OPEN).limit(1))
_OLDEST = Statement(select(inbox.c.id, inbox.c.body).where(_OPEN).order_by(inbox.c.id).limit(1))


def waits(connection: Connection, lane: Lane) -> bool:
    """Whether the lane has a message without a turn."""
    return _WAITS.one(connection, {"of": lane.conversation_id}) is not None


def oldest(connection: Connection, lane: Lane) -> Pending | None:
    """Return the lane's oldest message without a turn."""
    row = _OLDEST.one(connection, {"of": lane.conversation_id})
    return None if row is None else Pending(inbox_id=row[0], message=codec.message_from_json(json.loads(row[1])))


_HELD = and_(
    lanes.c.conversation_id == bindparam("of"), lanes.c.owner == bindparam("by"), lanes.c.fence == bindparam("under")
)
_HOLD = Statement(select(lanes.c.fence).where(_HELD).with_for_update())
_RESET = Statement(update(lanes).where(_HELD).values(starts=0, failures=0).returning(lanes.c.fence))
_CLOSING = update(inbox).where(inbox.c.id == bindparam("closing"), inbox.c.closed_at.is_(None))
_CLOSE = Statement(_CLOSING.values(closed_at=bindparam("now")))


def hold(connection: Connection, lane: Lane) -> None:
    """Lock the lane for this transaction; raises LeaseLost when another claim has taken it."""
    _take(connection, lane, _HOLD)


def close(connection: Connection, lane: Lane, pending: Pending) -> bool:
    """Lock the lane and mark the message answered; False when it already was. Raises LeaseLost."""
    _take(connection, lane, _RESET)
    return _CLOSE.run(connection, {"closing": pending.inbox_id, "now": time.time()}) == 1


def _take(connection: Connection, lane: Lane, statement: Statement) -> None:
    if statement.one(connection, _key(lane)) is None:
        raise LeaseLost(
            "another worker holds this conversation.", where=lane.conversation_id, fix="stop working on it."
        )


def _key(lane: Lane) -> dict[str, Any]:
    return {"of": lane.conversation_id, "by": lane.owner, "under": lane.fence}


def renew(connection: Connection, owner: str, lease_seconds: float) -> int:
    """Prolong every lease of `owner`; returns how many it holds."""
    renewing = update(lanes).where(lanes.c.owner == owner).values(lease_until=time.time() + lease_seconds)
    return connection.execute(renewing).rowcount


_RELEASE = Statement(
    update(lanes)
    .where(_HELD)
    .values(
        owner=None,
        lease_until=None,
        starts=lanes.c.starts * bindparam("keep"),
        failures=lanes.c.failures + bindparam("more"),
        due_at=case((exists().where(_OPEN), bindparam("then", type_=Double)), else_=null()),
    )
)


def release(connection: Connection, lane: Lane, delay: float, failed: bool) -> None:
    """Let the lane go: due again in `delay` seconds if messages wait, idle if none do. Not ours any more: nothing.

    Only a release in good order, without failure or delay, forgets how often the message was started.
    """
    if _HOLD.one(connection, _key(lane)) is not None:  # the lock comes before the look at the inbox
        let_go(connection, lane, delay, failed)


def let_go(connection: Connection, lane: Lane, delay: float = 0.0, failed: bool = False) -> None:
    """Release a lane that this transaction holds."""
    counted = {"keep": int(failed or delay > 0), "more": int(failed), "then": time.time() + delay}
    _RELEASE.run(connection, {**_key(lane), **counted})


def abandon_all(connection: Connection) -> None:
    """Free every lane: for the only process that may open the database, so that no lease can be alive."""
    connection.execute(update(lanes).where(lanes.c.owner.isnot(None)).values(owner=None, lease_until=None))
