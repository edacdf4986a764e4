"""Bad input: whatever comes in, it is said what was left out and why, and nothing is half read in silence."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontdesk.bot.errors import ConfigError
from frontdesk.bot.router.languages import foreign
from frontdesk.finetune.transcripts import Report, Said, Transcript, pairs, read_transcripts
from frontdesk.finetune.transcripts.readers import BUILT_IN, readers
from tests.finetune.sentences import SENTENCES

HELLO = [{"role": "customer", "text": "Hello, is anybody there?"}, {"role": "agent", "text": "Yes, how can I help?"}]


def row(number: int = 1, turns: Any = None, **meta: Any) -> str:
    return json.dumps({"id": str(number), "turns": HELLO if turns is None else turns, "meta": meta})


def read(path: Path, content: str | bytes, name: str = "t.jsonl", **options: Any) -> tuple[list[Transcript], Report]:
    file, report = path / name, Report()
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    found: list[Transcript] = []
    try:
        found += read_transcripts([file], report=report, **options)
    except ConfigError as error:
        report.notes[str(error)] += 1
    return found, report


def turn(role: str, text: str, **more: str) -> dict[str, str]:
    return {"role": role, "text": text, **more}


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ([turn("customer", "hi"), turn("customer", "hello?")], "no agent turn"),
        ([turn("agent", "Welcome back!")], "no customer turn"),
        ([], "no customer turn"),
        ([turn("customer", "hi"), turn("agent", "x" * 8_001)], "turn over 8,000 characters"),
        ([turn("customer", "hi"), turn("robot", "Hello.")], "broken row"),
        ([turn("customer", "Ich habe meine Bestellung nicht bekommen"), turn("agent", "Oh.")], "language de"),
        ([turn("customer", "hi"), turn("agent", "Nous sommes désolés pour ce retard de livraison")], "language fr"),
        ([turn("customer", "Где мой заказ?"), turn("agent", "One moment.")], "language ru"),
        ("no list", "broken row"),
    ],
)
def test_an_unusable_conversation_is_skipped_with_its_reason(tmp_path: Path, turns: Any, reason: str) -> None:
    found, report = read(tmp_path, f"{row()}\n{row(2, turns)}\n")
    assert [transcript.id for transcript in found] == ["1"]
    assert report.skipped == {reason: 1}
    assert report.examples[0][0] == "t.jsonl:2"
    assert report.read == 2


def test_another_brands_conversations_are_skipped_and_named(tmp_path: Path) -> None:
    content = "\n".join((row(1, brand="larkspur"), row(2, brand="meadow"), row(3), row(4, brand="meadow")))
    found, report = read(tmp_path, content, brand="larkspur")
    assert [transcript.id for transcript in found] == ["1", "3"]
    assert report.skipped == {"brand meadow": 2}


def test_every_language_may_be_let_in_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    content = row(1, [turn("customer", "Ich habe meine Bestellung nicht bekommen"), turn("agent", "Oh, sorry.")])
    assert len(read(tmp_path, content, languages=())[0]) == 1
    assert len(read(tmp_path, content, languages=("en", "de"))[0]) == 1
    with pytest.raises(ConfigError, match="tlh"):
        read_transcripts([tmp_path], report=Report(), languages=("tlh",))


def test_no_english_sentence_is_taken_for_foreign_and_few_foreign_ones_for_english() -> None:
    english = [text for text in SENTENCES["en"] if foreign(text, frozenset({"en"}))]
    others = [(language, text) for language, texts in SENTENCES.items() for text in texts if language != "en"]
    passed = [text for _, text in others if not foreign(text, frozenset({"en"}))]
    assert english == []
    assert len(others) == 40
    assert len(passed) <= 7, passed
    assert all(foreign(" ".join(texts), frozenset({"en"})) == name for name, texts in SENTENCES.items() if name != "en")


def test_turns_of_one_speaker_are_joined_and_empty_ones_dropped(tmp_path: Path) -> None:
    turns = [turn("customer", "hi"), turn("customer", "  "), turn("customer", "I need help", intent="help"),
             turn("action", "looked up"), turn("agent", "Sure."), turn("agent", "With what?")]  # fmt: skip
    (found,), report = read(tmp_path, row(1, turns))
    assert [(said.text, said.intent) for said in found.turns] == [
        ("hi\nI need help", "help"),
        ("Sure.\nWith what?", None),
    ]
    assert report.turns == {"empty text": 1, "role action": 1, "joined to the turn before (same speaker)": 2}


def test_unknown_keys_are_noted_not_swallowed(tmp_path: Path) -> None:
    content = json.dumps({"id": "1", "turns": [HELLO[0] | {"intnet": "greeting"}, HELLO[1]], "extra": 1})
    (found,), report = read(tmp_path, content)
    assert len(found.turns) == 2
    assert report.notes == {"turn key 'intnet' is not used": 1, "key 'extra' is not used": 1}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_byte_order_marks_are_understood(tmp_path: Path, encoding: str) -> None:
    text = ("\ufeff" if encoding == "utf-16-be" else "") + row(1, [turn("customer", "¿hi?"), turn("agent", "Hello 🌿")])
    (found,), _ = read(tmp_path, text.encode(encoding))
    assert [said.text for said in found.turns] == ["¿hi?", "Hello 🌿"]
    array, _ = read(tmp_path, f"{text[:0]}[{row()},\n{row(2)}]".encode("utf-16"), "t.json")
    assert [transcript.id for transcript in array] == ["1", "2"]


def test_a_line_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    found, report = read(tmp_path, row().encode() + b'\n{"id": "caf\xe9"}\n' + row(3).encode())
    assert [transcript.id for transcript in found] == ["1", "3"]
    assert report.skipped == {"not UTF-8": 1}


def test_a_csv_cell_that_is_not_utf8_costs_its_conversation_only(tmp_path: Path) -> None:
    lines = [b"id,role,text", b"1,customer,caf\xe9", b"1,agent,Hello.", b"2,customer,hi", b"2,agent,Hello."]
    found, report = read(tmp_path, b"\r\n".join(lines), "t.csv")
    assert [transcript.id for transcript in found] == ["2"]
    assert report.skipped == {"not UTF-8": 1}


def test_csv_columns_that_are_not_recognised_are_named(tmp_path: Path) -> None:
    found, report = read(tmp_path, "when,who,what\n1,2,3\n", "t.csv")
    assert not found
    assert report.unread == {"columns not recognised": 1}
    assert "when,who,what" in report.examples[0][1]
    assert "conversation_id" in next(iter(report.notes))


def test_a_csv_row_with_an_open_quote_is_reported(tmp_path: Path) -> None:
    found, report = read(
        tmp_path, 'id,role,text\n1,customer,hi\n1,agent,Hello.\n2,customer,"open\n2,agent,Hi.\n', "t.csv"
    )
    assert [transcript.id for transcript in found] == ["1"]
    assert report.skipped.total() == 1


def test_a_document_cut_off_keeps_what_came_before_and_says_so(tmp_path: Path) -> None:
    found, report = read(tmp_path, f"[{row()}, {row(2)}, {row(3)[:40]}", "t.json")
    assert [transcript.id for transcript in found] == ["1", "2"]
    assert report.unread == {"broken JSON, the rest is not read": 1}
    assert report.examples[-1][0] == "t.json after item 2"


def test_a_packed_file_cut_off_keeps_what_came_before_and_says_so(tmp_path: Path) -> None:
    rows = "\n".join(row(number, topic=str(hash(str(number)))) for number in range(1_500)).encode()
    found, report = read(tmp_path, gzip.compress(rows)[:-100], "t.jsonl.gz")
    assert 1_000 < len(found) < 1_500
    assert report.unread == {"unreadable file, the rest is not read": 1}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.jsonl.gz", b"not packed"), ("t.zip", b"PK\x03\x04broken"), ("t.json", b"\x00\xff\xfe"), ("t.csv", b""),
        ("t.jsonl", b"[" * 100_000), ("t.json", b'{"a":' * 100_000), ("t.jsonl", b"\xff\xfe\x00\xd8\x00\xd8"),
        ("t.json", b"null"), ("t.json", b"[1, 2]"), ("t.jsonl", b'{"turns": [' * 50_000),
    ],
)  # fmt: skip
def test_rubbish_is_one_error_that_says_why(tmp_path: Path, name: str, content: bytes) -> None:
    found, report = read(tmp_path, content, name)
    assert not found
    assert report.read + report.unread.total() > 0 or not content.strip()
    assert "no transcript could be used" in next(iter(report.notes))


@pytest.mark.parametrize("name", [point.name for point in BUILT_IN])
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_no_reader_breaks_on_rows_of_any_shape(name: str, data: st.DataObject) -> None:
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
        max_leaves=25,
    )
    rows = data.draw(st.lists(st.dictionaries(st.sampled_from(KEYS), anything, max_size=8), min_size=1, max_size=4))
    report, path = Report(), Path(__file__).parent / ".none"
    lines = [(f"f:{number}", each) for number, each in enumerate(rows, start=1)]
    module = __import__(type(readers()[name]).__module__, fromlist=["records"])
    if not hasattr(module, "records"):
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "records", lambda *_: iter(lines))
        for _, transcript in readers()[name].read(path, report):
            assert all(said.text for said in transcript.turns)


KEYS = ["id", "turns", "role", "text", "meta", "comments", "author_id", "requester_id", "public", "body",
        "plain_body", "via", "channel", "author", "type", "source", "conversation_parts", "part_type", "messages",
        "message_type", "conversation_id", "conversation", "content", "private", "sender",
        "created_at", "inbox_id", "brand_id"]  # fmt: skip


def test_a_large_file_is_not_held_in_memory(tmp_path: Path) -> None:
    big = tmp_path / "big.json"
    with big.open("w") as file:
        file.write("[" + row(0))
        for number in range(1, 1_000):
            file.write(",\n" + row(number, [turn("customer", f"hello {number}"), turn("agent", "Yes? " * 1_000)]))
        file.write("]")
    tracemalloc.start()
    try:
        kept = sum(1 for _ in read_transcripts([big], report=Report(), languages=()))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert kept == 1_000
    assert peak < 1_500_000 < big.stat().st_size


def test_a_line_without_end_is_skipped_and_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("frontdesk.finetune.transcripts.sources.ROW", 10_000)
    found, report = read(tmp_path, f'{row()}\n{{"id": "{"x" * 50_000}"}}\n{row(3)}\n')
    assert [transcript.id for transcript in found] == ["1", "3"]
    assert report.skipped == {"row too long": 1}


def test_a_voice_learns_from_people_and_from_what_was_voted_up_only() -> None:
    def talk(*turns: Said) -> Transcript:
        return Transcript(id="t", turns=turns, meta={"intent": "greeting"})

    customer, report = Said(role="customer", text="hi"), Report()
    bot, person = Said(role="agent", text="I am a bot.", by="bot"), Said(role="agent", text="Hey.", by="person")
    praised, blamed = bot.model_copy(update={"vote": "up"}), bot.model_copy(update={"vote": "down"})
    learned = pairs(
        [talk(customer, bot), talk(customer, praised), talk(customer, blamed), talk(customer, blamed, person),
         talk(customer, bot, person), talk(customer)], report=report,
    )  # fmt: skip
    assert [pair.reply for pair in learned] == ["I am a bot.", "Hey.", "Hey."]
    assert report.pairs == {"bot message without an up-vote": 1, "voted down": 1, "not answered": 1}


def test_an_unlabelled_text_is_labelled_or_counted() -> None:
    talk = Transcript(id="t", turns=(Said(role="customer", text="hi"), Said(role="agent", text="Hey.")))
    report = Report()
    assert not list(pairs([talk], report=report))
    assert not list(pairs([talk], lambda text: None, report=report))
    assert report.pairs == {"intent unknown": 2}
    assert [pair.intent for pair in pairs([talk], lambda text: f"about {text}")] == ["about hi"]


def test_the_report_reads_well(tmp_path: Path) -> None:
    _, report = read(tmp_path, f"{row()}\n{{broken\n{row(3, [turn('agent', 'Hi.')])}\n")
    assert report.lines() == [
        "files: 1 ours",
        "conversations: 1 kept of 3 read",
        "skipped: 1 broken row, 1 no customer turn",
        f"  e.g. t.jsonl:2: {dict(report.examples)['t.jsonl:2']}",
        "  e.g. t.jsonl:3: no customer turn",
    ]
    assert json.loads(json.dumps(report.as_dict()))["skipped"] == {"broken row": 1, "no customer turn": 1}
