"""Transcripts in: what is read, what is skipped and why, which pairs are learned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from frontdesk.bot.errors import ConfigError
from frontdesk.finetune.transcripts import Report, pairs, read_transcripts


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
