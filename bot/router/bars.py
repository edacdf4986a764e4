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

import numpy as np

from frontdesk.bot.router.calibrate import conformal_limit, selective_threshold
from frontdesk.bot.router.model import LIKELY, Calibration, Judged
from frontdesk.bot.types import Kind

Ranked = Sequence[tuple[str, float]]
SHARED: tuple[Kind, ...] = ("voice", "knowledge")
"""Routes whose intents count together; what people settle is told apart by its intent."""
KEYED: tuple[Kind, ...] = (*SHARED, "account")
"""The same where a record is named: which of its facts is told, or which change is read back, costs little."""
_FEW = 10
"""Held-out examples below which nothing is fitted."""


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
    """Return the bars of messages without a record's key, and of those with one.

    They are fitted on what no intent is sure enough of: that alone is decided by them.
    """
    asked = [row for row in held if row.ranked]
    keyed = [row for row in asked if stakes.keyed(row.text)]
    named = {row.text for row in keyed}
    unsure = [row for row in asked if row.confidence < fitted.confidence_threshold]
    others, limit = [row for row in unsure if row.text not in named], fitted.outside_threshold
    plain = Bars(outside=limit, together=_together(others, limit, routes, stakes, SHARED))
    inside = [row.outside for row in keyed if row.intent in routes]
    if len(inside) < _FEW:
        return plain, plain
    doubted = [row for row in unsure if row.text in named]
    limit = max(conformal_limit(np.asarray(inside), stakes.error), limit)
    return plain, Bars(outside=limit, together={**plain.together, **_together(doubted, limit, routes, stakes, KEYED)})


def _together(
    rows: Sequence[Judged], limit: float, routes: Mapping[str, Kind], stakes: Stakes, shared: Sequence[Kind]
) -> dict[Kind, float]:
    """The bar of each of the shared routes that is likeliest often enough, on the rows that are not turned away."""
    told = [(row, *likeliest(row.ranked, routes)) for row in rows if row.outside <= limit]
    bars: dict[Kind, float] = {}
    for kind in shared:
        of = [(share, routes.get(row.intent) == kind) for row, found, share in told if found == kind]
        if len(of) >= _FEW:
            shares, right = np.asarray([share for share, _ in of]), np.asarray([hit for _, hit in of])
            bar, _ = selective_threshold(shares, right, stakes.of(kind))
            bars |= {kind: bar} if bar < 1 else {}
    return bars
