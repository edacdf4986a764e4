"""A change is taken back once, for a while, by the customer who had it made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from frontdesk.bot.account_config import Action
from frontdesk.bot.config import Brand
from frontdesk.bot.dialogue.changes import MemoryLedger
from frontdesk.bot.dialogue.undo import UNDO, UNDOABLE
from frontdesk.bot.summary import summary
from frontdesk.bot.types import Customer
from tests.bot.talking import BRAND, Talk, book, desk

MOVE = BRAND.actions["move"].model_copy(update={"undo": "action_undo_move"})
UNDOING = BRAND.model_copy(update={"actions": {**BRAND.actions, "move": MOVE}})
OVER = UNDOING.messages.undo_over


@pytest.fixture
def talk(tmp_path: Path) -> Talk:
    return Talk(desk(tmp_path), brand=UNDOING)


def moved(talk: Talk, street: str = "42 Elm Street") -> str:
    """Have a loan moved; return the payload of the button that takes it back."""
    talk.say("move 101")
    talk.say(street)
    (button,) = talk.say("yes").buttons
    assert button.title == "Undo this"
    return button.payload


@pytest.mark.parametrize(
    "said", ["", "Undo this", "undo that", "Oh no, please undo it!", "can you take that back please", "undo the move"]
)
def test_a_change_is_taken_back_by_its_button_or_in_words(talk: Talk, tmp_path: Path, said: str) -> None:
    payload = moved(talk)
    reply = talk.say(said or payload)
    assert (reply.text, reply.actions) == ("LN-101 goes where it went before.", ("action_undo_move",))
    assert book(tmp_path) == [] and UNDOABLE not in talk.slots
    assert not reply.buttons, "what was taken back is not taken back again"


@pytest.mark.parametrize("said", ["undo that", "Undo this"])
def test_words_count_only_right_below_the_report(talk: Talk, tmp_path: Path, said: str) -> None:
    payload = moved(talk)
    talk.say("thanks")
    talk.say(said)
    assert len(book(tmp_path)) == 1
    talk.say(payload)
    assert book(tmp_path) == [], "the button does later, too"


def test_each_of_several_changes_is_taken_back_by_its_own_button_once(talk: Talk, tmp_path: Path) -> None:
    first, second = moved(talk), moved(talk, "7 Oak Road")
    talk.say(first)
    assert [line["street"] for line in book(tmp_path)] == ["7 Oak Road"]
    again = talk.say(first)
    assert again.text == OVER and again.buttons[0].payload == "/human_agent"
    talk.say(second)
    assert book(tmp_path) == []


def test_what_the_action_says_no_to_stays_and_is_not_offered_again(talk: Talk, tmp_path: Path) -> None:
    payload = moved(talk)
    (tmp_path / "left the house").touch()
    assert talk.say(payload).text == "LN-101 has left the house."
    assert talk.say(payload).text == OVER
    assert len(book(tmp_path)) == 1


@pytest.mark.parametrize("payload", [f"/{UNDO}", f'/{UNDO}{{"change":"made up"}}', f"/{UNDO}{{", f"/{UNDO}[1]"])
def test_a_made_up_key_takes_nothing_back(talk: Talk, tmp_path: Path, payload: str) -> None:
    moved(talk)
    assert talk.say(payload).actions == ()
    assert len(book(tmp_path)) == 1


def test_only_the_customer_who_had_it_made_takes_it_back(talk: Talk, tmp_path: Path) -> None:
    payload = moved(talk)
    for other in (Customer(id="C2", identity="token"), Customer(id="C1", identity="channel")):
        talk.customer = other
        assert talk.say(payload).text == OVER
    talk.customer = Customer(id="C1", identity="token")
    talk.say(payload)
    assert book(tmp_path) == []


def test_after_a_while_and_in_another_conversation_it_stays(tmp_path: Path) -> None:
    actions = desk(tmp_path)
    talk, other = Talk(actions, brand=UNDOING), Talk(actions, brand=UNDOING, conversation_id="another")
    payload = moved(talk)
    assert other.say(payload).text == OVER
    (made,) = talk.slots[UNDOABLE]
    old = [{**made, "at": made["at"] - 60 * MOVE.undo_minutes - 1}]
    talk.conversation = replace(talk.conversation, slots={**talk.slots, UNDOABLE: old})
    assert talk.say(payload).text == OVER
    assert len(book(tmp_path)) == 1


def test_a_turn_that_is_done_again_takes_it_back_once(tmp_path: Path) -> None:
    talk = Talk(desk(tmp_path), brand=UNDOING, ledger=MemoryLedger())
    payload = moved(talk)
    first = talk.say(payload, keep=False)
    (tmp_path / "book.json").unlink()
    assert talk.say(payload).text == first.text, "reported from the ledger: there is no book to read any more"


def test_an_open_form_is_left_and_no_values_are_kept_that_should_not_be(talk: Talk, tmp_path: Path) -> None:
    payload = moved(talk)
    (made,) = talk.slots[UNDOABLE]
    assert made["values"] == {"loan": "LN-101"}, "the street is not kept"
    talk.say("move 102")
    talk.say(payload)
    assert book(tmp_path) == [] and "pending_intent" not in talk.slots


def test_people_read_what_was_taken_back(talk: Talk) -> None:
    payload = moved(talk)
    talk.say(payload)
    talk.say(payload)
    tried = summary(talk.conversation, UNDOING)["tried"]
    assert tried[-2:] == ("Took a change back", "Was asked to take a change back, which was too late")


def test_a_refused_change_offers_nothing_to_take_back(talk: Talk) -> None:
    talk.say("move 101")
    assert not talk.say("9 Nowhere").buttons
    assert UNDOABLE not in talk.slots


def test_only_a_change_can_be_undone() -> None:
    with pytest.raises(ValidationError, match="read_back"):
        Brand(name="b", actions={"show": Action(action="action_show", undo="action_undo_show")})
