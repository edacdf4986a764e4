"""`frontdesk advise`: the routes it writes, what it prints, and personal data kept off the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from frontdesk.bot.commands.advise import as_data, lines, masked
from frontdesk.bot.commands.routes_file import difference, replaced, with_routes
from frontdesk.bot.errors import ConfigError
from frontdesk.bot.project import read_settings
from frontdesk.finetune.advise.propose import propose
from frontdesk.finetune.advise.report import Advice
from frontdesk.finetune.advise.values import Dossier

FILE = """# Ours.
[brands.acme]
name = "Acme"   # the shop

[brands.acme.routes]
hello = "voice"      # tone
days = "voice"

# What it is called.
[brands.acme.titles]
days = "Delivery"
"""


def test_routes_are_written_and_all_else_stays() -> None:
    after = with_routes(FILE, "acme", {"days": "knowledge", "refund": "handoff"})
    assert after.replace('days = "knowledge"\nrefund = "handoff"\n', 'days = "voice"\n') == FILE
    assert [line for line in difference(FILE, after).splitlines() if line[:1] in "+-"][2:] == [
        '-days = "voice"',
        '+days = "knowledge"',
        '+refund = "handoff"',
    ]


def test_a_brand_without_routes_gets_a_table() -> None:
    after = with_routes('[brands.acme]\nname = "Acme"\n', "acme", {"hello": "voice"})
    assert after.startswith('[brands.acme]\nname = "Acme"\n')
    assert "[brands.acme.routes]" in after


def test_nothing_is_changed_when_it_would_not_be_settings(tmp_path: Path) -> None:
    path = tmp_path / "frontdesk.toml"
    path.write_text(FILE)
    with pytest.raises(ConfigError):
        replaced(path, with_routes(FILE, "acme", {"status": "account"}))
    assert path.read_text() == FILE
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_shown_holds_no_personal_data_and_says_every_route() -> None:
    brand = read_settings(Path(__file__).parents[2] / "bot" / "template" / "frontdesk.toml").brand(None)
    replies = ("Hello Maria Gonzalez, call me on +1 555 0199 221.",) * 12
    found = (
        Dossier(intent="greeting", examples=("hi", "hello", "hey there"), replies=replies, current="voice"),
        Dossier(intent="legal_threat", examples=("I will sue you", "my lawyer will write") * 5),
    )
    proposals = tuple(masked(brand, found, [propose(one, max_error=0.05) for one in found]))
    advice = Advice(brand=brand.name, dossiers=found, proposals=proposals, costs=())
    said = json.dumps(as_data(advice))
    assert "Gonzalez" not in said
    assert "555" not in said
    assert "[customer name]" in said
    assert advice.changes == {"legal_threat": "handoff"}
    shown = list(lines(advice))
    assert shown[-1] == "2 intents; * 2 stand otherwise in frontdesk.toml."
    assert any(line.startswith("* legal_threat") for line in shown)
