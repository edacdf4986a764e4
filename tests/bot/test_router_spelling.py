"""Misspelt words read as the examples' words, numbers without words, and buttons named by their place."""

from __future__ import annotations

import pytest

from frontdesk.bot.router.features import NGrams, readable
from frontdesk.bot.router.route import Router
from frontdesk.bot.router.spelling import Spelling
from frontdesk.bot.types import Button, Conversation, Customer, Message, Reply, Turn

EXAMPLES = [
    "where is my order",
    "track my order",
    "return my order",
    "a parcel",
    "the parcels",
    "two parcels",
    "a plate",
]


class English:
    """Knows a few words."""

    def knows(self, word: str) -> bool:
        return word in {"plane", "form", "from"}


@pytest.fixture
def spelling() -> Spelling:
    return Spelling(NGrams.fit(EXAMPLES).counts())


def test_counts_are_those_of_the_examples() -> None:
    assert NGrams.fit(EXAMPLES).counts()["order"] == pytest.approx(3, abs=0.01)
    assert NGrams.fit(EXAMPLES).counts()["plate"] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("where is my ordr", "where is my order"),
        ("whree is my oredr?", "where is my order?"),
        ("Ordr LL-10423 please", "order LL-10423 please"),
        ("the plane", "the plane"),  # a word of the language
        ("dear Ordera", "dear Ordera"),  # a name
        ("ordr@example.com and my-ordr", "ordr@example.com and my-ordr"),  # no words
        ("a parcelz", "a parcelz"),  # parcel or parcels
        ("rder", "rder"),  # never the first letter
        ("zzzzzz", "zzzzzz"),
        ("", ""),
    ],
)
def test_only_what_can_be_meant_is_read(spelling: Spelling, said: str, read: str) -> None:
    assert spelling.corrected(said, English()) == read


@pytest.mark.parametrize(("text", "can"), [("10423", True), ("ok", True), ("12", False), ("?!", False), ("👍", False)])
def test_a_long_number_can_be_read(text: str, can: bool) -> None:
    assert readable(text) is can


def unserved() -> None:
    raise AssertionError("the model was asked")


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("the second one", "warranty"),
        ("1", "return_policy"),
        ("The last one please.", "warranty"),
        ("no. 2", "warranty"),
    ],
)
def test_a_button_may_be_named_by_its_place(text: str, intent: str) -> None:
    payloads = ("/return_policy", "/warranty", "/human_agent")
    reply = Reply(text="Which?", routes=(), buttons=tuple(Button(title=name, payload=name) for name in payloads))
    router = Router(
        routes={"warranty": "knowledge", "return_policy": "knowledge"},
        titles={},
        serving=unserved,  # type: ignore[arg-type]
        encoder=None,  # type: ignore[arg-type]
    )
    before = Conversation(id="c", brand="b", turns=(Turn(message=message("hm"), reply=reply),))
    (route,) = router.route(message(text), before)
    assert (route.kind, route.intent) == ("knowledge", intent)


def message(text: str) -> Message:
    return Message(text=text, conversation_id="c", brand="b", channel="test", customer=Customer(id="a"), id="1")
