"""The Chroma collections of one generation: built and queried in a private folder, kept as files nobody opens.

No two processes ever have the same Chroma path open, and a damaged file is never handed to Chroma's compiled part (it
can end the process): the files are copied from where they are kept and compared, by SHA-256, with what was built.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from frontdesk.bot.errors import KnowledgeError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

REBUILD = "run `frontdesk ingest`."
MANIFEST = "manifest.json"
Facts = Mapping[str, str | int]
HNSW = {"space": "cosine", "max_neighbors": 32, "ef_construction": 200, "ef_search": 400}
"""Chroma's own breadth (100) finds 95 % of the true neighbours among 12,000 look-alike questions, these 99 %."""
BATCH = 100
"""Rows added at a time: Chroma keeps the interpreter while it adds, a second for 500, and others answer meanwhile."""


class Private:
    """A folder below `root/open` for one process; what a killed process left is deleted by the next."""

    def __init__(self, root: Path) -> None:
        place = root / "open"
        place.mkdir(parents=True, exist_ok=True)
        with locked(root / "open.lock"):
            for lock in place.glob("*.lock"):
                _clear(lock)
            self.folder = Path(tempfile.mkdtemp(dir=place))
            self._path = self.folder.with_suffix(".lock")
            self._lock = self._path.open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        atexit.register(self.delete)

    def delete(self) -> None:
        """Delete the folder and give it up."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._path.unlink(missing_ok=True)
        self._lock.close()
        atexit.unregister(self.delete)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file, waiting for it; the system frees it when the process ends."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _clear(path: Path) -> None:
    """Delete the folder of a lock that no process holds."""
    with path.open("w") as lock, suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path.with_suffix(""), ignore_errors=True)
        path.unlink(missing_ok=True)


class Vectors:
    """Collections by cosine, with vectors of our own. `build` or `open` them, then ask for what is `nearest`."""

    def __init__(self, root: Path) -> None:
        self._private = Private(root)
        self._folder = self._private.folder / "chroma"
        self._client: Any = None
        self._collections: dict[str, Any] = {}
        self.counts: dict[str, int] = {}
        """How many vectors each collection has."""

    def build(
        self, shelves: Sequence[str], ids: Sequence[str], vectors: NDArray[np.float32], facts: Sequence[Facts]
    ) -> Iterator[int]:
        """Make the collections from nothing, yielding how many rows are in.

        By row: the collection it stands in, its id, its vector and the `facts` that its collection can be filtered by.
        """
        import numpy as np

        self._client = _client(self._folder)
        step, done, names = min(BATCH, self._client.get_max_batch_size()), 0, np.array(shelves)
        for shelf in sorted(set(shelves)):
            made = self._client.create_collection(shelf, embedding_function=None, configuration={"hnsw": HNSW})
            rows = np.flatnonzero(names == shelf)
            for part in (rows[at : at + step] for at in range(0, len(rows), step)):
                made.add(
                    ids=[ids[row] for row in part],
                    embeddings=vectors[part],
                    metadatas=[dict(facts[row]) for row in part],
                )
                done += len(part)
                yield done
        self._look()

    def keep(self, kept: Path) -> None:
        """Write the files to the folder `kept`, with a manifest of their hashes, whole or not at all."""
        self._shut()
        draft = kept.with_name(f"{kept.name}.part")
        for old in (draft, kept):
            shutil.rmtree(old, ignore_errors=True)
        shutil.copytree(self._folder, draft)
        (draft / MANIFEST).write_text(json.dumps(hashes(draft)))
        draft.rename(kept)
        self._reopen()

    def open(self, kept: Path) -> None:
        """Open a copy of what was kept; raises KnowledgeError when a file is missing, added or not as it was."""
        try:
            shutil.copytree(kept, self._folder)
            known = json.loads((self._folder / MANIFEST).read_text())
            (self._folder / MANIFEST).unlink()
        except (OSError, shutil.Error, ValueError) as error:
            raise damaged(kept, error) from error
        found = hashes(self._folder)
        if found != known:
            names = sorted(set(found) | set(known))
            wrong = [name for name in names if found.get(name) != known.get(name)]
            raise damaged(kept, f"not as it was written: {', '.join(wrong)}")
        self._reopen()

    def nearest(
        self, vectors: NDArray[np.float32], k: int, where: Mapping[str, dict[str, Any] | None] | None = None
    ) -> list[list[str]]:
        """Return for each query vector the ids of its `k` nearest, best first.

        `where` names the collections that are asked and the filter of each, if it has one; None asks all of them.
        """
        found: list[list[tuple[float, str]]] = [[] for _ in vectors]
        for name, rule in (where if where is not None else dict.fromkeys(self.counts)).items():
            some = self._collections[name].query(
                query_embeddings=vectors, n_results=min(k, self.counts[name]), where=rule, include=["distances"]
            )
            for row, distances, ids in zip(found, some["distances"], some["ids"], strict=True):
                row += zip(distances, ids, strict=True)
        return [[one for _, one in sorted(row)[:k]] for row in found]

    def close(self) -> None:
        """Close the collection and delete the private copy."""
        self._shut()
        self._private.delete()

    def _shut(self) -> None:
        client, self._client, self._collections = self._client, None, {}
        if client is not None:
            client.close()

    def _reopen(self) -> None:
        self._client = _client(self._folder)
        self._look()

    def _look(self) -> None:
        names = [one.name for one in self._client.list_collections()]
        self._collections = {name: self._client.get_collection(name, embedding_function=None) for name in names}
        self.counts = {name: int(one.count()) for name, one in self._collections.items()}


def damaged(where: Path, why: object) -> KnowledgeError:
    """Return the error of an index that cannot be used."""
    return KnowledgeError(f"the vector index is damaged: {why}.", where=str(where), fix=REBUILD)


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below `folder`, by its path there."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                found[path.relative_to(folder).as_posix()] = file_digest(file, "sha256").hexdigest()
    return found


def _client(folder: Path) -> Any:
    import chromadb
    from chromadb.config import Settings

    return chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
