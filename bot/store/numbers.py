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

from sqlalchemy import Connection, func, select

from frontdesk.bot.intervals import wilson
from frontdesk.bot.store import costs
from frontdesk.bot.store import figures as reading
from frontdesk.bot.store.cases import Case, cases_from, vote
from frontdesk.bot.store.costs import ModelUse, Spent
from frontdesk.bot.store.store import Store
from frontdesk.bot.store.tables import figures, turns, votes

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
    found = cases_from(connection, start, end + days * DAY, brand)
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
        by_voice[voice][vote(value)] += 1
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
