"""`knowledge.db`: the tables of documents, passages and vectors. They are the truth; indexes are rebuilt from them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    create_engine,
    delete,
    event,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.exc import DatabaseError
from sqlalchemy.schema import CreateColumn

from frontdesk.bot.errors import KnowledgeError
from frontdesk.knowledge.values import Document, Passage, Quote, Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FILE = "knowledge.db"
_meta = MetaData()

DOCUMENT = Table(
    "document",
    _meta,
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
    Index("document_current", "id", unique=True, sqlite_where=text("valid_to IS NULL")),
)
"""Every version of every document; the current one has no `valid_to`.

`valid_from` and `valid_to` say when it was taken up and given up here; `effective` and `expires` are the days that the
document states of itself (`Document.valid_from`, `Document.expires`).
"""

PASSAGE = Table(
    "passage",
    _meta,
    Column("id", Integer, primary_key=True),
    Column("document", ForeignKey("document.key", ondelete="CASCADE"), nullable=False, index=True),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("body", Text, nullable=False),
)
"""The passages of current documents; `body` holds heading path, lead and quotes as JSON."""

VECTOR = Table(
    "vector",
    _meta,
    Column("hash", String(64), primary_key=True),
    Column("fingerprint", String, primary_key=True),
    Column("vector", LargeBinary, nullable=False),
)
"""Embeddings by SHA-256 of the embedded text and fingerprint of the encoder: unchanged text is never embedded twice."""

STATE = Table("state", _meta, Column("name", String, primary_key=True), Column("value", Text, nullable=False))


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A passage with its database id and its document."""

    id: int
    passage: Passage
    document: Document


class Documents:
    """The tables of one knowledge base, in `folder/knowledge.db`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._engine = create_engine(f"sqlite:///{self.path}")
        event.listen(self._engine, "connect", _pragmas)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One write or consistent read; a damaged file is a KnowledgeError."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except DatabaseError as error:
            fix = f"delete {self.path.name} and run `frontdesk ingest`."
            what = f"the documents cannot be read: {error.orig}."
            raise KnowledgeError(what, where=str(self.path), fix=fix) from error

    def create(self) -> None:
        """Make the tables that do not exist yet."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.transaction() as connection:
            _meta.create_all(connection)
            if missing := _missing(connection):
                _upgrade(connection, missing)

    def check(self) -> None:
        """Raise KnowledgeError when the file was made by a version that knew fewer columns."""
        with self.transaction() as connection:
            if missing := _missing(connection):
                what = f"an older version made this file; it lacks {', '.join(missing)}."
                raise KnowledgeError(
                    what, where=str(self.path), fix="run `frontdesk ingest`, which brings it up to date."
                )

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def _missing(connection: Connection) -> list[str]:
    there = {column["name"] for column in inspect(connection).get_columns(DOCUMENT.name)}
    return [column.name for column in DOCUMENT.columns if column.name not in there]


def _upgrade(connection: Connection, missing: Sequence[str]) -> None:
    """Add the columns an older file lacks; every source is read again, since they are part of a document's version."""
    for name in missing:
        column = CreateColumn(DOCUMENT.c[name]).compile(dialect=connection.dialect)
        connection.execute(text(f"ALTER TABLE {DOCUMENT.name} ADD COLUMN {column}"))
    connection.execute(update(DOCUMENT).values(source_hash=""))


def state(connection: Connection) -> dict[str, str]:
    """Return the named values: generation, fingerprint, counts."""
    return {row.name: row.value for row in connection.execute(select(STATE))}


def set_state(connection: Connection, values: Mapping[str, str]) -> None:
    """Replace the given named values."""
    connection.execute(delete(STATE).where(STATE.c.name.in_(list(values))))
    connection.execute(insert(STATE), [{"name": name, "value": value} for name, value in values.items()])


def current(connection: Connection) -> dict[str, tuple[str, str]]:
    """Return (source hash, version) of every current document by id."""
    rows = connection.execute(
        select(DOCUMENT.c.id, DOCUMENT.c.source_hash, DOCUMENT.c.version).where(DOCUMENT.c.valid_to.is_(None))
    )
    return {row.id: (row.source_hash, row.version) for row in rows}


