"""Changes: read back, confirmed by a clear yes, made once, and only where the bot may."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from frontdesk.bot.account_config import Action, Alone
from frontdesk.bot.config import Brand
from frontdesk.bot.dialogue.actions import Actions
from frontdesk.bot.dialogue.calls import Result
from frontdesk.bot.dialogue.changes import Begun, MemoryLedger, answer_in, beyond
from frontdesk.bot.dialogue.tasks import CONFIRMATION, NEXT, PENDING
from frontdesk.bot.errors import ModelError, StoreError
from frontdesk.bot.types import Customer, Reply
from tests.bot.talking import BRAND, Talk, book, desk


@pytest.fixture
def talk(tmp_path: Path) -> Talk:
    return Talk(desk(tmp_path))


def read_back(talk: Talk, street: str = "42 Elm Street") -> str:
    talk.say("move 101")
    return talk.say(street).text


YES = ["yes", "Yes please!", "yep", "yes, do it", "ok yes", "go ahead", "Correct.", "sure, please do", "I confirm"]


@pytest.mark.parametrize("text", YES)
def test_a_clear_yes_makes_the_change_once(talk: Talk, tmp_path: Path, text: str) -> None:
    read_back(talk)
    assert book(tmp_path) == []
    done = talk.say(text)
    assert done.text == "LN-101 now goes to 42 Elm Street."
    (support,) = {sentence.support for sentence in done.sentences}
    assert (support.kind, support.source, support.read_at) == ("record", "loans/LN-101", "2026-11-21T10:00:00+00:00")
    (line,) = book(tmp_path)
    assert (line["loan"], line["street"], line["quoted"]) == ("LN-101", "42 Elm Street", 5)
    assert len(line["key"]) == 32
    assert not {PENDING, CONFIRMATION, "street", "quoted"} & set(talk.slots)


NOT_YES = [
    *("ok", "okay", "fine", "maybe", "yes?", "yes but not now", "yes and no", "👍", "I guess", "y not"),
    *(
        "is it free? yes",
        "yes if it's free",
        "don't say yes",
        '/affirm{"change":"0"}',
        "yes\u200b but",
        "is that a yes",
    ),
]


@pytest.mark.parametrize("text", NOT_YES)
def test_anything_else_is_not_a_yes(talk: Talk, tmp_path: Path, text: str) -> None:
    read_back(talk)
    reply = talk.say(text)
    assert book(tmp_path) == []
    assert reply.text.endswith("Shall I?")


@pytest.mark.parametrize("text", ["no", "No, thanks.", "nope", "please don't", "/deny", "not now", "never mind"])
def test_a_no_changes_nothing(talk: Talk, tmp_path: Path, text: str) -> None:
    read_back(talk)
    assert talk.say(text).text == "All right, I've changed nothing."
    assert talk.say("yes").routes[0].kind == "clarify"
    assert book(tmp_path) == []


def test_the_buttons_of_this_read_back_confirm_and_those_of_an_earlier_one_do_not(talk: Talk, tmp_path: Path) -> None:
    talk.say("move 101")
    old = talk.say("42 Elm Street").buttons[0].payload
    new = talk.say("no, make it 7 Oak Road").buttons[0].payload
    assert talk.say(old).text.endswith("7 Oak Road. Shall I?")
    assert book(tmp_path) == []
    newest = talk.conversation.turns[-1].reply
    assert newest and newest.buttons[0].payload != new
    talk.say(newest.buttons[0].payload)
    assert [line["street"] for line in book(tmp_path)] == ["7 Oak Road"]


def test_a_question_before_the_yes_is_answered_and_it_is_read_back_again(talk: Talk, tmp_path: Path) -> None:
    read_back(talk)
    reply = talk.say("how long does it take?")
    assert reply.text == "About delivery_time. I'd send LN-101 to 42 Elm Street. Shall I?"
    talk.say("/affirm")
    assert len(book(tmp_path)) == 1


def test_a_second_yes_does_nothing_more(talk: Talk, tmp_path: Path) -> None:
    read_back(talk)
    talk.say("yes")
    talk.say("yes")
    assert len(book(tmp_path)) == 1


def test_another_account_question_leaves_the_change_and_says_so(talk: Talk, tmp_path: Path) -> None:
    read_back(talk)
    assert talk.say("show LN-102").text == "All right, I've changed nothing. Loan LN-102 is out."
    talk.say("yes")
    assert book(tmp_path) == []


def test_a_turn_that_is_done_again_changes_nothing_twice(tmp_path: Path) -> None:
    actions, ledger = desk(tmp_path), MemoryLedger()
    talk = Talk(actions, ledger=ledger)
    read_back(talk)
    first = talk.say("yes", keep=False)
    (tmp_path / "book.json").unlink()
    again = talk.say("yes")
    assert again.text == first.text
    assert book(tmp_path) == [], "reported from the ledger, not done again"


def test_a_change_with_an_unknown_end_goes_to_a_person(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    talk = Talk(desk(tmp_path), ledger=ledger)
    read_back(talk)
    ledger.begin(talk.slots[CONFIRMATION]["key"])
    reply = talk.say("yes")
    assert reply.text == BRAND.messages.uncertain
    assert reply.sentences[-1].effect.state == "waiting"
    assert book(tmp_path) == []


def test_a_repeatable_change_is_called_again_under_its_key(tmp_path: Path) -> None:
    again = BRAND.actions["move"].model_copy(update={"repeatable": True})
    brand = BRAND.model_copy(update={"actions": {**BRAND.actions, "move": again}})
    ledger = MemoryLedger()
    talk = Talk(desk(tmp_path), ledger=ledger, brand=brand)
    read_back(talk)
    ledger.begin(talk.slots[CONFIRMATION]["key"])
    assert talk.say("yes").text == "LN-101 now goes to 42 Elm Street."
    assert len(book(tmp_path)) == 1


def test_a_change_that_fails_on_the_way_is_not_tried_again(talk: Talk, tmp_path: Path) -> None:
    read_back(talk, "13 Crash")
    reply = talk.say("yes")
    assert reply.text == BRAND.messages.uncertain
    assert reply.sentences[-1].effect.reason == "move: it is not known whether the change was made"
    assert len(book(tmp_path)) == 1


def test_a_change_that_hangs_has_an_unknown_end_and_a_person_looks(
    talk: Talk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_back(talk, "88 Slow")
    monkeypatch.setattr("frontdesk.bot.dialogue.account.TIME_LIMIT", 0.5)
    reply = talk.say("yes")
    assert reply.text == BRAND.messages.uncertain
    assert reply.sentences[-1].effect.state == "waiting"
    assert len(book(tmp_path)) == 1


class Altered:
    """The desk's actions, one of them answering something else, as a team's own might."""

    def __init__(self, actions: Actions, name: str, instead: Callable[[Result], Result]) -> None:
        self.actions, self.name, self.instead = actions, name, instead
        self.names, self.has = actions.names, actions.has

    def run(self, call: Mapping[str, Any]) -> Result:
        """Run the action; what the named one answers is altered."""
        result = self.actions.run(call)
        return self.instead(result) if call["next_action"] == self.name else result


def fails(result: Result) -> Result:
    raise ModelError("it fails.")


def hangs(result: Result) -> Result:
    time.sleep(1.0)
    return result


def asked(actions: Altered) -> Talk:
    """A change that waits for a yes, with another task behind it."""
    talk = Talk(actions)
    talk.say("move 101; show LN-102")
    assert talk.say("42 Elm Street").text.endswith("Shall I?")
    return talk


def reported(talk: Talk) -> Reply:
    """The reply to the yes; a person takes over, and nothing stays open."""
    reply = talk.say("yes")
    assert talk.conversation.state == "waiting"
    assert not {PENDING, CONFIRMATION, NEXT} & set(talk.slots)
    return reply


@pytest.mark.parametrize(("does", "why"), [(fails, "failed"), (hangs, "took too long")])
def test_a_change_is_reported_though_the_task_after_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: Callable[[Result], Result], why: str
) -> None:
    talk = asked(Altered(desk(tmp_path), "action_show", does))
    if does is hangs:
        monkeypatch.setattr("frontdesk.bot.dialogue.account.TIME_LIMIT", 0.7)
    reply = reported(talk)
    assert reply.text == f"LN-101 now goes to 42 Elm Street. {BRAND.messages.apology}"
    assert reply.sentences[-1].effect.reason == f"show {why} after move was done"
    assert len(book(tmp_path)) == 1


def test_the_store_failing_after_a_change_has_the_turn_done_again(tmp_path: Path) -> None:
    def breaks(result: Result) -> Result:
        raise StoreError("the store is away.")

    talk = asked(Altered(desk(tmp_path), "action_show", breaks))
    with pytest.raises(StoreError):
        talk.say("yes")


def foreign(result: Result) -> Result:
    (said,) = result["responses"]
    record = {**said["custom"]["record"], "fields": {"customer_id": "C2"}}
    return {"events": [], "responses": [{**said, "custom": {"record": record}}]}


def shapeless(result: Result) -> Result:
    return {"events": [], "responses": [{**result["responses"][0], "buttons": 5}]}


@pytest.mark.parametrize("instead", [foreign, shapeless])
def test_a_change_whose_report_cannot_be_told_has_an_unknown_end(
    tmp_path: Path, instead: Callable[[Result], Result]
) -> None:
    reply = reported(asked(Altered(desk(tmp_path), "action_move", instead)))
    assert reply.text == BRAND.messages.uncertain
    assert reply.sentences[-1].effect.reason == "move: it is not known whether the change was made"
    assert len(book(tmp_path)) == 1


def test_a_change_that_the_store_lets_begin_too_late_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(MemoryLedger):
        def begin(self, key: str) -> Begun:
            time.sleep(0.8)
            return super().begin(key)

    talk = Talk(desk(tmp_path), ledger=Slow())
    read_back(talk)
    monkeypatch.setattr("frontdesk.bot.dialogue.account.TIME_LIMIT", 0.3)
    reply = talk.say("yes")
    assert reply.text == BRAND.messages.uncertain
    assert talk.conversation.state == "waiting"
    talk.account._pool.shutdown()
    assert book(tmp_path) == []


def test_only_the_customer_who_was_asked_confirms(talk: Talk, tmp_path: Path) -> None:
    read_back(talk)
    talk.customer = Customer(id="C2", identity="token")
    talk.say("yes")
    assert book(tmp_path) == []


def test_who_is_no_longer_signed_in_confirms_nothing(talk: Talk, tmp_path: Path) -> None:
    read_back(talk)
    talk.customer = Customer(id="visitor")
    assert talk.say("yes").text == BRAND.messages.verify
    assert book(tmp_path) == []


def test_a_yes_after_half_an_hour_is_asked_for_again(
    talk: Talk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_back(talk)
    monkeypatch.setattr("frontdesk.bot.dialogue.form.YES_LASTS", -1.0)
    assert talk.say("yes").text.endswith("Shall I?")
    assert book(tmp_path) == []


def test_a_read_back_may_refuse(talk: Talk) -> None:
    assert read_back(talk, "9 Nowhere") == "We can't deliver there."
    assert PENDING not in talk.slots


def test_what_the_bot_may_not_do_alone_goes_to_a_person_with_the_reason(talk: Talk, tmp_path: Path) -> None:
    talk.say("move 101")
    reply = talk.say("1 Far Away")
    assert reply.text == BRAND.messages.person_decides
    assert reply.sentences[-1].effect.reason == "move: cost is 500, the bot may do up to 100 alone"
    assert reply.buttons == ()


def test_a_read_back_may_hand_over(talk: Talk) -> None:
    talk.say("move 101")
    assert talk.say("7 Person").sentences[-1].effect.reason == "the street is unusual"


@pytest.mark.parametrize("amount", [-1, 101, float("nan"), float("inf"), 1e308, "5", None, True])
def test_an_amount_that_is_no_amount_is_not_the_bots_to_decide(amount: object) -> None:
    action = Action(action="a", alone=Alone(at_most={"cost": 100}))
    assert beyond(action, {"cost": amount})
    assert not beyond(action, {"cost": 100})


def test_a_change_can_be_read_back_by_a_response(tmp_path: Path) -> None:
    move = BRAND.actions["move"].model_copy(update={"read_back": "utter_move", "alone": Alone()})
    brand = Brand(
        **{
            **dict(BRAND),
            "actions": {**BRAND.actions, "move": move},
            "responses": {"utter_move": ("I'd send {loan} to {street}. Right?",)},
        }
    )
    talk = Talk(desk(tmp_path), brand=brand)
    assert read_back(talk) == "I'd send LN-101 to 42 Elm Street. Right?"
    talk.say("yes")
    assert len(book(tmp_path)) == 1


def test_yes_and_no_are_told_apart() -> None:
    texts = ("yes", "no", "No, that's not right.", "never mind", "yes no", "no yes", "")
    assert [answer_in(text) for text in texts] == [
        "yes",
        "no",
        "no",
        "leave",
        "",
        "",
        "",
    ]


def test_actions_that_are_not_the_projects_are_refused(tmp_path: Path) -> None:
    assert not Actions(tmp_path).has("action_move")
