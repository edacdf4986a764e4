"""The outbox: committed events in order, the only delivery stream; and which of them still have to be pushed.

Every function takes a connection and runs inside one transaction.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Double, and_, bindparam, func, or_, select, update

from frontdesk.bot.errors import ChannelError
from frontdesk.bot.store import codec
from frontdesk.bot.store.inbox import INSERT, Lane, Pending, hold
from frontdesk.bot.store.statements import Row, Statement
from frontdesk.bot.store.tables import ADDED, FETCHED, conversations, lanes, outbox
from frontdesk.bot.types import Event, EventKind

DONE_SEQ, TYPING_SEQ = -1, 10_000
"""The places of a turn's `done` and `typing` events; the engine numbers its own from 0 up."""

_EVENT = (outbox.c.id, outbox.c.conversation_id, outbox.c.message_id, outbox.c.kind, outbox.c.data)

_STORED = Statement(select(*_EVENT).where(outbox.c.inbox_id == bindparam("turn"), outbox.c.seq == bindparam("place")))
_AFTER = Statement(
    select(*_EVENT)
    .where(outbox.c.conversation_id == bindparam("of"), outbox.c.id > bindparam("position"))
    .order_by(outbox.c.id)
    .limit(bindparam("most"))
)


def commit(
    connection: Connection, lane: Lane, pending: Pending, seq: int, kind: EventKind, data: Mapping[str, Any]
) -> Event:
    """Add event `seq` of a turn; one that a crashed run stored already is returned as it stands."""
    hold(connection, lane)
    return add_once(connection, pending, seq, kind, data)


def add_once(connection: Connection, pending: Pending, seq: int, kind: EventKind, data: Mapping[str, Any]) -> Event:
    """Add event `seq` of a turn whose lane this transaction holds, or return the one that is there."""
    message = pending.message
    ids = {"conversation_id": message.conversation_id, "message_id": message.id, "channel": message.channel}
    added = _add(connection, {**ids, "inbox_id": pending.inbox_id, "seq": seq}, kind, data)
    return added or _event(_STORED.all(connection, {"turn": pending.inbox_id, "place": seq})[0])


def post(connection: Connection, conversation_id: str, kind: EventKind, data: Mapping[str, Any]) -> Event:
    """Add an event outside a turn, under a message id of its own; raises ChannelError 404 when unknown."""
    connection.execute(select(lanes.c.fence).where(lanes.c.conversation_id == conversation_id).with_for_update())
    channel = connection.execute(
        select(conversations.c.channel).where(conversations.c.id == conversation_id)
    ).scalar_one_or_none()
    if channel is None:
        raise unknown(conversation_id)
    ids = {"conversation_id": conversation_id, "message_id": f"post-{uuid4()}", "channel": channel}
    added = _add(connection, {**ids, "inbox_id": None, "seq": None}, kind, data)
    assert added is not None  # nothing outside a turn can be there already
    return added


def unknown(conversation_id: str) -> ChannelError:
    """Return the error for a conversation, or a message of it, that is not here."""
    return ChannelError(
        "no such conversation or message.",
        where=conversation_id,
        fix="use the ids of an earlier answer.",
        status=404,
        code="not_found",
    )


def _add(connection: Connection, ids: Mapping[str, Any], kind: EventKind, data: Mapping[str, Any]) -> Event | None:
    """Insert an event; None when the turn has one in that place."""
    now = time.time()
    whole = kind == "done" or "author" in data  # a turn's reply, or what a person wrote
    fetched = ids["channel"] in connection.get_execution_options().get(FETCHED, ())
    pushes = whole and not fetched and bool(data.get("text") or data.get("buttons"))
    values = {
        "kind": kind,
        "data": codec.dumps(data),
        "created_at": now,
        "send_at": now if pushes else None,
        "sends": 0,
    }
    row = _adding(connection.dialect.name).one(connection, {**ids, **values})
    if row is None:
        return None
    event = _event(row)
    connection.info.setdefault(ADDED, []).append(event)
    return event


