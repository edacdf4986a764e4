"""Account: the demo's real actions behind rasa-sdk's executor, for the right customer only."""

from __future__ import annotations

import asyncio
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from frontdesk.bot.account_config import Challenge
from frontdesk.bot.config import Action, Brand, Slot
from frontdesk.bot.dialogue.account import AccountAnswerer
from frontdesk.bot.dialogue.actions import Actions
from frontdesk.bot.dialogue.continuing import continued
from frontdesk.bot.dialogue.identity import known_as
from frontdesk.bot.dialogue.tasks import PENDING, REQUESTED
from frontdesk.bot.errors import ConfigError, ModelError
from frontdesk.bot.types import Conversation, Customer, Identity, Message, Reply, Route, Sentence, Turn

TEMPLATE = Path(__file__).parents[2] / "bot" / "template"
BRAND = Brand(
    name="Larkspur Lane",
    actions={
        "order_status": Action(action="action_order_status"),
        "order_details": Action(action="action_order_details", slots=("order_id",)),
    },
    slots={"order_id": Slot(pattern=r"LL-\d{5}", ask="Which order number?")},
)


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> AccountAnswerer:
    project = tmp_path_factory.mktemp("shop")
    shutil.copytree(TEMPLATE / "actions", project / "actions")
    shutil.copy(TEMPLATE / "orders.sql", project)
    return AccountAnswerer(Actions(project).load(), {"b": BRAND})


def ask(
    account: AccountAnswerer,
    text: str,
    *,
    customer: str = "C1001",
    identity: Identity = "token",
    intent: str = "order_status",
    slots: dict[str, str] | None = None,
) -> list[Sentence]:
    who = Customer(id=customer, identity=identity)
    message = Message(text=text, conversation_id="x", brand="b", channel="web", customer=who, id="1")
    route = Route(kind="account", intent=intent, confidence=1.0, reason="", slots=slots or {})

    async def collected() -> list[Sentence]:
        return [s async for s in account.answer(message, Conversation(id="x", brand="b"), route)]

    return asyncio.run(collected())


@pytest.mark.parametrize("identity", ["anonymous", "channel", "challenge"])
def test_nobody_hears_about_orders_before_the_level_the_action_needs(
    account: AccountAnswerer, identity: Identity
) -> None:
    said = ask(account, "where is my order?", identity=identity)
    assert [s.text for s in said] == [BRAND.messages.verify]


def test_a_verified_customer_hears_the_status_from_the_record(account: AccountAnswerer) -> None:
    orders = ask(account, "which?", intent="order_status")
    number = next((b.payload.split('"')[3] for s in orders for b in s.effect.buttons), None) or next(
        s.support.source.split("/")[1] for s in orders if s.support.kind == "record"
    )
    said = ask(account, f"where is {number.lower()}?")
    assert any(number in s.text for s in said)
    assert all(s.support.source == f"orders/{number}" for s in said)
    assert said[-1].effect.action == "action_order_status"
    assert said[-1].effect.slots["order_id"] == number


def test_another_customers_order_sounds_like_one_that_does_not_exist(account: AccountAnswerer) -> None:
    own = ask(account, "where is it?", customer="C1002")
    foreign = next(iter(b.payload.split('"')[3] for s in own for b in s.effect.buttons), None) or next(
        s.support.source.split("/")[1] for s in own if s.support.kind == "record"
    )
    theirs = " ".join(s.text for s in ask(account, f"where is {foreign}?", customer="C1001"))
    nobodys = " ".join(s.text for s in ask(account, "where is LL-99999?", customer="C1001"))
    assert theirs.replace(foreign, "LL-99999") == nobodys


