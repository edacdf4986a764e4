"""The pages that open what a site says of one thing: a product's first page, before those on its fees and limits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from frontdesk.knowledge.names import BROAD
from frontdesk.knowledge.values import Document

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST = 3
"""Fewer documents need no page that opens them."""
BEST, SHARE = 4, 0.4
"""An opening page gains this share of what the best documents of its group have on average."""


class Openings:
    """The documents that have a context value in common, in the order they stand in; the first opens them.

    `documents` are those of each passage, by position; `owner` names each passage's document by its first passage.
    """

    def __init__(self, documents: Sequence[Document], owner: NDArray[np.int64]) -> None:
        import numpy as np

        groups: dict[tuple[str, str], list[int]] = defaultdict(list)
        firsts = np.unique(owner).tolist()
        for at in firsts:
            for pair in documents[at].context.items():
                groups[pair].append(at)
        self._groups = [
            np.array(group, dtype=np.int64) for group in groups.values() if LEAST <= len(group) <= BROAD * len(firsts)
        ]

    def gained(
        self, total: NDArray[np.float64], owner: NDArray[np.int64], allowed: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Return what the opening pages gain from their groups, at the best passage of each; all of shape (passages,).

        A request that needs several things of a product, or of several products, needs what introduces them. The first
        page of a group is the first that is `allowed`.
        """
        import numpy as np

        whole, gain = np.zeros(len(total)), np.zeros(len(total))
        np.maximum.at(whole, owner, total)
        for every in self._groups:
            group = every[allowed[every]]
            if len(group) >= LEAST and (best := float(np.sort(whole[group])[-BEST:].mean())) > 0:
                own = np.flatnonzero(owner == group[0])
                at = own[total[own].argmax()]
                gain[at] = max(gain[at], SHARE * best)
        return gain
