"""The labelled messages of benchmarks/hybrid.py: whole, each said once, and none that the router learns from."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from frontdesk.bot.router.nlu import read_nlu

HERE = Path(__file__).parent
TEMPLATE = HERE.parents[1] / "bot" / "template"
FIELDS = {
    "routine": {"text", "kind"},
    "factual": {"text", "kind", "doc_ids"},
    "account": {"text", "kind", "customer"},
    "mixed": {"text", "kind", "doc_ids", "customer", "routes"},
    "out_of_scope": {"text", "kind"},
}


def plain(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())


def texts_of(path: Path) -> set[str]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {plain(row.get("text") or row["question"]) for row in rows}


TUNING = "hybrid_tuning.jsonl"
"""What the router was tuned on; the other set is measured with."""


@pytest.fixture(scope="module", params=["hybrid.jsonl", TUNING])
def rows(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (HERE / request.param).read_text(encoding="utf-8").splitlines()]


def test_the_kinds_are_all_there_and_rows_hold_what_their_kind_needs(rows: list[dict[str, Any]]) -> None:
    counts = Counter(row["kind"] for row in rows)
    assert len(rows) >= 150
    assert set(counts) == set(FIELDS)
    assert min(counts.values()) >= 20
    assert all(set(row) <= FIELDS[row["kind"]] for row in rows)
    assert all(row["doc_ids"] for row in rows if row["kind"] == "factual")
    for row in rows:
        if row["kind"] == "mixed":
            assert len(row["routes"]) == 2
            assert ("knowledge" in row["routes"]) == ("doc_ids" in row)
            assert ("account" in row["routes"]) == ("customer" in row)


def test_the_documents_and_customers_exist(rows: list[dict[str, Any]]) -> None:
    named = {name for row in rows for name in row.get("doc_ids", ())}
    assert [name for name in sorted(named) if not (TEMPLATE / name).is_file()] == []
    with sqlite3.connect(":memory:") as orders:
        orders.executescript((TEMPLATE / "orders.sql").read_text(encoding="utf-8"))
        known = {name for (name,) in orders.execute("SELECT id FROM customers")}
    orders.close()
    assert {row["customer"] for row in rows if "customer" in row} <= known


def test_no_message_is_said_twice_or_known_from_elsewhere(rows: list[dict[str, Any]]) -> None:
    said = Counter(plain(row["text"]) for row in rows)
    assert [text for text, times in said.items() if times > 1] == []
    assert [one.text for one in read_nlu(TEMPLATE / "nlu.yml").rows if plain(one.text) in said] == []
    others = [HERE / "requests.jsonl", *sorted((HERE.parent / "knowledge").glob("*questions.jsonl"))]
    assert {text for path in others for text in texts_of(path) if text in said} == set()


def test_what_is_measured_with_was_not_tuned_on() -> None:
    assert texts_of(HERE / "hybrid.jsonl") & texts_of(HERE / TUNING) == set()
