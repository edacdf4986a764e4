"""Figures, units, names, negations and promises of a sentence must be those of its quote."""

from __future__ import annotations

import pytest

from frontdesk.knowledge.claims import figures, objection


@pytest.mark.parametrize(
    ("sentence", "quote"),
    [
        ("You have 14 days to return it.", "Items can be returned for two weeks."),
        ("It holds 900 ml.", "Capacity: 0.9 L"),
        ("Delivery takes three to five working days.", "Standard delivery takes 3-5 business days."),
        ("It costs $1,250.", "Price: $1250.00"),
        ("The lock lasts a quarter of an hour.", "An account is locked for 15 minutes."),
        ("Don't soak cast iron.", "Do not soak cast iron in water."),
        ("Returns are free.", "There is no charge for returns."),
        ("We ship to the UK.", "We ship to the United Kingdom."),
        ("There is no lead in the glaze.", "The glaze is free of lead."),
        ("Returns are possible.", "You can return unused items."),
    ],
)
def test_the_same_in_other_words_passes(sentence: str, quote: str) -> None:
    assert objection(sentence, quote) == ""


@pytest.mark.parametrize(
    ("sentence", "quote", "why"),
    [
        ("You can return it within 30 days.", "You can return it within 14 days.", "30 days"),
        ("You have 14 days.", "You have 14 business days.", "14 days"),
        ("The lock lasts 15 hours.", "The lock lasts 15 minutes.", "15 hours"),
        ("It costs £5.", "It costs $5.", "£5"),
        ("It costs $29 a year.", "It costs $25 a year.", "$29"),
        ("You can return it.", "You cannot return it.", "contrary"),
        ("Delivery is not free.", "Delivery is free.", "contrary"),
        ("Delivery is free.", "Delivery costs little.", "promises"),
        ("An order over $60 ships free.", "An order under $60 ships free.", "at least"),
        ("The Heron holds 1.7 L.", "The Wren holds 1.7 L.", "Heron"),
        ("The lamp is made for the Alder Board.", "The lamp is made for the desk.", "Alder"),
        ("We guarantee that it fits.", "It fits most stoves.", "promises"),
        ("It always works.", "It works on weekdays.", "promises"),
    ],
)
def test_what_differs_is_named(sentence: str, quote: str, why: str) -> None:
    assert why in objection(sentence, quote)


def test_what_a_quote_is_about_counts_as_its_words() -> None:
    assert "Wren" in objection("The price of the Wren Kettle is $64.", "Price: $64")
    assert objection("The price of the Wren Kettle is $64.", "Price: $64", "Wren Kettle — Specifications") == ""


def test_figures_are_read_with_their_units() -> None:
    said = [figure.said for figure in figures("45 days, $4.95, 10 %, two weeks, one of 5 in the box, 24 cm, UNO R4")]
    assert said == ["45 days", "$4.95", "10 %", "two weeks", "5", "24 cm"]


def test_hostile_text_is_read_in_good_time() -> None:
    assert objection("9" * 5000 + " " + "not " * 2000, "A " * 5000) != ""
