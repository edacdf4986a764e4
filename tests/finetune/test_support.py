"""The support check's training: what is said truly and falsely of a quote, and a run from pairs to a scorer."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from frontdesk.adapters.pair_scorer import PairScorer
from frontdesk.finetune import pair_scorer as module
from frontdesk.finetune.pair_scorer import Pair, Recipe, bar, logits, read_rows, train
from frontdesk.finetune.support import restate
from frontdesk.finetune.support.make import Said, begin_row, pairs_of, part_of, quotes_of, written
from frontdesk.knowledge.support import evidence
from frontdesk.knowledge.values import Document

QUOTE = "If you return unused items within 45 days, we refund the full price (shipping is not refunded)."


def rng() -> random.Random:
    return random.Random(4)


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        (restate.figure, "45"),
        (restate.unit, "days"),
        (restate.unconditional, "If you return"),
        (restate.stronger, "unused"),
        (restate.negation, " not "),
        (restate.other, "full price"),
    ],
)
def test_a_corruption_changes_what_it_is_named_for(change: restate.Change, gone: str) -> None:
    tried = [change(QUOTE, random.Random(seed)) for seed in range(30)]
    assert all(said and said != QUOTE for said in tried)
    assert any(gone not in said for said in tried)


def test_a_change_that_does_not_apply_gives_nothing() -> None:
    plain = "Linen softens."
    assert [change(plain, rng()) for change in (restate.figure, restate.unit, restate.unconditional)] == ["", "", ""]
    assert restate.word(plain, rng(), []) == ""


def test_a_restatement_keeps_the_figures() -> None:
    assert all("45" in restate.restated(QUOTE, random.Random(seed)) for seed in range(50))


def test_pairs_have_both_labels_and_are_the_same_every_time() -> None:
    texts = ["You can send it back within 45 days of delivery.", "The kettle holds 1.7 L and boils in 4 minutes."]
    documents = [Document(id=str(k), title="Help", text=f"{text} {text[:-1]} too.") for k, text in enumerate(texts)]
    made = []
    for _ in range(2):
        said: list[Said] = list(quotes_of(documents, rng()))
        made.append(list(pairs_of(said, said, rng())))
    assert made[0] == made[1]
    assert {row["label"] for row in made[0]} == {0, 1}
    assert all(row["second"] and row["first"] for row in made[0])


def test_written_pairs_come_in_twos_and_one_half_is_kept_for_the_report() -> None:
    rows = written()
    assert sum(row["label"] for row in rows) * 2 == len(rows)
    firsts = {part: {row["first"] for row in rows if row["part"] == part} for part in ("train", "test")}
    assert not firsts["train"] & firsts["test"]


def test_a_context_of_begin_is_in_one_part_whole(shared_data: Path) -> None:
    rows = [json.loads(line) for line in (shared_data / "begin/dev.jsonl").read_text().splitlines()]
    parts = {name: [row for row in rows if part_of(row["context"]) == name] for name in ("train", "bar", "report")}
    assert min(len(part) for part in parts.values()) > 100
    assert not {row["context"] for row in parts["train"]} & {row["context"] for row in parts["report"]}
    assert {begin_row(row)["label"] for row in parts["report"]} == {0, 1}


def test_evidence_is_what_shares_most_in_its_order() -> None:
    text = "Birds sing. " * 40 + "Returns take 45 days. " + "Fish swim. " * 40 + "Refunds are paid by card."
    assert evidence(text, "returns take 45 days, refunds by card", words=10).startswith("Returns take 45 days.")
    assert evidence("Short text.", "anything") == "Short text."


def test_the_bar_parts_two_labels() -> None:
    assert 0.2 < bar([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1]) < 0.8


def test_a_run_writes_a_scorer_that_the_runtime_reads_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAVE_EVERY", 2)
    rows = [{"first": QUOTE, "second": said, "label": label} for said, label in (("45 days", 1), ("9 days", 0))] * 4
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pairs, recipe = read_rows(tmp_path / "pairs.jsonl"), Recipe(rank=2, batch=2, threads=1)
    model = train(pairs, pairs, tmp_path / "tiny", recipe, {"data": "two pairs"})
    exact = logits(model, pairs[:2], recipe)
    found = PairScorer(tmp_path / "tiny", tmp_path / "cache").score([(one.first, one.second) for one in pairs[:2]])
    assert found == pytest.approx(1 / (1 + np.exp(-exact)), abs=0.03)
    manifest = json.loads((tmp_path / "tiny/manifest.json").read_text())
    assert (manifest["pairs"], manifest["recipe"]["rank"]) == (8, 2)
    assert (tmp_path / "tiny/checkpoint/progress.json").is_file()


def test_pairs_weigh_the_same_unless_they_say_otherwise(tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text('{"first": "a", "second": "b", "label": 1}\n')
    assert read_rows(tmp_path / "pairs.jsonl") == [Pair(first="a", second="b", label=1)]
