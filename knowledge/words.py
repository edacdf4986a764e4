"""The keyword index: BM25 by bm25s over term lists, in memory, rebuilt from SQL whenever a generation is opened."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from math import log
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Words:
    """BM25 (Robertson 1994, Lucene's variant) and the weight of each term."""

    def __init__(self, corpus: Sequence[list[str]]) -> None:
        self.size = len(corpus)
        self._vocabulary: dict[str, int] = {}
        ids = [[self._vocabulary.setdefault(term, len(self._vocabulary)) for term in row] for row in corpus]
        self._bm25 = _bm25(ids, self._vocabulary) if self._vocabulary else None
        self._spread = _spread(ids, len(self._vocabulary))

    def scores(self, query: Sequence[str]) -> NDArray[np.float32]:
        """Return the BM25 score of every passage, shape (size,); repeated terms count once."""
        import numpy as np

        known = [self._vocabulary[term] for term in dict.fromkeys(query) if term in self._vocabulary]
        if self._bm25 is None or not known:
            return np.zeros(self.size, dtype=np.float32)
        scores: NDArray[np.float32] = self._bm25.get_scores_from_ids(known)
        return scores

    def having(self, term: str) -> Sequence[int]:
        """Return the positions of the passages that have a term, lowest first."""
        at = self._vocabulary.get(term)
        if self._bm25 is None or at is None:
            return ()
        starts = self._bm25.scores["indptr"]
        found: list[int] = self._bm25.scores["indices"][starts[at] : starts[at + 1]].tolist()
        return found

    def weight(self, term: str) -> float:
        """Return how telling a term is: its inverse document frequency, highest for one that is nowhere."""
        at = self._vocabulary.get(term)
        spread = float(self._spread[at]) if at is not None else 0.0
        return log(1 + (self.size - spread + 0.5) / (spread + 0.5))

    def __contains__(self, term: str) -> bool:
        return term in self._vocabulary


def _bm25(ids: list[list[int]], vocabulary: dict[str, int]) -> Any:
    import bm25s

    logging.getLogger("bm25s").setLevel(logging.WARNING)  # importing it sets DEBUG
    made = bm25s.BM25(k1=1.2, b=0.75, method="lucene", backend="numpy")
    made.index((ids, dict(vocabulary)), show_progress=False, create_empty_token=False)
    return made


def _spread(ids: list[list[int]], size: int) -> NDArray[np.int64]:
    """Return in how many passages each term stands."""
    import numpy as np

    every = [np.unique(np.asarray(row, dtype=np.int64)) for row in ids if row]
    return np.bincount(np.concatenate(every), minlength=size) if every else np.zeros(size, dtype=np.int64)
