"""The search index of one generation: a Chroma collection for meaning, BM25 for words, both built from SQL alone.

Every generation has a folder of its own, so that it is swapped, retired and thrown away whole.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from frontdesk.bot.errors import KnowledgeError
from frontdesk.knowledge.documents import Stored
from frontdesk.knowledge.scoping import Readers, metadata
from frontdesk.knowledge.terms import terms
from frontdesk.knowledge.values import Scope
from frontdesk.knowledge.words import Words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

REBUILD = "run `frontdesk ingest`."
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, of how many."""


def silent(what: str, done: int, of: int) -> None:
    """The progress of nobody watching."""


class Vectors:
    """A Chroma store of one generation: collection `kb_v<number>` in `root/kb_v<number>`, cosine, our own vectors."""

    def __init__(self, root: Path, number: int) -> None:
        self.name = f"kb_v{number}"
        self.folder = root / self.name
        self._client: Any = None
        self._collection: Any = None

    def build(self, stored: Sequence[Stored], vectors: NDArray[np.float32], progress: Progress) -> None:
        """Make the collection from nothing and verify it; each vector has beside it who may read it."""
        self.drop()
        ids, facts = [str(one.id) for one in stored], [dict(metadata(one.document)) for one in stored]
        self._client = _client(self.folder)
        space = {"hnsw": {"space": "cosine"}}
        made = self._client.create_collection(self.name, embedding_function=None, configuration=space)
        step = min(2000, self._client.get_max_batch_size())
        for at in range(0, len(ids), step):
            until = at + step
            made.add(ids=ids[at:until], embeddings=vectors[at:until], metadatas=facts[at:until])
            progress("indexing", min(at + step, len(ids)), len(ids))
        self._collection = made
        self._verify(len(ids))

    def open(self, count: int) -> None:
        """Open the collection; raises KnowledgeError when it is missing, damaged or has not `count` vectors."""
        if not self.folder.is_dir():
            raise self._damaged("its folder is missing")
        try:
            self._client = _client(self.folder)
            self._collection = self._client.get_collection(self.name, embedding_function=None)
            self._verify(count)
        except KnowledgeError:
            self.close()
            raise
        except Exception as error:  # Chroma and its compiled part raise many kinds
            self.close()
            raise self._damaged(error) from error

    def nearest(self, vectors: NDArray[np.float32], k: int, where: Any = None) -> list[list[tuple[str, float]]]:
        """Return for each query vector the (id, cosine) of its `k` nearest among those `where` allows, best first."""
        found = self._collection.query(query_embeddings=vectors, n_results=k, where=where, include=["distances"])
        rows = zip(found["ids"], found["distances"], strict=True)
        return [[(one, 1.0 - far) for one, far in zip(ids, distances, strict=True)] for ids, distances in rows]

    def close(self) -> None:
        """Close the client."""
        client, self._client, self._collection = self._client, None, None
        if client is not None:
            client.close()

    def drop(self) -> None:
        """Close and delete the files."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _verify(self, count: int) -> None:
        """Check the row count, and that a stored vector is found again by a query."""
        found = self._collection.count()
        if found != count:
            raise self._damaged(f"{found} vectors where {count} passages are")
        if count:
            one = self._collection.get(limit=1, include=["embeddings"])
            (best, cosine), *_ = self.nearest(one["embeddings"], 1)[0] or [("", 0.0)]
            if cosine < 0.99:
                raise self._damaged(f"a stored vector is not found again (nearest: {best!r} at {cosine:.2f})")

    def _damaged(self, why: object) -> KnowledgeError:
        return KnowledgeError(f"the vector index is damaged: {why}", where=str(self.folder), fix=REBUILD)


def _client(folder: Path) -> Any:
    import chromadb
    from chromadb.config import Settings

    return chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))


@dataclass(frozen=True, kw_only=True)
class Generation:
    """One complete, unchanging index: what is searched until the next one is swapped in.

    By position of a passage: `owner`, the first position of the same document; `matrix`, the vectors, shape (passages,
    dimension), for candidates that only words found. `known` has every embedded text by hash, quotes included.
    """

    number: int
    vectors: Vectors
    stored: list[Stored]
    owner: NDArray[np.int64] = field(repr=False)
    matrix: NDArray[np.float32] = field(repr=False)
    words: Words = field(repr=False)
    position: dict[str, int] = field(repr=False)
    readers: Readers = field(repr=False)
    known: Mapping[str, NDArray[np.float32]] = field(repr=False)

    @classmethod
    def of(
        cls, number: int, vectors: Vectors, stored: list[Stored], matrix: Any, known: Mapping[str, Any]
    ) -> Generation:
        """Join a collection with the keyword index, built here from the same passages."""
        import numpy as np

        firsts: dict[str, int] = {}
        owner = np.array([firsts.setdefault(one.document.id, at) for at, one in enumerate(stored)], dtype=np.int64)
        return cls(
            number=number,
            vectors=vectors,
            stored=stored,
            owner=owner,
            matrix=matrix,
            words=Words([terms(one.passage.search_text(one.document)) for one in stored]),
            position={str(one.id): at for at, one in enumerate(stored)},
            readers=Readers([one.document for one in stored]),
            known=known,
        )

    def allowed(self, scope: Scope) -> NDArray[np.bool_]:
        """Return which passages may be shown in `scope`, shape (passages,)."""
        return self.readers.allowed(scope)

    def nearest(self, vectors: NDArray[np.float32], k: int, scope: Scope) -> list[list[int]]:
        """Return for each query vector the positions of its `k` nearest passages in `scope` by Chroma, best first."""
        if not self.stored or not len(vectors):
            return [[] for _ in vectors]
        found = self.vectors.nearest(vectors, min(k, len(self.stored)), self.readers.where(scope))
        return [[self.position[one] for one, _ in row] for row in found]
