"""Who may be shown a passage: the same rule as a mask over passages and as the `where` of a Chroma query."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from frontdesk.knowledge.values import Document, Scope

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LAST_DAY = date.max.toordinal()


def language(tag: str) -> str:
    """Return the language of a tag: `de` for `de-AT`; empty when it names none."""
    return tag.replace("_", "-").partition("-")[0].strip().lower()


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

    def allowed(self, scope: Scope) -> NDArray[np.bool_]:
        """Return which passages may be shown, shape (passages,)."""
        mask: NDArray[np.bool_] = self._begins < LAST_DAY + 1
        for part, _ in self._rules(scope):
            mask = mask & part
        return mask

    def where(self, scope: Scope) -> dict[str, Any] | None:
        """Return the filter of a Chroma query that has the effect of `allowed`; None when every passage is allowed.

        A rule that forbids no passage is left out: each one costs Chroma a scan of its metadata.
        """
        rules = [where for mask, where in self._rules(scope) if not mask.all()]
        return {"$and": rules} if len(rules) > 1 else rules[0] if rules else None

    def _rules(self, scope: Scope) -> list[tuple[NDArray[np.bool_], dict[str, Any]]]:
        day, tongue = _ordinal(scope.day, today()), language(scope.locale)
        rules: list[tuple[NDArray[np.bool_], dict[str, Any]]] = [
            (self._begins <= day, {"begins": {"$lte": day}}),
            (self._ends > day, {"ends": {"$gt": day}}),
        ]
        if scope.audience != "staff":
            rules.append((self._public, {"audience": "customers"}))
        if tongue:
            spoken = (self._language == "") | (self._language == tongue)
            rules.append((spoken, {"language": {"$in": ["", tongue]}}))
        return rules


def today() -> int:
    """Return the ordinal of this day in UTC."""
    return datetime.now(UTC).toordinal()


def _ordinal(day: str, otherwise: int) -> int:
    """Return the ordinal of an ISO date; `otherwise` when it is empty or no date."""
    try:
        return date.fromisoformat(day[:10]).toordinal()
    except ValueError:
        return otherwise
