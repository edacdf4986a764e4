"""Searching: phrasings of a chat model, reordering by a scorer, and what happens when either fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from langchain_core.language_models import BaseChatModel, FakeListChatModel
from numpy.typing import NDArray

from frontdesk.bot.errors import ModelError
from frontdesk.knowledge.base import Knowledge
from frontdesk.knowledge.fusion import fuse
from frontdesk.knowledge.index import Generation
from frontdesk.knowledge.links import Links
from frontdesk.knowledge.rephrase import ChatPhraser
from frontdesk.knowledge.retrieve import Found, search
from frontdesk.knowledge.values import Audience, Document, Helpers, Phraser, Question, Scope
from tests.knowledge.knowledge_samples import Hashing

Opened = Callable[..., Knowledge]
PAGES = [
    Document(id="lamp.md", title="Lamps", text="A bulb of the zebra lamp lasts for two years."),
    Document(
        id="staff.md", title="Lamps for staff", text="A bulb of the zebra lamp costs us little.", audience="staff"
    ),
    Document(id="refund.md", title="Refunds", text="A refund reaches your card within five days."),
    Document(id="parcel.md", title="Parcels", text="A parcel leaves our warehouse on weekdays."),
]


@pytest.fixture
def index(opened: Opened) -> Iterator[Generation]:
    knowledge = opened()
    knowledge.put(PAGES)
    with knowledge.lease() as generation:
        yield generation


def asked(index: Generation, text: str, helpers: Helpers, **more: Any) -> Found:
    return search(index, Hashing(), Question(text=text, **more), 10, helpers)


def test_a_phrasing_of_the_chat_model_finds_what_the_words_do_not(index: Generation) -> None:
    model = FakeListChatModel(responses=["1. when does a refund reach my card?\n- “how many days for a refund?”\n"])
    found = asked(index, "dosh yet?", Helpers(phraser=ChatPhraser(model)))
    assert found.phrasings == ("dosh yet?", "when does a refund reach my card?", "how many days for a refund?")
    assert (found.hits[0].document.id, found.notes) == ("refund.md", ())


class Failing(FakeListChatModel):
    """A provider that is down, or slow."""

    slow: bool = False

    def _stream(self, *args: Any, **more: Any) -> Iterator[Any]:
        if self.slow:
            time.sleep(0.3)
        raise ConnectionError("no route to host")


@pytest.mark.parametrize(("slow", "why"), [(False, "no route to host"), (True, "took longer than 0.05 s")])
def test_a_chat_model_that_fails_or_is_slow_leaves_the_rules_and_a_note(
    index: Generation, slow: bool, why: str
) -> None:
    model: BaseChatModel = Failing(responses=["x"], slow=slow)
    found = asked(index, "when is my refund here?", Helpers(phraser=ChatPhraser(model, seconds=0.05 if slow else 5)))
    assert found.hits[0].document.id == "refund.md"
    assert why in found.notes[0]


class Longest:
    """Prefers the longest passage; or fails."""

    fingerprint = "longest"

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails

    def score(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        if self.fails:
            raise ModelError("out of memory")
        return np.array([len(text) for _, text in pairs], dtype=np.float32)


def test_a_scorer_reorders_and_the_scores_stay_with_the_places(index: Generation) -> None:
    plain = asked(index, "refund or parcel or bulb", Helpers())
    found = asked(index, "refund or parcel or bulb", Helpers(rerank=Longest()))
    assert [hit.score for hit in found.hits] == [hit.score for hit in plain.hits]
    lengths = [len(f"{' — '.join(hit.heading)}: {hit.text}") for hit in found.hits]
    assert lengths == sorted(lengths, reverse=True)
    failed = asked(index, "refund or parcel or bulb", Helpers(rerank=Longest(fails=True)))
    assert (failed.hits, failed.notes) == (plain.hits, ("not reranked: out of memory",))


def test_no_helper_widens_the_scope(index: Generation) -> None:
    phraser: Phraser = ChatPhraser(FakeListChatModel(responses=["what does a bulb of the zebra lamp cost us?"]))
    helpers = Helpers(phraser=phraser, rerank=Longest())
    assert "staff.md" not in {hit.document.id for hit in asked(index, "zebra bulb", helpers).hits}
    staff = asked(index, "zebra bulb", helpers, scope=Scope(audience="staff"))
    assert "staff.md" in {hit.document.id for hit in staff.hits}


def test_a_long_text_finds_a_document_for_each_of_its_concerns(index: Generation) -> None:
    concerns = "The bulb of my lamp is dead. When will the refund reach my bank card?"
    found = asked(index, "I have been a customer for years and years. " * 8 + concerns, Helpers())
    assert {hit.document.id for hit in found.hits[:2]} == {"lamp.md", "refund.md"}
    assert "When will the refund reach my bank card?" in found.phrasings


def test_links_lead_by_path_address_and_title() -> None:
    text = "[a](../b/two.md#x) [b](https://shop.example/three?q=1) [c](https://h.example/a/360-Fourth-page) [d](x"
    pages = [
        Document(id="a/one.md", title="One", text=f"{text} [e](one.md) [f](http://[) [g](../../../etc/passwd)"),
        Document(id="b/two.md", title="Two", text="no link"),
        Document(id="three.md", title="Three", text="", url="https://shop.example/three/"),
        Document(id="four.md", title="Fourth page", text=""),
    ]
    links = Links(pages)
    assert links.of("a/one.md") == ["b/two.md", "three.md", "four.md"]
    assert links.of("b/two.md") == links.of("unknown") == []


def test_one_document_does_not_take_all_places_and_a_linked_one_joins(opened: Opened) -> None:
    knowledge = opened()
    lamps = "\n\n".join(f"## Lamp {n}\n\nThe bulb of lamp {n} is changed with [tools](tools.md)." for n in range(12))
    others = [Document(id=f"{n}.md", title=f"Note {n}", text=f"A bulb of kind {n} is sold here.") for n in range(3)]
    tools = Document(id="tools.md", title="Tools", text="A screwdriver, a ladder and a bulb puller are enough.")
    knowledge.put([Document(id="lamps.md", title="Lamps", text=lamps), *others, tools])
    found = [hit.document.id for hit in knowledge.search("how is the bulb of a lamp changed?", k=8)]
    assert found[:5] == ["lamps.md"] * 5
    assert {"0.md", "1.md", "2.md"} & set(found) and "tools.md" in found


def test_fused_ranks_count_a_passage_and_its_document() -> None:
    owner = np.array([0, 0, 2, 2])
    total = fuse([(np.array([0, 2]), 1.0), (np.array([3, 1]), 0.5)], owner)
    assert total.argmax() == 0
    assert total[2] == pytest.approx(1 / 22 + 1 / 22 + 0.5 / 21)
    assert fuse([], owner).tolist() == [0, 0, 0, 0]


def test_a_long_text_also_needs_the_page_that_opens_what_is_said_of_a_product(opened: Opened) -> None:
    def page(name: str, title: str, text: str, audience: Audience = "customers") -> Document:
        return Document(id=f"{name}.md", title=title, text=text, context={"product": "ember"}, audience=audience)

    product = [
        page("a-memo", "Staff memo", "Never promise a date.", "staff"),
        page("b-start", "Hello", "Unpack everything first."),
        page("c-battery", "Battery", "The battery lasts nine hours and charges in two hours."),
        page("d-screen", "Screen", "A scratched screen is replaced for a fee."),
    ]
    others = [
        Document(id=f"x{at}.md", title=f"Topic {at}", text=f"A filler text about subject number {at} and the hours.")
        for at in range(40)
    ]
    knowledge = opened()
    knowledge.put([*product, *others])
    text = "I have been a customer for years and years. " * 8
    text += "The battery lasts no nine hours. My scratched screen must be replaced without a fee."
    with knowledge.lease() as index:
        found = [hit.document.id for hit in search(index, Hashing(), Question(text=text), 20).hits]
    assert found.index("b-start.md") <= 4
    assert "a-memo.md" not in found
