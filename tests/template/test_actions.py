"""The demo's account actions, run by the real rasa-sdk executor over the real order database."""

import asyncio
import importlib.util
import itertools
import json
import re
import shutil
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("rasa_sdk")
from rasa_sdk.executor import ActionExecutor

TEMPLATE = Path(__file__).parents[2] / "bot" / "template"
Run = Callable[..., Any]


@pytest.fixture(scope="module")
def actions() -> Iterator[ModuleType]:
    """The template's actions, loaded by path under a name of their own."""
    folder = TEMPLATE / "actions"
    spec = importlib.util.spec_from_file_location(
        "demo_actions", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["demo_actions"] = module
    spec.loader.exec_module(module)
    importlib.import_module("demo_actions.orders")
    yield module
    for name in [name for name in sys.modules if name.startswith("demo_actions")]:
        del sys.modules[name]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A bot project with nothing but the order database's source."""
    shutil.copy(TEMPLATE / "orders.sql", tmp_path)
    return tmp_path


@pytest.fixture
def run(actions: ModuleType, project: Path) -> Run:
    """Runs an action as the framework does and returns the executor's result."""
    executor = ActionExecutor()
    executor.register_package(actions)

    def run(action: str, customer: str | None, order: str | None = None, days: str | None = None) -> Any:
        slots = {"customer_id": customer, "order_id": order, "date": days, "project_dir": str(project)}
        call = {"next_action": action, "tracker": {"sender_id": "test", "slots": slots}, "domain": {}}
        return asyncio.run(executor.run(call))

    return run


@pytest.fixture
def rows(run: Run, project: Path) -> list[sqlite3.Row]:
    """Every order of the database."""
    run("action_my_orders", "C1001")
    with closing(sqlite3.connect(project / "orders.db")) as database:
        database.row_factory = sqlite3.Row
        return database.execute("SELECT * FROM orders ORDER BY id").fetchall()


def only(result: Any) -> dict[str, Any]:
    """The one message of a result."""
    (message,) = result.responses
    assert isinstance(message, dict)
    return message


def facts_in(text: str) -> set[str]:
    """The parts of a text that state a fact: amounts, order and tracking numbers, days."""
    return set(re.findall(r"\$[\d.]*\d|LL-\d{5}|[A-Z]{2}\d{10}|[A-Z][a-z]+day \d+ [A-Z][a-z]+", text))


def test_the_database_is_large_enough(rows: list[sqlite3.Row]) -> None:
    per_customer: dict[str, int] = {}
    for row in rows:
        per_customer[row["customer_id"]] = per_customer.get(row["customer_id"], 0) + 1
    assert len(rows) >= 70
    assert len(per_customer) >= 24
    assert min(per_customer.values()) >= 2
    assert len({row["status"] for row in rows}) == 8


def test_returns_were_sent_back_within_the_return_period(rows: list[sqlite3.Row]) -> None:
    for row in rows:
        if row["returned_days_ago"] is not None:
            assert row["delivered_days_ago"] - row["returned_days_ago"] <= 45 * 5 // 7, row["id"]


def test_totals_are_the_sum_of_lines_and_shipping(rows: list[sqlite3.Row], project: Path) -> None:
    with closing(sqlite3.connect(project / "orders.db")) as database:
        sums = dict(database.execute("SELECT order_id, sum(quantity * price_cents) FROM order_lines GROUP BY order_id"))
    assert all(sums[row["id"]] + row["shipping_cents"] == row["total_cents"] for row in rows)


def test_events_of_an_order_are_in_order(rows: list[sqlite3.Row]) -> None:
    for row in rows:
        names = ("placed", "shipped", "delivered", "returned", "refunded")
        days = [row[f"{name}_days_ago"] for name in names if row[f"{name}_days_ago"] is not None]
        assert days == sorted(days, reverse=True), row["id"]


def test_status_of_ones_own_order_carries_its_record(run: Run) -> None:
    result = run("action_order_status", "C1001", "LL-10423")
    message = only(result)
    record = message["custom"]["record"]
    assert message["text"].startswith("Order LL-10423 is on its way.")
    assert (record["table"], record["id"]) == ("orders", "LL-10423")
    assert record["read_at"].endswith("+00:00")
    assert result.events[0]["name"] == "order_id"


def test_every_order_can_be_told_from_its_fields_alone(run: Run, rows: list[sqlite3.Row]) -> None:
    for row in rows:
        for action in ("action_order_status", "action_order_details"):
            message = only(run(action, row["customer_id"], row["id"]))
            fields = json.dumps(message["custom"]["record"]["fields"], ensure_ascii=False)
            assert row["id"] in message["text"]
            assert "{" not in message["text"]
            assert all(fact in fields for fact in facts_in(message["text"]))


def test_every_list_can_be_told_from_its_fields_alone(run: Run, rows: list[sqlite3.Row]) -> None:
    for customer in {row["customer_id"] for row in rows}:
        message = only(run("action_my_orders", customer))
        fields = json.dumps(message["custom"]["record"]["fields"], ensure_ascii=False)
        own = {row["id"] for row in rows if row["customer_id"] == customer}
        assert set(re.findall(r"LL-\d{5}", message["text"])) <= own
        assert all(fact in fields for fact in facts_in(message["text"]))
        assert len(message["buttons"]) == min(5, len(own))


@pytest.mark.parametrize("action", ["action_order_status", "action_order_details"])
def test_another_customers_order_is_refused_as_an_unknown_one(run: Run, action: str) -> None:
    assert only(run(action, "C1004", "LL-10474"))["custom"]["record"]["id"] == "LL-10474"
    foreign, unknown = run(action, "C1001", "LL-10474"), run(action, "C1001", "LL-99999")
    without = [
        json.dumps(result.responses).replace(number, "") for result, number in ((foreign, "10474"), (unknown, "99999"))
    ]
    assert without[0] == without[1]
    assert foreign.events == unknown.events
    assert only(foreign)["custom"] == {}


@pytest.mark.parametrize(
    "order",
    [
        "' OR 1=1 --",
        "LL-10474'; DROP TABLE orders; --",
        "LL-10423' OR customer_id='C1004",
        "LL-%",
        "LL-1042_",
        "{order_id}",
        "LL-10423\x00",
        "x" * 10_000,
        "LL-\uff11\uff10\uff14\uff12\uff13",
    ],
)
def test_an_order_number_cannot_carry_anything_else(run: Run, order: str) -> None:
    message = only(run("action_order_status", "C1001", order))
    assert message["custom"] == {}
    assert "that order number" in message["text"]
    assert "on its way" in only(run("action_order_status", "C1001", "LL-10423"))["text"]


@pytest.mark.parametrize("customer", ["C9999", "C1001' OR '1'='1", "%"])
def test_a_customer_without_orders_sees_none(run: Run, customer: str) -> None:
    for action in ("action_order_status", "action_my_orders"):
        assert only(run(action, customer))["text"] == "I can't see any orders on your account yet."


@pytest.mark.parametrize("action", ["action_order_status", "action_order_details", "action_my_orders"])
def test_nothing_is_said_to_an_unverified_customer(run: Run, action: str) -> None:
    message = only(run(action, None, "LL-10423"))
    assert message["custom"] == {}
    assert facts_in(message["text"]) == set()


@pytest.mark.parametrize("order", ["LL-10423", "ll-10423", "LL10423", "10423", "#10423", " LL 10423 "])
def test_order_numbers_may_be_written_loosely(run: Run, order: str) -> None:
    assert only(run("action_order_status", "C1001", order))["custom"]["record"]["id"] == "LL-10423"


def test_the_only_open_order_is_meant(run: Run) -> None:
    assert only(run("action_order_status", "C1001"))["custom"]["record"]["id"] == "LL-10423"


def test_several_open_orders_are_offered_as_buttons(run: Run) -> None:
    message = only(run("action_order_status", "C1002"))
    payloads = [button["payload"] for button in message["buttons"]]
    assert payloads == [f'/order_status{{"order_id":"LL-{number}"}}' for number in (10480, 10473, 10464)]
    assert message["custom"]["record"]["customer_id"] == "C1002"


def test_past_orders_are_offered_when_none_is_open(run: Run) -> None:
    message = only(run("action_order_details", "C1003"))
    assert [button["payload"][:15] for button in message["buttons"]] == ["/order_details{"] * 3


def test_details_name_items_and_total(run: Run) -> None:
    text = only(run("action_order_details", "C1001", "LL-10423"))["text"]
    assert "1 × Wren Kettle 1.7 L in blue ($64)" in text
    assert "The total was $88, including free standard shipping." in text


def test_the_database_is_built_once_and_whole_by_many_at_once(run: Run, project: Path) -> None:
    texts: list[str] = []
    threads = [
        threading.Thread(target=lambda: texts.append(only(run("action_my_orders", "C1001"))["text"])) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(texts) == 6
    assert len(set(texts)) == 1
    assert sorted(path.name for path in project.iterdir()) == ["orders.db", "orders.sql"]


def test_a_broken_source_leaves_nothing_behind(run: Run, project: Path) -> None:
    (project / "orders.sql").write_text("CREATE TABLE orders (", encoding="utf-8")
    with pytest.raises(sqlite3.Error):
        run("action_my_orders", "C1001")
    assert [path.name for path in project.iterdir()] == ["orders.sql"]


def test_working_days_never_fall_on_a_weekend_and_count_right(actions: ModuleType) -> None:
    records = sys.modules["demo_actions.records"]
    for start in (date(2026, 11, 16) + timedelta(days=day) for day in range(14)):
        before = [records.working_days_before(start, days) for days in range(30)]
        after = [records.working_days_after(start, days) for days in range(30)]
        assert before[0] <= start
        assert all(day.weekday() < 5 for day in before + after)
        assert all((one - two).days in {1, 3} for one, two in itertools.pairwise(before))
        assert all((two - one).days in {1, 3} for one, two in itertools.pairwise(after[1:]))
        assert start <= after[0] <= after[1]


def test_days_are_said_as_people_say_them(actions: ModuleType) -> None:
    wording = sys.modules["demo_actions.wording"]
    today = date(2026, 11, 21)
    assert wording.day(date(2026, 11, 17), today) == "Tuesday 17 November"
    assert wording.day(date(2025, 12, 1), today) == "Monday 1 December 2025"
    assert [wording.money(cents) for cents in (6400, 8895, 5)] == ["$64", "$88.95", "$0.05"]


@pytest.mark.parametrize("action", ["action_order_details", "action_my_orders"])
def test_days_that_are_named_choose_the_order_that_was_placed_on_them(run: Run, action: str) -> None:
    lately = f"{date.today() - timedelta(30)}/{date.today()}"
    (told,) = run(action, "C1003", days=lately).responses
    assert re.findall(r"LL-\d{5}", told["text"]) == ["LL-10462"]
    none, every = run(action, "C1003", days="1999-06-01/1999-06-30").responses
    assert "from that time" in none["text"]
    assert len(set(re.findall(r"LL-\d{5}", every["text"]))) == 3


def test_the_day_of_a_delivery_is_not_taken_for_that_of_an_order(run: Run) -> None:
    (told,) = run("action_order_status", "C1001", days="1999-06-01").responses
    assert "LL-10423" in told["text"]
    assert run("action_order_status", "C1001", days="soon").responses[0]["text"] == told["text"]
