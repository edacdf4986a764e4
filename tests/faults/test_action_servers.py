"""A team's action server that misbehaves, kind by kind, behind the served bot: the customer hears what is true."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import pytest
from pydantic import SecretStr

from frontdesk.bot.account_config import Action, ActionEndpoint, Alone, Slot
from frontdesk.bot.config import Brand, Limits, Web
from frontdesk.bot.desk import FrontDesk
from frontdesk.bot.dialogue.account import AccountAnswerer
from frontdesk.bot.dialogue.remote import RemoteActions
from frontdesk.bot.engine import Engine
from frontdesk.bot.guards import ConsequenceCheck, SupportCheck
from frontdesk.bot.handoff import HandoffAnswerer
from frontdesk.bot.store import Store
from frontdesk.channels.web import web_router
from tests.bot.talking import Keywords
from tests.channels.wire import served

SECRET, TOKEN = b"k" * 32, "the action server's own token"
BRAND = Brand(
    name="The Desk",
    slots={"loan": Slot(pattern=r"LN-\d{3}")},
    actions={
        "show": Action(action="action_show", slots=("loan",)),
        "move": Action(
            action="action_move",
            slots=("loan",),
            read_back="action_read_back_move",
            alone=Alone(only={"state": ("out",)}),
        ),
    },
)
THEIRS = {
    "table": "loans",
    "id": "LN-201",
    "customer_id": "C2",
    "fields": {"who": "Imogen Castellane", "owed": "913.57"},
}
MINE = {"table": "loans", "id": "LN-101", "customer_id": "C1", "fields": {"loan": "LN-101"}}
FOREIGN = ("Imogen", "Castellane", "913.57", "LN-201", "C2", TOKEN, "Traceback")


def said(text: str, record: Any = None, **more: Any) -> dict[str, Any]:
    return {"events": [], "responses": [{"text": text, "custom": {"record": record} if record else {}, **more}]}


GOOD = said("LN-101 is out.", MINE)
LIES: dict[str, Any] = {
    "another's record": said("LN-201 is with Imogen Castellane.", THEIRS),
    "another's name without a record": said("It is with Imogen Castellane."),
    "another's name beside one's own record": said("LN-101 is with Imogen Castellane.", MINE),
    "a figure from nowhere": said("You owe 913.57 dollars.", MINE),
    "a record of nobody's": said("It is out.", {"table": "loans", "id": "LN-101", "fields": {}}),
    "another's loan on a button": said("Which?", buttons=[{"title": "LN-201 of Imogen", "payload": "/show"}]),
    "another customer": {"events": [{"event": "slot", "name": "customer_id", "value": "C2"}], "responses": []},
    "another's name in a slot": said("", response="utter_none", who="Imogen"),
    "no rows": {"events": "none", "responses": {"text": "Imogen"}},
}
BODIES = {"10 MB": b'{"x": "' + b"Imogen " * 1_500_000 + b'"}', "no JSON": b"<html>Imogen", "a list": b"[]"}
STATUSES = {"500 with its traceback": 500, "449 again and again": 449, "no such action": 404, "a redirect": 302}


class Server(ThreadingHTTPServer):
    """Answers `action_show` and `action_move` as `kind` says, every other action well."""

    daemon_threads = True
    kind = "good"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *arguments: object) -> None: ...

    def do_GET(self) -> None:
        self._send(200, json.dumps([{"name": n} for n in ("action_show", "action_move", "action_read_back_move")]))

    def do_POST(self) -> None:
        call = json.loads(self.rfile.read(int(self.headers["content-length"])))
        kind = self.server.kind if call["next_action"] in ("action_show", "action_move") else "good"
        if call["next_action"] == "action_read_back_move":
            back = said("I'd move LN-101. Shall I?", MINE)
            back["responses"][0]["custom"]["policy"] = {"state": "out"}
            return self._send(200, json.dumps(back))
        if kind == "hang":
            time.sleep(3.0)
        if kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return None
        if kind == "a rejection":
            return self._send(400, json.dumps({"error": "Imogen", "action_name": "action_show"}))
        if kind in STATUSES:
            return self._send(STATUSES[kind], json.dumps({"error": "Traceback: Imogen", "request_body": call}))
        answer = {"success without a record": said("Done."), "silence": {}}.get(kind) or LIES.get(kind, GOOD)
        return self._send(200, BODIES.get(kind, b"") or json.dumps({} if kind == "silence" else answer))

    def _send(self, status: int, body: str | bytes) -> None:
        raw = body.encode() if isinstance(body, str) else body
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(raw)
        except OSError:
            self.close_connection = True


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    found = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


def talked(folder: Path, server: Server, *texts: str) -> tuple[list[dict[str, Any]], FrontDesk]:
    """Write the texts in the widget's API as a signed-in customer; return the replies, and the desk as it is then."""
    url, brands = f"http://127.0.0.1:{server.server_port}", {"b": BRAND}
    seconds = 2.0 if server.kind == "hang" else 30.0
    remote = RemoteActions(ActionEndpoint(url=url, token=SecretStr(TOKEN), seconds=seconds, answer_bytes=2_000_000))
    assert remote.has("action_show")
    store = Store(f"sqlite:///{folder / 'x.db'}")
    account = AccountAnswerer(remote, brands, store.ledger, owner="customer_id")
    answerers: Any = {"account": account, "handoff": HandoffAnswerer(brands)}
    checks = (ConsequenceCheck(), SupportCheck())
    engine = Engine(brands=brands, routers={"b": Keywords(BRAND)}, answerers=answerers, checks=checks)
    desk, at = FrontDesk(engine, store, Limits(), workers=2), int(time.time())
    claims = {"sub": "C1", "aud": "frontdesk", "iat": at, "exp": at + 500, "nonce": uuid4().hex}
    token = jwt.encode(claims, SECRET, algorithm="HS256")
    router = web_router(desk, settings=Web(), limits=Limits(), brands=brands, default_brand="b", host_secret=SECRET)

    async def go() -> list[dict[str, Any]]:
        replies, here = [], None
        await desk.start()
        try:
            async with served(router) as http:
                for text in texts:
                    body = {"text": text, "message_id": str(uuid4()), "token": token, "conversation_id": here}
                    answer = await http.post("/api/chat", json={k: v for k, v in body.items() if v}, timeout=60)
                    assert answer.status_code == 200, answer.text
                    here = answer.json()["conversation_id"]
                    replies.append(answer.json())
                replies.append({"queue": [one.id for one in await desk.staff.queue()]})
        finally:
            await desk.stop()
        return replies

    return asyncio.run(go()), desk


