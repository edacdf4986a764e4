"""Forms: asked one at a time, validated, corrected, interrupted and resumed, abandoned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from frontdesk.bot.account_config import OURS, RESERVED, Action
from frontdesk.bot.config import Concern
from frontdesk.bot.dialogue.actions import Actions
from frontdesk.bot.dialogue.tasks import NEXT, OVER, PENDING, REQUESTED
from frontdesk.bot.dialogue.undo import UNDOABLE
from frontdesk.bot.guards.safety import Watch
from frontdesk.bot.handoff import HandoffAnswerer, why
from frontdesk.bot.people import HandoffRules
from frontdesk.bot.summary import summary
from tests.bot.talking import BRAND, Talk, desk


@pytest.fixture(scope="module")
def actions(tmp_path_factory: pytest.TempPathFactory) -> Actions:
    return desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture
def talk(actions: Actions) -> Talk:
    return Talk(actions)


def test_no_brand_may_declare_what_a_task_remembers_and_no_action_may_set_it() -> None:
    assert {*OVER, NEXT, UNDOABLE} <= RESERVED
    assert {*OVER, NEXT, UNDOABLE} - {REQUESTED} <= OURS  # by which a validation asks for a slot


def test_slots_are_asked_one_at_a_time_and_read_back(talk: Talk) -> None:
    asked = talk.say("please move it")
    assert asked.text == "Which loan?"
    assert [b.payload for b in asked.buttons] == ['/inform{"loan":"LN-101"}', '/inform{"loan":"LN-102"}']
    assert talk.slots[REQUESTED] == "loan"
    assert talk.say('/inform{"loan":"LN-102"}').text == "Which street?"
    assert talk.say("it's 42 Elm Street, please").text == "I'd send LN-102 to 42 Elm Street. Shall I?"


def test_all_values_may_come_at_once(talk: Talk) -> None:
    assert talk.say("move ln-101").text == "Which street?"


def test_a_value_that_the_validation_refuses_is_asked_for_again(talk: Talk) -> None:
    talk.say("please move it")
    refused = talk.say("LN-201")
    assert refused.text == "I can't find that loan among yours. Which loan?"
    assert "loan" not in talk.slots


def test_a_question_is_answered_and_the_form_goes_on(talk: Talk) -> None:
    talk.say("move 101")
    answer = talk.say("how long does that take?")
    assert answer.text == "About delivery_time. Which street?"
    assert [route.kind for route in answer.routes] == ["knowledge", "account"]
    assert "Shall I?" in talk.say("42 Elm Street").text


def test_another_language_is_told_so_before_the_question_comes_again(talk: Talk) -> None:
    talk.say("please move it")
    assert talk.say("ich möchte mein geld zurück").text == "About other_language. Which loan?"


def test_small_talk_does_not_lose_the_form(talk: Talk) -> None:
    talk.say("move 101")
    assert talk.say("thanks!").text == "About thanks. Which street?"
    assert "42 Elm" in talk.say("42 Elm").text


@pytest.mark.parametrize(
    ("correction", "street"),
    [
        ("no, make it 7 Oak Road", "7 Oak Road"),
        ("actually make it 7 Oak Road please", "7 Oak Road"),
        ("Sorry, I meant 7 Oak Road", "7 Oak Road"),
        ("the street is 7 Oak Road", "7 Oak Road"),
        ("change the address to 7 Oak Road", "7 Oak Road"),
        ("7 Oak Road", "7 Oak Road"),
    ],
)
def test_a_value_is_corrected_before_the_yes(talk: Talk, correction: str, street: str) -> None:
    talk.say("move 101")
    talk.say("42 Elm Street")
    assert talk.say(correction).text == f"I'd send LN-101 to {street}. Shall I?"


def test_the_other_loan_is_asked_for_again(talk: Talk) -> None:
    talk.say("move 101")
    talk.say("42 Elm Street")
    assert talk.say("no, the other loan").text == "Which loan?"
    assert "LN-102 to 42 Elm Street" in talk.say("LN-102").text


def test_a_value_that_is_only_wrong_is_asked_for_again(talk: Talk) -> None:
    talk.say("move 101")
    talk.say("42 Elm Street")
    assert talk.say("the street is wrong").text == "Which street?"


@pytest.mark.parametrize("text", ["never mind", "Forget it.", "leave it, thanks", "oh, changed my mind", "stop"])
def test_a_form_can_be_left(talk: Talk, text: str) -> None:
    talk.say("move 101")
    assert talk.say(text).text == "All right, let's leave that."
    assert PENDING not in talk.slots
    assert talk.say("42 Elm Street").routes[0].kind == "clarify"


def test_another_account_question_ends_the_form(talk: Talk) -> None:
    talk.say("move 101")
    assert talk.say("show LN-102").text == "Loan LN-102 is out."
    assert PENDING not in talk.slots


def test_a_person_ends_the_form(talk: Talk) -> None:
    talk.say("move 101")
    reply = talk.say("I want a person")
    assert [route.kind for route in reply.routes] == ["handoff"]


def test_a_question_without_an_answer_three_times_goes_to_a_person(talk: Talk) -> None:
    talk.say("please move it")
    assert talk.say("hmm").text == "I didn't quite get that. Which loan?"
    assert talk.say("well").text.startswith("I didn't quite get that.")
    assert talk.say("dunno").sentences[-1].effect.state == "waiting"
    assert PENDING not in talk.slots


@pytest.mark.filterwarnings("ignore:No method 'extract_note'")
def test_a_choice_is_taken_by_its_words_and_a_validation_may_ask_for_more(talk: Talk) -> None:
    asked = talk.say("ask me")
    assert asked.text == "What is it for?"
    assert [b.title for b in asked.buttons] == ["A gift", "For myself"]
    assert talk.say("it's a gift").text == "And the note?"
    assert "note With love." in talk.say("With love").text


@pytest.mark.parametrize("text", ["x" * 501, "\u202e\u2066", "how long is a street?"])
def test_what_is_no_answer_is_not_taken_for_one(talk: Talk, text: str) -> None:
    talk.say("move 101")
    assert talk.say(text).text.endswith("Which street?")
    assert "street" not in talk.slots


def test_invisible_characters_do_not_reach_a_value(talk: Talk) -> None:
    talk.say("move 101")
    assert talk.say("42\u200b Elm\u202e Street\x00").text == "I'd send LN-101 to 42 Elm Street. Shall I?"


def test_two_forms_do_not_share_what_is_not_kept(talk: Talk, actions: Actions) -> None:
    talk.say("move 101")
    talk.say("42 Elm Street")
    talk.say("/deny")
    assert talk.say("move 102").text == "Which street?"
    assert talk.slots["loan"] == "LN-102"


def test_project_dir_and_key_are_never_the_customers(tmp_path: Path) -> None:
    talk = Talk(desk(tmp_path))
    talk.say('/move{"loan":"LN-101","project_dir":"/tmp","customer_id":"C2","idempotency_key":"1"}')
    assert talk.say("42 Elm Street").text == "I'd send LN-101 to 42 Elm Street. Shall I?"
    talk.say("yes")
    assert (tmp_path / "book.json").exists()


def test_what_else_was_asked_for_waits_until_the_task_is_over(actions: Actions) -> None:
    talk = Talk(actions)
    asked = talk.say("move 101; show LN-102")
    assert asked.text == "Which street?"
    assert talk.say("42 Elm Street").text == "I'd send LN-101 to 42 Elm Street. Shall I?"
    assert talk.say("no").text == "All right, I've changed nothing. Loan LN-102 is out."
    assert NEXT not in talk.slots


@pytest.mark.parametrize("text", ["yes", "no"])
def test_a_yes_is_no_answer_to_which(talk: Talk, text: str) -> None:
    talk.say("please move it")
    assert talk.say(text).text == "I didn't quite get that. Which loan?"


@pytest.mark.parametrize("waits", ["[", "{}", '[["move"]]', '[["none", {}]]', '[["show", {"customer_id": "C2"}]]'])
def test_a_payload_cannot_smuggle_in_what_waits(talk: Talk, waits: str) -> None:
    talk.say("/show" + json.dumps({"loan": "LN-101", "next_tasks": waits}))
    assert talk.say("show LN-201").text.startswith("I can't find that loan")


def test_a_doubt_that_came_twice_is_still_an_answer_to_what_was_asked(talk: Talk) -> None:
    talk.say("please move it")
    assert talk.say("twice in doubt").text == "I didn't quite get that. Which loan?"


def test_a_goodbye_ends_the_form(talk: Talk) -> None:
    talk.say("please move it")
    assert talk.say("bye").text == "About goodbye."
    assert talk.say("101").routes[0].kind == "clarify"


ANGRY = "this is ridiculous, I have had enough"


@pytest.mark.parametrize(
    ("before", "text", "left", "trigger"),
    [
        (["please move it"], ANGRY, "move: was asked for the loan", "anger"),
        (["move 101"], ANGRY, "move: was asked for the street", "anger"),
        (["move 101", "42 Elm Street"], ANGRY, "move: was read back and has no yes: nothing is changed", "anger"),
        (["move 101", "42 Elm Street"], "how long does this take?? it is ridiculous", "move: was read back", "anger"),
        (["move 101", "42 Elm Street"], "move it already, this is a joke", "move: was read back", "anger"),
        (["move 101"], "a person please", "move: was asked for the street", "asked"),
        (["move 101"], "I want to kill myself", "move: was asked for the street", "safety"),
    ],
)
def test_anger_a_wish_for_a_person_and_danger_end_the_questions(
    actions: Actions, before: list[str], text: str, left: str, trigger: str
) -> None:
    talk = staffed(actions)
    for one in before:
        assert talk.say(one).sentences[-1].effect.state is None
    reply = talk.say(text)
    assert why(reply)["trigger"] == trigger
    assert not any(question in reply.text for question in ("Which", "Shall I", "once you say yes", "And the note"))
    assert ("About delivery_time." in reply.text) == ("how long" in text), "what is clear is still answered"
    assert talk.conversation.state == "waiting"
    assert any(line.startswith(left) for line in summary(talk.conversation, BRAND)["open"])


def staffed(actions: Actions) -> Talk:
    """A talk that people may be brought into."""
    talk = Talk(actions)
    answerers: Any = talk.engine.answerers
    answerers["handoff"] = HandoffAnswerer({"b": BRAND})
    return talk


@pytest.mark.parametrize("text", ["LN-101, this is ridiculous!!", "101 ffs, I'm so annoyed"])
def test_an_answer_in_anger_is_still_an_answer(talk: Talk, text: str) -> None:
    talk.say("please move it")
    assert talk.say(text).text == "Which street?"


def test_a_brand_may_have_the_angry_asked_again(actions: Actions) -> None:
    calm = Talk(actions, brand=BRAND.model_copy(update={"handoff": HandoffRules(triggers=())}))
    calm.say("please move it")
    assert "Which loan?" in calm.say(ANGRY).text


def test_a_value_that_is_refused_again_and_again_brings_a_person(talk: Talk) -> None:
    talk.say("please move it")
    for _ in range(2):
        assert "I can't find that loan" in talk.say("LN-201").text
    assert why(talk.say("LN-201"))["reason"] == "loan was asked for 3 times without an answer"


@pytest.mark.filterwarnings("ignore:No method 'extract_note'")
def test_a_form_that_says_what_it_asks_for_counts_what_is_no_answer_too(talk: Talk) -> None:
    talk.say("ask me")
    for _ in range(2):
        assert "What is it for?" in talk.say("hmm").text
    assert why(talk.say("hmm"))["reason"] == "kind was asked for 3 times without an answer"


class Doubts(Watch):
    """A guard that takes every message for an emergency, as its classifier does now and then."""

    def found(self, text: str) -> tuple[Concern, str] | None:
        return super().found(text) or ("emergency", "0.91")


@pytest.mark.parametrize(("text", "handed"), [("42 Elm Street", False), ("I want to kill myself", True), ("hmm", True)])
def test_a_plain_answer_goes_to_its_form_before_a_doubt_of_the_guard_does(
    actions: Actions, text: str, handed: bool
) -> None:
    talk = Talk(actions)
    talk.say("move 101")
    talk.engine.watch = Doubts()
    assert [route.kind for route in talk.say(text).routes] == (["handoff"] if handed else ["account"])


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("please move it;blorp", "Which loan?"),
        ("please move it;it is LN-101", "Which street?"),
        ("please move it;I'd move LN-101", "Which street?"),
        ("move LN-101;move LN-102", "Which street?"),
    ],
)
def test_what_is_told_in_sentences_of_their_own_is_one_request(talk: Talk, text: str, asked: str) -> None:
    """Beside a question nothing else is asked back, and the same is not asked for twice."""
    reply = talk.say(text)
    assert ([route.kind for route in reply.routes], reply.text) == (["account"], asked)
    assert (NEXT in talk.slots) == ("LN-102" in text), "two loans are two requests"


@pytest.mark.parametrize("text", ["ask me;odd note please", "odd note please;ask me"])
def test_a_sentence_that_sounds_like_a_smaller_request_is_part_of_the_larger_one(tmp_path: Path, text: str) -> None:
    asked = Action(action="action_said", slots=("kind", "note"))
    talk = Talk(desk(tmp_path), brand=BRAND.model_copy(update={"actions": {**BRAND.actions, "asked": asked}}))
    assert [route.intent for route in talk.say(text).routes] == ["asked"]
    assert NEXT not in talk.slots
    own = Talk(desk(tmp_path / "own"))
    own.say(text)
    assert NEXT in own.slots, "where nothing of it is asked for, it is a request of its own"


@pytest.mark.parametrize(
    ("text", "wonders"),
    [
        ("is there a fee if I move things?", True),
        ("One thing: do I only get one move?", True),
        ("Just so I know, how does a move work?", True),
        ("can a loan be moved twice?", True),
        ("wait, may I move a loan that is overdue?", True),
        ("could you tell me what a move costs?", True),
        ("can I move LN-102, too?", False),
        ("could I move the date of a loan?", True),
        ("Sorry, one more thing: does it cost extra to move something?", True),
        ("out of interest, are there loans that can't be moved?", True),
        ("please move the other one, is that possible?", False),
        ("I'd like to move it, how do I do that?", False),
        ("could you move the other one?", False),
        ("can I move it?", False),
        ("I want to move it", False),
        ("please move LN-102", False),
    ],
)
def test_a_question_that_sounds_like_a_request_begins_none_in_the_middle_of_a_task(
    tmp_path: Path, text: str, wonders: bool
) -> None:
    routes = {"move": "account", "moving_policy": "knowledge"}
    talk = Talk(desk(tmp_path), brand=BRAND.model_copy(update={"routes": routes}))
    asked = talk.say("ask me").text
    reply = talk.say(text)
    assert [route.kind for route in reply.routes] == (["knowledge", "account"] if wonders else ["account"])
    assert reply.text.endswith(asked) == wonders
    own = Talk(desk(tmp_path / "own"), brand=talk.engine.brands["b"])
    own.say("move 101")
    assert (own.say(text).text == "About move. Which street?") == wonders, "nor is it an answer to the same request"


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("odd of a kind", True),
        ("odd LN-102", False),
        ("please do something quite odd for once, not this", False),
    ],
)
@pytest.mark.filterwarnings("ignore:No method 'extract_note'")
def test_a_short_answer_that_sounds_like_a_request_for_the_same_is_an_answer(
    tmp_path: Path, text: str, taken: bool
) -> None:
    talk = Talk(desk(tmp_path))
    talk.say("ask me")
    assert talk.say("A gift").text == "And the note?"
    reply = talk.say(text)
    assert (reply.routes[0].intent == "asked") == taken
    assert ("note odd of a kind" in reply.text) == taken


def test_what_a_form_finds_again_is_not_what_the_customer_left(tmp_path: Path) -> None:
    class Finds:
        """Actions whose form finds the one loan it knows, whatever the customer says."""

        def __init__(self) -> None:
            self.inner, self.seen = desk(tmp_path), list[dict[str, Any]]()

        names = property(lambda self: self.inner.names)

        def has(self, name: str) -> bool:
            return self.inner.has(name)

        def run(self, call: Any) -> Any:
            if call["next_action"] != "validate_move_form":
                return self.inner.run(call)
            self.seen = [event for event in call["tracker"]["events"] if event["event"] == "slot"]
            return {"events": [{"event": "slot", "name": "loan", "value": "LN-101"}], "responses": []}

    actions = Finds()
    talk = Talk(actions)
    assert talk.say("move 101").text == "Which street?"
    assert talk.say("no, the other loan").text == "Which loan?"
    assert actions.seen[0]["value"] == "LN-101", "what was left stands in the events"
    assert talk.say("how long does it take?").text == "About delivery_time. Which loan?"
    assert actions.seen[0]["value"] == "LN-101"
    talk.say("never mind")
    assert not {"left_values", "loan"} & set(talk.slots)
