"""The questions that knowledge is measured on: well-formed, balanced, and about documents that exist."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
REGISTERS = {"plain", "typo", "indirect", "long", "followup"}
KINDS = {"single", "multi", "either", "absent"}
OPTIONAL = {"history", "misleading"}
REQUIRED = {"id", "question", "answer", "doc_ids", "answerable", "kind", "register", "split"}
ENOUGH = {"arduino": (100, 50), "policies": (40, 20), "demo": (20, 8), "plain": (50, 10)}
"""Answerable and unanswerable questions that each set has at least."""
RUN = 7
"""Words in a row that count as copied."""
PAGES = {"arduino": "helpcentre_arduino", "policies": "policies_37signals"}
SETS = [name for name in ENOUGH if (HERE / f"{name}_questions.jsonl").is_file()]


def rows_of(name: str) -> list[dict[str, Any]]:
    lines = (HERE / f"{name}_questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def split_of(identity: str) -> str:
    return "test" if int(hashlib.sha256(identity.encode()).hexdigest(), 16) % 2 else "dev"


def assert_well_formed(row: Mapping[str, Any]) -> None:
    assert REQUIRED <= set(row) <= REQUIRED | OPTIONAL
    assert row["question"].strip()
    assert row["register"] in REGISTERS
    assert row["kind"] in KINDS
    assert row["split"] == split_of(row["id"])
    assert (row["register"] == "followup") == bool(row.get("history"))
    assert row["answerable"] == bool(row["doc_ids"]) == bool(row["answer"]) == (row["kind"] != "absent")
    assert len(set(row["doc_ids"])) == len(row["doc_ids"])
    assert (row["kind"] in {"multi", "either"}) == (len(row["doc_ids"]) > 1)


@pytest.mark.parametrize("name", SETS)
def test_every_row_is_well_formed(name: str) -> None:
    for row in rows_of(name):
        assert_well_formed(row)


@pytest.mark.parametrize("name", SETS)
def test_no_id_and_no_question_stands_twice(name: str) -> None:
    rows = rows_of(name)
    asked = Counter((row["question"].lower(), *row.get("history", ())) for row in rows)
    assert len({row["id"] for row in rows}) == len(rows)
    assert max(asked.values()) == 1


@pytest.mark.parametrize("name", SETS)
def test_there_are_enough_of_both_kinds_in_both_halves(name: str) -> None:
    rows = rows_of(name)
    answerable, unanswerable = ENOUGH[name]
    assert sum(row["answerable"] for row in rows) >= answerable
    assert sum(not row["answerable"] for row in rows) >= unanswerable
    halves = Counter((row["split"], row["answerable"]) for row in rows)
    assert len(halves) == 4
    assert min(halves.values()) >= 3


@pytest.mark.parametrize("name", [name for name in SETS if name in PAGES])
def test_the_documents_named_exist(name: str, shared_data: Path) -> None:
    index = (shared_data / PAGES[name] / "index.jsonl").read_text(encoding="utf-8").splitlines()
    known = {json.loads(line)["path"] for line in index}
    named = {identity for row in rows_of(name) for identity in row["doc_ids"]}
    assert named <= known


@pytest.mark.parametrize("name", [name for name in SETS if name in PAGES])
def test_answers_and_questions_are_in_our_own_words(name: str, shared_data: Path) -> None:
    pages = (shared_data / PAGES[name] / "pages").rglob("*.md")
    text = " ".join(" ".join(page.read_text(encoding="utf-8").lower().split()) for page in pages)
    for row in rows_of(name):
        for said in (row["question"], row["answer"]):
            words = said.lower().split()
            runs = (" ".join(words[at : at + RUN]) for at in range(len(words) - RUN + 1))
            assert not any(run in text for run in runs), said


@pytest.mark.parametrize("name", ["demo", "plain"])
def test_the_demo_documents_named_are_in_the_template(name: str) -> None:
    template = HERE.parents[1] / "bot" / "template"
    named = {identity for row in rows_of(name) for identity in row["doc_ids"]}
    assert all((template / identity).is_file() for identity in named)


@pytest.mark.parametrize("name", ["banking", "dstc10", "pages", "plausible"])
def test_marked_questions_are_well_formed(name: str) -> None:
    rows = [json.loads(line) for line in (HERE / "marked/questions" / f"{name}.jsonl").read_text().splitlines()]
    needed, known = {"doc", "question", "spans"}, {"doc", "question", "spans", "near", "history"}
    assert all(needed <= row.keys() <= known for row in rows)
    assert all(start < end for row in rows for start, end in [*row["spans"], *row.get("near", [])])
    assert len({(row["doc"], row["question"]) for row in rows}) == len(rows)
    assert 0.1 < sum(not row["spans"] for row in rows) / len(rows) < 0.3


def test_our_pages_hold_what_is_marked_in_them() -> None:
    for line in (HERE / "marked/questions/pages.jsonl").read_text().splitlines():
        row = json.loads(line)
        page = (HERE / "marked/pages" / row["doc"]).read_text(encoding="utf-8")
        assert all(end <= len(page) and page[start:end].strip() for start, end in row["spans"])
