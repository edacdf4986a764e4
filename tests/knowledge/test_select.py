"""What is said: the reader's opinion outweighs likeness, and quotes follow each other as they were written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from frontdesk.bot import config
from frontdesk.knowledge.base import Knowledge
from frontdesk.knowledge.compose import ANSWERS
from frontdesk.knowledge.retrieve import search
from frontdesk.knowledge.select import READ, Selection, Selector
from frontdesk.knowledge.values import Document, Question, Scorer
from tests.knowledge.knowledge_samples import Hashing

TEXT = """# Router

The light of the router blinks red when the line is down. Unplug it for ten seconds. Hold reset until it turns green.

## Guarantee

A router is guaranteed for two years.
"""
ASKED = "why does the light of the router blink red?"


@dataclass(kw_only=True)
class Opinions:
    """A reader that likes quotes with certain words."""

    liked: dict[str, float]
    fingerprint: str = "opinions"
    asked: list[tuple[str, str]] = field(default_factory=list)

    def score(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        self.asked += pairs
        found = [max((p for word, p in self.liked.items() if word in quote), default=0.05) for _, quote in pairs]
        return np.array(found, dtype=np.float32)


@pytest.fixture
def base(tmp_path: Path) -> Iterator[Knowledge]:
    made = Knowledge(tmp_path, Hashing(), config.Knowledge())
    made.put([Document(id="router.md", title="Router", text=TEXT)])
    yield made
    made.close()


def selected(base: Knowledge, reader: Scorer | None, asked: str = ASKED) -> Selection:
    with base.lease() as index:
        found = search(index, Hashing(), Question(text=asked), 8)
        return Selector(Hashing(), None, reader).select(index, found.question, found.hits)


def test_without_a_reader_the_likest_sentence_is_said(base: Knowledge) -> None:
    assert "blinks red" in selected(base, None).choices[0].quote.text


def test_the_reader_finds_the_cure(base: Knowledge) -> None:
    reader = Opinions(liked={"Unplug": 0.95})
    found = selected(base, reader)
    assert [choice.quote.text for choice in found.choices] == ["Unplug it for ten seconds."]
    assert all(question == ASKED and quote.startswith("Router") for question, quote in reader.asked)
    assert len(reader.asked) <= READ
    assert found.features["read"] > 2
    assert selected(base, Opinions(liked={})).features["read"] < -2


def test_what_belongs_together_is_said_in_the_order_of_the_document(base: Knowledge) -> None:
    found = selected(base, Opinions(liked={"Unplug": 0.9, "reset": 0.95}))
    assert [choice.quote.text.split()[0] for choice in found.choices] == ["Unplug", "Hold"]
    why = {one.text.split()[0]: one.why for one in found.considered}
    assert why["The"] and why["A"] and not why["Unplug"]


def test_what_does_not_answer_by_itself_is_not_added(base: Knowledge) -> None:
    asked = "unplug for ten seconds, hold reset until green?"
    both, one = (Opinions(liked={"Unplug": ANSWERS, "reset": p}) for p in (ANSWERS, ANSWERS - 0.01))
    assert [choice.quote.text.split()[0] for choice in selected(base, both, asked).choices] == ["Unplug", "Hold"]
    assert len(selected(base, one, asked).choices) == 1
