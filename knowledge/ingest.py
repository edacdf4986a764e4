"""Sources -> SQL -> a new index generation. Only what changed is read, split and embedded; the old index serves on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from frontdesk.bot.config import Sources
from frontdesk.bot.errors import KnowledgeError
from frontdesk.bot.types import Encoder
from frontdesk.knowledge import documents as sql
from frontdesk.knowledge import sources
from frontdesk.knowledge.convert import Converter
from frontdesk.knowledge.documents import Documents, Stored
from frontdesk.knowledge.index import Content, Generation, Progress, kept
from frontdesk.knowledge.passages import split
from frontdesk.knowledge.sources import NOT_MODIFIED, Found, Source
from frontdesk.knowledge.values import Document, IngestReport, Passage, Skipped, text_hash

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Embedded = dict[str, NDArray[np.float32]]

Known = Mapping[str, tuple[str, str]]
"""Source hash and version of every current document by id."""
BATCH = 256
SPLITTER = "6"
"""Part of every source hash: raise it when the same text gives other passages."""


@dataclass(frozen=True, kw_only=True)
class Update:
    """A document that is new or changed, with its passages."""

    document: Document
    source_hash: str
    passages: tuple[Passage, ...]


@dataclass(kw_only=True)
class Changes:
    """What a look at the sources found, compared with the current documents."""

    updates: list[Update] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    """The new id of a document that only got another one, and its id before, which is among those gone."""
    unchanged: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    defused: list[Skipped] = field(default_factory=list)


def look(project: Path, wanted: Sources, state: Path, known: Known, chars: int, progress: Progress) -> Changes:
    """Read every source that is not known by its hash; what cannot be read is skipped with its reason.

    `state` is the folder in which crawls remember what they need to ask for changes only.
    """
    hashes = {key: source_hash for key, (source_hash, _) in known.items()}
    changes, seen = Changes(), set()  # type: Changes, set[str]
    with Converter() as converter:
        hashed = partial(_hashed, chars)
        found = Found(project=project, wanted=wanted, converter=converter, state=state, known=hashes, hashed=hashed)
        for at, source in enumerate(found, 1):
            seen.add(source.id)
            _look_at(source, known.get(source.id, ("", "")), chars, converter, changes)
            progress("reading", at, max(at, found.expected))
    changes.skipped += found.skipped
    changes.gone += sorted(key for key in set(known) - seen if not found.keeps(key))
    changes.renamed = _renamed(changes, known)
    return changes


def _renamed(changes: Changes, known: Known) -> dict[str, str]:
    """Return the id before of each new document whose content one of those gone had."""
    before: dict[str, list[str]] = {}
    for one in reversed(changes.gone):
        before.setdefault(known[one][0], []).append(one)
    new = (update for update in changes.updates if update.document.id not in known)
    return {update.document.id: ids.pop() for update in new if (ids := before.get(update.source_hash))}


def _hashed(chars: int, data: bytes) -> str:
    return sha256(f"{sources.READER}.{SPLITTER}.{chars}.".encode() + data).hexdigest()


def _look_at(source: Source, known: tuple[str, str], chars: int, converter: Converter, changes: Changes) -> None:
    try:
        data = source.load()
        if data is NOT_MODIFIED or known[0] == (source_hash := _hashed(chars, data)):
            changes.unchanged += 1
            return
        read = sources.read(source, data, converter)
    except sources.Unreadable as error:
        kept = "; its last version still serves" if known[0] and not error.empty else ""
        changes.skipped.append(Skipped(path=source.id, reason=f"{error}{kept}"))
        changes.gone += [source.id] if known[0] and error.empty else []
        return
    changes.defused += [Skipped(path=source.id, reason=line) for line in read.defused]
    document = read.document
    changes.updates.append(Update(document=document, source_hash=source_hash, passages=tuple(split(document, chars))))


def compare(documents: Sequence[Document], known: Known, chars: int) -> Changes:
    """Return the changes that make `documents` the whole content."""
    changes = Changes()
    for document in documents:
        source_hash = sha256(f"{SPLITTER}.{chars}.{document.version}".encode()).hexdigest()
        if known.get(document.id, ("", ""))[0] == source_hash:
            changes.unchanged += 1
        else:
            passages = tuple(split(document, chars))
            changes.updates.append(Update(document=document, source_hash=source_hash, passages=passages))
    changes.gone += sorted(set(known) - {document.id for document in documents})
    changes.renamed = _renamed(changes, known)
    return changes


def passage_texts(pairs: Iterable[tuple[Document, Passage]]) -> Iterator[str]:
    """Yield what is embedded to be searched."""
    return (passage.search_text(document) for document, passage in pairs)


def quote_texts(pairs: Iterable[tuple[Document, Passage]]) -> Iterator[str]:
    """Yield what is embedded to be compared with a question once its passage was found."""
    return (passage.named(document, quote) for document, passage in pairs for quote in passage.quotes)


def write(connection: Connection, changes: Changes) -> None:
    """Bring the SQL tables up to date with the changes."""
    for update in changes.updates:
        before = changes.renamed.get(update.document.id, "")
        sql.put(connection, update.document, update.source_hash, update.passages, before)
    sql.withdraw(connection, changes.gone)


def embed(documents: Documents, encoder: Encoder, texts: Iterable[str], progress: Progress) -> Embedded:
    """Embed the texts that have no vector yet, in batches that survive a crash; return the new vectors by hash."""
    with documents.transaction() as connection:
        have = set(sql.vector_hashes(connection, encoder.fingerprint))
    missing = {key: text for text in texts if (key := text_hash(text)) not in have}
    ordered, found = sorted(missing, key=lambda key: len(missing[key])), {}  # type: list[str], Embedded
    for at in range(0, len(ordered), BATCH):
        keys = ordered[at : at + BATCH]
        made = dict(zip(keys, encoder.encode([missing[key] for key in keys]), strict=True))
        with documents.transaction() as connection:
            sql.put_vectors(connection, encoder.fingerprint, made)
        found |= made
        progress("embedding", at + len(keys), len(ordered))
    return found


def content(connection: Connection, fingerprint: str, number: int) -> Content:
    """Return what generation `number` is made from; raises KnowledgeError when a passage has no vector."""
    stored, known = sql.passages(connection), sql.vectors(connection, fingerprint)
    return Content(number=number, stored=stored, matrix=matrix_of(known, stored), known=known)


def build(connection: Connection, root: Path, fingerprint: str, progress: Progress) -> Generation:
    """Build the next generation from the SQL tables as this transaction sees them, keep it, and name it the current."""
    made = content(connection, fingerprint, int(sql.state(connection).get("generation", "0")) + 1)
    generation = Generation.build(root, made, progress)
    try:
        generation.vectors.keep(kept(root, made.number))
        pairs = [(one.document, one.passage) for one in made.stored]
        sql.prune_vectors(connection, fingerprint, map(text_hash, chain(passage_texts(pairs), quote_texts(pairs))))
        named = {"generation": str(made.number), "fingerprint": fingerprint, "passages": str(len(made.stored))}
        sql.set_state(connection, named)
    except BaseException:
        generation.vectors.close()
        raise
    return generation


def matrix_of(have: Mapping[str, NDArray[np.float32]], stored: Sequence[Stored]) -> NDArray[np.float32]:
    """Return the vectors of the passages by position, shape (passages, dimension)."""
    import numpy as np

    try:
        rows = [have[text_hash(one.passage.search_text(one.document))] for one in stored]
    except KeyError:
        raise KnowledgeError("some passages have no vector.", where=sql.FILE, fix="run `frontdesk ingest`.") from None
    return np.stack(rows) if rows else np.zeros((0, 1), dtype=np.float32)


def report(
    changes: Changes, known: Known, passages: int, embedded: int, began: float, searchable: float
) -> IngestReport:
    """Sum up an ingest that began at monotonic time `began` and was searchable `searchable` seconds later."""
    versions = [(update.document.version, known.get(update.document.id, ("", ""))[1]) for update in changes.updates]
    same, added = sum(new == old for new, old in versions), sum(not old for _, old in versions)
    return IngestReport(
        added=added - len(changes.renamed),
        changed=len(versions) - same - added,
        unchanged=changes.unchanged + same,
        renamed=len(changes.renamed),
        removed=len(changes.gone) - len(changes.renamed),
        skipped=tuple(changes.skipped),
        defused=tuple(changes.defused),
        passages=passages,
        embedded=embedded,
        seconds=time.monotonic() - began,
        searchable_seconds=searchable,
    )
