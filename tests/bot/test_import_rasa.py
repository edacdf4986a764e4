"""`frontdesk import-rasa` on a small Rasa project: what is taken, what is not and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from frontdesk.bot.commands import app
from frontdesk.bot.commands.rasa_project import read_rasa
from frontdesk.bot.errors import ConfigError
from frontdesk.bot.project import read_settings
from frontdesk.bot.router.nlu import read_nlu

FILES = {
    "domain.yml": """
version: "3.1"
intents: [greet, hours, track, faq, agent, mood, nlu_fallback]
entities: [order_id]
slots:
  order_id: {type: text, mappings: [{type: from_entity, entity: order_id}]}
  mood: {type: text, mappings: [{type: from_text}]}
responses:
  utter_greet:
  - text: "Hello. How can I help?"
    buttons: [{title: "Track my parcel", payload: "/track"}]
  utter_hours: [{text: "We are open from 9 to 5."}]
  utter_faq/ask_return: [{text: "You have 30 days to send things back."}]
  utter_ask_order_id: [{text: "Which order?"}]
  utter_ask_where_form_order_id: [{text: "Which parcel are you waiting for?"}]
  utter_there: [{text: "It is at {place}."}, {text: "You find it at {place}."}]
  utter_member: [{text: "Welcome back."}, {text: "Hello, gold member.", condition: [{type: slot, name: gold}]}]
  utter_nobody: [{text: "Nobody says this."}]
forms:
  where_form: {required_slots: [order_id]}
""",
    "data/nlu.yml": r"""
version: "3.1"
nlu:
- intent: greet
  examples: |
    - hi
    - hello there
- intent: hours
  examples: |
    - when are you open
    - opening hours
- intent: track
  examples: |
    - where is [A-12](order_id)
    - track my parcel
- intent: faq/ask_return
  examples: |
    - can i send it back
    - how do returns work
- intent: agent_handoff
  examples: |
    - a human please
    - get me somebody
- intent: mood
  examples: |
    - i feel great
    - so sad
- regex: order_id
  examples: |
    - A-\d+
- synonym: parcel
  examples: |
    - package
""",
    "data/rules.yml": """
rules:
- {rule: greet, steps: [{intent: greet}, {action: utter_greet}]}
- {rule: hours, steps: [{intent: hours}, {action: utter_hours}]}
- {rule: faq, steps: [{intent: faq}, {action: utter_faq}]}
- {rule: track, steps: [{intent: track}, {action: where_form}, {active_loop: where_form}]}
- rule: submit
  condition: [{active_loop: where_form}]
  steps: [{action: where_form}, {active_loop: null}, {action: action_track}]
""",
    "config.yml": "recipe: default.v1\npipeline: []\n",
    "actions/actions.py": (
        "from rasa_sdk import Action\n\nclass Track(Action):\n    def name(self):\n        return 'action_track'\n\n"
        "    def run(self, dispatcher, tracker, domain):\n        dispatcher.utter_message(response='utter_there')\n\n"
        "class Valid(Action):\n    def name(self):\n        return 'validate_where_form'\n\n"
        "class Idle(Action):\n    def name(self):\n        return 'action_idle'\n"
    ),
}


@pytest.fixture
def rasa(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "rasa" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "rasa"


def test_a_rasa_project_becomes_a_bot_project(rasa: Path, tmp_path: Path) -> None:
    out = tmp_path / "bot"
    result = CliRunner().invoke(app, ["import-rasa", str(rasa), "--out", str(out), "--brand", "Shop", "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    brand = read_settings(out / "frontdesk.toml").brand(None)
    assert brand.routes == {
        "greet": "voice",
        "hours": "knowledge",
        "track": "account",
        "faq_ask_return": "knowledge",
        "agent_handoff": "handoff",
        "mood": "handoff",
        "out_of_scope": "clarify",
    }
    assert brand.replies == {"greet": ("Hello. How can I help?",)}
    assert (brand.actions["track"].action, brand.actions["track"].slots) == ("action_track", ("order_id",))
    assert brand.actions["track"].form == "where_form"
    assert brand.responses == {
        "utter_ask_where_form_order_id": ("Which parcel are you waiting for?",),
        "utter_there": ("It is at {place}.", "You find it at {place}."),
    }
    assert (brand.slots["order_id"].pattern, brand.slots["order_id"].ask) == (r"A-\d+", "Which order?")
    assert brand.titles["track"] == "Track my parcel"
    assert "30 days" in (out / "knowledge" / "rasa" / "faq_ask_return.md").read_text()
    assert "9 to 5" in (out / "knowledge" / "rasa" / "hours.md").read_text()
    assert (out / "actions" / "__init__.py").is_file()
    examples = read_nlu(out / "nlu.yml")
    assert len(examples.rows) == 12
    assert examples.lexicon.regexes == {"order_id": (r"A-\d+",)}
    assert examples.lexicon.synonyms["package"] == "parcel"
    left = {row["what"]: row["why"] for row in told["not_taken"]}
    assert {"intent mood", "slot mood", "config.yml", "response utter_member", "response utter_nobody"} <= left.keys()
    assert "action action_idle" in left
    assert "action validate_where_form" not in left
    assert {"response utter_there", "response utter_greet", "response utter_faq/ask_return"}.isdisjoint(left)
    assert all(left.values())


def test_nothing_is_written_over(rasa: Path, tmp_path: Path) -> None:
    (tmp_path / "nlu.yml").write_text("mine")
    result = CliRunner().invoke(app, ["import-rasa", str(rasa), "--out", str(tmp_path)])
    assert isinstance(result.exception, ConfigError)
    assert (tmp_path / "nlu.yml").read_text() == "mine"


@pytest.mark.parametrize(("name", "text"), [("a.yml", "x: [\n"), ("a.yml", "x: 1\n"), ("a.yml", ""), ("b.txt", "")])
def test_a_folder_that_is_no_rasa_project_says_so(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_rasa(tmp_path)
    assert caught.value.fix
