"""Acceptance conversations: files read with their errors, played on a real desk, on databases that stay as they are."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from frontdesk.bot.acceptance.play import Result, Stage, played
from frontdesk.bot.acceptance.script import read_cases
from frontdesk.bot.commands.copies import copy_of
from frontdesk.bot.commands.test import test as play_command
from frontdesk.bot.config import Action, Brand, Limits
from frontdesk.bot.desk import FrontDesk
from frontdesk.bot.dialogue.tasks import PENDING
from frontdesk.bot.engine import Engine
from frontdesk.bot.errors import ConfigError
from frontdesk.bot.handoff import HandoffAnswerer
from frontdesk.bot.project import Project
from frontdesk.bot.store import Store
from frontdesk.bot.types import Button, Citation, Conversation, Effect, Message, Route, Sentence

ROUTES = {
    "hello": "voice",
    "returns": "knowledge",
    "order_status": "account",
    "unclear": "clarify",
    "person": "handoff",
}
ACTIONS = {"order_status": Action(action="action_order_status")}
BRANDS = {"shop": Brand.model_validate({"name": "Shop", "routes": ROUTES, "actions": ACTIONS})}
HEAD = "test_cases:\n  - test_case: one\n    steps:\n"
ASSERTING = HEAD + "      - user: hi\n        assertions:\n          - "


def written(folder: Path, text: str) -> Path:
    path = folder / "conversations.yml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("test_cases:\n  - test_case: one\n    stepps:\n      - user: hi\n", 3, "did you mean 'steps'?"),
        (ASSERTING + "slot_was_sett: [{name: a}]\n", 6, "slot_was_set"),
        (ASSERTING + "bot_uttered: {text_match: a}\n", 6, "text_matches"),
        (ASSERTING + 'bot_uttered: {text_matches: "("}\n', 6, "regular"),
        (
            ASSERTING + "said: a\n            state: bot\n",
            6,
            "exactly one",
        ),
        (ASSERTING + "said:\n", 6, "said"),
        (ASSERTING + "routed_to: knowlege\n", 6, "'knowledge'"),
        (
            ASSERTING + "flow_started: retruns\n",
            6,
            "did you mean 'returns'?",
        ),
        (HEAD + "      - user: hi\n        metadata: nowhere\n", 4, "no metadata 'nowhere'"),
        (HEAD + "      - user: yes\n", 4, "put it in quotes"),
        (HEAD + "      - user: hi\n        person: hello\n", 4, "exactly one of user, press, person, hand_back"),
        (HEAD + "      - bot: hello\n", 4, "bot_uttered"),
        (HEAD + "      - user: hi\n  - test_case: one\n    steps: [{user: a}]\n", 5, "stands in line 2 already"),
        ("test_cases:\n  - test_case: a\n    brand: shopp\n    steps: [{user: a}]\n", 2, "did you mean 'shop'?"),
        ("test_cases:\n  - test_case: a\n    fixtures: [x]\n    steps: [{user: a}]\n", 2, "no fixture 'x'"),
        ("test_cases: [\n", 2, "not YAML"),
        ("test_cases: []\n", 1, "test_cases"),
    ],
)
def test_a_wrong_file_is_named_with_line_and_nearest_name(tmp_path: Path, text: str, line: int, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_cases(written(tmp_path, text), BRANDS, "shop")
    assert caught.value.where == f"{tmp_path}/conversations.yml:{line}"
    assert says in str(caught.value)


def test_a_folder_is_read_file_by_file(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    written(tmp_path, HEAD + "      - user: a\n")
    written(tmp_path / "deep", HEAD + "      - user: b\n")
    assert [case.steps[0].text for case in read_cases(tmp_path, BRANDS, "shop")] == ["a", "b"]
    with pytest.raises(ConfigError, match="cannot be read"):
        read_cases(tmp_path / "nothing.yml", BRANDS, "shop")


class Router:
    """Sends a message where its first word says."""

    def route(self, message: Message, conversation: Conversation) -> tuple[Route, ...]:
        intents = message.text.removeprefix("/").split(" ")[0].split("+")
        return tuple(Route(kind=BRANDS["shop"].routes[i], intent=i, confidence=0.9, reason="test") for i in intents)


class Scripted:
    """Says one thing of every sort that can be asserted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def answer(self, message: Message, conversation: Conversation, route: Route) -> AsyncIterator[Sentence]:
        if route.kind == "voice":
            who, page = conversation.slots.get("name", "you"), message.metadata.get("page", "")
            over = {PENDING: None} if "forget" in message.text else {}
            yield Sentence(text=f"Hello {who} from {page}.", effect=Effect(slots=over))
        elif route.kind == "knowledge":
            quote = Citation(number=1, document_id="r.md", title="R", url="", version="1", quote="45", start=0, end=2)
            yield Sentence(text="You have\n45 days.", citations=(quote,))
        elif route.kind == "clarify":
            buttons = (Button(title="My order", payload="/order_status"), Button(title="P", payload="/human_agent"))
            yield Sentence(text="Which?", effect=Effect(buttons=buttons, slots={PENDING: "order_status"}))
        else:
            with closing(sqlite3.connect(self.folder / "orders.db")) as database, database:
                database.execute("UPDATE orders SET status = 'gone'")
            effect = Effect(action="action_order_status", slots={"order_id": "7", PENDING: None})
            yield Sentence(text=f"Yours is on its way, {message.customer.id}.", effect=effect)