def test_a_missing_slot_is_asked_for_and_its_answer_resumes(account: AccountAnswerer) -> None:
    said = ask(account, "what did I buy?", intent="order_details")
    assert said[0].text == "Which order do you mean?"
    asked = Reply(text="", routes=(Route(kind="account", intent="order_details", confidence=1.0, reason=""),))
    first = Message(text="what?", conversation_id="x", brand="b", channel="web", customer=Customer(id="c"), id="1")
    slots = {name: value for name, value in said[0].effect.slots.items() if value is not None}
    assert slots == {PENDING: "order_details", REQUESTED: "order_id"}
    waiting = Conversation(id="x", brand="b", slots=slots, turns=(Turn(message=first, reply=asked),))
    answer = Message(text="ll-10401", conversation_id="x", brand="b", channel="web", customer=Customer(id="c"), id="2")
    unsure = (Route(kind="clarify", intent="out_of_scope", confidence=0.2, reason=""),)
    (route,) = continued(answer, waiting, BRAND, unsure)
    assert (route.kind, route.intent) == ("account", "order_details")
    later = Reply(text="", routes=(Route(kind="voice", intent="thanks", confidence=1.0, reason=""),))
    turns = (*waiting.turns, Turn(message=first, reply=later))
    assert continued(answer, replace(waiting, turns=turns), BRAND, unsure) == unsure, "only right after the question"


@pytest.mark.parametrize("value", ["LL-10401'; DROP TABLE orders; --", "' OR 1=1 --", "LL-10401 OR 1=1", "../x"])
def test_a_payload_slot_that_does_not_fit_its_pattern_is_ignored(account: AccountAnswerer, value: str) -> None:
    said = ask(account, "/order_details", intent="order_details", slots={"order_id": value})
    assert said[0].text == "Which order do you mean?"


def test_the_customer_id_in_a_payload_is_never_believed(account: AccountAnswerer) -> None:
    mine = ask(account, "where is my order?", customer="C1001")
    tried = ask(account, "where is my order?", customer="C1001", slots={"customer_id": "C1002"})
    assert [s.text for s in tried] == [s.text for s in mine]


def test_a_missing_or_broken_package_names_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"actions/__init__\.py"):
        Actions(tmp_path).load()
    (tmp_path / "actions").mkdir()
    (tmp_path / "actions" / "__init__.py").write_text("import no_such_module\n")
    with pytest.raises(ConfigError, match="no_such_module"):
        Actions(tmp_path).load()


def test_an_action_that_fails_is_a_model_error(tmp_path: Path) -> None:
    (tmp_path / "actions").mkdir()
    (tmp_path / "actions" / "__init__.py").write_text(
        "from rasa_sdk import Action\n\n"
        "class Broken(Action):\n"
        "    def name(self): return 'action_broken'\n"
        "    def run(self, dispatcher, tracker, domain): raise KeyError('secret')\n"
    )
    call = {"next_action": "action_broken", "tracker": {"sender_id": "x", "slots": {}}, "domain": {}}
    with pytest.raises(ModelError) as caught:
        Actions(tmp_path).load().run(call)
    assert "secret" not in str(caught.value)


def test_an_action_that_hangs_is_cut_off(monkeypatch: pytest.MonkeyPatch, account: AccountAnswerer) -> None:
    monkeypatch.setattr("frontdesk.bot.dialogue.account.TIME_LIMIT", 0.05)
    monkeypatch.setattr(account.actions, "run", lambda call: time.sleep(0.5))
    with pytest.raises(ModelError, match="too long"):
        ask(account, "where is my order?")


@pytest.mark.parametrize(
    ("text", "opened"),
    [("and LN-1010?", True), ("ln-1010", True), ("1010", True), ("and it?", True), ("LN-101", False), ("101", False)],
)
def test_a_passed_challenge_opens_the_record_that_it_named_and_none_that_begins_alike(text: str, opened: bool) -> None:
    loan = Slot(pattern=r"LN-\d{3,4}", bare=r"(?<![\w-])\d{3,4}(?![\w-])")
    proof = Challenge(action="action_verify", slots=("loan",), opens="loan")
    brand = Brand(name="The Desk", slots={"loan": loan}, challenge=proof)
    passed = {"customer_id": "C1", "value": "LN-1010", "visitor": "v", "until": time.time() + 60}
    message = Message(text=text, conversation_id="x", brand="b", channel="web", customer=Customer(id="v"), id="1")
    route = Route(kind="account", intent="show", confidence=1.0, reason="")
    known = known_as(message, Conversation(id="x", brand="b", slots={"challenge": passed}), route, brand, "challenge")
    assert (known is not None) == opened
