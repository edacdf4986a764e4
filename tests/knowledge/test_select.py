"""What is said: the best quote with what stands around it, in the document's order; rows and steps are complete."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from frontdesk.bot import config
from frontdesk.knowledge.base import Knowledge
from frontdesk.knowledge.compose import CHARS
from frontdesk.knowledge.neighbours import neighbours
from frontdesk.knowledge.retrieve import search
from frontdesk.knowledge.select import Selection, Selector, Wanted
from frontdesk.knowledge.values import Document, Question
from tests.knowledge.knowledge_samples import Hashing

TEXT = """# Router

The light of the router blinks red when the line is down. Unplug the router for ten seconds. Hold reset until the router
turns green.

## Setting up the router

1. Plug the router into the wall socket.
2. Open the app and press Add.
3. Wait for the light.

## Colours of the router

| | |
| --- | --- |
| Price of the router | $89 |
| Colours of the router | Black, white |

## Guarantee of the router

The router is guaranteed for two years. {filler}
"""


@pytest.fixture
def base(tmp_path: Path) -> Iterator[Knowledge]:
    made = Knowledge(tmp_path, Hashing(), config.Knowledge())
    text = TEXT.format(filler=" ".join(f"The router has been tested for {n} hours in our works." for n in range(20)))
    made.put([Document(id="router.md", title="Router", text=text)])
    yield made
    made.close()


def selected(base: Knowledge, asked: str) -> Selection:
    with base.lease() as index:
        found = search(index, Hashing(), Question(text=asked), 8)
        return Selector(Hashing()).select(index, found.question, found.hits)


def test_what_stands_around_the_best_sentence_is_said_with_it_in_order(base: Knowledge) -> None:
    found = selected(base, "the light of the router blinks red, unplug the router, hold reset?")
    assert [choice.quote.text.split()[0] for choice in found.choices] == ["The", "Unplug", "Hold"]
    why = {one.text.split(" ", 1)[0]: one.why for one in found.considered}
    assert not why["Hold"]
    assert any(one.why for one in found.considered if "guaranteed" in one.text)


def test_an_excerpt_has_an_end(base: Knowledge) -> None:
    found = selected(base, "for how many years is the router guaranteed?")
    said = " ".join(choice.quote.text for choice in found.choices)
    assert "two years" in said
    assert len(said) <= CHARS + len(found.choices)


@pytest.mark.parametrize(
    ("asked", "said"),
    [("what is the price of the router?", "$89"), ("how do I plug in the router and add it in the app?", "Add.")],
)
def test_a_row_and_a_list_of_steps_are_said_alone(base: Knowledge, asked: str, said: str) -> None:
    [choice] = selected(base, asked).choices
    assert said in choice.quote.text


def test_other_passages_of_a_document_that_was_found_are_weighed(base: Knowledge) -> None:
    with base.lease() as index:
        hits = search(index, Hashing(), Question(text="price of the router"), 1).hits
        beside = neighbours(index, hits, Hashing().encode(["price of the router"])[0])
    assert beside
    assert {hit.document.id for hit in beside} == {"router.md"}
    assert not {hit.passage.start for hit in beside} & {hit.passage.start for hit in hits}


def test_a_time_that_half_of_a_message_asks_for_is_not_asked_of_the_other_half(base: Knowledge) -> None:
    with base.lease() as index:
        one = Wanted.of(index, Question(text="How long is the router guaranteed?"))
        two = Wanted.of(index, Question(text="Which colours has the router, and how long is it guaranteed?"))
    assert one.kind
    assert two.kind is None
