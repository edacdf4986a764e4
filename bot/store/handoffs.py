"""The stays of conversations with people: who waits, who has it, what they noted, what was done, what comes due.

Every function takes a connection and runs inside one transaction. Whoever moves a conversation locks its lane first,
so that of two people who reach for it at once exactly one gets it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, delete, exists, func, insert, select, update

from frontdesk.bot.errors import ChannelError
from frontdesk.bot.store import codec, outbox
from frontdesk.bot.store.inbox import INSERT
from frontdesk.bot.store.statements import Statement
from frontdesk.bot.store.tables import audit, conversations, handoffs, heard, lanes, notes, relayed, turns
from frontdesk.bot.types import Event, Handoff, State

_TIMES = ("opened_at", "claimed_at", "answered_at", "spoke_at", "heard_at", "told_at", "ended_at")
_OPEN = handoffs.c.ended_at.is_(None)


@dataclass(frozen=True, kw_only=True)
class Note:
    """What one person left for the others; no customer ever sees it."""

    agent: str
    text: str
    written_at: datetime


@dataclass(frozen=True, kw_only=True)
class Deed:
    """One line of the audit log: who did what, when, to which conversation."""

    actor: str
    action: str
    conversation_id: str
    detail: str
    done_at: datetime


def value_of(row: Row[*tuple[Any, ...]]) -> Handoff:
    """Return a row as a value."""
    return _value(dict(row._mapping))


def _value(fields: Mapping[str, Any]) -> Handoff:
    times = {name: _time(fields[name]) for name in _TIMES}
    return Handoff(**{name: times.get(name, value) for name, value in fields.items() if name != "channel"})


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


# What the turns do


def opened(connection: Connection, conversation_id: str, why: Mapping[str, str]) -> None:
    """Begin a stay; `why` has trigger, intent and reason. A conversation that has one keeps it."""
    place = select(conversations.c.brand, conversations.c.channel).where(conversations.c.id == conversation_id)
    brand, channel = connection.execute(place).one()
    values: dict[str, Any] = {"trigger": "failure", "intent": "", "reason": "", **why}
    values |= {"conversation_id": conversation_id, "brand": brand, "channel": channel, "opened_at": time.time()}
    connection.execute(INSERT[connection.dialect.name](handoffs).values(**values).on_conflict_do_nothing())


def pressed(connection: Connection, conversation_id: str, why: Mapping[str, str]) -> None:
    """Let the stay that is open say what presses now; why it began is in its turns."""
    _change(connection, conversation_id, **why)


def ended(connection: Connection, conversation_id: str, outcome: str, last_message: str) -> None:
    """End the conversation's stay, if it has one."""
    _change(connection, conversation_id, ended_at=time.time(), outcome=outcome, last_message=last_message)


def written(connection: Connection, conversation_id: str) -> None:
    """Note that the customer wrote to the person who has it, and since when an answer is owed."""
    _change(connection, conversation_id, heard_at=func.coalesce(handoffs.c.heard_at, time.time()))


def _change(connection: Connection, conversation_id: str, **values: Any) -> None:
    connection.execute(update(handoffs).where(handoffs.c.conversation_id == conversation_id, _OPEN).values(**values))


# What is looked at


_MINE = select(handoffs).where(handoffs.c.conversation_id == bindparam("of"))
_LAST = Statement(_MINE.order_by(handoffs.c.id.desc()).limit(1))


def last_of(connection: Connection, conversation_id: str) -> Handoff | None:
    """Return the newest stay of a conversation, or None."""
    row = _LAST.one(connection, {"of": conversation_id})
    return None if row is None else _value(dict(zip(handoffs.c.keys(), row, strict=True)))


def latest(connection: Connection, conversation_ids: Sequence[str]) -> dict[str, Handoff]:
    """Return the newest stay of each conversation that ever had one."""
    newest = select(func.max(handoffs.c.id)).where(handoffs.c.conversation_id.in_(conversation_ids))
    rows = connection.execute(
        select(handoffs).where(handoffs.c.id.in_(newest.group_by(handoffs.c.conversation_id)))
    ).all()
    return {row.conversation_id: value_of(row) for row in rows}


def ahead(connection: Connection, brand: str, handoff: Handoff | None) -> int:
    """Return how many conversations of the brand wait longer than this one, or would if it began to wait now."""
    before = handoff.id if handoff and handoff.ended_at is None else 2**63 - 1
    [(waiting,)] = _AHEAD.all(connection, {"of": brand, "before": before})
    return int(waiting)


