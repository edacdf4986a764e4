"""A team's own action server, called over HTTP: rasa-sdk's own, and one that misbehaves in every way."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from frontdesk.bot.account_config import ActionEndpoint
from frontdesk.bot.dialogue.calls import Rejected
from frontdesk.bot.dialogue.remote import RemoteActions
from frontdesk.bot.errors import ModelError
from tests.bot.talking import ACTIONS, Talk, book

SECRET = "a token that nobody says aloud"


class Server(ThreadingHTTPServer):
    """Answers as `mode` says; keeps the calls."""

    daemon_threads = True
    mode = "good"
    calls: list[dict[str, Any]]
    asked: list[str]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *arguments: object) -> None: ...

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self._send(200, json.dumps([{"name": "action_x"}]).encode())

    def do_POST(self) -> None:
        call = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.calls.append(call)
        good = json.dumps({"events": [], "responses": [{"text": "fine"}]}).encode()
        mode = self.server.mode
        if mode == "449" and "domain" not in call:
            return self._send(449, b'{"error": "domain", "action_name": "action_x"}')
        if mode.isdecimal() and mode != "449":
            return self._send(int(mode), json.dumps({"error": "customer C1", "request_body": call}).encode())
        if mode == "hang":
            time.sleep(1)
        if mode == "gzip":
            return self._send(200, gzip.compress(good), {"Content-Encoding": "gzip"})
        if mode == "drip":
            self.send_response(200)
            self.end_headers()
            for _ in range(20):
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.05)
            return None
        bodies = {"huge": b" " * 3_000_000 + good, "deep": b"[" * 100_000, "list": b"[]", "text": b"<html>"}
        bodies |= {"shape": b'{"events": [1], "responses": "no"}', "null": b"null"}
        return self._send(200, bodies.get(mode, good))

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server(("127.0.0.1", 0), Handler)
    found.calls, found.asked = [], []
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


@pytest.fixture
def remote(server: Server) -> RemoteActions:
    return patient(server, 20)


def patient(server: Server, seconds: float) -> RemoteActions:
    """Return what asks the server and waits so long."""
    url = f"http://127.0.0.1:{server.server_port}"
    return RemoteActions(ActionEndpoint(url=url, token=SECRET, seconds=seconds, answer_bytes=2_000_000))  # type: ignore[arg-type]


def call(**more: Any) -> dict[str, Any]:
    tracker = {"sender_id": "c", "slots": {}}
    return {"next_action": "action_x", "sender_id": "c", "tracker": tracker, "domain": {"slots": {}}, **more}


def test_the_domain_goes_with_the_first_call_and_again_on_449(server: Server, remote: RemoteActions) -> None:
    assert remote.run(call())["responses"] == [{"text": "fine"}]
    remote.run(call())
    assert ["domain" in one for one in server.calls] == [True, False]
    assert len({one["domain_digest"] for one in server.calls}) == 1
    server.mode = "449"
    remote.run(call())
    assert ["domain" in one for one in server.calls[2:]] == [False, True]
    remote.run(call(domain={"slots": {"new": {}}}))
    assert "domain" in server.calls[-1]


def test_a_rejection_is_a_value(server: Server, remote: RemoteActions) -> None:
    server.mode = "400"
    with pytest.raises(Rejected):
        remote.run(call())


@pytest.mark.parametrize("mode", ["404", "500", "302", "hang", "drip", "huge", "gzip", "deep", "list", "text"])
def test_what_goes_wrong_is_told_without_what_was_sent(server: Server, mode: str) -> None:
    server.mode = mode
    with pytest.raises(ModelError) as caught:
        patient(server, 0.4 if mode in ("hang", "drip") else 20).run(call())
    assert "C1" not in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_nobody_there(remote: RemoteActions, server: Server) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        gone = RemoteActions(ActionEndpoint(url=f"http://127.0.0.1:{free.getsockname()[1]}"))
        with pytest.raises(ModelError, match="cannot be reached"):
            gone.has("action_x")
    assert remote.has("action_x")
    assert not remote.has("action_y")
    assert server.asked == [f"/actions?token={SECRET.replace(' ', '%20')}"] or len(server.asked) == 1


def test_an_answer_without_its_shape_is_refused_when_it_is_read(server: Server, remote: RemoteActions) -> None:
    server.mode = "shape"
    talk = Talk(remote)
    assert "wrong" in talk.say('/odd{"note":"x"}').text
    server.mode = "null"
    assert remote.run(call()) == {}


@pytest.fixture(scope="module")
def rasa_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """rasa-sdk's own server over the lending desk's actions, in a process of its own."""
    folder = tmp_path_factory.mktemp("rasa")
    (folder / "actions.py").write_text((ACTIONS / "__init__.py").read_text())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "rasa_sdk", "--actions", "actions", "--port", str(port)]
    environment = {"PATH": "/usr/bin:/bin", "SANIC_HOST": "127.0.0.1", "PYTHONPATH": str(folder)}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(600):
            try:
                httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False, timeout=1).raise_for_status()
                break
            except httpx.HTTPError:
                assert process.poll() is None
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/webhook"
    finally:
        process.terminate()
        process.wait(10)


def test_forms_and_changes_over_rasa_sdks_own_server(rasa_server: str, tmp_path: Path) -> None:
    remote = RemoteActions(ActionEndpoint(url=rasa_server, seconds=30))
    assert remote.has("validate_move_form")
    talk = Talk(remote)
    assert talk.say("please move it").text == "Which loan?"
    assert talk.say("LN-201").text == "I can't find that loan among yours. Which loan?"
    assert talk.say("101").text == "Which street?"
    assert talk.say("42 Elm Street").text == "I'd send LN-101 to 42 Elm Street. Shall I?"
    talk.say("no, the street is 7 Oak Road")
    reply = talk.say("yes")
    assert "went through" in reply.text, "the server has no project_dir: the change fails, and a person looks"
    assert book(tmp_path) == []
    with pytest.raises(Rejected):
        remote.run(call(next_action="action_odd", tracker={"sender_id": "c", "slots": {"note": "reject"}}))
    with pytest.raises(ModelError, match="no such action"):
        remote.run(call(next_action="action_none"))
