"""Documents that disagree are told from documents about different things; the newer one is cited, the operator told."""

from __future__ import annotations

from pathlib import Path

import pytest

from frontdesk.knowledge.conflicts import Conflict, Disagreements, disagree, resolve
from frontdesk.knowledge.documents import Documents
from frontdesk.knowledge.select import Choice
from frontdesk.knowledge.values import Document, Hit, Passage, Question, Quote, Scope
from tests.knowledge.conftest import Opened

PLANTED = [
    ("Unused items can be returned within 45 days.", "Unused items can be returned within 30 days."),
    ("You may send back unused items within 45 days.", "Unused items can be returned within thirty days."),
    ("Delivery is free from $50.", "Delivery is free from $75."),
    ("The warranty lasts two years.", "The warranty lasts 5 years."),
    ("Gift cards are valid for 5 years.", "Gift cards are valid for 2 years."),
    ("We ship to Canada.", "We do not ship to Canada."),
    ("Opened food can be returned.", "Opened food cannot be returned."),
    ("Engraved items can be exchanged.", "Engraved items can't be exchanged."),
    ("The restocking fee is 10 %.", "The restocking fee is 15%."),
    ("Support answers within 24 hours.", "Support answers within 48 hours."),
    ("A repair takes 10 business days.", "A repair usually takes 15 business days."),
    ("Invoices are kept for 7 years.", "Invoices are kept for ten years."),
    ("The kettle holds 1.7 litres.", "The kettle holds 1.5 litres."),
    ("Members get 10% off.", "Members get 5% off."),
    ("The trial ends after 14 days.", "The trial ends after 30 days."),
    ("You can cancel your subscription at any time.", "You cannot cancel your subscription at any time."),
    ("Parcels leave the warehouse within 2 days.", "Parcels leave the warehouse within 4 days."),
    ("The deposit is €20.", "The deposit is €35."),
    ("Reviews are published without a check.", "Reviews are published after a check."),
    ("We match prices for 14 days after your purchase.", "For 30 days after your purchase we match prices."),
]
"""Pairs that cannot both be right, worded alike or nearly so."""
DIFFERENT = [
    ("Wren Kettle", "The Wren Kettle holds 1.7 litres.", "Heron Kettle", "The Heron Kettle holds 0.9 litres."),
    ("Wren Kettle", "Price: $64", "Heron Kettle", "Price: $89"),
    ("UNO R3", "The board runs at 16 MHz.", "UNO R4", "The board runs at 48 MHz."),
    ("Delivery", "Standard delivery takes 5 days.", "Delivery", "Express delivery takes 2 days."),
    ("Delivery", "Delivery to Canada costs $12.", "Delivery", "Delivery to Alaska costs $19."),
    ("Returns", "Items can be returned within 45 days.", "Sale", "Sale items can be returned within 14 days."),
    ("Club", "Members get free delivery from $40.", "Delivery", "You get free delivery from $60."),
    ("Hours", "Support is open from 9 to 5.", "Hours", "Support is open on 5 days."),
    ("Shipping", "Orders placed before 11:00 am ship today.", "Delivery", "Orders placed before 11 AM ship today."),
    ("Plans", "The Maker plan has 25 variables.", "Plans", "The Free plan has 5 variables."),
    ("Knives", "The knife is 20 cm long.", "Knives", "The knife weighs 180 g."),
    ("Returns", "Unused items can be returned.", "Returns", "Used items cannot be returned."),
    ("Shipping", "We ship to Norway.", "Shipping", "We do not ship to Japan."),
]
"""Quotes about two products, places, plans or conditions."""


def choice(
    text: str, name: str, *, title: str = "Help", valid_from: str = "", expires: str = "", score: float = 1.0
) -> Choice:
    document = Document(id=name, title=title, text=text, valid_from=valid_from, expires=expires)
    quote = Quote(start=0, end=len(text), text=text)
    passage = Passage(start=0, end=len(text), quotes=(quote,))
    hit = Hit(passage=passage, document=document, score=1.0, dense=0.5, lexical=1.0)
    return Choice(hit=hit, quote=quote, score=score, cosine=0.5, cover=0.5, about=0.0)


@pytest.mark.parametrize(("one", "other"), PLANTED)
def test_what_cannot_both_be_right_is_a_conflict(one: str, other: str) -> None:
    assert disagree(choice(one, "a"), choice(other, "b"))
    assert not disagree(choice(one, "a"), choice(one, "b"))


@pytest.mark.parametrize(("title", "one", "other_title", "other"), DIFFERENT)
def test_what_is_about_two_things_is_none(title: str, one: str, other_title: str, other: str) -> None:
    assert not disagree(choice(one, "a", title=title), choice(other, "b", title=other_title))


def test_the_newer_one_is_cited_and_the_operator_told() -> None:
    old = choice("Returns are taken within 45 days.", "old", valid_from="2024-01-01")
    new = choice("Returns are taken within 30 days.", "new", valid_from="2025-06-01")
    found = resolve([old, new], Scope(day="2026-01-01"))
    assert [one.hit.document.id for one in found.kept] == ["new"]
    assert found.dropped == ((old, "disagrees with new"),)
    assert "30 days" in str(found.conflicts[0])
    assert "the newer one (2025-06-01) is cited" in str(found.conflicts[0])


def test_without_dates_the_better_match_is_cited_and_the_operator_told() -> None:
    better, worse = choice("The deposit is $20.", "a"), choice("The deposit is $35.", "b")
    found = resolve([better, worse], Scope(day="2026-01-01"))
    assert (found.kept, len(found.conflicts)) == ((better,), 1)


def test_what_has_expired_or_is_not_yet_valid_is_neither_cited_nor_a_conflict() -> None:
    now = choice("The deposit is $20.", "now")
    over = choice("The deposit is $35.", "over", expires="2025-12-31")
    later = choice("The deposit is $50.", "later", valid_from="2027-01-01")
    found = resolve([over, now, later], Scope(day="2025-12-31"))
    assert (found.kept, found.conflicts) == ((now,), ())
    assert [why for _, why in found.dropped] == ["expired on 2025-12-31", "valid only from 2027-01-01"]


def test_conflicts_are_kept_until_one_of_the_documents_changes(tmp_path: Path) -> None:
    documents = Documents(tmp_path)
    documents.create()
    kept = Disagreements(documents)
    assert kept.texts() == []
    conflict = Conflict(kept=choice("The fee is $5.", "a"), dropped=choice("The fee is $9.", "b"), why="told")
    kept.record("what is the fee?", [conflict])
    kept.record("is there a fee?", [conflict])
    assert kept.texts() == []  # neither document is in this base
    documents.close()


def test_a_base_cites_the_newer_document_and_remembers_the_conflict(opened: Opened) -> None:
    old = Document(
        id="old", title="Returns", text="Unused items can be returned within 45 days.", valid_from="2024-01-01"
    )
    new = Document(
        id="new", title="Returns", text="Unused items can be returned within 30 days.", valid_from="2025-06-01"
    )
    base = opened()
    base.put([old, new])
    found = base.explain(Question(text="how many days for returned unused items?"))
    assert [citation.document_id for sentence in found.sentences for citation in sentence.citations] == ["new"]
    assert found.conflicts
    assert base.conflicts() == list(found.conflicts)
    assert next(one for one in found.considered if one.document_id == "old").why == "disagrees with new"
    base.put([new])
    assert base.conflicts() == []