_WAITING = and_(_OPEN, handoffs.c.agent == "", handoffs.c.brand == bindparam("of"))
_AHEAD = Statement(select(func.count()).where(_WAITING, handoffs.c.id < bindparam("before")))


def unended(connection: Connection) -> list[Handoff]:
    """Return every stay that has not ended, the oldest first."""
    return [value_of(row) for row in connection.execute(select(handoffs).where(_OPEN).order_by(handoffs.c.id))]


# What people do


def claim(
    connection: Connection, conversation_id: str, agent: str, *, force: bool = False, via: str = "", key: str = ""
) -> Handoff:
    """Give the conversation to `agent` unless somebody else has it, and return who has it now.

    `force` takes it from whoever has it. One that is with the bot is taken from the bot, and one that was held before
    there were stays begins one. A `key` that came from the target `via` before moves nothing. Raises ChannelError 404.
    """
    state = lock(connection, conversation_id)
    before = latest(connection, [conversation_id]).get(conversation_id)
    if key and not first(connection, via, key) and before:
        return before
    opened(connection, conversation_id, {"trigger": "agent", "reason": f"{agent} took it"})
    held = latest(connection, [conversation_id])[conversation_id]
    if held.agent == agent or (held.agent and not force):
        return held
    now = time.time()
    # what the customer asked is owed an answer by whoever takes it, from now on
    _change(connection, conversation_id, agent=agent, claimed_at=now, heard_at=now)
    moved(connection, conversation_id, state, "human")
    noted(connection, agent, "took over" if held.agent else "claimed", conversation_id, held.agent)
    return latest(connection, [conversation_id])[conversation_id]


def write(
    connection: Connection, conversation_id: str, agent: str, text: str, *, via: str = "", key: str = ""
) -> Event | None:
    """Write to the customer as `agent`, who then has the conversation; None when `key` was written before.

    `via` names the target that the words came from, so that they are not told there again. Raises ChannelError 409
    when somebody else has the conversation, 404 when there is none.
    """
    if key and not first(connection, via, key):
        return None
    held = claim(connection, conversation_id, agent)
    if held.agent != agent:
        fix = "take it over first, or leave a note."
        raise ChannelError(f"{held.agent} has this conversation.", status=409, code="held", fix=fix)
    data = {"text": text, "citations": [], "author": agent, "via": via}
    now = time.time()
    answered = func.coalesce(handoffs.c.answered_at, now)
    _change(connection, conversation_id, answered_at=answered, spoke_at=now, heard_at=None)
    noted(connection, agent, "replied", conversation_id, via)
    return outbox.post(connection, conversation_id, "sentence", data)


def end(
    connection: Connection,
    conversation_id: str,
    agent: str,
    outcome: str,
    words: Mapping[str, Any],
    *,
    via: str = "",
    key: str = "",
) -> bool:
    """Give the conversation back to the bot with a message; False when the bot has it, or `key` came before.

    What was remembered is forgotten and the turns so far are past: the bot begins afresh. Raises ChannelError 404.
    """
    state = lock(connection, conversation_id)
    if (key and not first(connection, via, key)) or state == "bot":
        return False
    said = select(turns.c.message_id).where(turns.c.conversation_id == conversation_id)
    last = connection.execute(said.order_by(turns.c.id.desc()).limit(1)).scalar_one_or_none() or ""
    ended(connection, conversation_id, outcome, last)
    forgetting = update(conversations).where(conversations.c.id == conversation_id)
    connection.execute(forgetting.values(slots=codec.dumps({})))
    moved(connection, conversation_id, state, "bot")
    noted(connection, agent, "gave back", conversation_id, outcome)
    notice(connection, conversation_id, words)
    return True


def tell(connection: Connection, handoff: Handoff, words: Mapping[str, Any]) -> bool:
    """Tell a customer once that nobody could take it yet; False when somebody did meanwhile."""
    lock(connection, handoff.conversation_id)
    telling = update(handoffs).where(handoffs.c.id == handoff.id, _OPEN, handoffs.c.agent == "")
    told = connection.execute(telling.where(handoffs.c.told_at.is_(None)).values(told_at=time.time())).rowcount
    if told:
        notice(connection, handoff.conversation_id, words)
    return bool(told)


