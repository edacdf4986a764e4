"""The generation that serves, swapped whole under live queries: the old one is deleted when its last reader leaves."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from frontdesk.bot.errors import KnowledgeError
from frontdesk.knowledge.index import REBUILD, Generation


class Live:
    """Holds the current generation and counts the readers of each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers: Counter[int] = Counter()
        self._retired: dict[int, Generation] = {}
        self._current: Generation | None = None

    @property
    def generation(self) -> Generation | None:
        """The generation that serves now."""
        return self._current

    @contextmanager
    def lease(self) -> Iterator[Generation]:
        """Give the current generation to a reader; it stays usable until the reader leaves."""
        with self._lock:
            generation = self._current
            if generation is None:
                raise KnowledgeError("the knowledge base is not loaded.", fix=REBUILD)
            self._readers[generation.number] += 1
        try:
            yield generation
        finally:
            with self._lock:
                self._readers[generation.number] -= 1
            self._clear()

    def swap(self, generation: Generation) -> None:
        """Serve `generation` from now on."""
        with self._lock:
            before, self._current = self._current, generation
            if before is not None and before.number != generation.number:
                self._retired[before.number] = before
        self._clear()

    def retiring(self) -> set[str]:
        """Return the names of generations that still have readers."""
        with self._lock:
            return {generation.vectors.name for generation in self._retired.values()}

    def close(self) -> None:
        """Stop serving, and close without deleting."""
        with self._lock:
            current, self._current = self._current, None
        if current is not None:
            current.vectors.close()

    def _clear(self) -> None:
        with self._lock:
            done = [number for number in self._retired if not self._readers[number]]
            gone = [self._retired.pop(number) for number in done]
        for generation in gone:
            generation.vectors.drop()
