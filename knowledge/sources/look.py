"""What a look at sources outside the project needs and gathers, whatever kind they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from frontdesk.knowledge.sources.remembered import Remembered
from frontdesk.knowledge.values import Skipped


@dataclass(kw_only=True)
class Look:
    """One look; `skipped` and `failed` (names of the settings) tell afterwards what was not seen.

    `limit` bounds the sources of one name, and `found` is told how many are waiting.
    """

    remembered: Remembered
    limit: int
    known: Mapping[str, str]
    hashed: Callable[[bytes], str]
    found: Callable[[int], None]
    skipped: list[Skipped]
    failed: set[str]