def release(connection: Connection, handoff: Handoff, words: Mapping[str, Any]) -> bool:
    """Let a conversation wait for anyone again because its person is silent; False when they wrote meanwhile."""
    lock(connection, handoff.conversation_id)
    silent = update(handoffs).where(handoffs.c.id == handoff.id, _OPEN, handoffs.c.agent == handoff.agent)
    freeing = silent.where(handoffs.c.heard_at.isnot(None)).values(agent="", claimed_at=None, heard_at=None)
    freed = connection.execute(freeing.values(told_at=time.time())).rowcount
    if freed:
        moved(connection, handoff.conversation_id, "human", "waiting")
        noted(connection, handoff.agent, "was silent", handoff.conversation_id, "")
        notice(connection, handoff.conversation_id, words)
    return bool(freed)


def notice(connection: Connection, conversation_id: str, words: Mapping[str, Any]) -> None:
    """Say something outside a turn that no person wrote; `words` has text, author and perhaps buttons."""
    data = {"citations": [], "automatic": True, **words}
    outbox.post(connection, conversation_id, "sentence", data)
    if words.get("buttons"):
        outbox.post(connection, conversation_id, "buttons", {"buttons": words["buttons"]})


def lock(connection: Connection, conversation_id: str) -> State:
    """Keep everybody else from moving the conversation; return its state. Raises ChannelError 404."""
    connection.execute(select(lanes.c.fence).where(lanes.c.conversation_id == conversation_id).with_for_update())
    held = select(conversations.c.state).where(conversations.c.id == conversation_id).with_for_update()
    state: State | None = connection.execute(held).scalar_one_or_none()
    if state is None:
        raise outbox.unknown(conversation_id)
    return state


def moved(connection: Connection, conversation_id: str, state: State, to: State) -> None:
    """Say and store a change of who holds the conversation."""
    changing = update(conversations).where(conversations.c.id == conversation_id)
    connection.execute(changing.values(state=to, updated_at=time.time()))
    if state != to:
        outbox.post(connection, conversation_id, "state", {"state": to})


# Notes, the audit log, and what came in before


def note(connection: Connection, conversation_id: str, agent: str, text: str, *, via: str = "", key: str = "") -> bool:
    """Leave a note for the other people; False when `key` came from the target `via` before. ChannelError 404."""
    if key and not first(connection, via, key):
        return False
    lock(connection, conversation_id)
    values = {"conversation_id": conversation_id, "agent": agent, "text": text, "created_at": time.time()}
    connection.execute(insert(notes).values(**values))
    noted(connection, agent, "noted", conversation_id, "")
    return True


def notes_of(connection: Connection, conversation_id: str) -> list[Note]:
    """Return a conversation's notes, the oldest first."""
    its = select(notes).where(notes.c.conversation_id == conversation_id).order_by(notes.c.id)
    rows = connection.execute(its).all()
    return [Note(agent=r.agent, text=r.text, written_at=datetime.fromtimestamp(r.created_at, UTC)) for r in rows]


def noted(connection: Connection, actor: str, action: str, conversation_id: str, detail: str) -> None:
    """Add a line to the audit log."""
    values = {"actor": actor, "action": action, "conversation_id": conversation_id, "detail": detail}
    connection.execute(insert(audit).values(**values, created_at=time.time()))


def deeds(connection: Connection, limit: int, conversation_id: str = "") -> list[Deed]:
    """Return the newest lines of the audit log, of one conversation or of all."""
    wanted = [audit.c.conversation_id == conversation_id] if conversation_id else []
    rows = connection.execute(select(audit).where(*wanted).order_by(audit.c.id.desc()).limit(limit)).all()
    return [
        Deed(
            actor=row.actor,
            action=row.action,
            conversation_id=row.conversation_id,
            detail=row.detail,
            done_at=datetime.fromtimestamp(row.created_at, UTC),
        )
        for row in rows
    ]


def first(connection: Connection, target: str, key: str) -> bool:
    """Return whether this event of a target comes for the first time, and remember it."""
    adding = INSERT[connection.dialect.name](heard).values(target=target, event_id=key, created_at=time.time())
    return connection.execute(adding.on_conflict_do_nothing().returning(heard.c.event_id)).first() is not None


def forget_before(connection: Connection, limit: float) -> None:
    """Delete what is older than `limit` (seconds since the epoch) of stays that have ended, and of their traces.

    A conversation that is gone leaves neither stays nor notes.
    """
    connection.execute(delete(handoffs).where(handoffs.c.ended_at < limit))
    for table in (handoffs, notes):
        orphaned = ~exists().where(conversations.c.id == table.c.conversation_id)
        connection.execute(delete(table).where(orphaned))
    connection.execute(delete(relayed).where(~exists().where(handoffs.c.id == relayed.c.handoff_id)))
    for table in (notes, audit, heard):
        connection.execute(delete(table).where(table.c.created_at < limit))