@cache
def _adding(dialect: str) -> Statement:
    given: dict[str, Any] = {column.name: bindparam(column.name) for column in outbox.c if column.name != "id"}
    adding = INSERT[dialect](outbox).values(**given).on_conflict_do_nothing(index_elements=["inbox_id", "seq"])
    return Statement(adding.returning(*_EVENT))


def _event(row: Row) -> Event:
    position, conversation_id, message_id, kind, data = row
    of = {"conversation_id": conversation_id, "message_id": message_id}
    return Event(id=position, **of, kind=kind, data=json.loads(data))


def after(connection: Connection, conversation_id: str, position: int, limit: int) -> list[Event]:
    """Return the conversation's next `limit` events after `position`, in order."""
    rows = _AFTER.all(connection, {"of": conversation_id, "position": position, "most": limit})
    return [_event(row) for row in rows]


def last(connection: Connection, conversation_id: str) -> int:
    """Return the position of the conversation's last event; 0 for none."""
    newest = select(func.coalesce(func.max(outbox.c.id), 0)).where(outbox.c.conversation_id == conversation_id)
    return int(connection.execute(newest).scalar_one())


def changed_since(connection: Connection, moment: float) -> list[str]:
    """Return the conversations with an event since `moment`."""
    rows = connection.execute(select(outbox.c.conversation_id).distinct().where(outbox.c.created_at >= moment))
    return list(rows.scalars())


_EARLIER = outbox.alias()
_WAITS = and_(
    _EARLIER.c.conversation_id == outbox.c.conversation_id, _EARLIER.c.id < outbox.c.id, _EARLIER.c.send_at.isnot(None)
)


@cache
def _taking(channels: tuple[str, ...]) -> Statement:
    ready = (
        select(outbox.c.id)
        .where(
            or_(*(outbox.c.channel == channel for channel in channels)),
            outbox.c.send_at <= bindparam("now"),
            ~select(_EARLIER.c.id).where(_WAITS).exists(),
        )
        .order_by(outbox.c.id)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
        .cte("ready")
    )
    taking = update(outbox).where(outbox.c.id.in_(select(ready.c.id)))
    return Statement(taking.values(send_at=bindparam("until"), sends=outbox.c.sends + 1).returning(*_EVENT))


def take_unsent(connection: Connection, channels: Collection[str], limit: int, lease_seconds: float) -> list[Event]:
    """Take events to push, at most the oldest of each conversation; each comes back after `lease_seconds`."""
    now = time.time()
    rows = _taking(tuple(channels)).all(connection, {"now": now, "most": limit, "until": now + lease_seconds})
    return [_event(row) for row in sorted(rows)]


_SENT = Statement(update(outbox).where(outbox.c.id == bindparam("event")).values(send_at=None))
_LATER = update(outbox).where(outbox.c.id == bindparam("event"), outbox.c.send_at.isnot(None))
_LATER = _LATER.values(send_at=bindparam("until", type_=Double))


def mark_sent(connection: Connection, event_id: int) -> None:
    """Note that the platform has the event."""
    _SENT.run(connection, {"event": event_id})


def postpone(connection: Connection, event_id: int, delay: float) -> None:
    """Offer the event again in `delay` seconds."""
    connection.execute(_LATER, {"event": event_id, "until": time.time() + delay})


def abandon_all(connection: Connection) -> None:
    """Offer everything unsent at once: for the only process that may open the database."""
    waiting: ColumnElement[bool] = outbox.c.send_at.isnot(None)
    fetched = connection.get_execution_options().get(FETCHED, ())  # as an earlier release left them
    connection.execute(update(outbox).where(waiting, outbox.c.channel.in_(fetched)).values(send_at=None))
    connection.execute(update(outbox).where(waiting).values(send_at=time.time()))
