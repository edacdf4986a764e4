"""How sure the router must be of a route, where it is not sure of the intent: bars fitted to each route's error target.

Which of a route's intents is meant often matters less than that the route is right: the documents answer the question
and not its intent, a kind word for a complaint is one for the annoyed too, and a change is read back before it is made.
So what the intents of a route have together is compared with a bar of its own, fitted on held-out predictions like the
threshold of the confidence. Messages that name a record by its key (an order number) are calibrated as a group of their
own, their limit of out of scope too, so that the target holds for each group (Mondrian: Vovk et al. 2005, section 4.5).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

import numpy as np

from frontdesk.bot.router.calibrate import conformal_limit, selective_threshold
from frontdesk.bot.router.model import LIKELY, Calibration, Judged
from frontdesk.bot.types import Kind

Ranked = Sequence[tuple[str, float]]
SHARED: tuple[Kind, ...] = ("voice", "knowledge", "account")
"""Routes whose intents count together; what people settle is told apart by its intent."""
_FEW = 20
"""Held-out examples below which a group has no bar of its own."""


@dataclass(frozen=True, kw_only=True)
class Bars:
    """What a group of messages must reach: together, by route; `outside` is its limit of being out of scope."""

    outside: float
    together: Mapping[Kind, float]


def never(text: str) -> bool:
    """No text names a record."""
    return False


@dataclass(frozen=True, kw_only=True)
class Stakes:
    """How much error a route may have (`errors` by route, else `error`), and what tells the groups apart.

    `keyed` tells whether a text names a record by its key.
    """

    error: float = 0.05
    errors: Mapping[Kind, float] = field(default_factory=dict)
    keyed: Callable[[str], bool] = never

    def of(self, kind: Kind) -> float:
        """Return the error target of a route."""
        return self.errors.get(kind, self.error)


def together(ranked: Ranked, routes: Mapping[str, Kind]) -> dict[Kind, float]:
    """Return what the intents of each route have together."""
    found: dict[Kind, float] = {}
    for name, share in ranked:
        if share >= LIKELY and (kind := routes.get(name)):
            found[kind] = min(1.0, found.get(kind, 0.0) + share)
    return found


def likeliest(ranked: Ranked, routes: Mapping[str, Kind]) -> tuple[Kind, float]:
    """Return the route whose intents have most together, and what they have; nothing routed is clarified."""
    found = together(ranked, routes)
    return max(found.items(), key=lambda one: one[1], default=("clarify", 0.0))


def fit_bars(
    held: Sequence[Judged], fitted: Calibration, routes: Mapping[str, Kind], stakes: Stakes
) -> tuple[Bars, Bars]:
    """Return the bars of messages without a record's key, and of those with one."""
    asked = [row for row in held if row.ranked]
    keyed = [row for row in asked if stakes.keyed(row.text)]
    named = {row.text for row in keyed}
    plain = Bars(
        outside=fitted.outside_threshold,
        together=_together([row for row in asked if row.text not in named], fitted.outside_threshold, routes, stakes),
    )
    inside = [row.outside for row in keyed if row.intent in routes]
    if len(inside) < _FEW:
        return plain, plain
    limit = max(conformal_limit(np.asarray(inside), stakes.error), fitted.outside_threshold)
    return plain, Bars(outside=limit, together={**plain.together, **_together(keyed, limit, routes, stakes)})


def _together(rows: Sequence[Judged], limit: float, routes: Mapping[str, Kind], stakes: Stakes) -> dict[Kind, float]:
    """The bar of each route that is likeliest often enough, on the rows that are not turned away."""
    told = [(row, *likeliest(row.ranked, routes)) for row in rows if row.outside <= limit]
    bars: dict[Kind, float] = {}
    for kind in get_args(Kind):
        of = [(share, routes.get(row.intent) == kind) for row, found, share in told if found == kind]
        if kind in SHARED and len(of) >= _FEW:
            shares, right = np.asarray([share for share, _ in of]), np.asarray([hit for _, hit in of])
            bar, _ = selective_threshold(shares, right, stakes.of(kind))
            bars |= {kind: bar} if bar < 1 else {}
    return bars
