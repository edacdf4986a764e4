"""The account of a reading: what was kept, what was left out, why, and where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

EXAMPLES = 20
PER_REASON = 3


@dataclass(kw_only=True)
class Report:
    """What became of every file, conversation and turn; `kept` and `skipped` together are all that was `read`.

    `skipped` counts conversations by reason, `unread` files (or the rest of one), `turns` the turns left out or
    joined, `pairs` the customer turns no pair was made of, `notes` what else a person should know.
    """

    files: dict[str, str] = field(default_factory=dict)
    """File -> the format it was read as."""
    kept: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    turns: Counter[str] = field(default_factory=Counter)
    pairs: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[str, str]] = field(default_factory=list)
    """The first (place, reason) of each reason, 20 in all; the place is file:line."""

    @property
    def read(self) -> int:
        """How many conversations there were."""
        return self.kept + self.skipped.total()

    def refuse(self, where: str, reason: str, detail: str = "") -> None:
        """Count a file, or the rest of one, that cannot be read."""
        self._count(self.unread, where, reason, detail)

    def skip(self, where: str, reason: str, detail: str = "") -> None:
        """Count a conversation that is left out whole."""
        self._count(self.skipped, where, reason, detail)

    def leave_out(self, where: str, reason: str, detail: str = "") -> None:
        """Count a turn that is left out of a conversation."""
        self._count(self.turns, where, reason, detail)

    def lines(self) -> list[str]:
        """Return the account for a person to read, a line each."""
        formats = Counter(self.files.values())
        files = ", ".join(f"{count} {name}" for name, count in sorted(formats.items())) or "none"
        found = [f"files: {files}", f"conversations: {self.kept} kept of {self.read} read"]
        found += (
            _table("files not read", self.unread)
            + _table("skipped", self.skipped)
            + _table("turns left out", self.turns)
        )
        found += _table("no pair made", self.pairs) + [f"note: {note} ({n})" for note, n in self.notes.most_common()]
        return found + [f"  e.g. {where}: {why}" for where, why in self.examples]

    def as_dict(self) -> dict[str, Any]:
        """Return the account as JSON types."""
        counts = {name: dict(getattr(self, name)) for name in ("skipped", "unread", "turns", "pairs", "notes")}
        examples = [{"where": where, "reason": why} for where, why in self.examples]
        return {"files": self.files, "read": self.read, "kept": self.kept, **counts, "examples": examples}

    def _count(self, counter: Counter[str], where: str, reason: str, detail: str) -> None:
        counter[reason] += 1
        if counter[reason] <= PER_REASON and len(self.examples) < EXAMPLES:
            self.examples.append((where, f"{reason}: {detail}" if detail else reason))


def _table(title: str, counts: Mapping[str, int]) -> list[str]:
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return [f"{title}: " + ", ".join(f"{count} {reason}" for reason, count in ordered)] if counts else []
