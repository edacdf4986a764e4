"""The demo's changes played as conversations: the settings, the forms and the real order database."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest

from frontdesk.bot.dialogue.actions import Actions
from frontdesk.bot.dialogue.changes import MemoryLedger
from frontdesk.bot.project import read_settings
from frontdesk.bot.types import Customer
from tests.bot.talking import Talk

TEMPLATE = Path(__file__).parents[2] / "bot" / "template"
BRAND = read_settings(TEMPLATE / "frontdesk.toml").brands["larkspur"]
Begin = Callable[..., Talk]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(TEMPLATE / "actions", tmp_path / "actions", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(TEMPLATE / "orders.sql", tmp_path)
    return tmp_path


@pytest.fixture
def begin(project: Path) -> Begin:
    actions, ledger = Actions(project).load(), MemoryLedger()

    def begin(customer: str | None = None, *, channel: str = "web", name: str = "talk") -> Talk:
        who = Customer(id=customer, identity="token") if customer else Customer(id=f"visitor-{name}")
        return Talk(actions, customer=who, brand=BRAND, channel=channel, ledger=ledger, conversation_id=name)

    return begin


def rows(project: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(project / "orders.db")) as database:
        return database.execute(query).fetchall()


def order(project: Path, number: str) -> str:
    return str(rows(project, f"SELECT status FROM orders WHERE id = '{number}'")[0][0])


def test_an_order_is_cancelled_after_a_yes(begin: Begin, project: Path) -> None:
    talk = begin("C1005")
    asked = talk.say("/cancel_order")
    assert asked.text.startswith("I'd cancel order LL-10481 with ")
    assert "You'd get $92.95 back" in asked.text
    assert [b.title for b in asked.buttons] == ["Yes, please", "No, leave it"]
    assert order(project, "LL-10481") == "placed"
    done = talk.say("yes please")
    assert done.text.startswith("Order LL-10481 is cancelled. The refund of $92.95")
    assert order(project, "LL-10481") == "cancelled"
    assert all(s.support.source == "orders/LL-10481" and s.support.read_at for s in done.sentences)
    assert "cancelled already" in talk.say('/cancel_order{"order_id":"LL-10481"}').text


def test_a_packed_order_is_not_cancelled(begin: Begin, project: Path) -> None:
    said = begin("C1002").say('/cancel_order{"order_id":"LL-10473"}')
    assert said.text.startswith("Order LL-10473 is packed already")
    assert said.buttons == ()
    assert order(project, "LL-10473") == "packed"


def test_an_order_that_is_packed_between_question_and_yes_is_not_cancelled(begin: Begin, project: Path) -> None:
    talk = begin("C1010")
    talk.say("/cancel_order")
    with closing(sqlite3.connect(project / "orders.db")) as database:
        database.execute("UPDATE orders SET status = 'packed' WHERE id = 'LL-10482'")
        database.commit()
    assert talk.say("yes").text.startswith("Order LL-10482 is packed already")
    assert order(project, "LL-10482") == "packed"


def test_a_dear_order_goes_to_a_person(begin: Begin, project: Path) -> None:
    talk = begin("C1005")
    talk.say("/my_orders")
    with closing(sqlite3.connect(project / "orders.db")) as database:
        database.execute("UPDATE orders SET total_cents = 20100 WHERE id = 'LL-10481'")
        database.commit()
    said = talk.say("/cancel_order")
    assert said.text == BRAND.messages.person_decides
    assert said.sentences[-1].effect.reason == "cancel_order: total is 201, the bot may do up to 200 alone"


@pytest.mark.parametrize("number", ["LL-10481", "LL-99999"])
def test_another_customers_order_is_as_one_that_does_not_exist(begin: Begin, project: Path, number: str) -> None:
    said = begin("C1002").say(f'/cancel_order{{"order_id":"{number}"}}')
    assert said.text.replace(number, "X").startswith("I can't find order X among your orders.")
    assert order(project, "LL-10481") == "placed"


def test_a_new_address_is_asked_for_read_back_and_corrected(begin: Begin, project: Path) -> None:
    talk = begin("C1002")
    assert talk.say('/change_address{"order_id":"LL-10480"}').text == "What is the new street and house number?"
    assert talk.say("42 Elm Street").text == "Which town, and which state or province?"
    assert talk.say("Portland, Oregon").text == "And the postcode?"
    assert "isn't a postcode" in talk.say("9720").text
    assert "to 42 Elm Street, Portland, Oregon 97201. Is that right?" in talk.say("97201").text
    assert "to 44 Elm Street, Portland, Oregon 97201." in talk.say("no, make it 44 Elm Street").text
    done = talk.say("yes, that's right")
    assert done.text.startswith("Order LL-10480 now goes to 44 Elm Street, Portland, Oregon 97201.")
    assert rows(project, "SELECT * FROM delivery_addresses") == [
        ("LL-10480", "44 Elm Street", "Portland, Oregon", "97201")
    ]
    assert not {"street", "town", "postcode"} & set(talk.slots)


def test_a_whole_address_fills_the_form(begin: Begin) -> None:
    talk = begin("C1010")
    talk.say("/change_address")
    assert "to 42 Elm Street, Portland, OR 97201." in talk.say("42 Elm Street, Portland, OR 97201").text


def test_an_address_that_comes_with_the_wish_is_taken(begin: Begin) -> None:
    talk = begin("C1010")
    said = talk.say("please change_address it to 42 Elm Street, Portland, OR 97201")
    assert "to 42 Elm Street, Portland, OR 97201. Is that right?" in said.text


def test_a_return_is_started_once_and_a_damaged_thing_goes_to_a_person(begin: Begin, project: Path) -> None:
    talk = begin("C1003")
    asked = talk.say('/refund_request{"order_id":"LL-10462"}')
    assert asked.text == "Why would you like to send it back?"
    assert [b.title for b in asked.buttons][-1] == "Damaged or wrong"
    back = talk.say("I changed my mind")
    assert back.text.startswith("I'd start the return of order LL-10462 with ")
    assert "$144 back" in back.text
    assert talk.say("/affirm").text.startswith("The return of order LL-10462 is started.")
    assert rows(project, "SELECT order_id, reason, refund_cents FROM returns") == [("LL-10462", "unwanted", 14400)]
    assert "under way already" in talk.say('/refund_request{"order_id":"LL-10462","reason":"unwanted"}').text
    damaged = begin("C1005").say('/refund_request{"order_id":"LL-10455","reason":"damaged"}')
    assert damaged.sentences[-1].effect.reason == "order LL-10455 arrived damaged or wrong"


def test_how_far_a_refund_is(begin: Begin) -> None:
    assert "reached our warehouse on" in begin("C1007").say("/refund_status").text
    assert "we refunded $72.05 on" in begin("C1008").say("/refund_status").text
    assert "cancelled on" in begin("C1013").say('/refund_status{"order_id":"LL-10448"}').text
    assert begin("C1001").say("/refund_status").text == "I can't see a refund under way on your account."
    assert "no refund under way" in begin("C1001").say('/refund_status{"order_id":"LL-10423"}').text


def test_the_label_is_taken_off_abroad(begin: Begin, project: Path) -> None:
    talk = begin("C1008")
    talk.say("/my_orders")
    with closing(sqlite3.connect(project / "orders.db")) as database:
        database.execute("UPDATE orders SET delivered_days_ago = 3 WHERE id = 'LL-10405'")
        database.commit()
    said = talk.say('/refund_request{"order_id":"LL-10405","reason":"unwanted"}').text
    assert "You'd get $35.05 back the way you paid after $6.95 for the label." in said


def test_the_return_period_is_over(begin: Begin) -> None:
    said = begin("C1003").say('/refund_request{"order_id":"LL-10449","reason":"unwanted"}').text
    assert "its 45 days for a return ended on" in said


def test_what_the_actions_promise_stands_in_the_help_pages() -> None:
    policies = TEMPLATE / "knowledge" / "policies"
    returns, changes = ((policies / name).read_text() for name in ("returns.md", "order-changes.md"))
    code = (TEMPLATE / "actions" / "changes.py").read_text()
    told = dict(re.findall(r"^(\w+) = (\d+)$", code, re.MULTILINE))
    days, hand_in, label = (int(told[name]) for name in ("RETURN_DAYS", "HAND_IN_DAYS", "LABEL_CENTS"))
    assert f"within {days} days of delivery" in returns
    assert f"within {hand_in} days of creating the label" in returns
    assert f"${label / 100:.2f}" in returns
    assert "until packing starts" in changes
    assert "5–7 business days" in changes


def test_a_question_about_ones_own_case_has_the_record_before_the_policy(begin: Begin) -> None:
    talk = begin("C1003")
    reply = talk.say("can I still send back LL-10462?")
    assert [route.kind for route in reply.routes] == ["account", "knowledge"]
    assert reply.text.startswith("Order LL-10462 was delivered on ")
    assert reply.text.endswith("About return_policy.")
    assert [b.title for b in reply.buttons] == ["Send it back"]
    until = date.today() + timedelta(days=42)
    assert str(until.day) in reply.text or "until" in reply.text


def test_a_visitor_hears_the_policy_alone(begin: Begin) -> None:
    assert begin().say("can I still send back LL-10462?").text == "About return_policy."


# Who is asking


def test_an_order_number_and_its_email_open_that_order_alone(begin: Begin) -> None:
    talk = begin()
    first = talk.say("/order_status")
    assert first.text.startswith(BRAND.messages.challenge)
    assert talk.say("10423").text == "And which e-mail address was the order placed with?"
    assert talk.say("it's Nora.Whitfield@example.com").text.startswith("Order LL-10423 is on its way.")
    assert talk.slots["challenge"]["customer_id"] == "C1001"
    assert "email" not in talk.slots
    assert talk.say("/order_details").text.startswith("Order LL-10423 of")
    assert talk.say("/my_orders").text == BRAND.messages.verify
    other = talk.say('/order_details{"order_id":"LL-10412"}')
    assert other.text.endswith("And which e-mail address was the order placed with?")


def test_a_wrong_email_an_unknown_order_and_a_locked_one_sound_alike(begin: Begin) -> None:
    said = []
    for name, number, email in (
        ("a", "LL-10423", "dev.ramanathan@example.com"),
        ("b", "LL-99999", "nora.whitfield@example.com"),
        ("c", "LL-10474", "no.body@example.com"),
    ):
        talk = begin(name=name)
        talk.say("/order_status")
        talk.say(number)
        said.append(talk.say(email).text)
    assert len(set(said)) == 1
    assert said[0].startswith(BRAND.messages.challenge_failed)


def tried(talk: Talk, number: str, email: str) -> str:
    if "requested_slot" not in talk.slots:
        talk.say("/order_status")
    talk.say(number)
    return talk.say(email).text


def test_a_conversation_may_try_three_times(begin: Begin) -> None:
    talk = begin()
    for _ in range(3):
        assert tried(talk, "LL-10423", "x@example.com").startswith(BRAND.messages.challenge_failed)
    assert tried(talk, "LL-10423", "x@example.com") == BRAND.messages.challenge_closed
    assert tried(talk, "LL-10423", "nora.whitfield@example.com") == BRAND.messages.challenge_closed


def test_an_order_with_and_without_its_prefix_is_one_order(begin: Begin) -> None:
    for number, written in enumerate(["LL-10423", "10423", "ll-10423", "10423", "10423"]):
        assert "can't match" in tried(begin(name=f"p{number}"), written, f"x{number}@example.com")
    assert "can't match" in tried(begin(name="late"), "10423", "nora.whitfield@example.com")


def test_an_order_may_be_tried_five_times_by_all_together(begin: Begin) -> None:
    for number in range(5):
        assert "can't match" in tried(begin(name=f"n{number}"), "LL-10423", f"x{number}@example.com")
    right = tried(begin(name="late"), "LL-10423", "nora.whitfield@example.com")
    assert right.startswith(BRAND.messages.challenge_failed)
    assert tried(begin(name="other"), "LL-10474", "tobias.ferrant@example.com").startswith("Order LL-10474")


def test_an_address_may_be_tried_five_times_over_many_orders(begin: Begin) -> None:
    for number in range(5):
        tried(begin(name=f"n{number}"), f"LL-1040{number + 1}", "tobias.ferrant@example.com")
    assert "can't match" in tried(begin(name="late"), "LL-10474", "tobias.ferrant@example.com")


@pytest.mark.parametrize("channel", ["rest", "openai"])
def test_a_sender_that_anybody_may_claim_to_be_proves_nothing(begin: Begin, channel: str) -> None:
    talk = begin(channel=channel)
    assert talk.say("/order_status").text == BRAND.messages.verify
    talk.conversation.slots["challenge"] = {  # type: ignore[index]
        "customer_id": "C1001", "value": "LL-10423", "visitor": talk.customer.id, "until": 9e9,
    }  # fmt: skip
    assert talk.say("/order_status").text == BRAND.messages.verify


def test_a_passed_challenge_is_over_after_a_while_and_for_anybody_else(begin: Begin) -> None:
    talk = begin()
    tried(talk, "LL-10423", "nora.whitfield@example.com")
    passed = dict(talk.slots["challenge"])
    talk.conversation.slots["challenge"] = passed | {"until": 1.0}  # type: ignore[index]
    assert talk.say("/order_status").text.startswith(BRAND.messages.challenge)
    talk.conversation.slots["challenge"] = passed  # type: ignore[index]
    talk.customer = Customer(id="visitor-somebody-else")
    assert talk.say("/order_details").text.startswith(BRAND.messages.challenge)


def test_a_visitor_cancels_the_order_that_was_proven_and_no_other(begin: Begin, project: Path) -> None:
    talk = begin()
    talk.say("/cancel_order")
    talk.say("LL-10482")
    back = talk.say("beatrix.oakley@example.com")
    assert back.text.startswith("I'd cancel order LL-10482")
    assert talk.say("yes").text.startswith("Order LL-10482 is cancelled.")
    assert order(project, "LL-10482") == "cancelled"
    assert talk.say("/change_address").text == BRAND.messages.verify


# Taking a change back


def test_a_return_is_called_off_until_the_parcel_is_handed_in(begin: Begin, project: Path) -> None:
    talk = begin("C1003")
    talk.say('/refund_request{"order_id":"LL-10462","reason":"unwanted"}')
    (undo,) = talk.say("yes").buttons
    said = talk.say(undo.payload)
    assert said.text == "That's undone: you keep order LL-10462, and there is nothing to send back."
    assert said.sentences[0].support.source == "orders/LL-10462"
    assert rows(project, "SELECT * FROM returns") == []
    talk.say('/refund_request{"order_id":"LL-10462","reason":"unwanted"}')
    (again,) = talk.say("yes").buttons
    with closing(sqlite3.connect(project / "orders.db")) as database:
        database.execute("UPDATE orders SET status = 'returned', returned_days_ago = 0 WHERE id = 'LL-10462'")
        database.commit()
    assert talk.say(again.payload).text.startswith("I can't undo that any more: order LL-10462 is returned")
    assert len(rows(project, "SELECT * FROM returns")) == 1


def test_an_address_goes_back_to_the_one_before_and_only_from_the_last_change(begin: Begin, project: Path) -> None:
    talk, addresses = begin("C1002"), "SELECT street FROM delivery_addresses"
    payloads = []
    for street in ("42 Elm Street", "7 Oak Road"):
        talk.say(f"please change_address LL-10480 it to {street}, Portland, OR 97201")
        payloads += [button.payload for button in talk.say("yes").buttons]
    assert talk.say(payloads[0]).text.startswith("I can't undo that any more"), "it was changed again since"
    assert rows(project, addresses) == [("7 Oak Road",)]
    assert talk.say(payloads[1]).text == "That's undone: order LL-10480 goes to the address it had before."
    assert rows(project, addresses) == [("42 Elm Street",)]


def test_the_other_order_is_another_one(begin: Begin) -> None:
    talk = begin("C1002")
    assert talk.say('/cancel_order{"order_id":"LL-10480"}').text.startswith("I'd cancel order LL-10480")
    other = talk.say("no, the other order")
    assert other.text == "Which order do you mean?"
    titles = [button.title for button in other.buttons]
    assert titles and not [title for title in titles if "LL-10480" in title]
    status = begin("C1001", name="status")
    assert status.say("/order_status").text.startswith("Order LL-10423")
    assert "LL-10423" not in status.say("order_status of the other order").text
