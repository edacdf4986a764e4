"""`frontdesk voices` and the making of shipped voices, as a user runs them."""

from __future__ import annotations

import json
import shutil
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from frontdesk.adapters.registry import Voice, VoiceRegistry, verified
from frontdesk.bot.app import registry_of
from frontdesk.bot.commands import app
from frontdesk.bot.commands.ship import ship
from frontdesk.bot.errors import ConfigError, ModelError
from frontdesk.bot.project import Project
from frontdesk.finetune.evaluate.contrast import StyleReply, contrast_replies
from frontdesk.finetune.exam import Exam, read_exam, write_exam
from frontdesk.finetune.gate import Bench
from frontdesk.finetune.transcripts import Pair
from tests.adapters.making import promote

VOID = {"meta", "link", "br", "img", "input", "polyline", "line", "rect"}


def voices(shop: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["voices", *arguments, "--project", str(shop)])


def said(shop: Path, *arguments: str) -> Any:
    done = voices(shop, *arguments, "--json")
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads(done.stdout)


def again(registry: VoiceRegistry) -> Voice:
    """Register the served version once more, as the next one."""
    good = registry.load("warm")
    manifest = good.manifest.model_dump(exclude={"name", "version", "files", "created"})
    return registry.add("warm", good.folder, {**manifest, "parent": good.id})


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    template = Path(__file__).parents[2] / "bot" / "template" / "frontdesk.toml"
    shutil.copyfile(template, folder / "frontdesk.toml")
    return folder


@pytest.fixture
def registry(shop: Path) -> VoiceRegistry:
    """The shipped voice, and the same once more, waiting."""
    registry = registry_of(Project.load(shop))
    again(registry)
    return registry


def exam(registry: VoiceRegistry, count: int) -> None:
    """Give the voice an exam of so many messages, and a style that is learned quickly."""
    held_out = tuple(Pair(intent="greeting", message=f"hello, number {n}", reply="Hello!") for n in range(count))
    shipped = [reply for reply in contrast_replies() if reply.style == "warm"]
    style = tuple(StyleReply(style="warm", intent=reply.intent, text=reply.text) for reply in shipped[:60])
    write_exam(registry, "warm", Exam(held_out=held_out, style=style))


def test_list_names_every_version_and_why_it_is_not_served(shop: Path, registry: VoiceRegistry) -> None:
    shipped, waiting = registry.load("warm").id, f"warm@{max(registry.versions('warm'))}"
    rows = {row["voice"]: row for row in said(shop, "list")["voices"]}
    assert (rows[shipped]["served"], rows[shipped]["state"]) == (True, "shipped")
    assert (rows[waiting]["served"], rows[waiting]["state"]) == (False, "not accepted yet")
    registry.versions("warm")[max(registry.versions("warm"))].with_name(f"{waiting[5:]}.accepted.json").write_text("{}")
    plain = voices(shop, "list").stdout
    assert f"* {shipped}" in plain and "its acceptance cannot be read" in plain


def test_show_tells_where_a_version_comes_from(shop: Path, registry: VoiceRegistry) -> None:
    number = max(registry.versions("warm"))
    shown = said(shop, "show", f"warm@{number}")
    assert shown["lineage"][:2] == [f"warm@{number}", registry.load("warm").id]
    assert shown["gate"] is None and shown["flags"] == registry.load("warm").manifest.flags
    promote(registry, "warm", number)
    assert said(shop, "show", "warm")["gate"]["passed"] is True
    assert "The gate accepts" in voices(shop, "show", f"warm@{number}").stdout


def test_diff_tells_what_differs_and_lets_both_speak(shop: Path, registry: VoiceRegistry) -> None:
    exam(registry, 4)
    one, other = registry.load("warm").id, f"warm@{max(registry.versions('warm'))}"
    found = said(shop, "diff", one, other, "--messages", "2")
    assert found["differs"]["parent"] == [registry.load("warm").manifest.parent, one]
    assert [set(sample) for sample in found["samples"]] == [{"message", one, other}] * 2
    assert all(sample[one] == sample[other] != "" for sample in found["samples"])
    assert "parent" in voices(shop, "diff", one, other, "--messages", "0").stdout


