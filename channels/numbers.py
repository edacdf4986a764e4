"""The numbers in /admin: a page and the same as CSV, for a time and a brand."""

from __future__ import annotations

import csv
import io
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from frontdesk.bot.errors import ChannelError
from frontdesk.channels.inbox import HEADERS, for_people
from frontdesk.channels.numbers_page import AWAY, SHARES, numbers_page
from frontdesk.channels.operator import Operator
from frontdesk.channels.pages import page

Ask = Callable[[date, date, str, int], Awaitable[Mapping[str, Any]]]
"""Returns the numbers from a day on, before another, of a brand (empty: all), with so many days away as helped."""
BACK, MOST_DAYS, AWAY_DAYS = 30, 366, 7
SPENT = {
    "tokens_in": "tokens_in",
    "tokens_out": "tokens_out",
    "tokens_in_process": "tokens_here",
    "uncounted_calls": "uncounted",
    "cost": "cost",
}
"""The columns of what language models read, wrote and cost."""
LISTS: Mapping[str, Sequence[str]] = {
    "reasons": ("trigger", "intent", "n"),
    "voices": ("voice", "messages", "satisfied_n", "satisfied_of"),
    "models": ("model", "provider", "calls", "tokens_in", "tokens_out", "cost", "uncounted"),
}
"""The other tables, with their columns."""
TABLES = ("days", *LISTS)
YEARS = range(2000, 9999)
"""The years that are shown: days before and after the asked ones are days too."""


@dataclass(frozen=True, kw_only=True)
class NumbersPages:
    """The handlers of /admin/numbers."""

    operator: Operator
    ask: Ask
    brands: Mapping[str, str]

    async def show(self, request: Request) -> Response:
        """GET /admin/numbers?since=&until=&brand=&days=: the page; a time that makes no sense is said, not shown."""
        session, trouble = self.operator.admin(request), ""
        try:
            report = await self._report(request)
        except ChannelError as error:
            trouble = f"{error.what} {error.fix}".strip()
            report = await self._report(None)
        return page(numbers_page(report, self.brands, session, trouble), HEADERS, 422 if trouble else 200)

    async def table(self, request: Request) -> Response:
        """GET /admin/numbers.csv: a row per day, each share with how many of how many; ?what= names another list."""
        self.operator.admin(request)
        what = request.query_params.get("what", "days")
        if what not in TABLES:
            fix = f"Choose one of {', '.join(TABLES)}."
            raise ChannelError("There is no such table.", fix=fix, status=422, code="unknown_table")
        report = await self._report(request)
        name = f"numbers-{what}-{report['since']}-{report['last']}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
        table = table_of(report) if what == "days" else list_of(report[what], LISTS[what])
        return Response(table, media_type="text/csv; charset=utf-8", headers=headers)

    async def _report(self, request: Request | None) -> Mapping[str, Any]:
        asked = dict(request.query_params) if request else {}
        today = datetime.now(UTC).date()
        last = _day(asked.get("until", ""), today)
        since = _day(asked.get("since", ""), last - timedelta(days=BACK - 1))
        if not 0 <= (last - since).days < MOST_DAYS:
            raise ChannelError(f"From {since} to {last} cannot be shown.", fix="Choose 1 to 366 days.", status=422)
        brand, days = asked.get("brand", ""), asked.get("days", str(AWAY_DAYS))
        if brand and brand not in self.brands:
            raise ChannelError("There is no such brand here.", status=404, code="unknown_brand")
        away = int(days) if days in AWAY else AWAY_DAYS
        report = await self.ask(since, last + timedelta(days=1), brand, away)
        return {**report, "last": last.isoformat()}


def numbers_routes(pages: NumbersPages) -> APIRouter:
    """Return /admin/numbers and /admin/numbers.csv."""
    router = APIRouter()
    for path, handler in (("/admin/numbers", pages.show), ("/admin/numbers.csv", pages.table)):
        router.add_api_route(path, for_people(handler), methods=["GET"], include_in_schema=False, response_model=None)
    return router


def table_of(report: Mapping[str, Any]) -> str:
    """Return the days as CSV."""
    out = io.StringIO()
    names = [name for key in SHARES for name in (key, f"{key}_n", f"{key}_of")]
    more = ["first_response_p50_seconds", "first_response_p95_seconds", "computing_seconds", *SPENT, "decided_cost"]
    writer = csv.writer(out)
    writer.writerow(["day", "cases", "messages", "small_talk", "undecided", *names, *more])
    for day in report["by_day"]:
        shares = [_cell(value) for key in SHARES for value in (day[key]["share"], day[key]["n"], day[key]["of"])]
        times = [_cell(day["first_response"][name]) for name in ("p50", "p95")]
        counts = [day[name] for name in ("cases", "messages", "small_talk", "undecided")]
        spent = [_cell(day["spent"][name]) for name in SPENT.values()]
        writer.writerow(
            [day["day"], *counts, *shares, *times, _cell(day["seconds"]), *spent, _cell(day["spent_decided"])]
        )
    return out.getvalue()


def list_of(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    """Return reasons, voices or models as CSV; a name like `satisfied_n` is a part of the share `satisfied`."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(names)
    for row in rows:
        shares = {f"{key}_{part}": share[part] for key, share in row.items() if key in SHARES for part in ("n", "of")}
        found = {**row, **shares}
        writer.writerow([found[name] if isinstance(found[name], str) else _cell(found[name]) for name in names])
    return out.getvalue()


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.10g}"


def _day(given: str, otherwise: date) -> date:
    if not given:
        return otherwise
    try:
        day = date.fromisoformat(given)
    except ValueError:
        raise ChannelError("That is not a day.", fix="Write it as 2026-11-30.", status=422, code="no_day") from None
    if day.year not in YEARS:
        fix = f"Choose one from {YEARS[0]} to {YEARS[-1]}."
        raise ChannelError(f"The year {day.year} cannot be shown.", fix=fix, status=422, code="no_day")
    return day
