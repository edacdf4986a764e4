"""Follow-ups are said in full, and an answer about one thing never comes from the page of another."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import pytest

from frontdesk.bot.types import Conversation, Customer, Kind, Message, Reply, Route, Turn
from frontdesk.knowledge.base import Knowledge
from frontdesk.knowledge.followup import SURER, disputes, head_start, leans, resolved, said_before
from frontdesk.knowledge.names import Names
from frontdesk.knowledge.passages import split
from frontdesk.knowledge.phrasings import phrasings, reworded
from frontdesk.knowledge.terms import terms
from frontdesk.knowledge.values import Document
from tests.knowledge.knowledge_samples import Hashing

Opened = Callable[..., Knowledge]
PRODUCTS = {
    "Wren Kettle": "The Wren Kettle boils 1.7 L and costs $64. Descale the Wren Kettle once a month.",
    "Moss Teapot": "The Moss Teapot holds four cups. The lid of the Moss Teapot is dishwasher safe.",
    "Heron Gooseneck Kettle 1 L": "The Heron Gooseneck Kettle costs $89. Fill the Heron Gooseneck Kettle slowly.",
}
SHOP = [
    *(Document(id=f"knowledge/products/{t.split()[0]}.md", title=t, text=text) for t, text in PRODUCTS.items()),
    Document(
        id="knowledge/policies/returns.md",
        title="Returns",
        text="Returns are free. Your refund takes 5 days. Returns of gift cards are not possible.",
    ),
]


@pytest.fixture(scope="module")
def names() -> Names:
    stored = [(document, passage) for document in SHOP for passage in split(document, 700)]
    return Names([one for one, _ in stored], [terms(passage.search_text(one)) for one, passage in stored])


def said(names: Names, text: str, *history: str) -> str:
    return resolved(text, history, names).text


def test_names_are_things_not_topics(names: Names) -> None:
    text = "do the Moss Teapot, a teapot, returns and gift cards go with the Heron Gooseneck Kettle?"
    assert [name.said for name in names.mentioned(text)] == ["Moss Teapot", "Heron Gooseneck Kettle"]
    assert [name.said for name in names.mentioned("how heavy is the wren")] == ["Wren Kettle"]
    assert names.mentioned("can I return a kettle?") == []


@pytest.mark.parametrize(
    ("text", "history", "full"),
    [
        ("is it dishwasher safe?", ["how much is the Wren", "It is $64."], "is Wren Kettle dishwasher safe?"),
        ("what's its capacity?", ["tell me about the wren kettle"], "what's Wren Kettle's capacity?"),
        (
            "how long does it take?",
            ["when do I get my refund?", "Soon."],
            "when do I get my refund? how long does it take?",
        ),
        (
            "what about the Heron?",
            ["how much is the Wren kettle?", "The Wren Kettle costs $64."],
            "how much is the Heron Gooseneck Kettle?",
        ),
        (
            "and the teapot?",
            ["is the heron dishwasher safe?", "The Heron Gooseneck Kettle is not."],
            "is the Moss Teapot dishwasher safe?",
        ),
        (
            "and in the oven?",
            ["can the moss teapot go in the dishwasher?", "It can."],
            "can the moss teapot go in the dishwasher? and in the oven?",
        ),
        (
            "and as a kettle?",
            ["is the Moss Teapot heavy?", "It is not."],
            "is the Moss Teapot heavy? and as a kettle?",
        ),
        (
            "what about the Heron's spout?",
            ["how much is the Wren kettle?", "The Wren Kettle costs $64."],
            "how much is the? what about the Heron's spout?",
        ),
        (
            "what does the other one weigh?",
            ["how much is the Wren", "$64. There is also the Heron Gooseneck Kettle."],
            "what does Heron Gooseneck Kettle weigh?",
        ),
        (
            "are they both dishwasher safe?",
            ["what do you have", "The Wren Kettle and the Moss Teapot."],
            "are Wren Kettle and Moss Teapot both dishwasher safe?",
        ),
        ("do you ship parcels to Canada?", ["how much is the Wren", "It is $64."], "do you ship parcels to Canada?"),
        ("is the Moss Teapot dishwasher safe?", ["and the wren?"], "is the Moss Teapot dishwasher safe?"),
        ("is it heavy?", [], "is it heavy?"),
    ],
)
def test_a_follow_up_is_said_in_full(names: Names, text: str, history: list[str], full: str) -> None:
    assert said(names, text, *history) == full


def test_a_follow_up_of_a_follow_up_goes_back_to_the_question(names: Names) -> None:
    history = ["when do I get my refund?", "In 5 days.", "and from Canada?", "In 9 days."]
    assert said(names, "and by cheque?", *history) == "when do I get my refund? and from Canada? and by cheque?"


def test_what_leans_and_what_does_not() -> None:
    assert [leans(text) for text in ("is it safe in the oven today?", "and the price of the box?", "why?")] == [1, 1, 1]
    assert leans("is there a warranty on glass lamps?") < 1
    assert leans("where is the parcel that I ordered on Monday?") < 1


def test_an_answer_about_one_thing_is_never_from_the_page_of_another(opened: Opened) -> None:
    knowledge = opened(Hashing())
    knowledge.put(SHOP)
    history = ["how much is the Wren kettle?", "The Wren Kettle costs $64."]
    found = knowledge.search("is it dishwasher safe?", k=20, history=history)
    assert found[0].document.title == "Wren Kettle"
    assert {hit.document.title for hit in found} <= {"Wren Kettle", "Returns"}
    assert knowledge.search("is the lid dishwasher safe?", k=20)[0].document.title == "Moss Teapot"
    other = knowledge.search("which other one is dishwasher safe?", k=20, history=history)
    assert "Moss Teapot" in {hit.document.title for hit in other}


def test_shop_words_and_long_texts(names: Names) -> None:
    assert reworded("can I send the mug back?") == "can I return the mug?"
    assert phrasings(resolved("can I swap it", (), names)) == ["can I swap it", "can I exchange it"]
    assert phrasings(resolved("I want it gone", (), names), "return policy") == [
        "I want it gone",
        "return policy I want it gone",
    ]
    long = "I am Ann and hello. " * 20 + "My blue lamp flickers at night. The charger of my lamp gets hot."
    assert phrasings(resolved(long, (), names))[-2:] == [
        "My blue lamp flickers at night.",
        "The charger of my lamp gets hot.",
    ]


@pytest.mark.parametrize(
    ("text", "ahead"),
    [
        ("can I pay with klarna", -SURER),
        ("what is your return policy", -SURER),
        ("my reset link says it has expired, how long is it good for", SURER),
        ("is it heavy?", inf),
        ("dishwasher safe?", inf),
        ("colours?", inf),
    ],
)
def test_what_may_have_changed_the_subject_is_read_alone_more_easily(text: str, ahead: float) -> None:
    assert head_start(text) == ahead


def test_what_was_asked_stays_known_where_it_is_said_in_full(names: Names) -> None:
    history = ["when do I get my refund?", "In 5 days."]
    assert resolved("and for gift cards?", history, names).new == "and for gift cards?"
    assert resolved("do you sell lamps for reading?", history, names).new == ""


def test_a_dispute_is_to_hear_it_again() -> None:
    told = ["no, it costs $40, right?", "I read it's 60 days", "but that was free, wasn't it?", "are you sure?"]
    assert all(map(disputes, told))
    asked = ["how do I clean the linen?", "and for sale items?", "is the size right", "how do I make sure?"]
    assert not any(map(disputes, [*asked, "no, how do I clean the linen", "really, how do I wash it at home?"]))


def test_of_several_questions_the_last_is_gone_on_from_and_small_talk_is_no_subject() -> None:
    def turn(number: int, text: str, *kinds: tuple[Kind, str]) -> Turn:
        routes = tuple(Route(kind=kind, intent="x", confidence=1.0, reason="test", text=part) for kind, part in kinds)
        return Turn(message=message(number, text), reply=Reply(text=f"reply {number}", routes=routes))

    def message(number: int, text: str) -> Message:
        customer = Customer(id="c")
        return Message(text=text, id=str(number), customer=customer, conversation_id="c", brand="shop", channel="web")

    turns = (
        turn(1, "is the kettle heavy?", ("knowledge", "")),
        turn(2, "thanks!", ("voice", "")),
        turn(3, "hi, is it blue, what is the price? and blorf? cheers", *_PARTS),
        Turn(message=message(4, "colours?")),
    )
    before = ("is the kettle heavy?", "reply 1", "what is the price?", "reply 3")
    assert said_before(Conversation(id="c", brand="shop", turns=turns), message(4, "colours?")) == before


_PARTS: tuple[tuple[Kind, str], ...] = (
    ("voice", "hi"),
    ("knowledge", "what is the price?"),
    ("knowledge", "is it blue"),
    ("voice", "cheers"),
    ("clarify", "and blorf?"),
)
