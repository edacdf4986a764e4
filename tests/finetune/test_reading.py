"""The answer reader's training data: what answers is told from what only looks like it, over real indexes."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from frontdesk.bot import config
from frontdesk.bot.errors import KnowledgeError
from frontdesk.finetune.reading.make import QUESTIONS, held, pairs
from frontdesk.knowledge.base import Knowledge
from frontdesk.knowledge.values import Document
from tests.knowledge.knowledge_samples import Hashing

TEXT = """# Router

The light blinks red when the line is down. Pull the plug, wait ten seconds and put it back.

## Guarantee

The router is guaranteed for two years.
"""
CURE = "Pull the plug, wait ten seconds and put it back."
ECHO = "The light blinks red when the line is down."


def rows(**more: object) -> list[dict[str, object]]:
    start, echo = TEXT.index(CURE), TEXT.index(ECHO)
    asked = {"doc": "help/router.md", "question": "why does the light blink red?", **more}
    return [{"spans": [[start, start + len(CURE)]], "near": [[echo, echo + len(ECHO)]], **asked}]


@pytest.fixture
def base(tmp_path: Path) -> Knowledge:
    made = Knowledge(tmp_path, Hashing(), config.Knowledge())
    made.put([Document(id="/en/help/router.md", title="Router", text=TEXT)])
    return made


def test_what_answers_and_what_repeats_the_question(base: Knowledge) -> None:
    with base.lease() as index:
        made = list(pairs(index, Hashing(), rows(), random.Random(1)))
    labels = {one["second"].removeprefix("Router: "): one["label"] for one in made}
    assert (
        labels.items() >= {CURE: 1, ECHO: 0, "Router — Guarantee: The router is guaranteed for two years.": 0}.items()
    )
    assert all(one["first"] == "why does the light blink red?" for one in made)
    assert {one["weight"] for one in made if one["label"]} > {1.0} or all(
        one["weight"] > 1 for one in made if one["label"]
    )
    base.close()


def test_a_question_that_nothing_answers_has_no_right_pair(base: Knowledge) -> None:
    with base.lease() as index:
        made = list(pairs(index, Hashing(), rows(spans=[]), random.Random(1)))
    assert made
    assert not any(one["label"] for one in made)
    base.close()


def test_questions_of_other_documents_are_refused(base: Knowledge) -> None:
    with base.lease() as index, pytest.raises(KnowledgeError, match=r"no 'help/oven\.md'"):
        list(pairs(index, Hashing(), rows(doc="help/oven.md"), random.Random(1)))
    base.close()


@pytest.mark.parametrize("name", ["banking", "dstc10", "pages", "plausible"])
def test_the_questions_are_well_formed(name: str) -> None:
    lines = (QUESTIONS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [json.loads(line) for line in lines]
    assert all(
        {"doc", "question", "spans"} <= row.keys() <= {"doc", "question", "spans", "near", "history"} for row in asked
    )
    assert all(start < end for row in asked for start, end in [*row["spans"], *row.get("near", [])])
    assert len({(row["doc"], row["question"]) for row in asked}) == len(asked)
    assert 0.1 < sum(not row["spans"] for row in asked) / len(asked) < 0.3
    assert 0 < sum(held(f"{name}/{row['doc']}") for row in asked) < len(asked) / 3


def test_our_own_pages_hold_what_the_questions_point_at() -> None:
    for line in (QUESTIONS / "pages.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        page = (QUESTIONS / ".." / "pages" / row["doc"]).read_text(encoding="utf-8")  # type: ignore[union-attr]
        assert all(end <= len(page) and page[start:end].strip() for start, end in row["spans"])
