"""`knowledge.db`: documents, passages and vectors. They are the truth; indexes are rebuilt from them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, create_engine, delete, event, insert, select, text, update
from sqlalchemy.exc import DatabaseError, OperationalError

from frontdesk.bot.errors import KnowledgeError
from frontdesk.knowledge.schema import DOCUMENT, META, PASSAGE, STATE, VECTOR, missing, pragmas, upgrade
from frontdesk.knowledge.values import Document, Passage, Quote, Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FILE = "knowledge.db"
UNIT = 0.01
"""How far the squared length of an embedding may be from 1."""


@dataclass(frozen=True, kw_only=True)
class Edition:
    """One version of a document, and from when until when it was the current one; the current one's end is empty."""

    document: Document
    valid_from: str
    valid_to: str


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
        self._engine = create_engine(URL.create("sqlite", database=str(self.path)))
        event.listen(self._engine, "connect", pragmas)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One write or consistent read; a file that is damaged or out of reach is a KnowledgeError."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except OperationalError as error:
            fix = "see to the disk, its space and its permissions, then run it again."
            raise KnowledgeError(f"the documents cannot be reached: {error.orig}.", where=FILE, fix=fix) from error
        except DatabaseError as error:
            raise damaged(error.orig) from error

    def create(self) -> None:
        """Make the tables that do not exist yet."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.transaction() as connection:
            META.create_all(connection)
            if names := missing(connection):
                upgrade(connection, names)

    def check(self) -> None:
        """Raise KnowledgeError when the file is damaged or was made by a version that knew fewer columns."""
        with self.transaction() as connection:
            if (said := connection.scalar(text("PRAGMA quick_check(1)"))) != "ok":
                raise damaged(said)
            if names := missing(connection):
                what = f"an older version made this file; it lacks {', '.join(names)}."
                raise KnowledgeError(
                    what, where=str(self.path), fix="run `frontdesk ingest`, which brings it up to date."
                )

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


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


def put(
    connection: Connection,
    document: Document,
    source_hash: str,
    passages: Sequence[Passage],
    renamed_from: str = "",
) -> None:
    """Make `document` the current version of its id, with its passages; one that is current already stays as it is."""
    here = (DOCUMENT.c.id == document.id) & DOCUMENT.c.valid_to.is_(None)
    key = connection.scalar(select(DOCUMENT.c.key).where(here & (DOCUMENT.c.version == document.version)))
    if key is not None:
        connection.execute(delete(PASSAGE).where(PASSAGE.c.document == key))
        connection.execute(update(DOCUMENT).where(DOCUMENT.c.key == key).values(source_hash=source_hash))
    else:
        withdraw(connection, [document.id])
        row = _document_row(document) | {"source_hash": source_hash, "renamed_from": renamed_from}
        key = connection.execute(insert(DOCUMENT).values(row).returning(DOCUMENT.c.key)).scalar_one()
    rows = [_row(passage, key) for passage in passages]
    if rows:
        connection.execute(insert(PASSAGE), rows)
    connection.execute(update(DOCUMENT).where(DOCUMENT.c.key == key).values(digest=_digest(document, rows)))


def withdraw(connection: Connection, ids: Iterable[str]) -> None:
    """End the current version of each id: its passages go, its text stays for the citations that were given."""
    for one in ids:
        here = (DOCUMENT.c.id == one) & DOCUMENT.c.valid_to.is_(None)
        keys = select(DOCUMENT.c.key).where(here)
        connection.execute(delete(PASSAGE).where(PASSAGE.c.document.in_(keys)))
        connection.execute(update(DOCUMENT).where(here).values(valid_to=_now()))


def history(connection: Connection, document_id: str) -> list[Edition]:
    """Return every version of a document, newest first, those under its earlier names included."""
    found: list[Edition] = []
    names = [document_id]
    for name in names:
        rows = connection.execute(select(DOCUMENT).where(DOCUMENT.c.id == name).order_by(DOCUMENT.c.key.desc())).all()
        for row in rows:
            until = row.valid_to or ""
            found.append(Edition(document=_document(row._mapping), valid_from=row.valid_from, valid_to=until))
        names += sorted({row.renamed_from for row in rows} - {"", *names})
    return sorted(found, key=lambda edition: edition.valid_from, reverse=True)


def version(connection: Connection, document_id: str, version_: str) -> Document | None:
    """Return one version of a document, current or not."""
    wanted = (DOCUMENT.c.id == document_id) & (DOCUMENT.c.version == version_)
    row = connection.execute(select(DOCUMENT).where(wanted).limit(1)).first()
    return _document(row._mapping) if row else None


def passages(connection: Connection) -> list[Stored]:
    """Return every passage of every current document, by id; raises KnowledgeError when a row is damaged."""
    found = connection.execute(select(DOCUMENT).where(DOCUMENT.c.valid_to.is_(None))).all()
    by_key = {row.key: _document(row._mapping) for row in found}
    rows = connection.execute(select(PASSAGE).order_by(PASSAGE.c.id)).mappings().all()
    of: dict[int, list[Mapping[Any, Any]]] = {}
    for row in rows:
        of.setdefault(row["document"], []).append(row)
    for one in found:
        if one.digest and one.digest != _digest(by_key[one.key], of.get(one.key, [])):
            raise damaged(f"{one.id} is not as it was written")
    return [Stored(id=row["id"], passage=_passage(row), document=by_key[row["document"]]) for row in rows]


def vectors(connection: Connection, fingerprint: str) -> dict[str, NDArray[np.float32]]:
    """Return the cached embeddings of one encoder by text hash; raises KnowledgeError when one is damaged."""
    import numpy as np

    wanted = select(VECTOR.c.hash, VECTOR.c.vector).where(VECTOR.c.fingerprint == fingerprint)
    rows = connection.execute(wanted).all()
    if not rows:
        return {}
    if len({len(row.vector) for row in rows}) > 1:
        raise damaged("a vector is cut short")
    block = np.frombuffer(b"".join(row.vector for row in rows), dtype=np.float32).reshape(len(rows), -1)
    if not (np.abs(np.einsum("ij,ij->i", block, block) - 1.0) < UNIT).all():
        raise damaged("a vector is not as it was written")
    return {row.hash: vector for row, vector in zip(rows, block, strict=True)}


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


def damaged(why: object) -> KnowledgeError:
    """Return the error of a file that cannot be trusted."""
    fix = f"delete {FILE} and run `frontdesk ingest`; the versions that older citations name are lost with it."
    return KnowledgeError(f"the documents are damaged: {why}.", where=FILE, fix=fix)


def _digest(document: Document, rows: Iterable[Mapping[Any, Any]]) -> str:
    parts = [document.id, document.version, *(f"{row['start']}:{row['end']}:{row['body']}" for row in rows)]
    return sha256("\0".join(parts).encode()).hexdigest()


def _document_row(document: Document) -> dict[str, Any]:
    same = ("id", "version", "title", "url", "text", "audience", "locale", "expires")
    row = {name: getattr(document, name) for name in same}
    context = json.dumps(dict(document.context))
    return row | {"context": context, "effective": document.valid_from, "valid_from": _now()}


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


def _now() -> str:
    return datetime.now(UTC).isoformat()
