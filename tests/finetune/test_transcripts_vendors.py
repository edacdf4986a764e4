"""The vendors' exports, each in its documented shape: who said what, and what is left out."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from frontdesk.bot.errors import ConfigError
from frontdesk.finetune.transcripts import Report, Transcript, pairs, read_transcripts
from frontdesk.finetune.transcripts.readers import readers
from frontdesk.finetune.transcripts.sources import head_of

SAMPLES = Path(__file__).parents[1] / "payloads" / "transcripts"
FORMATS = {
    "zendesk_account.json": "zendesk",
    "zendesk_incremental.json": "zendesk",
    "intercom.json": "intercom",
    "chatwoot_conversations.json": "chatwoot",
    "chatwoot_messages.json": "chatwoot",
    "turns.csv": "csv",
}


def read(name: str, **options: Any) -> tuple[dict[str, Transcript], Report]:
    report = Report()
    found = list(read_transcripts([SAMPLES / name], report=report, **options))
    return {transcript.id: transcript for transcript in found}, report


def said(transcript: Transcript) -> list[tuple[str, str | None, str]]:
    return [(turn.role, turn.by, turn.text) for turn in transcript.turns]


@pytest.mark.parametrize(("name", "format"), FORMATS.items())
def test_each_format_is_told_by_its_content_and_by_one_reader_only(name: str, format: str) -> None:
    path = SAMPLES / name
    assert [reader.name for reader in readers().values() if reader.sniff(head_of(path), path)] == [format]


def test_zendesk_skips_notes_calls_and_deleted_tickets_and_tells_triggers_from_people() -> None:
    found, report = read("zendesk_account.json")
    assert said(found["zendesk-501"]) == [
        ("customer", None, "My teapot came broken."),
        ("agent", "bot", "We have received your request."),
        ("agent", "person", "Oh no, I'm sorry & a bit sad for that teapot.\nCould you send me a photo?"),
    ]
    assert report.turns == {"private note": 1, "call": 1}
    assert report.skipped == {"deleted ticket": 1, "no agent turn": 1}
    assert report.notes["tickets of Zendesk brand 360001"] == 2
    assert report.read == 4


def test_zendesk_incremental_tickets_without_comments_are_named() -> None:
    found, report = read("zendesk_incremental.json")
    assert list(found) == ["zendesk-601"]
    assert report.skipped == {"ticket without comments": 1}
    assert report.examples[0][0] == "zendesk_incremental.json item 2"


def test_zendesk_agents_may_be_named_so_that_nobody_in_copy_is_learned_from() -> None:
    found, report = read("zendesk_account.json", agents=["7001"])
    assert list(found) == ["zendesk-501"]
    assert report.skipped["no agent turn"] == 2


def test_intercom_reads_html_and_tells_bots_campaigns_and_notes() -> None:
    found, report = read("intercom.json")
    assert said(found["intercom-31001"]) == [
        ("customer", None, "Hi! Do you gift wrap?"),
        ("agent", "bot", "Hello, I am Fern, the assistant. A person will be with you soon."),
        ("agent", "person", "We do! Brown paper and a sprig of lavender.\nShall I add it?"),
        ("customer", None, "Yes please <3"),
        ("agent", "person", "Done, and thank you."),
    ]
    assert said(found["intercom-31002"])[0] == ("agent", "bot", "We miss you! Ten percent off.")
    assert report.turns == {"private note": 1}
    assert report.skipped == {"no agent turn": 1}


def test_chatwoot_conversations_are_put_in_order_and_notes_left_out() -> None:
    found, report = read("chatwoot_conversations.json")
    assert said(found["chatwoot-41"]) == [
        ("customer", None, "The mugs are here, thank you!"),
        ("agent", "person", "You are welcome, enjoy the mugs."),
        ("agent", "bot", "Please rate the conversation"),
    ]
    assert report.turns == {"private note": 1}


def test_chatwoot_messages_are_gathered_by_conversation() -> None:
    found, report = read("chatwoot_messages.json")
    assert said(found["chatwoot-43"]) == [
        ("customer", None, "Is the shop open today?"),
        ("agent", "person", "Until six, come by!"),
    ]
    assert said(found["chatwoot-42"])[1] == ("agent", "bot", "I am a bot, let me see.")
    assert report.turns == {"deleted message": 1}


def test_csv_rows_are_gathered_by_conversation_and_ordered_by_time() -> None:
    found, report = read("turns.csv")
    assert said(found["c-1"]) == [
        ("customer", None, "good morning"),
        ("agent", None, "Morning! What can I\ndo for you?"),
    ]
    learned = [(pair.intent, pair.reply) for pair in pairs(found.values())]
    assert learned == [("greeting", "Morning! What can I\ndo for you?"), ("thanks", "Any time!")]
    assert report.skipped == {"broken row": 1, "unknown role": 1}
    assert dict(report.examples)["turns.csv:9"].startswith("broken row: 3 columns instead of 5")


def test_csv_speakers_may_be_named() -> None:
    found, report = read("turns.csv", agents=["Larkspur Fern"])
    assert said(found["c-4"])[1] == ("agent", None, "Bye for now!")
    assert report.skipped == {"broken row": 1}


@pytest.mark.parametrize("agents", [(), ("U02AGENT",), ("@larkspur.example",)])
def test_slack_threads_are_conversations_across_days(agents: tuple[str, ...]) -> None:
    found, report = read("slack", agents=agents)
    assert said(found["slack-help-1772440000.000100"]) == [
        ("customer", None, "Hi @ada, is the care page right about salt & silver?"),
        ("agent", "bot", "A ticket was opened."),
        ("agent", "person", "Not quite: no salt, just a soft cloth.\nWe will mend the page. <3"),
        ("customer", None, "lovely, thanks @here"),
    ]
    assert report.turns["Slack's channel_join"] == 1
    assert bool(report.notes["Slack: who opened a thread was taken for the customer, the others for agents"]) == (
        not agents
    )


@pytest.mark.parametrize("inside", [".", "export of march"])
def test_a_zipped_slack_export_reads_the_same(tmp_path: Path, inside: str) -> None:
    shutil.copytree(SAMPLES / "slack", tmp_path / "top" / inside)
    archive = Path(shutil.make_archive(str(tmp_path / "export"), "zip", tmp_path / "top"))
    assert list(read_transcripts([archive], report=Report())) == list(read("slack")[0].values())


def test_a_folder_is_searched_and_packed_files_are_read(tmp_path: Path) -> None:
    shutil.copytree(SAMPLES, tmp_path / "all")
    plain = tmp_path / "all" / "intercom.json"
    (tmp_path / "all" / "deep").mkdir()
    (tmp_path / "all" / "deep" / "intercom.json.gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    (tmp_path / "all" / "README.md").write_text("What this is.")
    report = Report()
    found = {transcript.meta["source"] for transcript in read_transcripts([tmp_path], report=report)}
    assert found == {"zendesk", "intercom", "chatwoot", "csv", "slack"}
    assert report.unread == {"no known format": 1}
    assert len(report.files) == len(FORMATS) + 1


def test_the_same_ticket_in_two_pages_of_an_export_counts_once(tmp_path: Path) -> None:
    shutil.copy(SAMPLES / "zendesk_incremental.json", tmp_path / "page1.json")
    shutil.copy(SAMPLES / "zendesk_incremental.json", tmp_path / "page2.json")
    report = Report()
    assert len(list(read_transcripts([tmp_path], report=report))) == 1
    assert report.skipped["duplicate"] == 1


def test_the_pages_of_an_api_one_a_line_are_read(tmp_path: Path) -> None:
    page = json.loads((SAMPLES / "zendesk_incremental.json").read_text())
    file = tmp_path / "pages.jsonl"
    file.write_text(json.dumps(page) + "\n" + json.dumps(page).replace("601", "701") + "\n")
    found = [transcript.id for transcript in read_transcripts([file], report=Report())]
    assert found == ["zendesk-601", "zendesk-701"]


def test_a_format_may_be_named_and_an_unknown_one_is_refused() -> None:
    found, _ = read("intercom.json", format="intercom")
    assert len(found) == 2
    with pytest.raises(ConfigError, match="one of ours, csv, zendesk"):
        read("intercom.json", format="freshdesk")
