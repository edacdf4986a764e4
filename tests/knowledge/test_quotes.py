"""What is worth quoting: a sentence that says something by itself."""

from __future__ import annotations

import pytest

from frontdesk.knowledge.blocks import blocks, plain
from frontdesk.knowledge.lists import SAID_CHARS
from frontdesk.knowledge.passages import split
from frontdesk.knowledge.quotes import of, worth
from frontdesk.knowledge.support import shared
from frontdesk.knowledge.values import Document


@pytest.mark.parametrize(
    "source",
    [
        "Learn what to do when a parcel is late.",
        "Read more about returns.",
        "See this article instead.",
        "If you have an account, see this page.",
        "In this article: all about parcels",
        "This guide outlines the steps for a return.",
        "This short tutorial will show you how to change the battery.",
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


@pytest.mark.parametrize(
    "source",
    [
        "Last updated: 3 March 2024",
        "Please get in touch with our support team.",
        "Please get in touch with our [support team][support] and we'll be happy to help!",
        "If you have any other questions, please contact us.",
        "For more details, please read our [cancellation page](https://shop.example/c).",
        "See [the care guide](https://shop.example/care) for details.",
        "Wren Kettle Cream",
        "Help centre > Orders > Returns",
        "[Orders you can return](https://shop.example/r){.link-external}",
    ],
)
def test_what_closes_or_names_a_page_is_not_quoted(source: str) -> None:
    assert not worth(plain(source), source)


def test_marks_that_are_not_for_reading_are_gone() -> None:
    assert plain("The kettle[^1] is **made** in [our mill][mill]{.link-external}.<br>Not `a[0][1]`.") == (
        "The kettle is made in our mill. Not a[0][1]."
    )
    assert plain("[Write]({{ site.mail }}){% if x %} to us.") == "Write to us."
    assert said("Size: 1.7 L\\\nColour: cream, blue.") == ["Size: 1.7 L Colour: cream, blue."]
    assert plain("**Kettles** are tested.** Twice.") == "Kettles are tested. Twice."


def test_notes_under_a_text_are_not_quoted() -> None:
    assert said("We test every kettle[^1] twice.\n\n[^1]: In our mill, since 1990, by hand.\n") == [
        "We test every kettle twice."
    ]


STEPS = """Follow these steps:

1. Open the lid.
   - with the left hand
   - or the right hand
2. Pour the water in slowly.

   ![picture](x.png)
3. Close it.
"""


def test_steps_are_quoted_together_with_their_numbers_and_never_alone() -> None:
    assert said(STEPS) == [
        "Follow these steps:\n1. Open the lid (with the left hand; or the right hand)\n2. Pour the water in slowly.\n"
        "3. Close it."
    ]


def test_steps_without_a_lead_in_go_by_their_heading() -> None:
    assert said("## Descale the kettle\n\n1. Fill it up.\n1. Boil it.\n") == [
        "Descale the kettle:\n1. Fill it up.\n2. Boil it."
    ]


def test_many_steps_are_cut_between_steps_and_numbers_go_on() -> None:
    found = said("\n".join(f"{n}. {'Turn the handle. ' * 8}" for n in range(1, 13)))
    assert len(found) == 2
    assert all(len(one) <= SAID_CHARS + 100 for one in found)
    assert found[1].startswith(f"{len(found[0].splitlines()) + 1}. ")


def test_long_numbered_statements_stand_alone_too() -> None:
    clause = "You may use the kettle at home, in the office and in a rented home, but never in a bathroom or garden."
    found = said(f"1. {clause} {clause}\n2. {clause} No. 5 is excluded, as of Jan. 24th, 2022.\n")
    assert len(found) > 2
    assert found[-1].endswith("No. 5 is excluded, as of Jan. 24th, 2022.")


def test_a_short_section_under_a_symptom_is_quoted_whole() -> None:
    steps = "1. Take the lid off.\n2. Swap the seal.\n\nThen test it."
    text = f"# If the kettle leaks\n\nThe seal may be worn. Do this:\n\n{steps}"
    assert f"The seal may be worn.\nDo this:\n{steps}" in said(text)


def test_numbered_steps_are_the_own_words_of_their_source_whatever_its_numbers() -> None:
    document = Document(id="d", title="", text="Do this:\n\n1. Fill it up.\n1. Boil it.\n")
    (passage,) = split(document, 700)
    (quote,) = passage.quotes
    assert shared(quote.text, plain(document.text)) == 1.0


def said(text: str) -> list[str]:
    document = Document(id="d", title="", text=text)
    return list(dict.fromkeys(quote.text for passage in split(document, 700) for quote in passage.quotes))