def play(folder: Path, text: str) -> list[Result]:
    """Play the cases of a file on a copy of a project whose database has one order."""
    project = folder / "project"
    project.mkdir()
    (project / "frontdesk.toml").write_text('[brands.shop]\nname = "Shop"\n')
    with closing(sqlite3.connect(project / "orders.db")) as database, database:
        database.execute("CREATE TABLE orders (id, status)")
        database.execute("INSERT INTO orders VALUES (7, 'sent')")
    before = (project / "orders.db").read_bytes()
    cases = read_cases(written(folder, text), BRANDS, "shop")

    async def whole() -> list[Result]:
        with copy_of(Project.load(project)) as copy:
            at = copy.project.folder
            one = Scripted(at)
            answerers = {"voice": one, "knowledge": one, "clarify": one, "account": one}
            engine = Engine(
                brands=BRANDS,
                routers={"shop": Router()},
                answerers={**answerers, "handoff": HandoffAnswerer(BRANDS)},  # type: ignore[dict-item]
                checks=(),
            )
            desk = FrontDesk(engine, Store(f"sqlite:///{folder / 'store.db'}"), Limits(), workers=1)
            await desk.start()
            try:
                stage = Stage(desk=desk, brand="shop", folder=at, reset=copy.reset)
                return [result async for result in played(cases, stage)]
            finally:
                await desk.stop()

    results = asyncio.run(whole())
    assert (project / "orders.db").read_bytes() == before
    return results


GOOD = """
metadata: [{on_page: {page: kettles}}]
fixtures: [{named: [{name: Ada}]}]
test_cases:
  - test_case: everything that can be asserted
    fixtures: [named]
    metadata: on_page
    customer: C1
    steps:
      - user: hello
        assertions:
          - said: ["hello ada", "from KETTLES"]
          - not_said: you
          - cited: false
          - actions: []
          - routed_to: voice
          - flow_started: hello
          - slot_was_not_set: [{name: order_id}]
          - state: bot
      - user: hello+returns
        assertions:
          - routed_to: [voice, {kind: knowledge, intent: returns}]
          - not_routed_to: account
          - cited: r.md
          - not_cited: s.md
          - said: "you have 45 days"
          - bot_uttered: {text_matches: "\\\\d+ days"}
          - flow_started: {operator: all, flow_ids: [hello, returns]}
      - user: unclear
        assertions:
          - pattern_clarification_contains: [order_status]
          - pattern_clarification_contains: {operator: any, flow_ids: [hello, order_status]}
          - bot_uttered: {buttons: [{title: My order, payload: /order_status}]}
          - bot_did_not_utter: {buttons: [{title: My orders}]}
      - press: My order
        assertions:
          - flow_completed: order_status
          - action_executed: action_order_status
          - actions: [action_order_status]
          - slot_was_set: [{name: order_id, value: "7"}]
          - slot_was_not_set: [{name: order_id, value: "8"}]
          - said: C1
          - database: {file: orders.db, query: SELECT * FROM orders, rows: [[7, gone]]}
      - user: unclear
      - user: hello forget it
        assertions:
          - flow_cancelled: order_status
          - bot_did_not_utter: {text_matches: Which}
      - user: person
        assertions:
          - state: waiting
      - person: I am here.
        assertions:
          - state: human
      - user: hello
        assertions:
          - bot_did_not_utter: {text_matches: .}
      - hand_back: true
        assertions: [{state: bot}]
  - test_case: the next one finds the database as it was
    steps:
      - user: hello
        assertions:
          - database: {file: orders.db, query: SELECT * FROM orders, rows: [[7, sent]]}
"""


def test_every_assertion_can_be_met(tmp_path: Path) -> None:
    first, second = play(tmp_path, GOOD)
    assert (first.failures, second.failures) == ((), ())
    assert (len(first.ms), first.checks, second.checks) == (8, 32, 1)


