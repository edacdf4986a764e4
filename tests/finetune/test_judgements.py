"""Judgements: pairs that hide where their replies come from, and agreement counted only on what was not learned."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from frontdesk.bot.errors import ConfigError
from frontdesk.finetune.evaluate.contrast import STYLES, contrast_replies, styles
from frontdesk.finetune.evaluate.judgements import Reply, answers, make, score
from frontdesk.finetune.evaluate.style import StyleScorer

JUDGED = styles()[::5]
REPLIES = [
    Reply(origin=style, intent=row.intent, message=row.message, text=row.replies[style])
    for row in JUDGED
    for style in STYLES
]


def rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_pairs_hide_their_origin_and_follow_from_the_salt(tmp_path: Path) -> None:
    assert make(REPLIES, tmp_path / "one", count=40, salt="s") == 40
    make(REPLIES, tmp_path / "two", count=40, salt="s")
    make(REPLIES, tmp_path / "three", count=40, salt="t")
    pairs = rows(tmp_path / "one" / "pairs.jsonl")
    assert pairs == rows(tmp_path / "two" / "pairs.jsonl")
    assert pairs != rows(tmp_path / "three" / "pairs.jsonl")
    assert set(pairs[0]) == {"id", "intent", "message", "a", "b"}
    _, *origins = rows(tmp_path / "one" / "origins.jsonl")
    firsts = [row["a"] for row in origins]
    assert len(set(firsts)) == 3
    kinds = [frozenset((row["a"], row["b"])) for row in origins]
    assert {kinds.count(kind) for kind in set(kinds)} <= {13, 14}


def test_agreement_leaves_out_what_the_scorer_learned(tmp_path: Path) -> None:
    make(REPLIES, tmp_path, count=40, salt="s")
    written = {reply.text for reply in REPLIES}
    fitted = [reply for reply in contrast_replies() if reply.text not in written]
    scorer = StyleScorer.fit(fitted, {})
    _, *origins = rows(tmp_path / "origins.jsonl")
    warm = [row for row in origins if "warm" in (row["a"], row["b"])]
    judged = [{"id": row["id"], "question": "warm", "choice": "a" if row["a"] == "warm" else "b"} for row in warm]
    found = score(tmp_path, judged, scorer, set())
    assert found["scored"] == len(warm) >= 20
    assert found["agreement"] > 0.8
    wrong = [{**row, "choice": "b" if row["choice"] == "a" else "a"} for row in judged]
    assert score(tmp_path, wrong, scorer, set())["agreement"] == pytest.approx(1 - found["agreement"], abs=1e-3)
    assert score(tmp_path, judged, scorer, written)["scored"] == 0


def test_changed_pairs_and_odd_judgements_are_refused(tmp_path: Path) -> None:
    make(REPLIES, tmp_path, count=10, salt="s")
    scorer = StyleScorer.fit(contrast_replies(), {})
    with pytest.raises(ConfigError, match="judgement 1"):
        score(tmp_path, [{"id": "p001", "question": "warm", "choice": "both"}], scorer, set())
    (tmp_path / "pairs.jsonl").write_text("{}\n")
    with pytest.raises(ConfigError, match="not those that were drawn"):
        score(tmp_path, [], scorer, set())


def test_answers_come_from_the_files_of_eval_voice(tmp_path: Path) -> None:
    row = {"intent": "thanks", "text": "ta", "reply": "Any time.", "draft": "Any time!"}
    (tmp_path / "warm.jsonl").write_text(json.dumps(row) + "\n")
    (reply,) = answers(f"warm={tmp_path / 'warm.jsonl'}", raw=False)
    assert reply == Reply(origin="warm", intent="thanks", message="ta", text="Any time.")
    assert answers(f"warm={tmp_path / 'warm.jsonl'}", raw=True)[0].text == "Any time!"
    with pytest.raises(ConfigError):
        answers("warm.jsonl", raw=False)
