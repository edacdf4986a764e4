"""Names and places: the shipped classifier, its words, its data, and its refusals."""

from __future__ import annotations

import gzip
import json
import random
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from frontdesk.adapters.encoder import MiniLM, TokenStates
from frontdesk.bot.errors import ModelError
from frontdesk.finetune.redact import NameTagger, Redactor, names, train
from frontdesk.finetune.redact.chat import chat_rows, sampled
from frontdesk.finetune.redact.examples import Marked, dressed, fill, own_sentences, somebody, training, vocative
from frontdesk.finetune.redact.names import LAYERS, decided, joined, word_states
from frontdesk.finetune.redact.people import people
from frontdesk.finetune.redact.wording import SHAPES, shapes, words
from frontdesk.finetune.transcripts import Said, Transcript


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def redactor(cache: Path) -> Redactor:
    return Redactor(NameTagger(cache), keep=("Larkspur Lane", "Wren Kettle"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Thanks, Priya. Shall I ask somebody?", "Thanks, {{customer_name}}. Shall I ask somebody?"),
        ("hi im priya", "hi im {{customer_name}}"),
        ("HI THIS IS BRENDAN KOWALCZYK", "HI THIS IS {{customer_name}}"),
        ("my name is Jean-Luc O'Brien", "my name is {{customer_name}}"),
        ("hi Мария Иванова", "hi {{customer_name}}"),
        ("my husband Oluwaseun ordered it", "my husband {{customer_name}} ordered it"),
        ("I live in Leicester", "I live in {{place}}"),
        ("Will you mark it for me? May I hope?", "Will you mark it for me? May I hope?"),
        ("Do you ship to Canada?", "Do you ship to Canada?"),
        ("Hello from Larkspur Lane, the Wren Kettle is back.", "Hello from Larkspur Lane, the Wren Kettle is back."),
        ("{{customer_name}}, thank you for waiting.", "{{customer_name}}, thank you for waiting."),
    ],
)
def test_names_and_towns_become_placeholders(redactor: Redactor, text: str, expected: str) -> None:
    assert redactor.redact(text).text == expected


def test_a_name_far_into_a_long_turn_is_found(redactor: Redactor) -> None:
    text = "the parcel is late and nobody writes back. " * 60 + "My name is Priya Nair."
    assert redactor.redact(text).text.endswith("My name is {{customer_name}}.")


def test_a_second_pass_lets_an_ordinary_conversation_through(redactor: Redactor) -> None:
    told = Transcript(
        id="c1",
        turns=(
            Said(role="customer", text="Hello, I'm Priya Nair and my order 48213 is late"),
            Said(role="agent", text="Sorry about that, Priya. I'll ask a person to step in."),
        ),
    )
    redacted = redactor.transcript(told)
    assert redacted is not None
    assert redacted.turns[1].text == "Sorry about that, {{customer_name}}. I'll ask a person to step in."


