"""Whether people are there, and when they will be: in the brand's own time zone, daylight saving included."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from frontdesk.bot.people import HandoffRules

AHEAD_DAYS = 62
"""How far ahead an opening is looked for; a brand closed for longer names none."""


def open_at(rules: HandoffRules, moment: datetime) -> bool:
    """Return whether people are there at `moment` (any time zone)."""
    if not rules.hours:
        return moment.astimezone(ZoneInfo(rules.timezone)).date() not in rules.closed
    here = moment.astimezone(ZoneInfo(rules.timezone))
    times = [(begins, ends) for day, begins, ends in rules.spans if day == here.weekday()]
    return here.date() not in rules.closed and any(begins <= here.time() < ends for begins, ends in times)


def next_opening(rules: HandoffRules, moment: datetime) -> datetime | None:
    """Return when people are there again, in the brand's time zone; None when they are there, or for two months not."""
    if open_at(rules, moment):
        return None
    zone = ZoneInfo(rules.timezone)
    here = moment.astimezone(zone)
    spans = rules.spans or tuple((day, time.min, time.max) for day in range(7))
    for ahead in range(AHEAD_DAYS):
        day = here.date() + timedelta(days=ahead)
        if day in rules.closed:
            continue
        for weekday, begins, _ in spans:
            opens = datetime.combine(day, begins, tzinfo=zone)
            if weekday == day.weekday() and opens > here:
                return opens
    return None


def spoken(opening: datetime, moment: datetime) -> str:
    """Return an opening in words, seen from `moment`: `tomorrow at 08:00 (EST)`."""
    days = (opening.date() - moment.astimezone(opening.tzinfo).date()).days
    near = {0: "today", 1: "tomorrow"}
    day = near.get(days) or f"on {opening:%A}" + ("" if days < 7 else f" {opening.day} {opening:%B}")
    return f"{day} at {opening:%H:%M} ({opening:%Z})"
