"""Spans are exact whatever the text, and quotes are readable alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontdesk.knowledge.passages import split
from frontdesk.knowledge.terms import terms
from frontdesk.knowledge.values import Document
from tests.knowledge.knowledge_samples import KETTLE, RETURNS, SHIPPING

_MARKDOWN = """# Head
## Part two
Plain words here. And more of them?
- item one
  - nested
1. first
> said
| a | b |
| --- | --- |
| c | 12 |
```
**Bold only**
---
<!-- no -->
It leans on that.
Ends so:
[link](http://x.example)
naïve ☕ 漢字。
&amp; \\* `code`"""
_LINES = st.sampled_from([*_MARKDOWN.splitlines(), "", "\t", "\r", "a " * 400, "x" * 900])


def passages(text: str, limit: int = 300) -> tuple[Document, list[str]]:
    document = Document(id="d", title="Title", text=text)
    return document, [quote.text for passage in split(document, limit) for quote in passage.quotes]


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=400), st.lists(_LINES, max_size=25).map("\n".join)))
def test_spans_are_exact_and_passages_cover_the_words_in_order(text: str) -> None:
    document, end = Document(id="d", title="T", text=text), 0
    for passage in split(document, 300):
        assert end <= passage.start < passage.end <= len(text)
        assert text[passage.start : passage.end].strip()
        assert passage.end - passage.start <= 300
        end = passage.end
        for quote in passage.quotes:
            assert 0 <= quote.start < quote.end <= len(text)
            assert quote.text.strip() == quote.text and quote.text


def test_heading_paths_and_titles() -> None:
    document = Document(
        id="d", title="Guide", text="# Guide\n\nOne two three.\n\n## A\n\n### B\n\nFour five six.\n\n## C\n\nSeven."
    )
    assert [passage.heading for passage in split(document, 300)] == [(), ("A", "B"), ("C",)]


def test_a_sentence_is_quoted_without_markup_over_line_breaks() -> None:
    _, said = passages(RETURNS.split("---\n")[2])
    assert "You can return unused items within 45 days of delivery." in said
    leaning = next(text for text in said if "original box" in text)
    assert leaning.startswith("You can return") and "https" not in leaning


def test_headings_questions_and_bare_links_are_never_quoted() -> None:
    links = "[Read more](https://x.example)\n\nhttps://x.example"
    text = f"## Can I return it?\n\nCan I? Really?\n\n{links}\n\nWe say yes to that."
    _, said = passages(text)
    assert said == ["We say yes to that."]


def test_list_items_carry_their_lead_in() -> None:
    _, said = passages(RETURNS.split("---\n")[2])
    assert "We cannot take back: gift cards; engraved knives; opened food." in said
    assert "We cannot take back: engraved knives" in said


def test_table_rows_carry_their_header() -> None:
    assert passages(SHIPPING)[1][1] == "Express — Price: $14.95; Time: 1-2 business days"
    assert passages(KETTLE)[1][0] == "Title — Capacity: 1.7 L"


def test_a_long_table_keeps_its_header_as_lead() -> None:
    text = "| Part | Price |\n| --- | --- |\n" + "".join(f"| Part number {n} | ${n} |\n" for n in range(60))
    found = split(Document(id="d", title="T", text=text), 300)
    assert len(found) > 3
    assert all(text[slice(*passage.lead)] == "| Part | Price |" for passage in found[1:] if passage.lead)
    assert all(passage.lead for passage in found[1:])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("returns", "returned"),
        ("shipping", "shipped"),
        ("deliveries", "delivery"),
        ("exchange", "exchanging"),
        ("knives", "knives"),
    ],
)
def test_word_forms_meet(one: str, other: str) -> None:
    assert terms(one) == terms(other)


def test_figures_and_accents_stay_whole() -> None:
    assert terms("Is the café’s 1.7 L kettle $1,299?") == ["cafe", "1.7", "l", "kettl", "1,299"]
