"""Where 194 intents belong, decided by hand before the advisor existed, and which half it may learn from.

How they were decided: what the intent's name and about ten of its examples ask for, whoever the brand is and whatever
its documents say today. A fact that is the same for everybody: knowledge. Nothing that could be true or false: voice.
The customer's own record: account where the set's project has an action that reads it, else handoff. What changes the
record, moves money or cannot be undone: handoff unless an action does it. `or` is a second route a shop could defend.
The routes in the demo's frontdesk.toml were known to the one who labelled its intents; the other sets have none.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_suffix(".jsonl")


@dataclass(frozen=True, kw_only=True)
class Label:
    """One intent of a set of examples, its route, a second one that would do too, and the reason."""

    set: str
    intent: str
    route: str
    why: str
    also: str = ""

    @property
    def held_out(self) -> bool:
        """Whether the advisor may only be measured on this label, never fitted to it."""
        return hashlib.sha256(f"{self.set}/{self.intent}".encode()).digest()[0] % 2 == 1


def labels() -> list[Label]:
    """Return every label, in the order they were written."""
    rows = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
    return [Label(also=row.pop("or", ""), **row) for row in rows]
