"""Grouping unanswered questions: the real encoder on the kinds of questions a shop gets."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from frontdesk.adapters.encoder import MiniLM
from frontdesk.adapters.graphs import user_cache
from frontdesk.knowledge.gaps import Grouper
from tests.knowledge.knowledge_samples import Hashing

WRAPPING = ["Do you gift-wrap?", "can you wrap it as a gift", "is gift wrapping available", "DO YOU  GIFT-WRAP?"]
STUDENT = ["do you have a student discount", "is there any discount for students?"]
ALONE = ["which glue do you use for the lamp shades"]


@pytest.fixture(scope="module")
def minilm() -> MiniLM:
    return MiniLM(user_cache())


def test_what_asks_the_same_stands_together_largest_first(minilm: MiniLM) -> None:
    texts = [STUDENT[0], *WRAPPING, *ALONE, STUDENT[1]]
    groups = [[texts[at] for at in group] for group in Grouper(minilm).groups(texts)]
    assert [sorted(group) for group in groups] == [sorted(WRAPPING), sorted(STUDENT), ALONE]
    assert groups[0][0] == WRAPPING[0], "asked twice, and in the middle of the others"


def test_every_text_is_in_one_group_and_only_new_ones_are_encoded() -> None:
    encoder = Hashing()
    grouper = Grouper(encoder)
    assert grouper.groups([]) == []
    assert grouper.groups(["a lamp"]) == [[0]]
    texts = ["a lamp", "A LAMP", "the kettle leaks", "my kettle is leaking", "refund"]
    assert sorted(at for group in grouper.groups(texts) for at in group) == [0, 1, 2, 3, 4]
    before = encoder.encoded
    grouper.groups(texts)
    assert encoder.encoded == before == 4


def test_groups_of_real_questions_are_mostly_of_one_intent(minilm: MiniLM, shared_data: Path) -> None:
    rows = [json.loads(line) for line in (shared_data / "banking77" / "train.jsonl").read_text().splitlines()]
    by_intent: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        by_intent[row["intent"]].append(row["text"])
    dice = random.Random(7)
    pairs = [(text, name) for name in dice.sample(sorted(by_intent), 20) for text in dice.sample(by_intent[name], 8)]
    groups = Grouper(minilm).groups([text for text, _ in pairs])
    largest = sum(Counter(pairs[at][1] for at in group).most_common(1)[0][1] for group in groups)
    assert largest / len(pairs) > 0.7
    assert 10 < len(groups) < 40