@pytest.mark.parametrize(
    ("step", "assertion", "found"),
    [
        ("user: hello", "said: nothing of the sort", "“nothing of the sort” is missing from “Hello you from .”"),
        ("user: hello", "not_said: HELLO", "“HELLO” stands in"),
        ("user: hello", 'bot_uttered: {text_matches: "^you"}', "said “Hello you from .”"),
        ("user: hello", "bot_did_not_utter: {text_matches: you}", "said “you”"),
        ("user: hello", "bot_uttered: {buttons: [{title: A}]}", "showed the buttons nothing"),
        ("user: hello", "routed_to: {kind: voice, intent: returns}", "went to voice (hello, 0.90)"),
        ("user: hello", "routed_to: [voice, voice]", "went to voice (hello, 0.90)"),
        ("user: hello", "not_routed_to: voice", "went to voice"),
        ("user: hello", "cited: true", "cited nothing"),
        ("user: returns", "cited: s.md", "cited r.md"),
        ("user: returns", "not_cited: [r.md]", "cited r.md"),
        ("user: returns", "flow_started: hello", "began returns"),
        ("user: hello", "pattern_clarification_contains: [returns]", "nothing was asked back"),
        ("user: unclear", "pattern_clarification_contains: [order_status, returns]", "offered order_status"),
        ("user: unclear", "bot_did_not_utter: {buttons: [{title: My order}]}", "showed the buttons My order"),
        ("user: hello", "action_executed: action_order_status", "ran nothing"),
        ("user: order_status", "actions: []", "ran action_order_status"),
        ("user: hello", "slot_was_set: [{name: order_id}]", "order_id was not set"),
        ("user: order_status", "slot_was_set: [{name: order_id, value: 8}]", "order_id is '7'"),
        ("user: order_status", "slot_was_not_set: [{name: order_id}]", "order_id was set to '7'"),
        ("user: hello", "flow_completed: order_status", "began hello"),
        ("user: hello", "flow_cancelled: order_status", "order_status was not under way"),
        ("user: person", "state: human", "the conversation is with 'waiting'"),
        ("user: hello", "database: {file: orders.db, query: SELECT 1, rows: [[2]]}", "found [1]"),
        ("user: hello", "database: {file: orders.db, query: DELETE FROM orders, rows: []}", "the query failed"),
        ("user: hello", "database: {file: ../orders.db, query: SELECT 1, rows: [[1]]}", "there is no file"),
        ("press: Nothing", "state: bot", "the buttons are none"),
        ("person: hello", "state: human", "none has begun"),
    ],
)
def test_an_assertion_that_is_not_met_says_what_was_found(
    tmp_path: Path, step: str, assertion: str, found: str
) -> None:
    (result,) = play(
        tmp_path, f"{HEAD}      - {step}\n        assertions:\n          - {assertion}\n      - user: hello\n"
    )
    (failure,) = result.failures
    assert found in failure.found
    assert failure.line == (6 if step.startswith("user") else 4)
    assert len(result.ms) <= 1  # the step after it is not played


def test_the_demos_own_conversations_pass(demo: Path) -> None:
    """Also the command's answer, and that a regression is an exit code."""
    command = [sys.executable, "-m", "frontdesk.bot.commands", "test", "--json"]
    done = subprocess.run(command, cwd=demo, capture_output=True, text=True, timeout=300)
    report = json.loads(done.stdout)
    assert [row["failures"] for row in report["results"] if not row["passed"]] == []
    assert done.returncode == 0
    assert report["passed"] == report["cases"] >= 25
    assert not (demo / ".frontdesk" / "frontdesk.db").exists()


def test_a_regression_is_an_exit_code(demo: Path, tmp_path: Path) -> None:
    wrong = written(tmp_path, HEAD + "      - user: hello there\n        assertions: [{routed_to: handoff}]\n")
    command = [sys.executable, "-m", "frontdesk.bot.commands", "test", str(wrong)]
    done = subprocess.run(command, cwd=demo, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stderr
    assert f"{wrong}:5: one" in done.stdout
    assert "0 of 1 passed, 1 failed." in done.stdout


def test_actions_on_a_server_are_not_run_by_surprise(tmp_path: Path) -> None:
    written(tmp_path, HEAD + "      - user: hi\n")
    settings = 'action_endpoint = {url = "http://127.0.0.1:1/webhook"}\n[brands.shop]\nname = "Shop"\n'
    (tmp_path / "frontdesk.toml").write_text(settings)
    with pytest.raises(ConfigError, match="tests would change things"):
        play_command(tmp_path / "conversations.yml", project=tmp_path)
