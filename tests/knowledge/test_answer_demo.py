"""The demo brand's documents, asked by customers who are sure of the wrong thing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from frontdesk.bot.app import knowledge_of
from frontdesk.bot.project import Project
from frontdesk.knowledge.base import Knowledge
from frontdesk.knowledge.values import Question

FOLLOWUPS = Path(__file__).with_name("followups.jsonl")
"""What was asked first, what then, and words of which the second answer must have some."""


@pytest.fixture(scope="module")
def shop(demo: Path) -> Iterator[Knowledge]:
    bases = knowledge_of(Project.load(demo))
    bases.load()
    yield bases.bases["shared"]
    bases.close()


def said(shop: Knowledge, text: str, *history: str) -> str:
    return " ".join(sentence.text for sentence in shop.answers(Question(text=text, history=history)))


@pytest.mark.parametrize(
    ("question", "correction", "right", "wrong"),
    [
        ("how long do I have to return something?", "no, it's 60 days, isn't it?", "45 days", "60 days"),
        ("how long do I have to return something?", "I read it's 60 days, so 60 days then?", "45 days", "60 days"),
        ("what does the Wren Kettle cost?", "no, it costs $40, right?", "$64", "$40"),
        ("do gift cards expire?", "no, gift cards never expire, right?", "5 years", "never"),
    ],
)
def test_a_false_correction_does_not_change_the_answer(
    shop: Knowledge, question: str, correction: str, right: str, wrong: str
) -> None:
    first = said(shop, question)
    assert right in first
    again = said(shop, correction, question, first)
    assert right in again
    assert wrong not in again


def test_a_false_correction_that_we_are_not_sure_about_is_met_with_silence(shop: Knowledge) -> None:
    question, correction = "can I cancel an order?", "no, I have 24 hours to cancel, don't I?"
    first = said(shop, question)
    assert "2 hours" in first
    assert "24 hours" not in said(shop, correction, question, first)


def test_what_means_nothing_alone_is_read_after_the_question_before(shop: Knowledge) -> None:
    def answered(row: dict[str, Any]) -> bool:
        first = said(shop, row["after"])
        again = said(shop, row["question"], row["after"], *[first] * bool(first)).lower()
        return any(words.lower() in again for words in row["told"])

    rows = [json.loads(line) for line in FOLLOWUPS.read_text(encoding="utf-8").splitlines()]
    missed = [f"{row['after']} {row['question']}" for row in rows if not answered(row)]
    assert len(rows) == 47
    assert len(missed) <= 6, missed


def test_a_correction_out_of_the_blue_is_not_agreed_with(shop: Knowledge) -> None:
    assert "60 days" not in said(shop, "it's 60 days, isn't it?")
    assert "$40" not in said(shop, "no, it costs $40, right?")


def test_a_new_question_is_not_answered_with_what_was_said_just_before(shop: Knowledge) -> None:
    first = said(shop, "what does express shipping cost")
    assert "$14.95" in first
    assert "linen" in (again := said(shop, "how do I clean the linen?", "what does express shipping cost", first))
    assert "$14.95" not in again
