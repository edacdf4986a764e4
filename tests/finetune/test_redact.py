"""Personal data out: what has a shape or a checksum, and whole conversations."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.bot.config import Brand, Slot
from frontdesk.bot.errors import ConfigError
from frontdesk.finetune.redact import KINDS, Finding, Redactor, brand_redactor
from frontdesk.finetune.redact.checksums import luhn, mod97
from frontdesk.finetune.redact.findings import merged
from frontdesk.finetune.redact.plain import plain
from frontdesk.finetune.transcripts import Said, Transcript

REDACTOR = Redactor(
    None,
    patterns={"order_id": r"LL-\d{5}"},
    keep=("Larkspur Lane", "Wren Kettle", "help@larkspurlane.example", "+1 555 0142"),
)


class Listed:
    """Tags the names and towns it was given, as the classifier would."""

    def __init__(self, **kinds: str) -> None:
        self._kinds = kinds

    def tag(self, texts: Sequence[str]) -> list[list[tuple[str, int, int]]]:
        return [
            [(kind, at, at + len(word)) for word, kind in self._kinds.items() if (at := text.find(word)) >= 0]
            for text in texts
        ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("my card is 4111 1111 1111 1111 exp 09/27 cvv 123", "my card is {{card}} exp {{card}} cvv {{code}}"),
        ("4111.1111.1111.1111 or ４１１１-１１１１-１１１１-１１１１", "{{card}} or {{card}}"),
        ("the one ending in 4242", "the one ending in {{card}}"),
        ("GB29 NWBK 6016 1331 9268 19 please", "{{iban}} please"),
        ("refund to de89370400440532013000, thanks", "refund to {{iban}}, thanks"),
        ("write to jane.doe+x@example.co.uk.", "write to {{email}}."),
        ("jane at example dot com", "{{email}}"),
        ("jane [at] example [dot] com", "{{email}}"),
        ("nothing arrived at jane@example.org yet", "nothing arrived at {{email}} yet"),
        ("call +44 20 7946 0958 or (212) 555-0187", "call {{phone}} or {{phone}}"),
        ("06 12 34 56 78 after six", "{{phone}} after six"),
        ("five five five oh one four two", "{{phone}}"),
        ("where is LL-10423", "where is {{order_id}}"),
        ("orderll10423pls, ll 10423, LL\u201110423", "order{{order_id}}, {{order_id}}, {{order_id}}"),
        ("orders 48213 and 48214 are late", "orders {{order_id}} and {{order_id}} are late"),
        (
            "account number 00982371, sort code 20-00-00",
            "account number {{account_number}}, sort code {{account_number}}",
        ),
        ("my code is 493221", "my code is {{code}}"),
        ("493221 is my code", "{{code}} is my code"),
        ("my password is hunter2", "my password is {{code}}"),
        ("password: tulip", "password: {{code}}"),
        ("born on 12/05/1984", "born on {{code}}"),
        ("221B Baker Street, London NW1 6XE please", "{{address}} please"),
        ("Hauptstraße 12, 10115 Berlin", "{{address}}"),
        ("12 rue Victor Hugo, 75002 Paris", "{{address}}"),
        ("i live at 12 maple street springfield il 62704 now", "i live at {{address}} now"),
        ("PO Box 1234, Denver, CO 80279", "{{address}}"),
        ("4821", "{{account_number}}"),
        ("41\u200b11 1111\u00ad 1111 1111", "{{card}}"),
    ],
)
def test_what_is_personal_becomes_a_placeholder(text: str, expected: str) -> None:
    assert REDACTOR.redact(text).text == expected


@pytest.mark.parametrize(
    "text",
    [
        "The Wren Kettle 1.7 L costs $64, free from $60, KET-01.",
        "order 2 kettles please, 3-5 business days, 45 days, 100% sure",
        "we're open 8 am-6 pm, on 12/05/2024 at 10:30",
        "since 2019 I've bought 3 of them, 26 cm, 1,200 mugs",
        "my password is not working and the code is wrong",
        "promo code SAVE20, error code 503",
        "i ordered 2 days ago on the way home",
        "{{customer_name}}, your order {{order_id}} is on its way. {{ support_email }}",
        "Larkspur Lane: help@larkspurlane.example or +1 555 0142",
        "",
    ],
)
def test_what_is_public_stays(text: str) -> None:
    assert REDACTOR.redact(text).text == text


@pytest.mark.parametrize("text", ["4111 1111 1111 1111", "call 020 7946 0958 now", "mail jane@example.com"])
def test_findings_are_places_in_the_original(text: str) -> None:
    (found,) = REDACTOR.redact(f"\u200b{text}").findings
    assert found.kind in KINDS
    assert text[:-5].strip("cal mi") in f"\u200b{text}"[found.start : found.end] + text


@given(st.text(max_size=200))
def test_any_text_is_read_and_a_second_pass_finds_nothing_in_a_placeholder(text: str) -> None:
    redacted = REDACTOR.redact(text)
    assert all(0 <= f.start < f.end <= len(text) for f in redacted.findings)
    assert REDACTOR.redact("{{order_id}} {{card}}").findings == ()


@given(st.text(alphabet="0123456789 -.\u0661\uff11\u2011", min_size=1, max_size=40))
def test_plain_keeps_every_place(text: str) -> None:
    read = plain(text)
    assert len(read.text) == len(read.places)
    assert all(char in "0123456789 -." for char in read.text)


def test_checksums() -> None:
    assert luhn("4111111111111111")
    assert not luhn("4111111111111112")
    assert not luhn("0000000000000000")
    assert mod97("GB29NWBK60161331926819".lower())
    assert not mod97("GB29NWBK60161331926818")


def test_overlapping_findings_are_joined_under_the_surer_kind() -> None:
    found = merged([Finding(kind="customer_name", start=3, end=9), Finding(kind="address", start=0, end=5)])
    assert found == (Finding(kind="address", start=0, end=9),)


def test_known_names_are_found_in_any_case_unless_they_are_words() -> None:
    redacted = REDACTOR.redact("hi WILL, will you tell priya? Will said yes", known_names=["Will Okafor", "Priya"])
    assert redacted.text == "hi {{customer_name}}, will you tell {{customer_name}}? {{customer_name}} said yes"


def test_a_name_found_once_is_found_in_the_whole_conversation() -> None:
    tagger = Listed(Marcus="customer_name", **{"Priya Nair": "customer_name"})
    told = Transcript(
        id="+44 20 7946 0958",
        turns=(
            Said(role="agent", text="Hello, this is Marcus. How can I help?"),
            Said(role="customer", text="I'm Priya Nair, order 48213"),
            Said(role="agent", text="Thanks, priya."),
            Said(role="customer", text="cheers marcus"),
        ),
        meta={"brand": "larkspur", "customer_name": "Priya Nair", "note": "paid with 4111111111111111"},
    )
    redacted = Redactor(tagger).transcript(told)
    assert redacted is not None
    assert [turn.text for turn in redacted.turns] == [
        "Hello, this is {{agent_name}}. How can I help?",
        "I'm {{customer_name}}, order {{order_id}}",
        "Thanks, {{customer_name}}.",
        "cheers {{agent_name}}",
    ]
    assert redacted.meta == {"brand": "larkspur", "note": "paid with {{card}}"}
    assert redacted.id == "renamed-1"


def test_a_conversation_in_which_a_second_pass_finds_more_is_refused() -> None:
    class Late:
        """Finds the surname only once the first name is gone."""

        def tag(self, texts: Sequence[str]) -> list[list[tuple[str, int, int]]]:
            return [[("customer_name", t.find("Nair"), t.find("Nair") + 4)] if "Sam" in t else [] for t in texts]

    told = Transcript(id="1", turns=(Said(role="customer", text="priya Nair"),), meta={"customer_name": "Priya"})
    assert Redactor(Late()).transcript(told) is None


def test_a_brand_gives_patterns_and_public_texts() -> None:
    brand = Brand(
        name="Moor & Co",
        profile={"support_email": "hi@moor.example"},
        slots={"order_id": Slot(pattern=r"MC\d{3}"), "colour": Slot(pattern="blue|red")},
    )
    redactor = brand_redactor(brand, None)
    assert redactor.redact("mc123, blue? ask hi@moor.example").text == "{{order_id}}, blue? ask hi@moor.example"


@pytest.mark.parametrize(("kind", "pattern"), [("order_id", "LL-["), ("colour", "red")])
def test_a_bad_pattern_is_refused(kind: str, pattern: str) -> None:
    with pytest.raises(ConfigError):
        Redactor(None, patterns={kind: pattern})
