"""The questions that the bot could not answer, as the conversations tell, and which of them people have settled.

Every function takes a connection and runs inside one transaction.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, select

from frontdesk.bot.store.inbox import INSERT
from frontdesk.bot.store.tables import settled, turns

Reason = Literal["no_answer", "unclear", "asked_for_person"]
MOST = 20_000
"""How many turns are looked at, newest first."""
QUIET_SECONDS = 600
"""A choice that was offered less than this ago may still be made."""


@dataclass(frozen=True, kw_only=True)
class Unanswered:
    """A question and what became of it.

    `no_answer`: the documents did not answer. `unclear`: choices were offered and none was made. `asked_for_person`:
    it was answered from the documents, and the customer's next message went to a person.
    """

    conversation_id: str
    message_id: str
    brand: str
    text: str
    asked_at: datetime
    reason: Reason


Said = tuple[float, Mapping[str, Any], Mapping[str, Any] | None]
"""When a turn was closed, its message and its reply, as JSON."""


def unanswered(connection: Connection, since: datetime) -> list[Unanswered]:
    """Return the open questions of the turns closed `since`, newest first; at most the last 20,000 turns are read."""
    recent = select(turns.c.id, turns.c.conversation_id, turns.c.created_at, turns.c.message, turns.c.reply)
    recent = recent.where(turns.c.created_at >= since.timestamp()).order_by(turns.c.id.desc()).limit(MOST)
    said: dict[str, list[Said]] = defaultdict(list)
    for row in reversed(connection.execute(recent).all()):
        said[row.conversation_id].append((row.created_at, json.loads(row.message), row.reply and json.loads(row.reply)))
    done = {(row.conversation_id, row.message_id) for row in connection.execute(select(settled))}
    found = (one for its_turns in said.values() for one in _open(its_turns, time.time()))
    left = [one for one in found if (one.conversation_id, one.message_id) not in done]
    return sorted(left, key=lambda one: one.asked_at, reverse=True)


def settle(connection: Connection, questions: Sequence[tuple[str, str]]) -> None:
    """Note that the questions, as (conversation id, message id), are done; they are not returned again."""
    rows = [{"conversation_id": one, "message_id": two, "settled_at": time.time()} for one, two in questions]
    if rows:
        connection.execute(INSERT[connection.dialect.name](settled).on_conflict_do_nothing(), rows)


def _open(its_turns: Sequence[Said], now: float) -> Iterator[Unanswered]:
    """Yield the questions of one conversation that were not answered; `its_turns` are in order."""
    for at, (closed, message, reply) in enumerate(its_turns):
        after = its_turns[at + 1] if at + 1 < len(its_turns) else None
        reason = _reason(reply, after, now - closed) if reply else None
        text = _asked(message, its_turns[at - 1] if at else None)
        if reason and any(char.isalnum() for char in text):
            yield Unanswered(
                conversation_id=str(message.get("conversation_id", "")),
                message_id=str(message.get("id", "")),
                brand=str(message.get("brand", "")),
                text=text,
                asked_at=datetime.fromtimestamp(closed, UTC),
                reason=reason,
            )


def _reason(reply: Mapping[str, Any], after: Said | None, age: float) -> Reason | None:
    """Return why a reply was no answer, from its routes and sources and those of the next turn; None when it was."""
    kinds, then = _kinds(reply), _kinds(after[2]) if after else set()
    if "knowledge" in kinds:
        if not reply.get("citations"):
            return "no_answer"
        return "asked_for_person" if "handoff" in then else None
    if "clarify" not in kinds:
        return None
    left = after is None and age >= QUIET_SECONDS
    return "unclear" if left or then & {"clarify", "handoff"} else None


def _kinds(reply: Mapping[str, Any] | None) -> set[str]:
    return {str(route.get("kind")) for route in (reply or {}).get("routes") or ()}


def _asked(message: Mapping[str, Any], before: Said | None) -> str:
    """Return the question in words: a pressed button stands for what was unclear before it, else for its title."""
    text = str(message.get("text", "")).strip()
    if not text.startswith("/"):
        return text
    unclear = str(before[1].get("text", "")) if before and "clarify" in _kinds(before[2]) else "/"
    title = (message.get("metadata") or {}).get("title")
    return unclear.strip() if not unclear.startswith("/") else title if isinstance(title, str) else ""
