"""A question for a time or a figure is not answered by a quote without one."""

from __future__ import annotations

import pytest

from frontdesk.knowledge.kinds import wanted


@pytest.mark.parametrize(
    ("question", "answers", "does_not"),
    [
        ("When will the cream kettle be back?", "It is back in March.", "Price: $89"),
        ("how soon do I get my money", "Within 5 to 7 business days.", "Refunds go to the card you paid with."),
        ("how many of them can we have at most?", "You can add as many as you like.", "Designate someone else first."),
        ("what's the capacity", "It holds 1.7 litres.", "It is made of steel."),
        ("How long is the cable?", "The cable is 80 cm.", "The cable unplugs from the base."),
        ("how long does delivery take", "It takes three to five working days.", "A courier brings it."),
        ("how long do I have to tell you?", "Tell us within two weeks.", "Ask your 2 neighbours, it may be in a bush."),
        ("How many watts does it use?", "It draws 150 W.", "It grinds 20 g in about 15 seconds."),
        ("What does the lamp cost?", "The lamp costs $48.", "The cable is 150 cm long."),
        ("How much is engraving?", "Engraving is free with a club card.", "It takes 2 days."),
        ("how heavy is the pan", "It weighs 2.9 kg.", "The pan is 28 cm wide."),
        ("how hot for petg", "Print it at 240 °C.", "A spool holds 1 kg."),
    ],
)
def test_a_quote_must_hold_what_is_asked_for(question: str, answers: str, does_not: str) -> None:
    kind = wanted(question)
    assert kind
    assert kind.search(answers)
    assert not kind.search(does_not)


@pytest.mark.parametrize(
    "question",
    [
        "who designed it?",
        "can I return a lamp",
        "where are you",
        "do you text me when a sensor trips?",
        "what if my order costs less than the gift card",
        "",
    ],
)
def test_other_questions_ask_for_nothing_that_can_be_seen(question: str) -> None:
    assert wanted(question) is None
