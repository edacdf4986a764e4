"""The contrast set: the same content as `warm`, `crisp` and `neutral`, so that a scorer learns style, not topic."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

STYLES = ("warm", "crisp", "neutral")


@dataclass(frozen=True, kw_only=True)
class StyleReply:
    """One reply and the style it is written in; `intent` is what its message wanted."""

    style: str
    intent: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Matched:
    """One message with the same content replied to in every style: `replies` is style -> text."""

    id: str
    intent: str
    message: str
    replies: dict[str, str]


@cache
def styles() -> tuple[Matched, ...]:
    """Return the shipped content-matched rows, in the file's order."""
    text = (files(__package__) / "styles.jsonl").read_text(encoding="utf-8")
    rows = (json.loads(line) for line in text.splitlines() if line.strip())
    return tuple(
        Matched(
            id=str(row["id"]),
            intent=row["intent"],
            message=row["message"],
            replies={style: row[style] for style in STYLES},
        )
        for row in rows
    )


def contrast_replies(own: Sequence[StyleReply] = ()) -> list[StyleReply]:
    """Return what a scorer is fitted on: the voices' `own` replies, and the shipped replies in every style.

    A voice named like a shipped style is that style: both kinds of its replies count as its own.
    """
    shipped = (
        StyleReply(style=style, intent=row.intent, text=text) for row in styles() for style, text in row.replies.items()
    )
    return [*own, *shipped]
