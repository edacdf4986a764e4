"""The path of the README on the demo brand: init, ingest, train, ask; then the server and its faces."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.serving import Served, frontdesk, serving

PROBES: list[dict[str, Any]] = [
    {"text": "hello there"},
    {"text": "how many days do I have to send something back?"},
    {"text": "qwzx blorf 88 plint"},
    {"text": "where is my order?", "customer": {"id": "C1001", "identity": "token"}},
    {"text": "where is my order?"},
    {"text": "I want to talk to a person"},
    {"text": "do you sell bicycles?"},
]


@pytest.fixture(scope="module")
def answers(demo: Path) -> list[dict[str, Any]]:
    (demo / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in PROBES))
    frontdesk("ask", "--file", "m.jsonl", "--out", "r.jsonl", cwd=demo)
    return [json.loads(line) for line in (demo / "r.jsonl").read_text().splitlines()]


def test_every_row_is_answered_in_order(answers: list[dict[str, Any]]) -> None:
    assert [row["text"] for row in answers] == [row["text"] for row in PROBES]
    assert all(row["reply"] for row in answers)
    assert [row["route"]["kind"] for row in answers[:2]] == ["voice", "knowledge"]


def test_hello_is_answered_by_the_voice_and_states_no_fact(answers: list[dict[str, Any]]) -> None:
    assert answers[0]["voice"]
    assert answers[0]["citations"] == []


def test_a_policy_question_is_answered_with_verbatim_quotes(answers: list[dict[str, Any]], demo: Path) -> None:
    assert "45 days" in answers[1]["reply"]
    assert answers[1]["citations"]
    for citation in answers[1]["citations"]:
        stored = (demo / citation["document_id"]).read_text(encoding="utf-8")
        assert citation["quote"] in stored


def test_nonsense_is_never_an_invention(answers: list[dict[str, Any]]) -> None:
    assert answers[2]["route"]["kind"] in ("clarify", "handoff")
    assert answers[2]["citations"] == []


def test_an_order_is_for_its_verified_customer_only(answers: list[dict[str, Any]]) -> None:
    assert "LL-10423" in answers[3]["reply"]
    assert answers[4]["route"]["kind"] == "account"
    assert "LL-" not in answers[4]["reply"]
    assert "signed in" in answers[4]["reply"]


def test_a_person_is_one_sentence_away(answers: list[dict[str, Any]]) -> None:
    assert answers[5]["route"]["kind"] == "handoff"


def test_what_the_documents_do_not_have_is_not_invented(answers: list[dict[str, Any]]) -> None:
    assert answers[6]["citations"] == []
    assert answers[6]["buttons"]


def test_the_same_question_has_the_same_answer_every_time(answers: list[dict[str, Any]], demo: Path) -> None:
    again = json.loads(frontdesk("ask", "hello there", "--json", cwd=demo))
    assert again["reply"] == answers[0]["reply"]


def test_ingest_again_reads_only_what_changed_and_forgets_what_is_gone(demo: Path, tmp_path: Path) -> None:
    first = json.loads(frontdesk("ingest", "--json", cwd=demo))
    assert (first["added"], first["changed"], first["removed"]) == (0, 0, 0)
    page = demo / "knowledge" / "policies" / "unicycles.md"
    page.write_text("# Unicycles\n\nThe Larkspur unicycle is lent out on the first day of spring.\n")
    assert json.loads(frontdesk("ingest", "--json", cwd=demo))["added"] == 1
    page.unlink()
    assert json.loads(frontdesk("ingest", "--json", cwd=demo))["removed"] == 1


def test_doctor_finds_everything_in_order(demo: Path) -> None:
    found = json.loads(frontdesk("doctor", "--json", cwd=demo))
    assert all(check["ok"] for check in found.values()), found


@pytest.fixture(scope="module")
def served(demo: Path) -> Iterator[Served]:
    with serving(demo) as running:
        yield running


def post(served: Served, text: str, **more: Any) -> dict[str, Any]:
    body = {"text": text, "message_id": str(uuid4()), **more}
    response = httpx.post(f"{served.url}/api/chat", json=body, timeout=60)
    assert response.status_code == 200, response.text
    return dict(response.json())


def test_the_web_api_answers_in_its_documented_shape(served: Served) -> None:
    answer = post(served, "How much is express shipping?")
    assert set(answer) == {"conversation_id", "message_id", "state", "reply"}
    reply = answer["reply"]
    assert set(reply) == {"text", "nodes", "routes", "citations", "buttons", "voice", "ms"}
    assert reply["citations"][0]["quote"]


def test_the_demo_customer_hears_about_their_order_and_nobody_else_does(served: Served) -> None:
    signed = httpx.post(f"{served.url}/demo/token", json={"customer_id": "C1001"}, timeout=10).json()
    assert "LL-10423" in post(served, "where is my order", token=signed["token"])["reply"]["text"]
    assert "LL-" not in post(served, "where is my order LL-10423")["reply"]["text"]


def test_rasas_wire_gets_the_same_answers(served: Served) -> None:
    body = {"sender": "u1", "message": "hello"}
    answer = httpx.post(f"{served.url}/webhooks/rest/webhook", json=body, timeout=60).json()
    assert answer[0]["recipient_id"] == "u1"
    assert answer[0]["text"]


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", 400), (b"\xff\xfe\x00", 400), (b"[]", 400), (b"{}", 400), (b"x" * 2_000_000, 413)],
)
def test_nonsense_is_a_4xx_and_the_server_stays_up(served: Served, content: bytes, status: int) -> None:
    response = httpx.post(f"{served.url}/api/chat", content=content, timeout=30)
    assert 400 <= response.status_code < 500
    assert status == 400 or response.status_code == status
    assert {"code", "message", "hint"} == set(response.json()["error"])
    assert httpx.get(f"{served.url}/health/ready", timeout=10).status_code == 200


def test_the_api_describes_itself(served: Served) -> None:
    described = httpx.get(f"{served.url}/openapi.json", timeout=10)
    assert described.status_code == 200
    assert "/api/chat" in described.json()["paths"]


def test_a_second_server_on_the_same_project_is_refused_in_one_line(served: Served, demo: Path) -> None:
    command = [sys.executable, "-m", "frontdesk.bot.commands", "serve", "--port", "5999"]
    second = subprocess.run(command, cwd=demo, capture_output=True, text=True, timeout=120)
    assert second.returncode == 2
    assert "another frontdesk server" in second.stderr.splitlines()[-1]
    assert "Traceback" not in second.stderr


@pytest.mark.parametrize("path", ["/inbox", "/admin"])
def test_the_operators_pages_ask_for_the_token(served: Served, demo: Path, path: str) -> None:
    assert httpx.get(f"{served.url}{path}", timeout=10).status_code in (303, 401, 403)
    token = json.loads((demo / ".frontdesk" / "secrets.json").read_text())["operator_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{served.url}{path}", headers=headers, timeout=10).status_code == 200
    wrong = {"Authorization": f"Bearer {token[:-1]}x"}
    assert httpx.get(f"{served.url}{path}", headers=wrong, timeout=10).status_code in (303, 401, 403)
