"""Who may be shown a passage: the same rule as a mask over passages and as the collections and filters of a query."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from frontdesk.knowledge.values import Document, Scope

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Where = dict[str, Any] | None
LAST_DAY = date.max.toordinal()
SCOPES = 64
"""For so many scopes what they open is remembered."""
_TAG = re.compile(r"([a-z]{2,8})(?:[-_].*)?", re.IGNORECASE)


def language(tag: str) -> str:
    """Return the language of a tag: `de` for `de-AT`; empty when it names none."""
    found = _TAG.fullmatch(tag.strip())
    return found[1].lower() if found else ""


def shelf(document: Document) -> str:
    """Return the collection that a document's passages stand in: who may read them, in which language, if dated.

    Chroma scans the metadata of a whole collection for each filter (35 ms of 20,000 passages where the query takes 2),
    so what many documents have in common decides the collection, and only those with dates are filtered.
    """
    dated = ["dated"] if document.valid_from or document.expires else []
    return "-".join([document.audience, language(document.locale) or "any", *dated])


def metadata(document: Document) -> dict[str, str | int]:
    """Return what is stored beside each vector: made here from the document alone, never taken from a source as it is.

    Days are proleptic ordinals (`date.toordinal`): a passage is shown from day `begins` until the day before `ends`.
    """
    return {
        "audience": document.audience,
        "language": language(document.locale),
        "begins": _ordinal(document.valid_from, 0),
        "ends": _ordinal(document.expires, LAST_DAY),
    }


class Readers:
    """Who may read each of the passages, by position."""

    def __init__(self, documents: Sequence[Document]) -> None:
        import numpy as np

        rows = [metadata(one) for one in documents]
        self._public = np.array([row["audience"] == "customers" for row in rows], dtype=bool)
        self._language = np.array([row["language"] for row in rows], dtype=str)
        self._begins = np.array([row["begins"] for row in rows], dtype=np.int64)
        self._ends = np.array([row["ends"] for row in rows], dtype=np.int64)
        self._days: dict[str, tuple[int, int]] = {}
        for name, row in zip(map(shelf, documents), rows, strict=True):
            latest, first = self._days.get(name, (0, LAST_DAY))
            self._days[name] = max(latest, int(row["begins"])), min(first, int(row["ends"]))
        self._masked = lru_cache(maxsize=SCOPES)(self._mask)
        self._opened = lru_cache(maxsize=SCOPES)(self._open)

    def allowed(self, scope: Scope) -> NDArray[np.bool_]:
        """Return which passages may be shown, shape (passages,); not to be written to."""
        return self._masked(scope.audience, language(scope.locale), _ordinal(scope.day, today()))

    def where(self, scope: Scope) -> dict[str, Where]:
        """Return the collections that `scope` opens, each with the filter of its query; together they are `allowed`."""
        return self._opened(scope.audience, language(scope.locale), _ordinal(scope.day, today()))

    def _mask(self, audience: str, tongue: str, day: int) -> NDArray[np.bool_]:
        mask: NDArray[np.bool_] = (self._begins <= day) & (self._ends > day)
        if audience != "staff":
            mask &= self._public
        if tongue:
            mask &= (self._language == "") | (self._language == tongue)
        mask.flags.writeable = False
        return mask

    def _open(self, reader: str, tongue: str, day: int) -> dict[str, Where]:
        """Return the collections to ask; one whose documents are all shown on that day needs no filter."""
        audiences = ("customers", "staff") if reader == "staff" else ("customers",)
        dates: Where = {"$and": [{"begins": {"$lte": day}}, {"ends": {"$gt": day}}]}
        found: dict[str, Where] = {}
        for name, (latest, first) in sorted(self._days.items()):
            audience, spoken, *_ = name.split("-")
            if audience in audiences and (not tongue or spoken in ("any", tongue)):
                found[name] = None if latest <= day < first else dates
        return found


def today() -> int:
    """Return the ordinal of this day in UTC."""
    return datetime.now(UTC).toordinal()


def _ordinal(day: str, otherwise: int) -> int:
    """Return the ordinal of an ISO date; `otherwise` when it is empty or no date."""
    try:
        return date.fromisoformat(day[:10]).toordinal()
    except ValueError:
        return otherwise
