"""Cases as the numbers count them: what their turns, their votes and the people who wrote add up to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, case, func, select

from frontdesk.bot.store import costs
from frontdesk.bot.store.costs import NOTHING, Spent
from frontdesk.bot.store.tables import figures, outbox, turns, votes


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is known of one case; times are seconds since the epoch."""

    id: int
    began: float
    ended: float
    customer: str
    messages: int
    answered: int
    unanswered: int
    knowledge: int
    clarified: int
    substance: int
    solved: bool
    helped: bool
    handoff: bool
    person: bool
    wait: float | None
    ms: int
    up: int
    down: int
    last_vote: str
    spent: Spent


def cases_from(connection: Connection, start: float, end: float, brand: str) -> list[Case]:
    """Return the cases that began in a time, in one pass over their turns."""
    table = figures.c
    first = table.turn_id == table.case_id
    substance = table.kind.notin_(("", "voice"))
    good = case((table.kind.in_(("knowledge", "account")), 1 - table.unanswered), else_=0)
    columns = (
        table.case_id,
        func.min(table.asked_at).label("began"),
        func.max(table.asked_at).label("ended"),
        func.max(table.customer).label("customer"),
        func.count().label("messages"),
        func.sum(table.answered).label("answered"),
        func.sum(table.unanswered).label("unanswered"),
        func.sum(case((table.kind == "knowledge", 1), else_=table.unanswered)).label("knowledge"),
        func.sum(table.clarified).label("clarified"),
        func.sum(case((substance, 1), else_=0)).label("substance"),
        func.max(table.solved).label("solved"),
        func.max(case((substance, table.turn_id * 2 + good))).label("last"),  # the last turn of substance, and how
        func.max(table.handoff).label("handoff"),
        func.min(case((table.kind == "", 0), else_=1)).label("held"),
        func.max(case((first, table.wait))).label("wait"),
        func.coalesce(func.sum(table.ms), 0).label("ms"),
    )
    began = figures.alias()
    wanted = select(*columns).join(began, began.c.turn_id == table.case_id).group_by(table.case_id)
    wanted = wanted.where(began.c.asked_at >= start, began.c.asked_at < end)
    if brand:
        wanted = wanted.where(began.c.brand == brand)
    cast, people = _votes(connection, start), _by_people(connection, start)
    spent = costs.by_case(connection, start)
    return [
        Case(
            id=row.case_id,
            began=row.began,
            ended=row.ended,
            customer=row.customer,
            messages=row.messages,
            answered=row.answered,
            unanswered=row.unanswered,
            knowledge=row.knowledge,
            clarified=row.clarified,
            substance=row.substance,
            solved=bool(row.solved),
            helped=bool(row.last and row.last % 2),
            handoff=bool(row.handoff),
            person=not row.held or row.case_id in people,
            wait=row.wait,
            ms=row.ms,
            up=cast[row.case_id].count("up"),
            down=cast[row.case_id].count("down"),
            last_vote=cast[row.case_id][-1] if cast[row.case_id] else "",
            spent=spent.get(row.case_id, NOTHING),
        )
        for row in connection.execute(wanted)
    ]


def _votes(connection: Connection, start: float) -> Mapping[int, list[str]]:
    """Return the votes of each case since `start`, in the order they were cast."""
    at = (turns.c.conversation_id == votes.c.conversation_id) & (turns.c.message_id == votes.c.message_id)
    wanted = select(figures.c.case_id, votes.c.value).select_from(
        votes.join(turns, at).join(figures, figures.c.turn_id == turns.c.id)
    )
    found: dict[int, list[str]] = defaultdict(list)
    for case_id, value in connection.execute(wanted.where(votes.c.created_at >= start).order_by(votes.c.created_at)):
        found[case_id].append(vote(value))
    return found


def vote(value: str) -> str:
    """Return the vote, `up` or `down`, that a stored value tells."""
    return next((name for name in ("up", "down") if f'"value":"{name}"' in value), "")


def _by_people(connection: Connection, start: float) -> frozenset[int]:
    """Return the cases in which a person has written since `start`."""
    before = (turns.c.conversation_id == outbox.c.conversation_id) & (turns.c.created_at <= outbox.c.created_at)
    newest = select(func.max(turns.c.id)).where(before).scalar_subquery()
    posted = select(newest.label("turn_id")).where(
        outbox.c.inbox_id.is_(None),
        outbox.c.kind == "sentence",
        outbox.c.data.contains('"author":"'),
        outbox.c.created_at >= start,
    )
    wanted = select(figures.c.case_id).where(figures.c.turn_id.in_(posted))
    return frozenset(connection.execute(wanted).scalars())
