"""/admin/numbers, its CSV and /metrics: for operators only, in words that say what is counted, well-formed."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from frontdesk.bot.commands.observing import observing
from frontdesk.bot.config import Settings
from frontdesk.bot.observed import Meters
from frontdesk.bot.people import Agent
from frontdesk.bot.project import Project
from frontdesk.channels.metrics import metrics_router
from frontdesk.channels.numbers import NumbersPages, numbers_routes
from frontdesk.channels.numbers_chart import Series, chart
from frontdesk.channels.operator import Operator
from tests.bot.desks import desk_of, opened
from tests.bot.test_handoff import PLAIN
from tests.channels.wire import served

TOKEN = "an-operator-token-of-these-tests"
SIGNED = {"Authorization": f"Bearer {TOKEN}"}
SHARES = ("involved", "alone", "said_so", "no_return", "handed_over", "clarified", "unanswered", "satisfied")


def figures(n: int, of: int) -> dict[str, Any]:
    share = {"n": n, "of": of, "share": n / of if of else None, "low": 0.1 if of else None, "high": 0.9 if of else None}
    times = {"n": of, "p50": 0.4 if of else None, "p95": 3.0 if of else None}
    return {name: share for name in SHARES} | {
        "cases": of,
        "messages": 3 * of,
        "small_talk": 1,
        "undecided": 2,
        "first_response": times,
        "seconds": 1.5 * of,
        "spent": {"tokens_in": 900 * of, "tokens_out": 20 * of, "tokens_here": 7, "uncounted": 3, "cost": 0.5 * of},
        "spent_decided": 1.5,
    }


MODELS = (
    {"model": "m-large", "provider": "openai", "calls": 4, "uncounted": 3, "tokens_in": 3600, "tokens_out": 80}
    | {"cost": 2.0},
    {"model": "frontdesk-base", "provider": "frontdesk", "calls": 2, "uncounted": 0, "tokens_in": 5, "tokens_out": 2}
    | {"cost": 0.0},
)


class Counted:
    """Answers with made-up numbers and remembers what was asked."""

    def __init__(self, models: tuple[Mapping[str, Any], ...] = MODELS) -> None:
        self.asked: tuple[date, date, str, int] | None = None
        self.models = models

    async def __call__(self, since: date, until: date, brand: str, days: int) -> Mapping[str, Any]:
        self.asked = (since, until, brand, days)
        dates = [since + timedelta(n) for n in range((until - since).days)]
        return {
            "since": since.isoformat(),
            "until": until.isoformat(),
            "brand": brand,
            "days": days,
            "whole": figures(3, 4),
            "by_day": [{"day": one.isoformat(), **figures(n, 4 * n)} for n, one in enumerate(dates)],
            "reasons": [{"trigger": "asked", "intent": "<b>human</b>", "n": 2}],
            "models": self.models,
            "voices": [{"voice": "warm@3", "messages": 9, "satisfied": figures(1, 2)["involved"]}],
        }


def people(role: Literal["agent", "admin"]) -> dict[str, Agent]:
    return {"ana": Agent(name="Ana", token=SecretStr("token-of-ana-for-tests"), role=role)}


def get(
    path: str,
    *,
    counted: Counted | None = None,
    open_metrics: bool = False,
    signed: bool = True,
    agents: Mapping[str, Agent] | None = None,
) -> httpx.Response:
    async def scraped() -> str:
        return "frontdesk_turns_total 1\n"

    app, operator = FastAPI(), Operator(TOKEN, agents)
    brands = {"b": "Larkspur Lane", "c": "Studio"}
    app.include_router(numbers_routes(NumbersPages(operator=operator, ask=counted or Counted(), brands=brands)))
    app.include_router(metrics_router(scraped, None if open_metrics else operator))

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
            hers = {"Authorization": "Bearer token-of-ana-for-tests"} if agents else SIGNED
            return await client.get(path, headers=hers if signed else {})

    return asyncio.run(asked())


@pytest.mark.parametrize("path", ["/admin/numbers", "/admin/numbers.csv", "/metrics"])
def test_only_operators_see_them(path: str) -> None:
    assert get(path, signed=False).status_code in (401, 303)
    assert get(path).status_code == 200
    assert get(path, agents=people("admin")).status_code == 200
    assert get(path, agents=people("agent")).status_code == 403


@pytest.mark.parametrize(("role", "status"), [("admin", 200), ("agent", 403)])
def test_a_server_lets_its_agents_who_are_admins_see_them(
    tmp_path: Path, role: Literal["agent", "admin"], status: int
) -> None:
    async def go() -> None:
        settings = Settings(brands={"b": PLAIN}, agents=people(role))
        async with opened(desk_of(tmp_path, PLAIN)) as desk:
            router = observing(Project(folder=tmp_path, settings=settings), desk, Meters(), TOKEN)
            async with served(router) as client:
                hers = {"Authorization": "Bearer token-of-ana-for-tests"}
                for path in ("/admin/numbers", "/admin/numbers.csv", "/metrics"):
                    assert (await client.get(path, headers=hers)).status_code == status, path

    asyncio.run(go())


def test_metrics_may_be_opened() -> None:
    answer = get("/metrics", open_metrics=True, signed=False)
    assert (answer.status_code, answer.text) == (200, "frontdesk_turns_total 1\n")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_the_page_says_what_each_figure_means_and_rests_on() -> None:
    answer = get("/admin/numbers?since=2026-01-01&until=2026-01-10&brand=b&days=3")
    text = answer.text
    for said in (
        "75 %",
        "3 of 4; 95 %: 10 to 90 %",
        "wrote nothing more in 3 days",
        "a bare “thanks” is only polite",
        "Left out: 2 that are younger, and 1 of mere small talk",
        "400 ms",
        "asked for a person",
        "warm@3",
        "2026-01-02: the bot alone 1",
        "/admin/numbers.csv?brand=b&amp;since=2026-01-01&amp;until=2026-01-10&amp;days=3&amp;what=days",
        "days=3&amp;what=voices",
    ):
        assert said in text, said
    assert "<b>human</b>" not in text
    assert text.count('<div class="sideways" tabindex="0"><table') == text.count('<table class="counted">') > 0
    assert not re.search(r"\sstyle=|<script|\son\w+=", text)
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_what_models_cost_is_told_by_case_by_resolution_and_by_model() -> None:
    text = get("/admin/numbers").text
    for said in ("3,600 read, 80 written", "3 calls named no tokens", "2.00 in all, over 4 cases", "m-large"):
        assert said in text, said
    assert "0.25" in text, "1.50 over 3 + 3 resolved cases"
    assert "have no price" not in text


def test_that_no_model_on_a_server_was_asked_is_said() -> None:
    text = get("/admin/numbers", counted=Counted(MODELS[1:])).text
    assert "no tokens were bought. Models in this process read and wrote 7." in text
    assert "in this process" in text


def test_what_is_asked_for_is_what_is_counted() -> None:
    counted = Counted()
    get("/admin/numbers?since=2026-01-01&until=2026-01-10&brand=c&days=14", counted=counted)
    assert counted.asked == (date(2026, 1, 1), date(2026, 1, 11), "c", 14)
    get("/admin/numbers", counted=counted)
    assert counted.asked is not None
    since, until, brand, days = counted.asked
    assert ((until - since).days, brand, days) == (30, "", 7)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("since=yesterday", "That is not a day."),
        ("since=2026-02-01&until=2026-01-01", "cannot be shown"),
        ("since=2020-01-01&until=2026-01-01", "1 to 366 days"),
        ("brand=nobody", "no such brand"),
        ("until=0001-01-05", "The year 1 cannot be shown."),
        ("until=9999-12-31", "from 2000 to 9998"),
        ("since=9999-12-31&until=9999-12-31", "from 2000 to 9998"),
    ],
)
def test_a_time_that_makes_no_sense_is_said(query: str, says: str) -> None:
    page = get(f"/admin/numbers?{query}")
    assert page.status_code == 422
    assert says in page.text
    assert get(f"/admin/numbers.csv?{query}").status_code in (404, 422)


def test_the_csv_has_a_row_per_day_with_what_each_share_rests_on() -> None:
    answer = get("/admin/numbers.csv?since=2026-01-01&until=2026-01-03")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["day"] for row in rows] == ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert (rows[0]["said_so"], rows[0]["said_so_n"], rows[0]["said_so_of"]) == ("", "0", "0")
    assert (rows[1]["said_so"], rows[1]["said_so_n"], rows[1]["said_so_of"]) == ("0.25", "1", "4")
    assert rows[2]["first_response_p95_seconds"] == "3"
    spent = [rows[2][name] for name in ("tokens_in", "tokens_out", "tokens_in_process", "uncounted_calls", "cost")]
    assert spent == ["7200", "160", "7", "3", "4"]
    assert 'filename="numbers-days-2026-01-01-2026-01-03.csv"' in answer.headers["content-disposition"]


@pytest.mark.parametrize(
    ("what", "row"),
    [
        ("reasons", {"trigger": "asked", "intent": "<b>human</b>", "n": "2"}),
        ("voices", {"voice": "warm@3", "satisfied_of": "2"}),
        ("models", {"model": "m-large", "uncounted": "3"}),
    ],
)
def test_reasons_voices_and_models_are_csv_too(what: str, row: dict[str, str]) -> None:
    answer = get(f"/admin/numbers.csv?what={what}")
    found = list(csv.DictReader(io.StringIO(answer.text)))
    assert any(row.items() <= one.items() for one in found), found
    assert get("/admin/numbers.csv?what=secrets").status_code == 422


def test_a_chart_leaves_out_what_is_not_known() -> None:
    drawn = chart("T", ["2026-01-01", "2026-01-02", "2026-01-03"], (Series("a", [None, 2, 3]),), str)
    assert drawn.count("<circle") == 2
    bars = chart("T", ["2026-01-01", "2026-01-02"], (Series("a", [0, 2]), Series("b", [1, 1])), str, stacked=True)
    assert bars.count("<rect") == 3
    assert chart("T", [], (Series("a", []),), str).startswith("<figure")
