"""The fact detector: what it finds in replies with facts, and what it leaves alone in those without."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from frontdesk.finetune.evaluate.facts import facts_from_nowhere
from frontdesk.finetune.evaluate.lexer import lexed

ROWS = [json.loads(line) for line in Path(__file__).with_name("fact_replies.jsonl").read_text().splitlines()]
KNOWN = {
    "brand": "Larkspur Lane",
    "support_email": "help@larkspurlane.example",
    "support_phone": "+1 555 0142",
    "support_hours": "Monday to Friday 8 am to 6 pm",
    "website": "https://larkspurlane.example",
    "customer_name": "Nora",
    "order_id": "LL-10423",
}


def test_nearly_every_written_fact_is_found_and_nearly_nothing_else() -> None:
    missed = [
        r["reply"] for r in ROWS if r["fact"] and not facts_from_nowhere(r["reply"], {**KNOWN, "order_id": ""}, "")
    ]
    false = [r["reply"] for r in ROWS if not r["fact"] and facts_from_nowhere(r["reply"], KNOWN, r["said"])]
    assert sum(r["fact"] for r in ROWS) >= 150
    assert sum(not r["fact"] for r in ROWS) >= 150
    assert len(missed) <= 8, missed
    assert len(false) <= 8, false


def test_a_filled_value_is_no_fact_and_an_unknown_placeholder_is() -> None:
    filled = "Ring +1 555 0142, we're here Monday to Friday 8 am to 6 pm, or write to help@larkspurlane.example."
    assert facts_from_nowhere(filled, KNOWN, "") == []
    assert facts_from_nowhere(filled, {}, "")
    assert facts_from_nowhere("Hello {{customer_name}}.", {**KNOWN, "customer_name": ""}, "") == [
        "placeholder: {{customer_name}}"
    ]
    assert facts_from_nowhere("Hello {{refund_date}}.", KNOWN, "")
    assert facts_from_nowhere("Hello {{brand.", KNOWN, "")
    assert facts_from_nowhere("Hello brand}}.", KNOWN, "")


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("I'm sorry about order #501-99.", "order 501-99 is broken"),
        ("I'm sorry about order 501-99.", "Order #501-99!"),
        ("Thursday was a long wait, I'm sorry.", "it should have come on thursday"),
        ("I'm sorry it was cancelled.", "why was it cancelled?"),
    ],
)
def test_what_the_customer_said_may_be_said_back(reply: str, said: str) -> None:
    assert facts_from_nowhere(reply, KNOWN, said) == []
    assert facts_from_nowhere(reply, KNOWN, "hello")


def test_a_question_or_a_condition_asserts_nothing_but_what_stands_before_it_does() -> None:
    assert facts_from_nowhere("Would you like us to refund you?", KNOWN, "") == []
    assert facts_from_nowhere("If we shipped it to the wrong place, tell me.", KNOWN, "") == []
    assert facts_from_nowhere("I've refunded you, anything else?", KNOWN, "")


@pytest.mark.parametrize(
    "text", ["", " ", "\n\n", "{{", "}}{{", "{{}}", "🎉" * 50, "\x00", "a" * 5000, "/", "://", "-", "@."]
)
def test_any_text_is_read(text: str) -> None:
    assert isinstance(facts_from_nowhere(text, KNOWN, text), list)


def test_values_get_their_kind_from_their_shape_and_their_neighbours() -> None:
    kinds = {
        t.text: t.kind for t in lexed("It's $5, 5% or 12 dollars at 9 am on May 4th: a@b.example www.x.org X99.", {})
    }
    assert kinds["$5"] == kinds["12"] == "money"
    assert kinds["5%"] == "percent"
    assert kinds["9"] == "time"
    assert kinds["4th"] == "date"
    assert kinds["a@b.example"] == "email"
    assert kinds["www.x.org"] == "link"
    assert kinds["X99"] == "code"
