"""The numbers of a time: how many cases, how they ended, how that is known, how long they took.

Computed from the figures of turns (bot/store/figures.py), the votes, and what people wrote. Days are UTC.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, case, func, select

from frontdesk.bot.intervals import wilson
from frontdesk.bot.store import costs
from frontdesk.bot.store import figures as reading
from frontdesk.bot.store.costs import NOTHING, ModelUse, Spent
from frontdesk.bot.store.store import Store
from frontdesk.bot.store.tables import figures, outbox, turns, votes

DAY = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Share:
    """`n` of `of`, with the 95 % interval (Wilson) of the share."""

    n: int
    of: int

    @property
    def share(self) -> float | None:
        """The share; None of nothing."""
        return self.n / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the share."""
        return wilson(self.n, self.of)


@dataclass(frozen=True, kw_only=True)
class Times:
    """Seconds: the middle, and what one in twenty takes longer than; None of nothing."""

    n: int
    p50: float | None
    p95: float | None


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The numbers of some cases; see docs/numbers.md for what each means."""

    cases: int
    messages: int
    involved: Share
    alone: Share
    small_talk: int
    undecided: int
    said_so: Share
    no_return: Share
    handed_over: Share
    clarified: Share
    unanswered: Share
    first_response: Times
    satisfied: Share
    seconds: float
    spent: Spent
    spent_decided: float
    """What language models cost in the decided cases: what their resolutions cost."""


@dataclass(frozen=True, kw_only=True)
class Voiced:
    """A voice version: how many messages it answered, and their votes."""

    voice: str
    messages: int
    satisfied: Share


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """The numbers from `since` on, before `until`; a case belongs to the day it began on.

    `reasons` counts handoffs by (trigger, intent).
    """

    since: date
    until: date
    brand: str
    days: int
    whole: Figures
    by_day: Mapping[date, Figures]
    reasons: Mapping[tuple[str, str], int]
    voices: Sequence[Voiced]
    models: Sequence[ModelUse]


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


def numbers(store: Store, since: date, until: date, brand: str = "", *, days: int = 7) -> Numbers:
    """Return the numbers of the cases that began from `since` on and before `until`; every brand's where none is given.

    A case is decided `days` after its last message. Blocking; the first call reads every turn once.
    """
    while store._write(reading.read_on) == reading.BATCH:
        pass
    store._write(reading.forget)
    work = partial(_numbers, since=since, until=until, brand=brand, days=days, now=datetime.now(UTC))
    return store._opened().read(work)


def _numbers(connection: Connection, since: date, until: date, brand: str, days: int, now: datetime) -> Numbers:
    start, end = _seconds(since), _seconds(until)
    found = _cases(connection, start, end + days * DAY, brand)
    here = [one for one in found if one.began < end]
    back = _returns(found, days * DAY)
    limit = now.timestamp() - days * DAY
    by_day: dict[date, list[Case]] = {since + timedelta(n): [] for n in range((until - since).days)}
    for one in here:
        by_day[datetime.fromtimestamp(one.began, UTC).date()].append(one)
    return Numbers(
        since=since,
        until=until,
        brand=brand,
        days=days,
        whole=_figures(here, back, limit),
        by_day={day: _figures(some, back, limit) for day, some in by_day.items()},
        reasons=_reasons(connection, start, end, brand),
        voices=_voices(connection, start, end, brand),
        models=costs.by_model(connection, start, end, brand),
    )


def _figures(cases: Sequence[Case], back: frozenset[int], limit: float) -> Figures:
    """Count some cases; `back` are those whose customer returned, `limit` when a case must have ended to be decided."""
    involved = [one for one in cases if one.answered]
    asked = [one for one in involved if one.substance]
    decided = [one for one in asked if one.ended < limit]
    said = [one for one in decided if _said_so(one)]
    quiet = [one for one in decided if not _said_so(one) and _ended_well(one) and one.id not in back]
    answered = sum(one.answered for one in cases)
    return Figures(
        cases=len(cases),
        messages=sum(one.messages for one in cases),
        involved=Share(n=len(involved), of=len(cases)),
        alone=Share(n=sum(not (one.handoff or one.person) for one in involved), of=len(involved)),
        small_talk=len(involved) - len(asked),
        undecided=len(asked) - len(decided),
        said_so=Share(n=len(said), of=len(decided)),
        no_return=Share(n=len(quiet), of=len(decided)),
        handed_over=Share(n=sum(one.handoff for one in involved), of=len(involved)),
        clarified=Share(n=sum(one.clarified for one in cases), of=answered),
        unanswered=Share(n=sum(one.unanswered for one in cases), of=sum(one.knowledge for one in cases)),
        first_response=_times([one.wait for one in cases if one.wait is not None]),
        satisfied=Share(n=sum(one.up for one in cases), of=sum(one.up + one.down for one in cases)),
        seconds=sum(one.ms for one in cases) / 1000,
        spent=costs.together(one.spent for one in cases),
        spent_decided=sum(one.spent.cost for one in decided),
    )


def _said_so(one: Case) -> bool:
    """Whether the bot alone ended a case and the customer said that it helped: by their last vote, or in words."""
    if one.handoff or one.person or one.last_vote == "down":
        return False
    return one.last_vote == "up" or one.solved


def _ended_well(one: Case) -> bool:
    """Whether the bot alone had the last word, it was an answer, and no thumb went down over it."""
    return one.helped and not (one.handoff or one.person or one.last_vote == "down")


def _returns(cases: Sequence[Case], seconds: float) -> frozenset[int]:
    """Return the ids of those cases after which the same customer came back within so many seconds."""
    mine: dict[str, list[Case]] = defaultdict(list)
    for one in cases:
        if one.customer:
            mine[one.customer].append(one)
    back = set()
    for some in mine.values():
        some.sort(key=lambda one: one.began)
        back |= {a.id for a, b in pairwise(some) if b.began - a.ended < seconds}
    return frozenset(back)


def _times(seconds: Iterable[float]) -> Times:
    ordered = sorted(seconds)
    if not ordered:
        return Times(n=0, p50=None, p95=None)
    last = len(ordered) - 1
    return Times(n=len(ordered), p50=ordered[round(last * 0.5)], p95=ordered[round(last * 0.95)])


def _cases(connection: Connection, start: float, end: float, brand: str) -> list[Case]:
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
        found[case_id].append(_vote(value))
    return found


def _vote(value: str) -> str:
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


def _reasons(connection: Connection, start: float, end: float, brand: str) -> Mapping[tuple[str, str], int]:
    table = figures.c
    wanted = select(table.handoff, table.intent, func.count()).where(
        table.handoff != "", table.asked_at >= start, table.asked_at < end
    )
    if brand:
        wanted = wanted.where(table.brand == brand)
    rows = connection.execute(wanted.group_by(table.handoff, table.intent))
    return dict(Counter({(trigger, intent): n for trigger, intent, n in rows}).most_common())


def _voices(connection: Connection, start: float, end: float, brand: str) -> Sequence[Voiced]:
    table = figures.c
    spoke = [table.voice != "", table.asked_at >= start, table.asked_at < end]
    if brand:
        spoke.append(table.brand == brand)
    count = select(table.voice, func.count()).where(*spoke).group_by(table.voice).order_by(func.count().desc())
    at = (turns.c.conversation_id == votes.c.conversation_id) & (turns.c.message_id == votes.c.message_id)
    cast = select(table.voice, votes.c.value).select_from(
        votes.join(turns, at).join(figures, table.turn_id == turns.c.id)
    )
    by_voice: dict[str, Counter[str]] = defaultdict(Counter)
    for voice, value in connection.execute(cast.where(*spoke)):
        by_voice[voice][_vote(value)] += 1
    return [
        Voiced(voice=voice, messages=n, satisfied=Share(n=up, of=up + by_voice[voice]["down"]))
        for voice, n in connection.execute(count)
        for up in [by_voice[voice]["up"]]
    ]


def _seconds(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def told(found: Numbers) -> dict[str, Any]:
    """Return the numbers as JSON types: a share is `{"n", "of", "share", "low", "high"}`, times are seconds."""
    return {
        "since": found.since.isoformat(),
        "until": found.until.isoformat(),
        "brand": found.brand,
        "days": found.days,
        "whole": _plain(found.whole),
        "by_day": [{"day": day.isoformat(), **_plain(here)} for day, here in found.by_day.items()],
        "reasons": [{"trigger": trigger, "intent": intent, "n": n} for (trigger, intent), n in found.reasons.items()],
        "voices": [_plain(one) for one in found.voices],
        "models": [_plain(one) for one in found.models],
    }


def _plain(values: object) -> dict[str, Any]:
    return {name: _told(value) for name, value in vars(values).items()}


def _told(value: object) -> Any:
    if not isinstance(value, Share):
        return vars(value) if isinstance(value, Times | Spent) else value
    low, high = value.interval
    share = {"share": value.share, "low": low, "high": high} if value.of else {"share": None, "low": None, "high": None}
    return {"n": value.n, "of": value.of, **share}