def put(connection: Connection, document: Document, source_hash: str, passages: Sequence[Passage]) -> None:
    """Make `document` the current version of its id, with its passages."""
    withdraw(connection, [document.id])
    row = {
        "id": document.id,
        "version": document.version,
        "title": document.title,
        "url": document.url,
        "context": json.dumps(dict(document.context)),
        "text": document.text,
        "source_hash": source_hash,
        "valid_from": _now(),
        "audience": document.audience,
        "locale": document.locale,
        "effective": document.valid_from,
        "expires": document.expires,
    }
    key = connection.execute(insert(DOCUMENT).values(row)).inserted_primary_key
    if passages and key:
        connection.execute(insert(PASSAGE), [_row(passage, int(key[0])) for passage in passages])


def withdraw(connection: Connection, ids: Iterable[str]) -> None:
    """End the current version of each id: its passages go, its text stays for the citations that were given."""
    for one in ids:
        here = (DOCUMENT.c.id == one) & DOCUMENT.c.valid_to.is_(None)
        keys = select(DOCUMENT.c.key).where(here)
        connection.execute(delete(PASSAGE).where(PASSAGE.c.document.in_(keys)))
        connection.execute(update(DOCUMENT).where(here).values(valid_to=_now()))


def version(connection: Connection, document_id: str, version_: str) -> Document | None:
    """Return one version of a document, current or not."""
    wanted = (DOCUMENT.c.id == document_id) & (DOCUMENT.c.version == version_)
    row = connection.execute(select(DOCUMENT).where(wanted).limit(1)).first()
    return _document(row._mapping) if row else None


def passages(connection: Connection) -> list[Stored]:
    """Return every passage of every current document, by id."""
    found = connection.execute(select(DOCUMENT).where(DOCUMENT.c.valid_to.is_(None)))
    by_key = {row.key: _document(row._mapping) for row in found}
    rows = connection.execute(select(PASSAGE).order_by(PASSAGE.c.id))
    return [Stored(id=row.id, passage=_passage(row._mapping), document=by_key[row.document]) for row in rows]


def vectors(connection: Connection, fingerprint: str) -> dict[str, NDArray[np.float32]]:
    """Return the cached embeddings of one encoder by text hash."""
    import numpy as np

    rows = connection.execute(select(VECTOR.c.hash, VECTOR.c.vector).where(VECTOR.c.fingerprint == fingerprint))
    return {row.hash: np.frombuffer(row.vector, dtype=np.float32) for row in rows}


def vector_hashes(connection: Connection, fingerprint: str) -> list[str]:
    """Return the text hashes that have an embedding by this encoder."""
    return list(connection.scalars(select(VECTOR.c.hash).where(VECTOR.c.fingerprint == fingerprint)))


def put_vectors(connection: Connection, fingerprint: str, new: Mapping[str, NDArray[np.float32]]) -> None:
    """Cache embeddings by text hash."""
    if new:
        rows = [{"hash": key, "fingerprint": fingerprint, "vector": vector.tobytes()} for key, vector in new.items()]
        connection.execute(insert(VECTOR).prefix_with("OR REPLACE"), rows)


def prune_vectors(connection: Connection, fingerprint: str, keep: Iterable[str]) -> None:
    """Drop the embeddings of other encoders and of texts that no passage has any more."""
    connection.execute(delete(VECTOR).where(VECTOR.c.fingerprint != fingerprint))
    gone = sorted(set(vector_hashes(connection, fingerprint)) - set(keep))
    for at in range(0, len(gone), 500):
        connection.execute(delete(VECTOR).where(VECTOR.c.hash.in_(gone[at : at + 500])))


def _row(passage: Passage, key: int) -> dict[str, Any]:
    body = {"heading": passage.heading, "lead": passage.lead, "quotes": [asdict(quote) for quote in passage.quotes]}
    return {"document": key, "start": passage.start, "end": passage.end, "body": json.dumps(body, ensure_ascii=False)}


def _passage(row: Mapping[Any, Any]) -> Passage:
    body = json.loads(row["body"])
    quotes = tuple(Quote(**{**quote, "header": _span(quote.get("header"))}) for quote in body["quotes"])
    lead = _span(body["lead"])
    return Passage(start=row["start"], end=row["end"], heading=tuple(body["heading"]), lead=lead, quotes=quotes)


def _span(pair: Sequence[int] | None) -> Span | None:
    return (pair[0], pair[1]) if pair else None


def _document(row: Mapping[Any, Any]) -> Document:
    same = ("id", "title", "url", "text", "audience", "locale", "expires")
    return Document(
        **{name: row[name] for name in same}, context=json.loads(row["context"]), valid_from=row["effective"]
    )


def _pragmas(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.close()


def _now() -> str:
    return datetime.now(UTC).isoformat()
