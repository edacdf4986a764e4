"""The tables of `knowledge.db`, and how a file of an older version is brought up to date."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    inspect,
    text,
    update,
)
from sqlalchemy.schema import CreateColumn

META = MetaData()

DOCUMENT = Table(
    "document",
    META,
    Column("key", Integer, primary_key=True),
    Column("id", String, nullable=False),
    Column("version", String(64), nullable=False),
    Column("title", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("context", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("source_hash", String(64), nullable=False),
    Column("valid_from", String(40), nullable=False),
    Column("valid_to", String(40)),
    Column("audience", String(20), nullable=False, server_default="customers"),
    Column("locale", String(40), nullable=False, server_default=""),
    Column("effective", String(40), nullable=False, server_default=""),
    Column("expires", String(40), nullable=False, server_default=""),
    Column("renamed_from", String, nullable=False, server_default=""),
    Column("digest", String(64), nullable=False, server_default=""),
    Index("document_current", "id", unique=True, sqlite_where=text("valid_to IS NULL")),
)
"""Every version of every document; the current one has no `valid_to`.

`valid_from` and `valid_to` say when it was taken up and given up here; `effective` and `expires` are the days that the
document states of itself (`Document.valid_from`, `Document.expires`). `renamed_from` is the id it had before.
`digest` is the SHA-256 of the row and its passages, by which damage is seen.
"""

PASSAGE = Table(
    "passage",
    META,
    Column("id", Integer, primary_key=True),
    Column("document", ForeignKey("document.key", ondelete="CASCADE"), nullable=False, index=True),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("body", Text, nullable=False),
)
"""The passages of current documents; `body` holds heading path, lead and quotes as JSON."""

VECTOR = Table(
    "vector",
    META,
    Column("hash", String(64), primary_key=True),
    Column("fingerprint", String, primary_key=True),
    Column("vector", LargeBinary, nullable=False),
)
"""Embeddings by SHA-256 of the embedded text and fingerprint of the encoder: unchanged text is never embedded twice."""

STATE = Table("state", META, Column("name", String, primary_key=True), Column("value", Text, nullable=False))


def missing(connection: Connection) -> list[str]:
    """Return the columns of a document that the file lacks."""
    there = {column["name"] for column in inspect(connection).get_columns(DOCUMENT.name)}
    return [column.name for column in DOCUMENT.columns if column.name not in there]


def upgrade(connection: Connection, names: Sequence[str]) -> None:
    """Add the columns an older file lacks; every source is read again, since they are part of a document's version."""
    for name in names:
        column = CreateColumn(DOCUMENT.c[name]).compile(dialect=connection.dialect)
        connection.execute(text(f"ALTER TABLE {DOCUMENT.name} ADD COLUMN {column}"))
    connection.execute(update(DOCUMENT).values(source_hash=""))


def pragmas(connection: Any, _: Any) -> None:
    """Set up a new connection: readers beside one writer, and patience with it."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")  # a power cut may undo the last commit; the next ingest does it again
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.close()