def test_a_changed_head_is_refused(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "redact"
    folder.mkdir()
    for name in (names.HEAD, "names.json"):
        (folder / name).write_bytes((files("frontdesk.finetune") / "redact" / name).read_bytes())
    monkeypatch.setattr(names, "files", lambda package: tmp_path)
    NameTagger(cache).load()
    (folder / names.HEAD).write_bytes(b"\x00" + (folder / names.HEAD).read_bytes()[1:])
    with pytest.raises(ModelError, match="manifest"):
        NameTagger(cache).load()
    (folder / names.HEAD).unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        NameTagger(cache).load()


def test_the_manifest_names_the_encoder_it_was_trained_on(cache: Path) -> None:
    manifest = json.loads((files("frontdesk.finetune") / "redact" / "names.json").read_text(encoding="utf-8"))
    assert manifest["encoder"] == TokenStates(cache, LAYERS).fingerprint


def test_token_states_are_those_that_the_sentence_encoder_pools(cache: Path) -> None:
    text = "Where is my kettle?"
    (tokens,) = TokenStates(cache, (0, 6)).read([text])
    assert [text[start:end] for start, end in tokens.spans] == ["Where", "is", "my", "kettle", "?"]
    assert tokens.states.shape == (5, 768)
    pooled, vector = tokens.states[:, 384:].mean(axis=0), MiniLM(cache).encode([text])[0]
    assert pooled @ vector / np.linalg.norm(pooled) > 0.9


def test_words_keep_inner_marks_and_leave_the_possessive() -> None:
    text = "Jean-Luc O'Brien's order, J. Nair!"
    assert [text[a:b] for a, b in words(text)] == [
        "Jean-Luc", "O'Brien", "'s", "order", ",", "J", ".", "Nair", "!",
    ]  # fmt: skip
    assert shapes(text, words(text)).shape == (9, SHAPES)
    assert shapes("", []).shape == (0, SHAPES)


def test_neighbouring_words_of_one_class_are_one_finding() -> None:
    text = "for J. Nair, Leeds"
    spans = words(text)
    assert joined(text, spans, [0, 1, 0, 1, 0, 2]) == [("customer_name", 4, 11), ("place", 13, 18)]
    assert decided(np.array([[0.5, 0.4, 0.1], [0.5, 0.1, 0.4]], dtype=np.float32), (0.3, 0.5)) == [1, 0]


def test_word_states_are_means_over_a_words_tokens(cache: Path) -> None:
    (tokens,) = TokenStates(cache, (1,)).read(["priya"])
    spans = words("priya")
    assert np.allclose(word_states(tokens, spans)[0], tokens.states.mean(axis=0), atol=1e-5)


def test_the_two_halves_of_the_names_share_no_word() -> None:
    learned, held = people(held_out=False), people(held_out=True)

    def parts(given: bool, half: object) -> set[str]:
        lists = half.names.values()  # type: ignore[attr-defined]
        return {p.lower() for names in lists for n in (names.given if given else names.family) for p in n.split()}

    assert not (parts(True, learned) | parts(False, learned)) & (parts(True, held) | parts(False, held))
    assert not {t for some in learned.towns for t in some} & {t for some in held.towns for t in some}


def test_examples_mark_what_they_fill_in() -> None:
    rng, half = random.Random(1), people(held_out=False)
    made = fill("hi {n}, do you know {p}? {s}", half, rng, ["Where is it?"])
    assert [kind for kind, _, _ in made.spans] == ["customer_name", "place"]
    assert made.text.lower().endswith("where is it?")
    for one in training(rng, 200, ["Sorry, ask somebody.", "Where is it?"]):
        assert all(one.text[start:end].strip() for _, start, end in one.spans)
    spans = (("customer_name", 3, 6),)
    assert all(dressed(Marked(text="hi Ana, ok?", spans=spans), rng).text[3:6].lower() == "ana" for _ in range(50))
    assert somebody("ask the driver") == "ask {n}"
    assert somebody("where is it") == ""
    assert vocative("Sorry, no") == "Sorry, {n}, no"


def test_the_brands_own_sentences_hold_no_placeholder() -> None:
    own = own_sentences(Path(str(files("frontdesk.bot"))) / "template")
    assert len(own) > 1000
    assert not any("{{" in text for text in own)


def test_labelled_chat_is_read_and_rows_that_may_name_somebody_are_left_out(tmp_path: Path) -> None:
    rows = [
        {"text": "vikram here", "slots": "name O", "split": "train"},
        {"text": "my code is odd", "slots": "O O O password", "split": "train"},
        {"text": "where is it", "slots": "O O O", "split": "train"},
        {"text": "where is it", "slots": "O O", "split": "train"},
        {"text": "thank you jennifer", "slots": "O O O", "split": "train"},
        {"text": "held back", "slots": "O O", "split": "test"},
        {"text": "my name is secret"},
        {"text": "ask for Jennifer"},
        {"text": "Is it late?"},
    ]
    file = tmp_path / "chat.jsonl.gz"
    file.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    read = chat_rows([file], "train")
    assert {row.text: row.spans for row in read} == {
        "vikram here": (("customer_name", 0, 6),),
        "my code is odd": (("unclear", 11, 14),),
        "where is it": (),
        "Is it late?": (),
    }
    assert next(iter(sampled(read, random.Random(0), 5, 1))).text == "vikram here"


def test_training_writes_a_head_that_its_manifest_describes(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(train, "COUNT", 600)
    monkeypatch.setattr(train, "EPOCHS", 8)
    monkeypatch.setattr(sys, "argv", ["train", "--out", str(tmp_path)])
    train.main()
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    manifest = json.loads((tmp_path / "names.json").read_text(encoding="utf-8"))
    assert manifest["bars"] == printed["bars"]
    assert (tmp_path / names.HEAD).stat().st_size < 400_000
    assert manifest["data"]["examples"] == 600