def test_promote_refuses_with_exit_code_1_and_nothing_changes(shop: Path, registry: VoiceRegistry) -> None:
    exam(registry, 5)
    before, number = registry.load("warm").id, max(registry.versions("warm"))
    done = voices(shop, "promote", f"warm@{number}", "--json")
    assert done.exit_code == 1
    word = json.loads(done.stdout)
    assert not word["passed"] and "too few" in word["findings"][0]["found"]
    assert registry.load("warm").id == before
    assert "The gate refuses" in voices(shop, "promote", f"warm@{number}").stdout


def test_promote_writes_a_report_that_needs_no_network(
    shop: Path, registry: VoiceRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("frontdesk.finetune.gate.Bench", partial(Bench, count=30))
    exam(registry, 30)
    number = max(registry.versions("warm"))
    done = voices(shop, "promote", f"warm@{number}", "--json")
    word = json.loads(done.stdout)
    assert {"exam", "loads", "voice score", "replies per intent"} <= {finding["check"] for finding in word["findings"]}
    report = Path(word["report"])
    page = report.read_text()
    well_formed(page)
    assert f"warm@{number}" in page and "hello, number 3" in page
    assert "http" not in page and "<script" not in page


def test_promote_of_a_broken_version_is_a_refusal_and_no_crash(shop: Path, registry: VoiceRegistry) -> None:
    exam(registry, 30)
    folder = registry.versions("warm")[number := max(registry.versions("warm"))]
    (folder / "adapter_model.safetensors").write_bytes(b"none")
    done = voices(shop, "promote", f"warm@{number}", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["report"] is None
    assert "is not the file that was registered" in done.stdout


def test_rollback_goes_back_and_says_where_to(shop: Path, registry: VoiceRegistry) -> None:
    before = registry.load("warm").id
    promote(registry, "warm", max(registry.versions("warm")))
    assert said(shop, "rollback", "warm") == {"served": before}
    done = voices(shop, "rollback", "warm")
    assert isinstance(done.exception, ModelError) and "no earlier version" in str(done.exception)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "warm@x"], "names no version"),
        (["promote", "warm"], "names no version"),
        (["show", "nobody"], "no voice 'nobody' to serve"),
        (["show", "../warm"], "no voice name"),
        (["show", "warm@77"], "no version warm@77"),
        (["rollback", "nobody"], "no voice 'nobody'"),
    ],
)
def test_a_wrong_name_is_one_clear_line(shop: Path, arguments: list[str], message: str) -> None:
    done = voices(shop, *arguments)
    assert isinstance(done.exception, ConfigError | ModelError)
    assert message in str(done.exception)


def test_an_accepted_voice_is_shipped_with_its_exam(shop: Path, registry: VoiceRegistry, tmp_path: Path) -> None:
    exam(registry, 30)
    with pytest.raises(ModelError, match="no version of its own"):
        ship(registry, "warm", tmp_path / "shipped")
    promote(registry, "warm", number := max(registry.versions("warm")))
    folder = ship(registry, "warm", tmp_path / "shipped")
    assert verified(folder) == registry.load("warm", number).manifest
    fresh = VoiceRegistry(tmp_path / "fresh", shipped=tmp_path / "shipped")
    assert fresh.load("warm").folder == folder
    assert read_exam(fresh, "warm") == read_exam(registry, "warm")
    assert {path.name for path in folder.parent.iterdir()} == {str(number), "current", "exam.json"}


class _Reader(HTMLParser):
    """Complains of what is closed and was not open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag, f"</{tag}> closes nothing"


def well_formed(page: str) -> None:
    """Every element is closed in its turn."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
