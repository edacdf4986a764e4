"""Questions that nobody could answer, grouped by what they ask, so that one document mends many of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from frontdesk.bot.types import Encoder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

APART = 0.55
"""Mean cosine distance of two groups that ask different things. By `benchmarks/gaps.py` (Banking77, Bitext, CLINC150)
the mean B-cubed F1 is highest here and at 0.6, and groups are purer here."""
MOST = 2_000
"""How many different texts are grouped; the time grows with their square (0.3 s)."""


class Grouper:
    """Groups texts by meaning; remembers the vectors of the texts it grouped last."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._vectors: dict[str, NDArray[np.float32]] = {}

    def groups(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the positions of the texts that ask the same, the largest group first, its most typical text first.

        Texts that differ only in case and space count as one; those after the first 2,000 different ones are left out.
        """
        import numpy as np

        same: dict[str, list[int]] = {}
        for at, text in enumerate(texts):
            same.setdefault(" ".join(text.lower().split()), []).append(at)
        distinct = list(same)[:MOST]
        vectors = self._encoded(distinct)
        found: list[list[int]] = []
        for members in _clusters(vectors):
            asked = np.array([len(same[distinct[row]]) for row in members])
            near = vectors[members] @ (asked @ vectors[members])
            order = members[np.argsort(-near, kind="stable")]
            found.append([at for row in order for at in same[distinct[row]]])
        return sorted(found, key=len, reverse=True)

    def _encoded(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector per text, encoding only those that are new."""
        import numpy as np

        known = self._vectors
        new = [text for text in texts if text not in known]
        made = dict(zip(new, self._encoder.encode(new), strict=True)) if new else {}
        self._vectors = rows = {text: made[text] if text in made else known[text] for text in texts}
        return np.stack(list(rows.values())) if texts else np.zeros((0, 1), dtype=np.float32)


def _clusters(vectors: NDArray[np.float32]) -> list[NDArray[np.int64]]:
    """Return the rows of each cluster: agglomerative, average linkage over cosine distances."""
    import numpy as np

    if len(vectors) < 2:
        return [np.arange(len(vectors))] if len(vectors) else []
    from sklearn.cluster import AgglomerativeClustering

    made = AgglomerativeClustering(n_clusters=None, metric="cosine", linkage="average", distance_threshold=APART)
    labels = made.fit_predict(vectors)
    return [np.flatnonzero(labels == label) for label in range(int(labels.max()) + 1)]
