"""The fact firewall and the support check, on what a small model really tends to write."""

from __future__ import annotations

import pytest

from frontdesk.bot.config import ACTS as NAMED
from frontdesk.bot.config import Brand
from frontdesk.bot.guards import Context, FactFirewall, SupportCheck, checked
from frontdesk.bot.guards.acts import ACTS, missing_acts
from frontdesk.bot.guards.firewall import filled, violations
from frontdesk.bot.types import Citation, Conversation, Customer, Kind, Message, Route, Sentence, Support

KNOWN = {"support_hours": "Monday to Friday 8 am to 6 pm", "order_id": "LL-10423", "brand": "Larkspur Lane"}
BRAND = Brand(name="Larkspur Lane", profile={"support_hours": KNOWN["support_hours"]})


def context(kind: Kind, text: str = "hello") -> Context:
    customer = Customer(id="c")
    message = Message(text=text, conversation_id="x", brand="b", channel="web", customer=customer, id="1")
    route = Route(kind=kind, intent="i", confidence=1.0, reason="")
    return Context(message=message, conversation=Conversation(id="x", brand="b"), route=route, brand=BRAND)


@pytest.mark.parametrize(
    "invented",
    [
        "Your refund is 40 dollars.",
        "It takes two days.",
        "It takes a few weeks to arrive.",
        "We will refund you right away.",
        "I'll cancel that for you.",
        "You can return it any time.",
        "Glad it was delivered. Would you like me to help with anything else?",
        "Your order has been shipped.",
        "I've already cancelled it.",
        "Returns are free of charge.",
        "It comes with a warranty.",
        "You're eligible for a full refund.",
        "Call us on +1 555 0199.",
        "See https://example.com/returns.",
        "Write to help@shop.example.",
        "Come back on Tuesday.",
        "We open at 9 am.",
        "It's 20% off.",
        "Here is a coupon for you.",
        "Your order LL-99999 is on its way.",
        "Hello {{unknown_slot}}, welcome.",
        "Hello {{brand, welcome.",
        "Returns are free.",
        "It is half price.",
        "We ship worldwide.",
        "You qualify for a replacement.",
        "You won't be charged for that.",
        "I just cancelled your order.",
        "Your refund has gone through.",
        "Your order is on its way to you now.",
        "I have changed your delivery address.",
        "It's dishwasher safe.",
        "We're open weekdays nine to five.",
        "Orders before noon go out the same day.",
    ],
)
def test_a_fact_from_nowhere_is_a_violation(invented: str) -> None:
    assert violations(invented, KNOWN, "hi there")


@pytest.mark.parametrize(
    "plain",
    [
        "Hello, and welcome to {{brand}}. What can I do for you?",
        "We're here {{support_hours}}.",
        "I'm so sorry about that. Shall I bring in one of our people?",
        "You're very welcome. Anything else I can look at?",
        "Thanks for telling us about {{order_id}}. May I pass it to a person?",
        "Have a lovely evening.",
        "Of course, take your time.",
        "Give me a second.",
        "Feel free to ask.",
        "Could you tell me which item was delivered?",
        "If your order was cancelled, tell me the order number.",
    ],
)
def test_a_routine_reply_passes(plain: str) -> None:
    assert violations(plain, KNOWN, "hi there") == []


def test_the_customers_own_words_may_be_repeated() -> None:
    assert violations("Thanks, I see LL-77777 here.", {}, "my order is LL-77777") == []
    assert violations("Thanks, I see LL-77777 here.", {}, "my order is late")
    assert violations("It costs 12.", {}, "I have been waiting since 2012")
    assert violations("Yes, 90 days is fine.", {}, "can i return it after 90 days?"), "an amount is never confirmed"


def test_placeholders_are_filled_by_code() -> None:
    assert filled("{{ brand }} is open {{support_hours}}", KNOWN).startswith("Larkspur Lane is open Monday")


def test_the_firewall_is_the_last_look_at_a_voice_sentence() -> None:
    firewall = FactFirewall()
    bad = Sentence(text="We will refund 40 dollars.")
    assert firewall.check(bad, context("voice")).action == "reroute"
    good = Sentence(text=f"Larkspur Lane is here {KNOWN['support_hours']}.")
    assert firewall.check(good, context("voice")).action == "keep"
    assert firewall.check(bad, context("knowledge")).action == "keep", "knowledge has its own check"


def quoting(quote: str) -> Citation:
    return Citation(number=1, document_id="d", title="t", url="", version="v", quote=quote, start=0, end=len(quote))


def test_a_knowledge_sentence_needs_its_quote_and_its_figures() -> None:
    check, about = SupportCheck(), context("knowledge")
    fact = "You have 45 days."
    assert check.check(Sentence(text=fact), about).action == "reroute"
    assert check.check(Sentence(text=fact, citations=(quoting("within 45 days"),)), about).action == "keep"
    wrong = check.check(Sentence(text=fact, citations=(quoting("within 30 days"),)), about)
    assert wrong.action == "reroute"
    assert "45" in wrong.reason


def test_an_account_sentence_with_figures_needs_its_record() -> None:
    check, about = SupportCheck(), context("account")
    assert check.check(Sentence(text="Order LL-10423 is packed."), about).action == "reroute"
    record = Support(kind="record", source="orders/LL-10423")
    assert check.check(Sentence(text="Order LL-10423 is packed.", support=record), about).action == "keep"
    assert check.check(Sentence(text="Which order do you mean?"), about).action == "keep"


def test_checks_compose_and_the_first_objection_wins() -> None:
    verdict = checked((FactFirewall(), SupportCheck()), Sentence(text="It costs $5."), context("voice"))
    assert verdict.action == "reroute"
    assert verdict.reason.startswith("fact firewall")


def test_required_acts_are_recognised() -> None:
    reply = "I'm so sorry. Shall I bring in a colleague?"
    assert missing_acts(reply, ("apologise", "offer_person")) == []
    assert missing_acts("Hello there!", ("apologise", "offer_person")) == ["apologise", "offer_person"]


def test_a_bot_never_says_yes_to_being_human() -> None:
    assert missing_acts("Yes, I'm an automated assistant.", ("disclose_bot",))
    assert not missing_acts("I'm an automated assistant.", ("disclose_bot",))


def test_every_act_the_settings_may_name_is_recognised() -> None:
    assert frozenset(ACTS) == NAMED
