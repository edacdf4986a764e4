"""What actions bring about: events, followups, responses, rejections, limits; and what they may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from frontdesk.bot.config import Brand
from frontdesk.bot.dialogue.actions import Actions
from frontdesk.bot.dialogue.tasks import CONFIRMATION, PENDING
from tests.bot.talking import BRAND, Talk, desk


@pytest.fixture(scope="module")
def actions(tmp_path_factory: pytest.TempPathFactory) -> Actions:
    return desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture
def talk(actions: Actions) -> Talk:
    return Talk(actions)


def odd(talk: Talk, note: str) -> str:
    return talk.say(f'/odd{{"note":"{note}"}}').text


@pytest.mark.parametrize(
    ("note", "text"),
    [
        ("response", "Hello from the desk."),
        ("follow_response", "Hello from ."),
        ("follow", "For C1, note follow. []"),
        ("reset", "For C1, note nothing. []"),
        ("resume", "For C1, note resume. []"),
        ("bot", "For C1, note bot. ['kept, not sent']"),
        ("identity", "For C1, note identity. []"),
        ("domain", "asked_form challenge_form move_form odd_form show_form "),
        ("tracker", "user | odd"),
    ],
)
def test_what_an_action_says_and_does(talk: Talk, note: str, text: str) -> None:
    assert odd(talk, note) == text.strip()
    assert CONFIRMATION not in talk.slots
    assert "customer_id" not in talk.slots


def test_a_pause_hands_over(talk: Talk) -> None:
    reply = talk.say('/odd{"note":"pause"}')
    assert reply.sentences[-1].effect.state == "waiting"
    assert reply.sentences[-1].effect.reason == "action_odd asks for a person"


def test_an_action_may_start_a_form(talk: Talk) -> None:
    assert odd(talk, "form") == "Which loan?"
    assert talk.slots[PENDING] == "move"
    assert talk.say("LN-102").text == "Which street?"


def test_a_rejection_says_nothing_and_the_bot_abstains(talk: Talk) -> None:
    assert odd(talk, "reject") == BRAND.messages.abstain


def test_actions_that_follow_one_another_forever_are_stopped(talk: Talk) -> None:
    assert odd(talk, "loop") == BRAND.messages.abstain


def test_a_figure_that_the_record_lacks_is_not_said(talk: Talk) -> None:
    reply = talk.say('/odd{"note":"figures"}')
    assert reply.text == BRAND.messages.abstain
    assert "77" not in str(reply.sentences)


def test_somebody_elses_record_is_refused(talk: Talk) -> None:
    reply = talk.say('/odd{"note":"foreign"}')
    assert reply.text == BRAND.messages.apology
    assert "somebody" not in str(reply)


def test_a_response_that_nobody_wrote_is_left_out(actions: Actions) -> None:
    brand = Brand(**{**dict(BRAND), "responses": {}})
    assert odd(Talk(actions, brand=brand), "response") == BRAND.messages.abstain


def test_the_history_is_told_as_events(talk: Talk) -> None:
    talk.say("thanks")
    assert odd(talk, "tracker") == "user bot user | odd"


def test_a_hanging_action_is_cut_off_and_a_person_comes(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("frontdesk.bot.dialogue.account.TIME_LIMIT", 0.05)
    reply = talk.say('/odd{"note":"hang"}')
    assert reply.text == BRAND.messages.apology
    assert reply.sentences[-1].effect.state == "waiting"


def test_the_actions_of_two_projects_do_not_meet(tmp_path: Path) -> None:
    one, two = desk(tmp_path / "one"), desk(tmp_path / "two")
    assert one.names == two.names
    for talk, street in ((Talk(one), "1 One Street"), (Talk(two), "2 Two Street")):
        talk.say("move 101")
        talk.say(street)
        talk.say("yes")
    assert "1 One Street" in (tmp_path / "one" / "book.json").read_text()
    assert "1 One Street" not in (tmp_path / "two" / "book.json").read_text()
