"""The documents say what the code does."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from frontdesk.bot.commands import app

ROOT = Path(__file__).parent.parent


@pytest.fixture
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_references_are_those_of_the_code(generate: ModuleType) -> None:
    assert (ROOT / "docs/commands.md").read_text() == generate.commands_page(), "run `make docs`"
    assert (ROOT / "docs/settings.md").read_text() == generate.settings_page(), "run `make docs`"


def test_help_names_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    for command in ("init", "ingest", "train", "tune", "voices", "chat", "ask", "serve", "eval", "doctor"):
        assert command in shown


def test_the_readme_has_two_set_up_commands_and_both_exist() -> None:
    readme = (ROOT / "README.md").read_text()
    commands = re.findall(r"^make \w+", readme, re.MULTILINE)
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert commands == ["make run", "make test"]
    assert {c.split()[1] for c in commands} <= targets


def test_local_links_of_the_documents_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
