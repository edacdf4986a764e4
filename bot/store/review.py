"""The messages whose intent the router doubted, as the conversations tell, and what people decided about them.

A decision is kept before the example is written, and marked once it is: whatever happens in between, nothing is lost
and nothing is decided twice. Every function takes a connection and runs inside one transaction.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, select, update

from frontdesk.bot.store.gaps import MOST, Said
from frontdesk.bot.store.inbox import INSERT
from frontdesk.bot.store.tables import reviewed, turns

Doubt = Literal["unsure", "out_of_scope", "corrected"]
_OUTSIDE, _OTHER_LANGUAGE = "out_of_scope", "other_language"
_CHOSEN = ("payload /", "the title of ")
_PERSON = "human_agent"


@dataclass(frozen=True, kw_only=True)
class Doubtful:
    """A message, or the part of one, whose intent was in doubt; `key` is the same for the same words.

    `intent` is what the router thought likeliest, with `confidence`; `corrected`: the customer then chose `chosen`.
    """

    key: str
    conversation_id: str
    message_id: str
    brand: str
    text: str
    asked_at: datetime
    doubt: Doubt
    intent: str
    confidence: float
    chosen: str


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a person made of a doubtful message: `text` as an example of `intent`, or nothing.

    No text: the same example is written for another message. No intent either: it was dismissed.
    """

    key: str
    intent: str = ""
    text: str = ""


def key_of(text: str) -> str:
    """Return the key of a text: texts that differ in case and space only are decided together."""
    return hashlib.sha256(" ".join(text.lower().split()).encode("utf-8", "replace")).hexdigest()


def doubtful(connection: Connection, since: datetime) -> list[Doubtful]:
    """Return the undecided doubts of the turns closed `since`, newest first; at most the last 20,000 turns are read."""
    recent = select(turns.c.id, turns.c.conversation_id, turns.c.created_at, turns.c.message, turns.c.reply)
    recent = recent.where(turns.c.created_at >= since.timestamp()).order_by(turns.c.id.desc()).limit(MOST)
    said: dict[str, list[Said]] = defaultdict(list)
    for row in reversed(connection.execute(recent).all()):
        said[row.conversation_id].append((row.created_at, json.loads(row.message), row.reply and json.loads(row.reply)))
    done = set(connection.execute(select(reviewed.c.text_key)).scalars())
    found = (one for its_turns in said.values() for one in _doubts(its_turns))
    return sorted((one for one in found if one.key not in done), key=lambda one: one.asked_at, reverse=True)


def decide(connection: Connection, decisions: Sequence[Decision]) -> int:
    """Keep what was decided; returns how many were new. What is decided stays so, whoever comes second."""
    known = set(connection.execute(select(reviewed.c.text_key)).scalars())
    new = {one.key: one for one in decisions if one.key not in known}
    rows = [
        {
            "text_key": one.key,
            "intent": one.intent,
            "text": one.text,
            "decided_at": time.time(),
            "to_write": one.text != "",
        }
        for one in new.values()
    ]
    if rows:
        connection.execute(INSERT[connection.dialect.name](reviewed).on_conflict_do_nothing(), rows)
    return len(rows)


def unwritten(connection: Connection) -> list[Decision]:
    """Return the decided examples that are not yet known to be written, in the order of their decision."""
    rows = connection.execute(select(reviewed).where(reviewed.c.to_write).order_by(reviewed.c.decided_at)).all()
    return [Decision(key=row.text_key, intent=row.intent, text=row.text) for row in rows]


def written(connection: Connection, keys: Sequence[str]) -> None:
    """Note that examples are written; their words are kept there, no longer here."""
    for key in keys:
        done = update(reviewed).where(reviewed.c.text_key == key)
        connection.execute(done.values(to_write=False, text=""))


def _doubts(its_turns: Sequence[Said]) -> Iterator[Doubtful]:
    """Yield the doubts of one conversation; its turns are in order."""
    for at, (closed, message, reply) in enumerate(its_turns):
        whole = str(message.get("text", "")).strip()
        after = its_turns[at + 1][2] if at + 1 < len(its_turns) else None
        for route in _doubted(reply) if not whole.startswith("/") else ():
            text, chosen = " ".join((str(route.get("text") or "") or whole).split()), _chosen(after)
            intent = str(route.get("intent", ""))
            if any(char.isalpha() for char in text):
                yield Doubtful(
                    key=key_of(text),
                    conversation_id=str(message.get("conversation_id", "")),
                    message_id=str(message.get("id", "")),
                    brand=str(message.get("brand", "")),
                    text=text,
                    asked_at=datetime.fromtimestamp(closed, UTC),
                    doubt="corrected" if chosen else "out_of_scope" if intent == _OUTSIDE else "unsure",
                    intent=_likeliest(route),
                    confidence=float(route.get("confidence") or 0.0),
                    chosen=chosen,
                )


def _doubted(reply: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """Return the routes of a reply that ended in doubt; one that asks the documents first holds its doubt inside."""
    routes = [route.get("otherwise") or route for route in (reply or {}).get("routes") or ()]
    return [route for route in routes if _in_doubt(route) and route.get("intent") != _OTHER_LANGUAGE]


def _in_doubt(route: Mapping[str, Any]) -> bool:
    again = str(route.get("reason", "")).startswith("asked once already")
    return route.get("kind") == "clarify" or route.get("intent") == _OUTSIDE or again


def _likeliest(route: Mapping[str, Any]) -> str:
    """The likeliest intent of all that the router knows, also where it thought the message out of scope."""
    ranked = route.get("alternatives") or ()
    return str(ranked[0][0]) if ranked else str(route.get("intent", ""))


def _chosen(after: Mapping[str, Any] | None) -> str:
    """The intent whose button the customer pressed next, or typed; a person is not one."""
    first: Mapping[str, Any] = next(iter((after or {}).get("routes") or ()), {})
    intent = str(first.get("intent", ""))
    return intent if str(first.get("reason", "")).startswith(_CHOSEN) and intent not in (_PERSON, _OUTSIDE) else ""
