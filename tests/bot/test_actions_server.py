"""Being an action server: rasa-sdk's own endpoint cases, a token, caps on size, nothing echoed.

The cases are those of rasa-sdk's tests/test_endpoint.py, over the routes instead of Sanic's.
"""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from frontdesk.bot.commands.acting import Served
from frontdesk.bot.dialogue.actions import Actions
from frontdesk.channels.action_server import INFLATED_BYTES, action_router
from tests.bot.talking import desk

TOKEN = "an-action-token-of-a-test"
BAD_TRACKERS: list[Any] = [None, [], "x", {"slots": []}]
FIRST = """from rasa_sdk import Action
from rasa_sdk.events import SlotSet
from rasa_sdk.interfaces import ActionExecutionRejection

class First(Action):
    def name(self): return "custom_action"
    def run(self, dispatcher, tracker, domain):
        return [SlotSet("test", "bar")]

class Exact(Action):
    def name(self): return "custom_action_exception"
    def run(self, dispatcher, tracker, domain):
        raise Exception("test exception")

class Rejects(Action):
    def name(self): return "custom_action_rejects"
    def run(self, dispatcher, tracker, domain):
        raise ActionExecutionRejection("custom_action_rejects")

class Where(Action):
    def name(self): return "custom_action_where"
    def run(self, dispatcher, tracker, domain):
        dispatcher.utter_message(text=tracker.slots["project_dir"])
        return []

class WithDialogueStack(Action):
    def name(self): return "custom_action_with_dialogue_stack"
    def run(self, dispatcher, tracker, domain):
        return [SlotSet("stack", tracker.stack)]
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "actions").mkdir()
    (folder / "actions" / "__init__.py").write_text(FIRST)
    app = FastAPI()
    app.include_router(action_router(Served(Actions(folder).load()), token=TOKEN, body_bytes=100_000))
    with TestClient(app, headers={"Authorization": f"Bearer {TOKEN}"}) as found:
        yield found


def call(action: str = "custom_action", **more: Any) -> dict[str, Any]:
    tracker = {"sender_id": "1", "conversation_id": "default", "slots": {}, "events": [], **more.pop("tracker", {})}
    return {"next_action": action, "tracker": tracker, "domain": {"intents": []}, **more}


def test_the_actions_are_listed(client: TestClient) -> None:
    names = [row["name"] for row in client.get("/actions").json()]
    assert "custom_action" in names
    assert client.get("/health").json() == {"status": "ok"}


def test_an_action_runs(client: TestClient) -> None:
    answer = client.post("/webhook", json=call())
    assert answer.status_code == 200
    assert answer.json() == {
        "events": [{"event": "slot", "timestamp": None, "name": "test", "value": "bar"}],
        "responses": [],
    }


def test_an_unknown_action_is_404(client: TestClient) -> None:
    answer = client.post("/webhook", json=call("test_action_2"))
    assert answer.status_code == 404
    assert answer.json() == {
        "error": "No registered action found for name 'test_action_2'.",
        "action_name": "test_action_2",
    }


def test_a_failing_action_is_500_and_echoes_nothing(client: TestClient) -> None:
    answer = client.post(
        "/webhook", json=call("custom_action_exception", tracker={"slots": {"email": "n@example.com"}})
    )
    assert answer.status_code == 500
    assert answer.json()["action_name"] == "custom_action_exception"
    assert "n@example.com" not in answer.text
    assert "test exception" not in answer.text


def test_a_rejection_is_400(client: TestClient) -> None:
    answer = client.post("/webhook", json=call("custom_action_rejects"))
    assert answer.status_code == 400
    assert answer.json()["error"] == "Custom action 'custom_action_rejects' rejected execution."


def test_a_missing_domain_is_449_and_a_known_digest_is_not(client: TestClient) -> None:
    known = {key: value for key, value in call(domain_digest="abc").items() if key != "domain"}
    missing = client.post("/webhook", json=known)
    assert missing.status_code == 449
    assert missing.json()["action_name"] == "custom_action"
    assert client.post("/webhook", json=call(domain_digest="abc")).status_code == 200
    assert client.post("/webhook", json=known).status_code == 200


def test_a_deflated_call_is_read(client: TestClient) -> None:
    body = zlib.compress(json.dumps(call()).encode())
    answer = client.post("/webhook", content=body, headers={"Content-Encoding": "deflate"})
    assert answer.status_code == 200


def test_the_dialogue_stack_arrives(client: TestClient) -> None:
    stack = [{"frame_id": "CP6JP9GQ", "flow_id": "check_balance", "type": "flow"}]
    answer = client.post("/webhook", json=call("custom_action_with_dialogue_stack", tracker={"stack": stack}))
    assert answer.json()["events"][0]["value"] == stack


def test_the_projects_folder_is_not_the_callers_to_choose(client: TestClient) -> None:
    answer = client.post("/webhook", json=call("custom_action_where", tracker={"slots": {"project_dir": "/etc"}}))
    assert answer.json()["responses"][0]["text"] != "/etc"


@pytest.mark.parametrize("given", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer \u00e9\u00e9"}])
def test_without_the_token_nothing_is_told(client: TestClient, given: dict[str, str]) -> None:
    with TestClient(client.app) as stranger:
        headers = [(name.encode(), value.encode()) for name, value in given.items()]
        assert stranger.get("/actions", headers=headers).status_code == 401
        assert stranger.post("/webhook", json=call(), headers=headers).status_code == 401
        assert stranger.get("/actions", params={"token": TOKEN}).status_code == 200


def test_a_bomb_is_not_unpacked(client: TestClient) -> None:
    bomb = zlib.compress(b" " * (INFLATED_BYTES + 1))
    assert len(bomb) < 100_000
    headers = {"Content-Encoding": "deflate"}
    assert client.post("/webhook", content=bomb, headers=headers).status_code == 413
    assert client.post("/webhook", content=b"x" * 100_001).status_code == 413
    assert client.post("/webhook", content=bomb[:50], headers=headers).status_code == 400
    assert client.post("/webhook", content=b"x", headers={"Content-Encoding": "gzip"}).status_code == 415


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"null", b"[]", b"{", b"\xff", b"[" * 50_000, b'{"next_action": "custom_action", "domain": {}}'),
        *(json.dumps(call() | {"tracker": bad}).encode() for bad in BAD_TRACKERS),
    ],
)
def test_a_malformed_call_is_400(client: TestClient, body: bytes) -> None:
    assert client.post("/webhook", content=body).status_code == 400


def test_a_desk_is_served_whole(tmp_path: Path) -> None:
    app = FastAPI()
    app.include_router(action_router(Served(desk(tmp_path)), token=None, body_bytes=100_000))
    with TestClient(app) as client:
        slots = {"customer_id": "C1", "loan": "LN-101"}
        answer = client.post("/webhook", json=call("action_show", tracker={"slots": slots}))
    assert answer.json()["responses"][0]["text"] == "Loan LN-101 is out."


class Hangs:
    """Actions that hang until they are let go, and tell on which threads they were asked for."""

    def __init__(self) -> None:
        self.go, self.asked_on, self.began = threading.Event(), set[int](), 0

    @property
    def names(self) -> frozenset[str]:
        self.asked_on.add(threading.get_ident())
        return frozenset({"custom_action"})

    def run(self, call: Mapping[str, Any]) -> Mapping[str, Any]:
        self.began += 1
        self.go.wait(20)
        return {"events": [], "responses": []}


def test_actions_that_hang_take_no_thread_of_the_bots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("frontdesk.channels.action_server.SECONDS", 0.3)
    monkeypatch.setattr("frontdesk.channels.action_server.THREADS", 2)
    app, hangs = FastAPI(), Hangs()
    app.include_router(action_router(hangs, token=None, body_bytes=100_000))

    @app.get("/loop")
    async def loop() -> int:
        return threading.get_ident()

    with TestClient(app) as client:
        try:
            statuses = [client.post("/webhook", json=call()).status_code for _ in range(3)]
            assert statuses == [500, 500, 503]
            assert hangs.began == 2
            assert client.get("/loop").json() not in hangs.asked_on, "listing them may block, too"
        finally:
            hangs.go.set()
        monkeypatch.setattr("frontdesk.channels.action_server.SECONDS", 10.0)
        assert client.post("/webhook", json=call()).status_code == 200
