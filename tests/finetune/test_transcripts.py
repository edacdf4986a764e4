"""Transcripts in: what is read, what is skipped and why, which pairs are learned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from frontdesk.bot.app import objection_of
from frontdesk.bot.config import Project
from frontdesk.bot.errors import ConfigError
from frontdesk.finetune.dataset import build_dataset
from frontdesk.finetune.transcripts import Pair, Report, pairs, read_transcripts

TEMPLATE = Path(__file__).parents[2] / "bot" / "template"


def turn(role: str, text: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "text": text, **more}


def write(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def test_a_broken_line_is_skipped_with_its_place_and_reason(tmp_path: Path) -> None:
    good = {"id": "1", "turns": [turn("customer", "hi"), turn("agent", "Hello.")], "meta": {"intent": "greeting"}}
    file = write(tmp_path / "t.jsonl", good, "{not json", {"id": "2", "turns": [turn("robot", "x")]}, "")
    report = Report()
    assert len(list(read_transcripts([file], report=report))) == 1
    assert [where for where, _ in report.examples] == ["t.jsonl:2", "t.jsonl:3"]
    assert report.skipped == {"broken row": 2}
    assert "role" in report.examples[1][1]


@pytest.mark.parametrize("content", ["", "{broken", "[]"])
def test_nothing_readable_is_an_error_that_says_how_to_write_it(tmp_path: Path, content: str) -> None:
    with pytest.raises(ConfigError, match="no transcript"):
        list(read_transcripts([write(tmp_path / "t.jsonl", content)], report=Report()))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no\.jsonl"):
        read_transcripts([tmp_path / "no.jsonl"], report=Report())


def test_an_intent_on_the_turn_goes_before_the_transcripts(tmp_path: Path) -> None:
    turns = [turn("customer", "hi"), turn("agent", "Hello."), turn("customer", "bye", intent="goodbye"),
             turn("agent", "Bye."), turn("agent", "Really.")]  # fmt: skip
    file = write(tmp_path / "t.jsonl", {"id": "1", "turns": turns, "meta": {"intent": "greeting"}})
    found = list(pairs(read_transcripts([file], report=Report())))
    assert [(pair.intent, pair.reply) for pair in found] == [("greeting", "Hello."), ("goodbye", "Bye.\nReally.")]
    assert {pair.conversation for pair in found} == {"1"}


def test_pairs_that_promise_or_repeat_are_dropped_and_counted() -> None:
    brand = Project.load(TEMPLATE).settings.brands["larkspur"]
    found = [
        Pair(intent="greeting", message="hi", reply="Hello, how can I help?"),
        Pair(intent="greeting", message="hi", reply="Hello, how can I help?"),
        Pair(intent="complaint", message="bad", reply="Sorry, we will refund you $40. A person can help."),
        Pair(intent="order_status", message="where", reply="Let me look."),
    ]
    data = build_dataset(found, objection=objection_of(brand), held_out=0.0)
    assert len(data.train) == 1
    assert data.dropped == {"duplicate": 1, "states a fact": 1, "not a voice intent": 1}


def test_the_split_is_the_same_every_time_and_the_data_has_a_name() -> None:
    found = [Pair(intent=f"i{n % 3}", message=str(n), reply=f"reply {n}") for n in range(60)]
    first = build_dataset(found, objection=lambda pair: "", seed=1)
    again = build_dataset(found, objection=lambda pair: "", seed=1)
    assert (first.held_out, first.sha256) == (again.held_out, again.sha256)
    assert len(first.held_out) == 6
    assert first.sha256 != build_dataset(found[1:], objection=lambda pair: "", seed=1).sha256
