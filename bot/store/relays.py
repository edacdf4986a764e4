"""How far each stay with people was told to each place where people work elsewhere: a Slack channel, a webhook.

Every function takes a connection and runs inside one transaction.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, exists, or_, select

from frontdesk.bot.store.handoffs import value_of
from frontdesk.bot.store.inbox import INSERT
from frontdesk.bot.store.tables import handoffs, relayed
from frontdesk.bot.store.tables import outbox as events
from frontdesk.bot.types import Handoff


@dataclass(frozen=True, kw_only=True)
class Relay:
    """What one target has of one stay: `address` is where it stands there, empty until it was told at all."""

    handoff: Handoff
    target: str
    address: str = ""
    position: int = 0
    failures: int = 0


def due(connection: Connection, targets: Sequence[str], limit: int = 50) -> list[Relay]:
    """Return what has to be told now: stays a target has not heard of, and those in which something was said since."""
    now, found = time.time(), []
    for target in targets:
        mine = and_(relayed.c.handoff_id == handoffs.c.id, relayed.c.target == target)
        said = exists().where(events.c.conversation_id == handoffs.c.conversation_id, events.c.id > relayed.c.position)
        new = and_(relayed.c.handoff_id.is_(None), handoffs.c.ended_at.is_(None))
        later = and_(relayed.c.due_at <= now, or_(relayed.c.address == "", said, handoffs.c.ended_at.isnot(None)))
        looking = select(handoffs, relayed.c.address, relayed.c.position, relayed.c.failures)
        looking = looking.outerjoin(relayed, mine).where(or_(new, later)).order_by(handoffs.c.id).limit(limit)
        for row in connection.execute(looking):
            known = {name: getattr(row, name) or kind() for name, kind in _FIELDS.items()}
            stay = connection.execute(select(handoffs).where(handoffs.c.id == row.id)).one()
            found.append(Relay(handoff=value_of(stay), target=target, **known))
    return found


_FIELDS = {"address": str, "position": int, "failures": int}


def told(connection: Connection, relay: Relay, address: str, position: int, *, ended: bool = False) -> None:
    """Note how far a stay was told; with `ended` nothing more of it will be."""
    _set(connection, relay, address=address, position=position, failures=0, due_at=None if ended else time.time())


def failed(connection: Connection, relay: Relay, delay: float) -> None:
    """Note that a target could not be reached; it is tried again in `delay` seconds."""
    values = {"address": relay.address, "position": relay.position, "failures": relay.failures + 1}
    _set(connection, relay, **values, due_at=time.time() + delay)


def _set(connection: Connection, relay: Relay, **values: object) -> None:
    key = {"handoff_id": relay.handoff.id, "target": relay.target}
    adding = INSERT[connection.dialect.name](relayed)
    adding = adding.values(**key, conversation_id=relay.handoff.conversation_id, **values)
    connection.execute(adding.on_conflict_do_update(index_elements=["handoff_id", "target"], set_=values))


def conversation_at(connection: Connection, target: str, address: str) -> str | None:
    """Return the conversation that stands at this address of a target."""
    at = select(relayed.c.conversation_id).where(relayed.c.target == target, relayed.c.address == address)
    return connection.execute(at.order_by(relayed.c.handoff_id.desc()).limit(1)).scalar_one_or_none()
