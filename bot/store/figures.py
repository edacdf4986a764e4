"""Reading the figures out of turns: once per turn, in the background of a request for the numbers.

A case is what one customer writes in one conversation without a pause of a day; a chat on Telegram, say, never ends.
Every function takes a connection and runs inside one transaction.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, func, insert, select

from frontdesk.bot.store.tables import ID_CHARS, figures, inbox, model_uses, outbox, turns

CASE_SECONDS = 24 * 3600
"""A pause after which the next message begins another case."""
BATCH = 500
"""Turns read in one transaction: messages that come in meanwhile wait for it."""
_SAID = ("sentence", "done")
_SOLVED = re.compile(
    r"\b(?:that|this|it)(?: has| have|'s| is|'ve)? (?:really |totally |completely |now )?"
    r"(?:helped|helps|worked|works|solved|solves|fixed|answers|answered|sorted|resolved|did it|did the trick)\b"
    r"|\b(?:problem|issue|question)(?:'s| is| was| has been)? (?:now )?(?:solved|fixed|answered|sorted|resolved)\b"
    r"|\b(?:that's|that is|that was) (?:exactly |just |all )?(?:what )?i (?:needed|wanted)\b"
    r"|\b(?:i'm|i am|we're|we are|it's|it is) (?:all )?(?:sorted|all set|good now)\b",
    re.IGNORECASE,
)
_NOT = re.compile(r"\b(?:not|never|nothing|hardly|barely|no longer|isn't|wasn't|hasn't)\b|n't\b|\?", re.IGNORECASE)


def says_solved(text: str) -> bool:
    """Whether a customer says in so many words that they were helped; a bare "thanks" is only polite."""
    plain = text.replace("’", "'")
    return bool(_SOLVED.search(plain)) and not _NOT.search(plain)


def read_on(connection: Connection) -> int:
    """Read up to BATCH turns that have no figures yet, oldest first; return how many there were."""
    rows = connection.execute(_UNREAD).all()
    cases = _last_cases(connection, {row.conversation_id for row in rows})
    read = []
    for row in rows:
        at = row.received_at or row.created_at
        case, last = cases.get(row.conversation_id, (0, 0.0))
        case = case if case and at - last < CASE_SECONDS else row.id
        cases[row.conversation_id] = (case, at)
        read.append({"turn_id": row.id, "case_id": case, "asked_at": at, **_figures(row, at)})
    if read:
        connection.execute(insert(figures), read)
        if used := [use for row in rows for use in _uses(row)]:
            connection.execute(insert(model_uses), used)
    return len(read)


def forget(connection: Connection) -> None:
    """Delete the figures of turns that are gone, once every turn is read."""
    here, read = (select(func.count()).select_from(table).scalar_subquery() for table in (turns, figures))
    if connection.execute(select(read > here)).scalar_one():
        drop_orphans(connection)


def drop_orphans(connection: Connection) -> None:
    """Delete the figures of turns that are gone."""
    for table in (figures, model_uses):
        connection.execute(delete(table).where(~exists().where(turns.c.id == table.c.turn_id)))


_READ = select(func.coalesce(func.max(figures.c.turn_id), 0)).scalar_subquery()
LATE = 1000
"""Turns that may be under way at once: with several servers, one may be stored after another of a higher number."""
_FIRST_SAID = (
    select(func.min(outbox.c.created_at))
    .where(outbox.c.inbox_id == turns.c.inbox_id, outbox.c.kind.in_(_SAID))
    .scalar_subquery()
    .label("said_at")
)
_UNREAD = (
    select(
        turns.c.id,
        turns.c.conversation_id,
        turns.c.message,
        turns.c.reply,
        turns.c.created_at,
        inbox.c.received_at,
        _FIRST_SAID,
    )
    .select_from(turns.outerjoin(inbox, inbox.c.id == turns.c.inbox_id))
    .where(turns.c.id > _READ - LATE, ~exists().where(figures.c.turn_id == turns.c.id))
    .order_by(turns.c.id)
    .limit(BATCH)
)


def _last_cases(connection: Connection, conversations: Collection[str]) -> dict[str, tuple[int, float]]:
    """Return the latest case of each conversation that has one, and when it was last written to."""
    read = turns.join(figures, figures.c.turn_id == turns.c.id)
    newest = select(func.max(turns.c.id)).select_from(read).where(turns.c.conversation_id.in_(conversations))
    latest = select(turns.c.conversation_id, figures.c.case_id, figures.c.asked_at).select_from(read)
    latest = latest.where(turns.c.id.in_(newest.group_by(turns.c.conversation_id)))
    return {row.conversation_id: (row.case_id, row.asked_at) for row in connection.execute(latest)}


def _figures(row: Row[*tuple[Any, ...]], at: float) -> dict[str, Any]:
    message = json.loads(row.message)
    reply = json.loads(row.reply) if row.reply else None
    routes = (reply or {}).get("routes") or []
    kinds = [str(route.get("kind", "")) for route in routes]
    answered = bool(reply and reply.get("text"))
    trigger, intent = _handoff(reply or {}, routes)
    lacks = "knowledge" in kinds and not (reply or {}).get("citations")
    ms = (reply or {}).get("ms")
    return {
        "brand": str(message.get("brand", "")),
        "customer": _customer(message),
        "kind": kinds[0] if kinds else "",
        "answered": int(answered),
        "unanswered": int(lacks),
        "clarified": int("clarify" in kinds),
        "solved": int(says_solved(str(message.get("text", "")))),
        "handoff": trigger[:60],
        "intent": intent[:255] if trigger else "",
        "voice": str((reply or {}).get("voice") or ""),
        "ms": int(ms) if isinstance(ms, int | float) else None,
        "wait": max(0.0, row.said_at - at) if answered and row.said_at and row.received_at else None,
    }


def _uses(row: Row[*tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Return what each language model read and wrote for a turn."""
    trace = (json.loads(row.reply) if row.reply else {}).get("trace") or {}
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for call in trace.get("models") or ():
        model, provider = str(call.get("model", ""))[:ID_CHARS], str(call.get("provider", ""))[:60]
        blank = dict.fromkeys(("calls", "uncounted", "tokens_in", "tokens_out", "cost"), 0)
        use = found.setdefault((model, provider), {"turn_id": row.id, "model": model, "provider": provider, **blank})
        use["calls"] += 1
        use["uncounted"] += call.get("tokens_in") is None or call.get("tokens_out") is None
        use["tokens_in"] += int(call.get("tokens_in") or 0)
        use["tokens_out"] += int(call.get("tokens_out") or 0)
        use["cost"] += float(call.get("cost") or 0)
    return list(found.values())


def _handoff(reply: Mapping[str, Any], routes: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Return what triggered the handoff that a reply begins, and its intent; two empty strings where it begins none."""
    effects = [(sentence or {}).get("effect") or {} for sentence in reply.get("sentences") or []]
    if all(effect.get("state") != "waiting" for effect in effects):
        return "", ""
    told = reply.get("handoff") or {}
    if told.get("trigger"):
        return str(told["trigger"]), str(told.get("intent") or "")
    route = next((one for one in routes if one.get("kind") == "handoff"), {})
    intent = str(route.get("intent") or "")
    return ("asked" if intent == "human_agent" else "routed" if intent else "failure"), intent


def _customer(message: Mapping[str, Any]) -> str:
    """Return a stand-in for the customer, the same in all their conversations with a brand."""
    known = str((message.get("customer") or {}).get("id") or "")
    named = f"{message.get('brand', '')}\0{known}"
    return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest() if known else ""
