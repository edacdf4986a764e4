"""Entities: what rules find, what nlu.yml names, and dates."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from frontdesk.bot.errors import ConfigError
from frontdesk.bot.router.dates import dates
from frontdesk.bot.router.entities import Entities
from frontdesk.bot.router.nlu import read_nlu

TODAY = date(2026, 11, 21)  # a Saturday
NLU = r"""
nlu:
- intent: order_status
  examples: |
    - where is my [blue kettle](product)
    - has the [Wren kettle]{"entity": "product", "value": "KET-01"} shipped
- intent: thanks
  examples: |
    - thanks
    - thank you
- synonym: blue kettle
  examples: |
    - the azure one
- lookup: product
  examples: |
    - teapot
    - cast iron skillet
- lookup: order_id
  examples: |
    - LL-00000
- regex: order_id
  examples: |
    - \bLL-\d{5}\b
- regex: help
  examples: |
    - \bhelp\b
"""


@pytest.fixture(scope="module")
def entities(tmp_path_factory: pytest.TempPathFactory) -> Entities:
    path = tmp_path_factory.mktemp("nlu") / "nlu.yml"
    path.write_text(NLU)
    read = read_nlu(path)
    return Entities(read.lexicon, read.rows, {"sku": r"SKU\d+"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("where is ll-10423?", [("order_id", "ll-10423")]),
        ("is SKU77 the Blue Kettle", [("sku", "SKU77"), ("product", "blue kettle")]),
        ("the wren kettle is broken", [("product", "KET-01")]),
        ("two teapots and a cast iron skillet", [("product", "teapot"), ("product", "cast iron skillet")]),
        ("my teapto leaks", [("product", "teapot")]),
        ("the azure one please", [("product", "blue kettle")]),
        (
            "write to nora.w@example.com or a+b@x.example.org.",
            [("email", "nora.w@example.com"), ("email", "a+b@x.example.org")],
        ),
        ("ordered yesterday: a teapot", [("date", "2026-11-20"), ("product", "teapot")]),
        ("help, tea is cold, pot too", []),
        ("", []),
        ("🙂 \x00", []),
    ],
)
def test_what_is_found(entities: Entities, text: str, expected: list[tuple[str, str]]) -> None:
    found = entities.find(text, TODAY)
    assert [(one.name, one.value) for one in found] == expected
    assert all(text[one.start : one.end].strip() == text[one.start : one.end] != "" for one in found)
    assert all(one.extractor for one in found)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on 2026-03-01", "2026-03-01"),
        ("what did i order in June", "2026-06-01/2026-06-30"),
        ("in december", "2025-12-01/2025-12-31"),
        ("in march 2024", "2024-03-01/2024-03-31"),
        ("last week", "2026-11-09/2026-11-15"),
        ("this month", "2026-11-01/2026-11-30"),
        ("last month", "2026-10-01/2026-10-31"),
        ("last year", "2025-01-01/2025-12-31"),
        ("two weeks ago", "2026-11-07"),
        ("3 months ago", "2026-08-01/2026-08-31"),
        ("the day before yesterday", "2026-11-19"),
        ("last monday", "2026-11-16"),
        ("on saturday", "2026-11-14"),
        ("next friday", "2026-11-27"),
        ("june 5th", "2026-06-05"),
        ("5 Dec", "2026-12-05"),
        ("the 24th of december 2025", "2025-12-24"),
    ],
)
def test_dates(text: str, value: str) -> None:
    assert [one.value for one in dates(text, TODAY)] == [value]


@pytest.mark.parametrize("text", ["may I ask", "31 february", "9999 years ago", "march on", "2026-13-01", "a week"])
def test_what_is_no_date(text: str) -> None:
    assert list(dates(text, TODAY)) == []


def test_a_pattern_that_does_not_compile_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "nlu.yml"
    path.write_text(NLU.replace(r"\bhelp\b", "(help"))
    with pytest.raises(ConfigError, match="regular expression") as caught:
        read_nlu(path)
    assert caught.value.where.endswith("nlu.yml:26")
