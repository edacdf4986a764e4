"""Splitting long texts for platforms that count characters in different ways."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from frontdesk.channels.split import characters, size, split, utf16_units

TEXTS = st.text(
    alphabet=st.one_of(st.characters(codec="utf-8"), st.sampled_from("ab .\n😀👩\u200d\u0301🇦🇧")), max_size=300
)


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.integers(2, 60), st.sampled_from([characters, utf16_units]))
def test_pieces_fit_and_lose_only_white_space(text: str, limit: int, unit) -> None:  # type: ignore[no-untyped-def]
    pieces = split(text, limit, unit)
    assert all(piece.strip() and size(piece, unit) <= limit for piece in pieces)
    assert squeezed("".join(pieces)) == squeezed(text)


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_utf16_pieces_never_cut_a_surrogate_pair(text: str) -> None:
    for piece in split(text, 7, utf16_units):
        assert len(piece.encode("utf-16-le")) // 2 <= 7
        assert piece.encode("utf-16-le").decode("utf-16-le") == piece


def test_cuts_at_the_best_seam_there_is() -> None:
    assert split("One two.\n\nThree four.", 15) == ["One two.", "Three four."]
    assert split("One two. Three four.", 15) == ["One two.", "Three four."]
    assert split("one two three", 9) == ["one two", "three"]
    assert split("onetwothree", 4) == ["onet", "woth", "ree"]
    assert split("short", 4000) == ["short"]
    assert split(" \n ", 10) == []


def test_an_emoji_stays_whole_across_telegrams_limit() -> None:
    text = "x" * 4095 + "😀" + "y" * 10
    assert [size(piece, utf16_units) for piece in split(text, 4096, utf16_units)] == [4095, 12]
    family = "a" * 8 + "👩\u200d👧"
    assert split(family, 10) == ["a" * 8, "👩\u200d👧"]


def test_a_long_text_is_quick_enough() -> None:
    assert len(split("word " * 20000, 3000)) == 34
