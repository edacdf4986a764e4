"""The Chroma collection of one generation: built and queried in a private folder, kept as files nobody opens.

No two processes ever have the same Chroma path open, and a damaged file is never handed to Chroma's compiled part (it
can end the process): the files are copied from where they are kept and compared, by SHA-256, with what was built.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from frontdesk.bot.errors import KnowledgeError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

REBUILD = "run `frontdesk ingest`."
NAME = "passages"
MANIFEST = "manifest.json"
BATCH = 2000


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
    """One collection: cosine, vectors of our own. `build` or `open` it, then ask for what is `nearest`."""

    def __init__(self, root: Path) -> None:
        self._private = Private(root)
        self._folder = self._private.folder / "chroma"
        self._client: Any = None
        self._collection: Any = None

    def build(
        self, ids: Sequence[str], vectors: NDArray[np.float32], facts: Sequence[dict[str, str | int]]
    ) -> Iterator[int]:
        """Make the collection from nothing, yielding how many rows are in; `facts` stand beside the vectors."""
        self._client = _client(self._folder)
        space = {"hnsw": {"space": "cosine"}}
        made = self._client.create_collection(NAME, embedding_function=None, configuration=space)
        step = min(BATCH, self._client.get_max_batch_size())
        for at in range(0, len(ids), step):
            until = at + step
            made.add(ids=ids[at:until], embeddings=vectors[at:until], metadatas=facts[at:until])
            yield min(until, len(ids))
        self._collection = made

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

    @property
    def count(self) -> int:
        """How many vectors there are."""
        return int(self._collection.count())

    def nearest(self, vectors: NDArray[np.float32], k: int, where: Any = None) -> list[list[str]]:
        """Return for each query vector the ids of its `k` nearest among those that `where` allows, best first."""
        found = self._collection.query(query_embeddings=vectors, n_results=k, where=where, include=[])
        return [list(ids) for ids in found["ids"]]

    def close(self) -> None:
        """Close the collection and delete the private copy."""
        self._shut()
        self._private.delete()

    def _shut(self) -> None:
        client, self._client, self._collection = self._client, None, None
        if client is not None:
            client.close()

    def _reopen(self) -> None:
        self._client = _client(self._folder)
        self._collection = self._client.get_collection(NAME, embedding_function=None)


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
