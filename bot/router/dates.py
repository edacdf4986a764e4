"""Days and spans of days in a message, as ISO 8601: "yesterday" -> 2026-11-20, "in June" -> 2026-06-01/2026-06-30.

Support is about what has happened: a month or a weekday without more is the last one, not the next.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta

from frontdesk.bot.router.nlu import Entity

EXTRACTOR = "DateExtractor"
_MONTHS = [
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
]
_DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_MONTH = "|".join(f"{name[:3]}(?:{name[3:]})?" for name in _MONTHS)
_COUNTS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "a couple of": 2}
_FORMS = [
    r"(?P<iso>\d{4}-\d{2}-\d{2})",
    r"(?P<near>today|yesterday|tomorrow|the day before yesterday)",
    r"(?P<which>last|this|past|next) (?P<unit>week|month|year)",
    rf"(?P<count>\d{{1,3}}|{'|'.join(sorted(_COUNTS, key=len, reverse=True))}) (?P<units>day|week|month|year)s? ago",
    rf"(?P<which_day>last|next|on|this|since|from|by) (?P<weekday>{'|'.join(_DAYS)})",
    rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<day_month>{_MONTH})\b(?:,? (?P<day_year>\d{{4}}))?",
    rf"(?P<month_first>{_MONTH})\.? (?P<day_after>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (?P<year_after>\d{{4}}))?",
    rf"(?:in|since|from|during|last|of|for) (?P<month>{'|'.join(_MONTHS)})(?: (?P<month_year>\d{{4}}))?",
]
_DATE = re.compile(rf"\b(?:{'|'.join(_FORMS)})\b", re.IGNORECASE)


def dates(text: str, today: date) -> Iterator[Entity]:
    """Yield the entities `date` of a text, seen from `today`; one that no calendar has is left out."""
    for match in _DATE.finditer(text):
        try:
            first, last = _span({key: value.lower() for key, value in match.groupdict().items() if value}, today)
        except (ValueError, OverflowError):
            continue
        value = first.isoformat() if first == last else f"{first.isoformat()}/{last.isoformat()}"
        yield Entity(name="date", value=value, start=match.start(), end=match.end(), extractor=EXTRACTOR)


def _span(found: dict[str, str], today: date) -> tuple[date, date]:
    """The first and the last day of what was found."""
    if "iso" in found:
        day = date.fromisoformat(found["iso"])
        return day, day
    if "near" in found:
        day = today + timedelta({"today": 0, "yesterday": -1, "tomorrow": 1}.get(found["near"], -2))
        return day, day
    if "unit" in found:
        return _around(today, found["unit"], {"last": -1, "past": -1, "next": 1}.get(found["which"], 0))
    if "units" in found:
        return _ago(today, found["units"], _COUNTS.get(found["count"]) or int(found["count"]))
    if "weekday" in found:
        day = _weekday(today, _DAYS.index(found["weekday"]), found["which_day"])
        return day, day
    if "month" in found:
        return _month(today, found["month"], found.get("month_year"))
    name, number = found.get("day_month") or found["month_first"], int(found.get("day") or found["day_after"])
    return _day(today, name, number, found.get("day_year") or found.get("year_after"))


def _around(today: date, unit: str, step: int) -> tuple[date, date]:
    if unit == "week":
        monday = today - timedelta(today.weekday()) + timedelta(7 * step)
        return monday, monday + timedelta(6)
    if unit == "year":
        return date(today.year + step, 1, 1), date(today.year + step, 12, 31)
    month = today.year * 12 + today.month - 1 + step
    return _whole(month // 12, month % 12 + 1)


def _ago(today: date, unit: str, count: int) -> tuple[date, date]:
    if unit in ("day", "week"):
        day = today - timedelta(count * (7 if unit == "week" else 1))
        return day, day
    month = today.year * 12 + today.month - 1 - count * (12 if unit == "year" else 1)
    return _whole(month // 12, month % 12 + 1)


def _weekday(today: date, number: int, which: str) -> date:
    if which in ("next", "by", "this"):
        return today + timedelta((number - today.weekday() - 1) % 7 + 1)
    return today - timedelta((today.weekday() - number - 1) % 7 + 1)


def _number(name: str) -> int:
    return next(k for k, month in enumerate(_MONTHS, start=1) if month.startswith(name[:3]))


def _month(today: date, name: str, year: str | None) -> tuple[date, date]:
    number = _number(name)
    return _whole(int(year) if year else today.year - (number > today.month), number)


def _day(today: date, name: str, day: int, year: str | None) -> tuple[date, date]:
    number = _number(name)
    found = date(int(year) if year else today.year, number, day)
    if not year and (found - today).days > 31:  # a little ahead is when something is due
        found = date(today.year - 1, number, day)
    return found, found


def _whole(year: int, month: int) -> tuple[date, date]:
    return date(year, month, 1), date(year, month, monthrange(year, month)[1])