def leaked(replies: list[dict[str, Any]], log: str) -> list[str]:
    return [one for one in FOREIGN if one in json.dumps(replies) or (one in log and one != "Traceback")]


READS = ["hang", "reset", *BODIES, *STATUSES, *LIES]


@pytest.mark.parametrize("kind", READS)
def test_a_read_that_goes_wrong_tells_nothing_and_brings_a_person(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    server.kind = kind
    replies, _ = talked(tmp_path, server, "show LN-101")
    reply = replies[0]["reply"]
    assert leaked(replies, caplog.text) == []
    true = {
        "another customer": BRAND.messages.abstain,  # nothing was said, and the slot is not theirs to set
        "a figure from nowhere": BRAND.messages.abstain,
        "another's loan on a button": "Which?",
        "another's name in a slot": BRAND.messages.abstain,
    }.get(kind, BRAND.messages.apology)
    assert (reply["text"], reply["buttons"] if true == "Which?" else []) == (true, [])
    assert bool(replies[1]["queue"]) == (true == BRAND.messages.apology), "who is promised a person is in the queue"


@pytest.mark.parametrize("kind", ["hang", "reset", *BODIES, *STATUSES, "success without a record", "silence"])
def test_a_change_that_goes_wrong_is_never_reported_as_made(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    server.kind = kind
    replies, _ = talked(tmp_path, server, "move LN-101", "yes")
    assert replies[0]["reply"]["text"] == "I'd move LN-101. Shall I?"
    assert replies[1]["reply"]["text"] == BRAND.messages.uncertain
    assert leaked(replies, caplog.text) == []
    assert replies[2]["queue"] == [replies[1]["conversation_id"]]


def test_a_rejection_is_no_answer(server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server.kind = "a rejection"
    replies, _ = talked(tmp_path, server, "show LN-101", "move LN-101", "yes")
    assert replies[0]["reply"]["text"] == BRAND.messages.abstain
    assert replies[2]["reply"]["text"] == BRAND.messages.person_decides
    assert leaked(replies, caplog.text) == []


def test_a_server_that_behaves_is_heard(server: Server, tmp_path: Path) -> None:
    server.kind = "good"
    replies, _ = talked(tmp_path, server, "show LN-101", "move LN-101", "yes")
    assert [one["reply"]["text"] for one in replies[:3]] == [
        "LN-101 is out.",
        "I'd move LN-101. Shall I?",
        "LN-101 is out.",
    ]
