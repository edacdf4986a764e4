"""The other passages of the documents that were found first: a page is often found by another section than answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from frontdesk.knowledge.index import Generation
from frontdesk.knowledge.values import Hit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DOCUMENTS, MOST = 3, 12
"""The first documents whose other passages are looked at, and how many of these are taken."""


def neighbours(index: Generation, hits: Sequence[Hit], vector: NDArray[np.float32]) -> list[Hit]:
    """Return passages that were not found themselves, nearest to `vector` first; their fused score is 0.

    `vector` is the question's, shape (dimension,).
    """
    import numpy as np

    best = list(dict.fromkeys(hit.document.id for hit in hits))[:DOCUMENTS]
    found = {(hit.document.id, hit.passage.start) for hit in hits}
    at = np.flatnonzero(np.isin(index.owner, [index.firsts[one] for one in best]))
    cosines = index.matrix[at] @ vector
    ranked = [(index.stored[at[place]], float(cosines[place])) for place in np.argsort(-cosines, kind="stable")]
    new = [(one, cosine) for one, cosine in ranked if (one.document.id, one.passage.start) not in found]
    return [
        Hit(passage=one.passage, document=one.document, score=0.0, dense=cosine, lexical=0.0)
        for one, cosine in new[:MOST]
    ]
