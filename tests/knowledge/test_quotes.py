"""What is worth quoting: a sentence that says something by itself."""

from __future__ import annotations

import pytest

from frontdesk.knowledge.blocks import blocks, plain
from frontdesk.knowledge.quotes import of, worth


@pytest.mark.parametrize(
    "source",
    [
        "Learn what to do when a parcel is late.",
        "Read more about returns.",
        "See this article instead.",
        "If you have an account, see this page.",
        "In this article: all about parcels",
        "Can I return it?",
        "These are the steps:",
        "[Cancel or change an order](https://shop.example/cancel).",
        '<a href="#cancel">Cancel or change an order</a>.',
    ],
)
def test_what_only_leads_elsewhere_is_not_quoted(source: str) -> None:
    assert not worth(plain(source), source)


@pytest.mark.parametrize("source", ["You have 45 days.", "Returns are free, see [the policy](https://shop.example/r)."])
def test_what_says_something_is(source: str) -> None:
    assert worth(plain(source), source)


def test_a_list_of_links_or_names_yields_nothing_and_a_call_out_loses_its_mark() -> None:
    text = (
        '* <a href="#a">Delivery time of orders</a>.\n* <a href="#b">Track an order here</a>.\n\n'
        "- Blue Wren Kettle\n- Cream Wren Kettle\n\n> [!NOTE]\n> Prices may differ in other shops.\n"
    )
    said = [quote.text for block in blocks(text) for quote in of(text, block, None, "")]
    assert said == ["Prices may differ in other shops."]
