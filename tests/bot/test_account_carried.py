"""What an action may name, and actions that hang: nothing about anybody else, and no thread more than may be lost."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from frontdesk.bot.dialogue.carried import names, uncarried, words_of
from frontdesk.bot.dialogue.patience import OVERDUE, Patient
from frontdesk.bot.errors import ModelError
from tests.bot.talking import Talk, desk

KNOWN = words_of("Hello, your order is on its way. Talk to a person. Larkspur Lane Monday March")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Your order is with Imogen Castellane.", ["Imogen", "Castellane"]),
        ("Imogen Castellane has it.", ["Imogen", "Castellane"]),
        ("It went to Leeds.", ["Leeds"]),
        ("It is with IMOGEN.", ["IMOGEN"]),
        ("Your order is on its way. It comes on Monday from Larkspur Lane.", []),
        ("I'm sorry, I can't. Hello! • Delivered", []),
        ("Print the PDF and I'll see.", []),
        ("Ihre Bestellung liegt beim Nachbarn und wird dort heute Abend abgeholt.", []),
    ],
)
def test_names_are_told_by_their_capitals(text: str, found: list[str]) -> None:
    assert names(text, KNOWN) == found


def test_codes_must_be_carried_too() -> None:
    assert uncarried("It is order W1234567.", "", KNOWN)
    assert not uncarried("It is order W1234567.", '[{"id": "#w1234567"}]', KNOWN)


class Says:
    """An action that says what it is told to, whatever it is asked; the others are the desk's."""

    def __init__(self, folder: Path, **response: Any) -> None:
        self.desk, self.response = desk(folder), response

    @property
    def names(self) -> frozenset[str]:
        return self.desk.names

    def has(self, name: str) -> bool:
        return self.desk.has(name)

    def run(self, call: Mapping[str, Any]) -> Mapping[str, Any]:
        if call["next_action"] != "action_show":
            return self.desk.run(call)
        return {"events": [], "responses": [self.response]}


FOREIGN = {"table": "loans", "id": "LN-201", "customer_id": "C2", "fields": {"who": "Imogen Castellane"}}
OWN = {"table": "loans", "id": "LN-101", "customer_id": "C1", "fields": {"loan": "LN-101", "who": "Nora Whitfield"}}


@pytest.mark.parametrize(
    ("response", "said"),
    [
        ({"text": "It is with Imogen Castellane."}, ""),
        ({"text": "It is with Imogen Castellane.", "custom": {"record": FOREIGN}}, ""),
        ({"text": "It is with Imogen Castellane.", "custom": {"record": OWN}}, ""),
        ({"text": "Its code is ZX81QQ7."}, ""),
        ({"response": "utter_hello", "place": "Imogen"}, ""),
        ({"text": "It is with Nora Whitfield.", "custom": {"record": OWN}}, "It is with Nora Whitfield."),
        ({"text": "It is out."}, "It is out."),
    ],
)
def test_what_no_record_of_this_customers_has_is_not_said(tmp_path: Path, response: Any, said: str) -> None:
    reply = Talk(Says(tmp_path, **response)).say("show LN-101")
    assert reply.text == (said or Talk(desk(tmp_path / "2")).engine.brands["b"].messages.apology)
    assert "Imogen" not in reply.text


def test_a_button_that_names_somebody_elses_is_not_shown(tmp_path: Path) -> None:
    buttons = [{"title": title, "payload": f'/show{{"loan":"{title}"}}'} for title in ("LN-101", "LN-201")]
    reply = Talk(Says(tmp_path, text="Which?", buttons=buttons, custom={"record": OWN})).say("show LN-101")
    assert [button.title for button in reply.buttons] == ["LN-101"]


def test_what_is_shown_beside_words_goes_along_unless_it_names_somebody_elses(tmp_path: Path) -> None:
    card = {"type": "card", "loan": "LN-101", "open": True}
    foreign = {"attachment": {"type": "file", "title": "Of Imogen Castellane"}, "elements": [{"title": "LN-201"}]}
    says = Says(
        tmp_path, text="It is out.", image="https://shop.example/a.png", custom={"record": OWN, **card}, **foreign
    )
    reply = Talk(says).say("show LN-101")
    assert reply.text == "It is out."
    assert [part for one in reply.sentences for part in one.effect.shown] == [
        {"image": "https://shop.example/a.png"},
        {"custom": card},
    ]


@pytest.mark.parametrize("odd", [{"image": 7}, {"elements": "x"}, {"attachment": []}, {"custom": ["x"]}])
def test_what_has_not_rasas_shape_is_not_shown(tmp_path: Path, odd: dict[str, Any]) -> None:
    reply = Talk(Says(tmp_path, text="It is out.", **odd)).say("show LN-101")
    assert (reply.text, [one.effect.shown for one in reply.sentences]) == ("It is out.", [()])


class Hangs:
    """One action hangs until it is let go."""

    names = frozenset({"action_slow", "action_quick"})

    def __init__(self) -> None:
        self.go, self.began = threading.Event(), threading.Semaphore(0)

    def has(self, name: str) -> bool:
        return name in self.names

    def run(self, call: Mapping[str, Any]) -> Mapping[str, Any]:
        if call["next_action"] == "action_slow":
            self.began.release()
            self.go.wait(20)
        return {}


def test_an_action_whose_calls_hang_is_not_called_until_one_ends(caplog: pytest.LogCaptureFixture) -> None:
    hangs = Hangs()
    patient = Patient(hangs, seconds=0.0)
    slow = {"next_action": "action_slow"}
    threads = [threading.Thread(target=patient.run, args=(slow,)) for _ in range(OVERDUE)]
    for thread in threads:
        thread.start()
        assert hangs.began.acquire(timeout=20)
    with pytest.raises(ModelError, match="3 of them overdue"):
        patient.run(slow)
    assert "action_slow is not called" in caplog.text, "the operator reads of it"
    assert patient.run({"next_action": "action_quick"}) == {}, "the others go on"
    hangs.go.set()
    for thread in threads:
        thread.join(20)
    assert patient.run(slow) == {}
