"""What a question is searched with: misspelt words read, several questions apart, a rare word followed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from frontdesk.knowledge.base import Knowledge
from frontdesk.knowledge.parts import parts
from frontdesk.knowledge.retrieve import search
from frontdesk.knowledge.spelling import Spelling
from frontdesk.knowledge.terms import stem, terms
from frontdesk.knowledge.values import Document, Question
from tests.knowledge.knowledge_samples import Hashing

Opened = Callable[..., Knowledge]
DOCUMENTS = ["The skillet is not dishwasher safe.", "Your account shows the amount.", "Account, account! " * 10]
ENGLISH = {"where", "drone", "police", "skillet", "brave", "cannot"}


def known(word: str) -> bool:
    return word in ENGLISH or any(stem(word) in terms(text) for text in DOCUMENTS)


@pytest.mark.parametrize(
    ("question", "read"),
    [
        ("Can the skilet go in the dishwaser?", "Can the skillet go in the dishwasher?"),
        ("wear is my acount", "wear is my account"),
        ("is the Skilett mine", "is the Skilett mine"),
        ("Skillat or pan?", "skillet or pan?"),
        ("anotehr drone for the police", "another drone for the police"),
        ("dishwahhhsher", "dishwahhhsher"),
        ("see skilet.example or me@acount.example", "see skilet.example or me@acount.example"),
    ],
)
def test_a_misspelt_word_is_the_only_one_of_the_documents_that_can_be_meant(question: str, read: str) -> None:
    spelling = Spelling(lambda: [*DOCUMENTS, "another"])
    assert spelling.corrected(question, known) == read


def test_two_words_as_near_leave_the_question_alone() -> None:
    spelling = Spelling(lambda: ["the later letter", "a lather"])
    assert spelling.corrected("the latter", lambda word: False) == "the latter"


class Reading(Hashing):
    """An encoder that knows a few words."""

    def knows(self, word: str) -> bool:
        return word in ENGLISH


def test_the_question_is_searched_as_it_was_meant_and_as_it_was_written(opened: Opened) -> None:
    knowledge = opened(Reading())
    knowledge.put([Document(id=str(at), title="", text=text) for at, text in enumerate(DOCUMENTS)])
    with knowledge.lease() as index:
        found = search(index, Reading(), Question(text="skilet brave?"), 3)
        plain = search(index, Hashing(), Question(text="skilet brave?"), 3)
    assert found.question.text == "skillet brave?"
    assert found.phrasings == ("skillet brave?", "skilet brave?")
    assert found.hits[0].document.id == "0"
    assert plain.phrasings == ("skilet brave?",)


@pytest.mark.parametrize(
    ("text", "questions"),
    [
        ("Can I return it? And what does that cost?", ("Can I return it?", "And what does that cost?")),
        (
            "I have a mug. Can it go in the microwave and how do I get the grey lines off it?",
            ("I have a mug. Can it go in the microwave", "how do I get the grey lines off it?"),
        ),
        ("Where is my parcel? I ordered on Monday.", ("Where is my parcel? I ordered on Monday.",)),
        ("do you ship to Oslo, and also when does it arrive", ("do you ship to Oslo", "when does it arrive")),
        ("The lid is off and is it safe", ("The lid is off and is it safe",)),
        ("Knives and boards: how are they washed?", ("Knives and boards: how are they washed?",)),
        ("Really? Is it free?", ("Really? Is it free?",)),
        ("", ("",)),
    ],
)
def test_the_questions_of_a_message(text: str, questions: tuple[str, ...]) -> None:
    assert parts(text) == questions


def test_more_questions_than_are_told_apart_stay_with_the_last() -> None:
    found = parts("What is red? What is blue? What is green? What is grey? What is black?")
    assert found[-1] == "What is grey? What is black?"


def test_each_question_of_a_message_has_its_best_passage_among_the_hits(opened: Opened) -> None:
    knowledge = opened()
    noise = [
        Document(id=f"wash{n}", title="Washing", text=f"Wash towels and towels, wash number {n}.") for n in range(9)
    ]
    knowledge.put([*noise, Document(id="post", title="Posting", text="Parcels to Norway take nine days.")])
    with knowledge.lease() as index:
        asked = Question(text="How do I wash towels, wash and wash towels, and when are parcels in Norway?")
        found = search(index, Hashing(), asked, 8)
    assert "when are parcels in Norway?" in found.phrasings
    assert "post" in {hit.document.id for hit in found.hits}


def test_a_word_of_few_documents_brings_one_in_where_there_are_many(opened: Opened) -> None:
    knowledge = opened()
    text = "Pay for an order by card, pay for an order by bank, by {0}, {0}{0} or {0}{0}{0}."
    many = [Document(id=f"pay{n}", title="Paying for an order", text=text.format(f"way{n}")) for n in range(120)]
    rare = Document(id="rare", title="", text="The doves of the garden, " * 20 + "and zloty.")
    knowledge.put([*many, rare])
    with knowledge.lease() as index:
        found = search(index, Hashing(), Question(text="pay for an order by card or bank, pay, zloty order"), 8)
    assert "rare" in {hit.document.id for hit in found.hits}
