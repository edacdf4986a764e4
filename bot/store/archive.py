"""Everything that was said, voted and written by people, for reading only: beside a running server too."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, func, make_url, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from frontdesk.bot.errors import MissingExtra, StoreError
from frontdesk.bot.store import transcript
from frontdesk.bot.store.tables import conversations, outbox, votes
from frontdesk.bot.types import Conversation, Turn

EVERY = 1_000_000
"""Turns of one conversation; more than it can have."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """What a person wrote from the inbox."""

    text: str
    author: str


@dataclass(frozen=True, kw_only=True)
class Past:
    """One conversation: its turns and what people wrote, in the order it was seen, and votes by message id."""

    conversation: Conversation
    seen: tuple[Turn | Written, ...]
    votes: Mapping[str, Mapping[str, Any]]


def archive(url: str, *, since: datetime | None = None, brand: str | None = None) -> Iterator[Past]:
    """Yield the conversations at a store's `url` that changed `since`, by id, from one consistent snapshot.

    Nothing is locked or written. Raises StoreError when there is no such database or it cannot be read.
    """
    wanted = select(conversations.c.id).order_by(conversations.c.id)
    if since:
        wanted = wanted.where(conversations.c.updated_at >= since.timestamp())
    if brand:
        wanted = wanted.where(conversations.c.brand == brand)
    with _snapshot(url) as connection:
        for conversation_id in connection.execute(wanted.execution_options(yield_per=100)).scalars():
            if found := transcript.one(connection, conversation_id, EVERY):
                yield _past(connection, found)


def _past(connection: Connection, conversation: Conversation) -> Past:
    of = conversation.id
    first = select(outbox.c.message_id, func.min(outbox.c.id)).where(outbox.c.conversation_id == of)
    places = {name: place for name, place in connection.execute(first.group_by(outbox.c.message_id))}
    posted = select(outbox.c.id, outbox.c.data).where(outbox.c.conversation_id == of, outbox.c.inbox_id.is_(None))
    said: list[tuple[int, Turn | Written]] = [(places.get(turn.message.id, 0), turn) for turn in conversation.turns]
    for row in connection.execute(posted.where(outbox.c.kind == "sentence")):
        data = json.loads(row.data)
        if data.get("automatic"):  # what the bot says of the handoff is nobody's answer
            continue
        said.append((row.id, Written(text=str(data.get("text", "")), author=str(data.get("author", "")))))
    cast = connection.execute(select(votes.c.message_id, votes.c.value).where(votes.c.conversation_id == of))
    ordered = sorted(said, key=lambda item: item[0])
    return Past(
        conversation=conversation,
        seen=tuple(each for _, each in ordered),
        votes={row.message_id: json.loads(row.value) for row in cast},
    )


@contextmanager
def _snapshot(url: str) -> Iterator[Connection]:
    try:
        engine = _engine(make_url(url))
    except ModuleNotFoundError:
        raise MissingExtra("psycopg", "postgres") from None
    except SQLAlchemyError as error:
        raise _unreadable(error, "store.url") from None
    try:
        with engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN")
            yield connection
    except SQLAlchemyError as error:
        raise _unreadable(error, engine.url.render_as_string(hide_password=True)) from error
    finally:
        engine.dispose()


def _unreadable(error: SQLAlchemyError, where: str) -> StoreError:
    cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    return StoreError(f"the conversations cannot be read: {cause}.", where=where, fix="check store.url.")


def _engine(address: URL) -> Engine:
    if address.get_backend_name() != "sqlite":
        if address.drivername in ("postgresql", "postgres"):
            address = address.set(drivername="postgresql+psycopg")
        return create_engine(address, isolation_level="REPEATABLE READ", poolclass=NullPool)
    file = Path(str(address.database)).absolute()
    if not file.is_file():
        raise StoreError("there are no conversations yet.", where=str(file), fix="run `frontdesk serve` first.")
    return create_engine(
        address.set(database=f"{file.as_uri()}", query={"mode": "ro", "uri": "true"}),
        connect_args={"isolation_level": None},
        poolclass=NullPool,
    )
