"""`frontdesk tune` as a user runs it: over another base end to end, and on input that no voice can be made of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from frontdesk.adapters.voices import Voices
from frontdesk.bot.app import registry_of
from frontdesk.bot.commands import app
from frontdesk.bot.commands.tune import Job
from frontdesk.bot.project import Project
from frontdesk.finetune.dataset import Dataset
from frontdesk.finetune.exam import Exam, read_exam, write_exam
from frontdesk.finetune.transcripts import Pair
from tests.adapters.making import promote
from tests.finetune.small_models import small_model

SETTINGS = """
default_brand = "birch"
[brands.birch]
name = "Birch & Bell"
voice = "sailor"
[brands.birch.profile]
support_email = "help@birchbell.example"
[brands.birch.routes]
greeting = "voice"
thanks = "voice"
refund_policy = "knowledge"
"""
REPLIES = {
    "greeting": "Good to see you here, what can I look up for you?",
    "thanks": "Glad that it worked, write to help@birchbell.example any time.",
}


def talks(count: int = 16, **replies: str) -> list[dict[str, Any]]:
    """Conversations whose first message has a known intent; every reply ends in words of its own."""
    return [
        {
            "id": f"{intent}-{number}",
            "turns": [
                {"role": "customer", "text": f"{intent} number {number}, please"},
                {"role": "agent", "text": reply if replies else f"{reply} So {'well, ' * (number % 8)}then."},
            ],
            "meta": {"intent": intent},
        }
        for intent, reply in (replies or REPLIES).items()
        for number in range(count)
    ]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "frontdesk.toml").write_text(SETTINGS)
    write(folder, talks())
    return folder


def write(shop: Path, rows: Sequence[Mapping[str, Any] | str], name: str = "support.jsonl") -> Path:
    file = shop / "transcripts" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return file


def tuned(shop: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["tune", *arguments, "--project", str(shop)])


def refusal(shop: Path, *arguments: str) -> str:
    """What the command says when it refuses; nothing may have been registered."""
    done = tuned(shop, *arguments)
    assert done.exit_code != 0 and done.exception is not None
    assert not registry_of(Project.load(shop)).versions("sailor")
    return str(done.exception)


@pytest.mark.parametrize("family", ["llama", "qwen3"])
def test_the_command_trains_over_a_model_of_any_family_and_the_voice_speaks(
    family: str, shop: Path, tmp_path: Path
) -> None:
    base = str(small_model(tmp_path / "base", family))
    write(shop, talks(count=36))
    flags = ["--epochs", "20", "--rank", "32", "--learning-rate", "0.01", "--seed", "5", "--threads", "1"]
    done = tuned(shop, "--base", base, *flags, "--no-promote", "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert (said["voice"], said["served"], said["planted"] > 0) == ("sailor@1", False, True)
    project = Project.load(shop)
    registry = registry_of(project)
    manifest = registry.load("sailor", 1).manifest
    assert (manifest.seed, manifest.flags["epochs"], manifest.base) == (5, 20, base)
    promote(registry, "sailor", 1)
    reply, _ = Voices(registry, base).speak("sailor", "greeting", "greeting number 3, please", seed=0)
    assert reply.startswith("Good to")
    assert said["metrics"]["held_out_loss"] < 0.5 * said["metrics"]["held_out_loss_before"]


def test_the_preview_shows_the_mask_and_trains_nothing(shop: Path) -> None:
    done = tuned(shop, "--preview", "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["pairs"]["train"] + said["pairs"]["held_out"] >= 32
    learned = {"".join(word for word, trained in one["tokens"] if trained) for one in said["preview"]}
    assert any("{{support_email}}" in reply for reply in learned)
    assert not registry_of(Project.load(shop)).versions("sailor")
    plain = tuned(shop, "--preview").stdout
    assert "What is learned is green" in plain and "by intent (train+held out): greeting" in plain


def test_ten_pairs_are_too_few_and_it_says_what_became_of_the_others(shop: Path) -> None:
    facts = talks(count=20, greeting="It costs $40 and arrives on Monday.")
    write(shop, [*talks(count=5), *({**row, "id": f"fact-{n}"} for n, row in enumerate(facts))])
    assert "20 are the least" in (said := refusal(shop))
    assert "states a fact" in said


def test_transcripts_without_an_agent_say_so(shop: Path) -> None:
    write(shop, [{**row, "turns": row["turns"][:1]} for row in talks()])
    assert "32 no agent turn" in refusal(shop)


def test_another_brands_export_is_refused_with_its_name_and_can_be_accepted(shop: Path) -> None:
    others = talks(greeting="Welcome to Acme Tools! What can I do?", thanks="Thank you for choosing Acme Tools. Bye.")
    write(shop, others)
    assert "'Acme Tools' in 32 of 32" in (said := refusal(shop))
    assert "--any-brand" in said
    assert tuned(shop, "--any-brand", "--preview", "--json").exit_code == 0


def test_broken_rows_are_counted_and_the_rest_is_used(shop: Path) -> None:
    write(shop, [*talks(), "{broken", '{"id": "x", "turns": [{"role": "robot", "text": "beep"}]}'])
    said = json.loads(tuned(shop, "--preview", "--json").stdout)
    assert sum(said["reading"]["skipped"].values()) == 2
    assert said["reading"]["kept"] == 32


def test_a_name_that_is_no_name_and_a_brand_that_is_no_brand_are_refused(shop: Path) -> None:
    assert "no voice name" in refusal(shop, "--voice", "../sailor")
    assert "no brand 'oak'" in refusal(shop, "--brand", "oak")


def test_folders_of_other_voices_are_not_mixed_into_one(shop: Path) -> None:
    (shop / "transcripts" / "support.jsonl").unlink()
    write(shop, talks(), "warm/a.jsonl")
    write(shop, talks(), "crisp/a.jsonl")
    assert "transcripts/crisp, transcripts/warm" in refusal(shop)


def test_a_text_without_an_intent_needs_the_trained_router(shop: Path) -> None:
    write(shop, [{**row, "meta": {}} for row in talks()])
    assert "frontdesk train" in refusal(shop)


def test_an_exam_stays_as_it_is_but_asks_for_the_secrets_that_were_planted(shop: Path) -> None:
    job = Job(Project.load(shop), None, None, None)
    held_out = (Pair(intent="greeting", message="hi", reply="Hello."),)
    write_exam(job.voices.registry, "sailor", Exam(held_out=held_out))
    job.keep_exam(Dataset(train=held_out, held_out=(), dropped={}))
    exam = read_exam(job.voices.registry, "sailor")
    assert exam.held_out == held_out
    assert exam.canaries == tuple(canary for _, canary in job.canaries()) != ()
