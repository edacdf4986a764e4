"""The generation that serves, swapped whole under live queries: the old one is closed when its last reader leaves."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from frontdesk.bot.errors import KnowledgeError
from frontdesk.knowledge.index import Generation
from frontdesk.knowledge.vectors import REBUILD


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
            self._readers[id(generation)] += 1
        try:
            yield generation
        finally:
            with self._lock:
                self._readers[id(generation)] -= 1
            self._clear()

    def swap(self, generation: Generation | None) -> None:
        """Serve `generation` from now on; None stops serving."""
        with self._lock:
            before, self._current = self._current, generation
            if before is not None and before is not generation:
                self._retired[id(before)] = before
        self._clear()

    def _clear(self) -> None:
        with self._lock:
            done = [key for key in self._retired if not self._readers[key]]
            gone = [self._retired.pop(key) for key in done]
            for key in done:
                del self._readers[key]
        for generation in gone:
            generation.vectors.close()
