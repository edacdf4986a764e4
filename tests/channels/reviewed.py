"""A review queue in memory: hostile where it can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from frontdesk.bot.errors import ConfigError
from frontdesk.channels.reviewing import Alike, Doubt, Doubted, Examples
from tests.channels.overseen import EVIL

LONG_AGO = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)


def doubted(number: int, text: str, doubt: Doubt = "unsure", chosen: str = "") -> Doubted:
    """A message of conversation c/<number>."""
    return Doubted(
        key=f"{number:064x}",
        text=text,
        said=number,
        conversation_id=f"c/{number}",
        message_id=f"m-{number}",
        asked_at=LONG_AGO,
        doubt=doubt,
        guess="return_policy",
        confidence=0.41,
        chosen=chosen,
    )


class FakeReview:
    """Implements Review; `decided` keeps (intent, rows) of every decision, `verdict` is what training says."""

    def __init__(self) -> None:
        self.brands = {"shop": "Larkspur <Lane>", "other": "Other"}
        self.decided: list[tuple[str, Sequence[tuple[str, str]]]] = []
        self.served, self.error, self.trainings = True, "", 0
        wraps = tuple(doubted(n, f"do you wrap {n}", "out_of_scope") for n in range(2, 11))
        self.found = [
            Alike(
                messages=(doubted(1, f"returns? {EVIL}", "corrected", "return_policy"),),
                intent="return_policy",
                name="",
            ),
            Alike(messages=wraps, intent="", name="gift_wrap"),
        ]

    def queue(self, brand: str, days: int) -> Sequence[Alike]:
        done = {key for _, rows in self.decided for key, _ in rows}
        left = ((group, tuple(one for one in group.messages if one.key not in done)) for group in self.found)
        return [
            Alike(messages=messages, intent=group.intent, name=group.name)
            for group, messages in left
            if messages and brand == "shop"
        ]

    def examples(self) -> Examples:
        return Examples(intents=("greeting", "out_of_scope", "return_policy"), waiting=2, served=3)

    def decide(self, intent: str, rows: Sequence[tuple[str, str]]) -> int:
        if intent.startswith("-"):
            raise ConfigError(f"{intent!r} is no name for an intent.", fix="use letters.")
        self.decided.append((intent, rows))
        return len(rows)

    def train(self) -> Mapping[str, Any]:
        self.trainings += 1
        if self.error:
            raise ConfigError(self.error, fix="mend it.")
        finding = {"check": f"right {EVIL}", "passed": self.served, "found": "90 of 100", "allowed": "no loss"}
        return {"version": 4, "served": self.served, "gate": {"against": 3, "findings": [finding]}}
