"""What the bot itself said, heard and was told: exported, and read again to learn from and to evaluate on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from frontdesk.bot.commands import app
from frontdesk.bot.commands.output import read_rows
from frontdesk.bot.errors import ConfigError, StoreError
from frontdesk.bot.store import Store
from frontdesk.bot.types import Customer, Message
from frontdesk.finetune.transcripts import Report, pairs, read_transcripts

SETTINGS = '[brands.larkspur]\nname = "Larkspur Lane"\n[brands.meadow]\nname = "Meadow"\n'


class Shop:
    """A project with a store, and the few moves a running bot makes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "frontdesk.toml").write_text(SETTINGS)
        (folder / ".frontdesk").mkdir()
        self.store = Store(f"sqlite:///{folder / '.frontdesk' / 'frontdesk.db'}").open()

    def turn(
        self, conversation: str, number: int, text: str, reply: str | None, intent: str = "greeting", asks: str = ""
    ) -> None:
        """A customer writes; the bot answers, or a person has the conversation (None); `asks` whether it helped."""
        customer = Customer(id="noor")
        ids: dict[str, Any] = {"conversation_id": conversation, "id": f"{conversation}-{number}"}
        brand = "meadow" if conversation.startswith("m") else "larkspur"
        message = Message(text=text, brand=brand, channel="web", customer=customer, **ids)
        self.store.put(message, message.id)
        (lane,) = self.store.claim("me", 1, 30)
        pending = self.store.next(lane)
        assert pending is not None
        route = {"kind": "voice", "intent": intent, "confidence": 0.9, "reason": "test"}
        data: dict[str, Any] | None = None if reply is None else {"text": reply, "routes": [route], "voice": "warm@1"}
        if data and asks:
            button = {"title": "Yes, it did", "payload": "/helped"}
            told = [{"text": reply}, {"text": asks, "effect": {"buttons": [button]}}]
            data |= {"text": f"{reply} {asks}", "sentences": told, "buttons": [button]}
        self.store.close_turn(lane, pending, data, {}, None, customer, private={"trace": {}})
        self.store.release(lane)

    def person(self, conversation: str, text: str) -> None:
        self.store.post(conversation, "sentence", {"text": text, "citations": [], "author": "Ada"})

    def vote(self, conversation: str, number: int, value: str, **more: str) -> None:
        self.store.feedback(conversation, f"{conversation}-{number}", {"value": value, **more})

    def export(self, *arguments: str) -> tuple[Path, dict[str, Any]]:
        out = self.folder / "out.jsonl"
        command = ["export", "--project", str(self.folder), "--out", str(out), "--json", *arguments]
        result = CliRunner().invoke(app, command, catch_exceptions=False)
        return out, json.loads(result.stdout)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    made = Shop(tmp_path_factory.mktemp("shop"))
    made.turn("a", 1, "hello", "Hi, I am the bot.")
    made.turn("a", 2, "thanks", "Any time, truly.", "thanks")
    made.vote("a", 2, "up")
    made.turn("a", 3, "my teapot broke", "Lovely!", "compliment")
    made.vote("a", 3, "down", reason="wrong", comment="not lovely")
    made.person("a", "Oh no. I am sorry, I will see to it.")
    made.turn("a", 4, "thank you Ada", None)
    made.person("a", "You are welcome.")
    made.turn("a", 8, "cheers", "Always.", "thanks", asks="Did that help?")
    made.turn("a", 9, "/helped", "Thank you, that's good to know.", "helped")
    made.vote("a", 8, "up")
    made.turn("m-1", 1, "hey", "Hey from the meadow.")
    yield made
    made.store.close()


def test_conversations_come_back_with_who_wrote_and_what_was_voted(shop: Shop) -> None:
    out, summary = shop.export("--brand", "larkspur")
    assert summary == {"what": "transcripts", "out": str(out), "conversations": 1, "rows": 1}
    (talk,) = read_transcripts([out], report=Report(), brand="larkspur")
    assert talk.meta == {
        "source": "frontdesk", "brand": "larkspur", "channel": "web", "votes": {"up": 2, "down": 1},
    }  # fmt: skip
    assert [(turn.by or turn.role, turn.text, turn.intent or turn.vote) for turn in talk.turns] == [
        ("customer", "hello", "greeting"),
        ("bot", "Hi, I am the bot.", None),
        ("customer", "thanks", "thanks"),
        ("bot", "Any time, truly.", "up"),
        ("customer", "my teapot broke", None),
        ("bot", "Lovely!", "down"),
        ("person", "Oh no. I am sorry, I will see to it.", None),
        ("customer", "thank you Ada", None),
        ("person", "You are welcome.", None),
        ("customer", "cheers", "thanks"),
        ("bot", "Always.", "up"),
    ], "that the customer was asked whether it helped is not said"


def test_a_voice_learns_from_the_up_voted_turn_and_the_persons_only(shop: Shop) -> None:
    out, _ = shop.export("--brand", "larkspur")
    report = Report()
    learned = list(pairs(read_transcripts([out], report=report), lambda text: "complaint", report=report))
    assert [(pair.intent, pair.reply) for pair in learned] == [
        ("thanks", "Any time, truly."),
        ("complaint", "Oh no. I am sorry, I will see to it."),
        ("complaint", "You are welcome."),
        ("thanks", "Always."),
    ]
    assert {pair.conversation for pair in learned} == {"a"}
    assert report.pairs == {"bot message without an up-vote": 1}


def test_votes_come_with_reasons_and_corrections_and_load_as_rows_to_evaluate_on(shop: Shop) -> None:
    out, summary = shop.export("--what", "feedback")
    assert summary["rows"] == 3
    liked, disliked, asked = read_rows(out, "text", "intent", "vote")
    assert (liked["text"], liked["intent"], liked["reply"], liked["vote"]) == (
        "thanks", "thanks", "Any time, truly.", "up",
    )  # fmt: skip
    assert asked["reply"] == "Always."
    assert disliked["correction"] == "Oh no. I am sorry, I will see to it."
    assert (disliked["reason"], disliked["comment"], disliked["voice"]) == ("wrong", "not lovely", "warm@1")


def test_every_brand_is_exported_unless_one_is_named_and_an_unknown_one_is_refused(shop: Shop) -> None:
    assert shop.export()[1]["conversations"] == 2
    assert shop.export("--brand", "meadow")[1]["conversations"] == 1
    assert shop.export("--since", "2100-01-01")[1]["conversations"] == 0
    with pytest.raises(ConfigError, match="one of larkspur, meadow"):
        shop.export("--brand", "nobody")


def test_an_export_runs_beside_the_open_store_and_is_for_the_owner_only(shop: Shop) -> None:
    out, _ = shop.export()
    assert out.stat().st_mode & 0o077 == 0
    shop.turn("a", 5, "still there?", "Yes.")
    assert shop.export()[1]["rows"] == 2


def test_without_a_file_the_rows_go_to_the_terminal_and_the_summary_beside_them(shop: Shop) -> None:
    result = CliRunner().invoke(app, ["export", "--project", str(shop.folder)], catch_exceptions=False)
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == ["a", "m-1"]
    assert "2 transcripts of 2 conversations" in result.stderr


def test_no_conversations_yet_is_said(tmp_path: Path) -> None:
    (tmp_path / "frontdesk.toml").write_text(SETTINGS)
    command = ["export", "--project", str(tmp_path), "--out", str(tmp_path / "out.jsonl")]
    with pytest.raises(StoreError, match="no conversations yet"):
        CliRunner().invoke(app, command, catch_exceptions=False)
    assert not (tmp_path / "out.jsonl").exists()
