"""The ledger of changes and challenges: what was begun under which key, what came of it, who tried to prove what.

What is tried is kept as a hash, so that no order number or e-mail address stands here.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from sqlalchemy import Column, Connection, Double, String, Table, Text, delete, func, select, update

from frontdesk.bot.dialogue.changes import Begun
from frontdesk.bot.store.inbox import INSERT
from frontdesk.bot.store.tables import metadata

made = Table(
    "change_made",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("results", Text),  # null: begun, and nobody knows what came of it
    Column("begun_at", Double, nullable=False, index=True),
)
tries = Table(
    "challenge_try",
    metadata,
    Column("subject", String(64), primary_key=True),
    Column("attempt", String(64), primary_key=True),
    Column("at", Double, nullable=False, index=True),
)

Write = Callable[[Callable[[Connection], Any]], Any]
"""Runs a function of a connection in one transaction that is committed when it returns; raises StoreError."""


class StoreLedger:
    """A ledger in the store's database, where every server process sees it and no crash reaches it."""

    def __init__(self, write: Write) -> None:
        self._write = write

    def begin(self, key: str) -> Begun:
        """Note, before it is made, that the change of this key begins."""
        begun: Begun = self._write(partial(_begin, key=key))
        return begun

    def finish(self, key: str, results: tuple[Mapping[str, Any], ...]) -> None:
        """Note what came of it."""
        told = json.dumps(results, default=str)
        self._write(lambda connection: connection.execute(update(made).where(made.c.key == key).values(results=told)))

    def tried(self, subject: str, attempt: str, since: float) -> int:
        """Note an attempt on a subject once, and return how many there were since a time (epoch seconds)."""
        count: int = self._write(partial(_tried, subject=_hashed(subject), attempt=_hashed(attempt), since=since))
        return count


def forget(connection: Connection, before: float) -> None:
    """Delete what is older than a time (epoch seconds)."""
    connection.execute(delete(made).where(made.c.begun_at < before))
    connection.execute(delete(tries).where(tries.c.at < before))


def _begin(connection: Connection, key: str) -> Begun:
    adding = INSERT[connection.dialect.name](made).values(key=key, begun_at=time.time()).on_conflict_do_nothing()
    fresh = connection.execute(adding.returning(made.c.key)).first() is not None
    told = None if fresh else connection.execute(select(made.c.results).where(made.c.key == key)).scalar_one()
    return Begun(fresh=fresh, results=None if told is None else tuple(json.loads(told)))


def _tried(connection: Connection, subject: str, attempt: str, since: float) -> int:
    adding = INSERT[connection.dialect.name](tries).values(subject=subject, attempt=attempt, at=time.time())
    connection.execute(adding.on_conflict_do_nothing())
    counting = select(func.count()).where(tries.c.subject == subject, tries.c.at >= since)
    return int(connection.execute(counting).scalar_one())


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
