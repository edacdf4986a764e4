"""A local Slack: its Web API for replies, and its signed deliveries for events and button presses."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse, Response

from frontdesk.channels.fakes.server import Faults
from frontdesk.channels.fakes.slack_streams import FakeStreams
from frontdesk.channels.signatures import slack_signature

TEAM, BOT_USER = "T0LOCAL", "U0BOT"
_LOOK_SECONDS = 0.01
_TEXT_MAX, _SECTION_MAX, _BLOCKS_MAX, _ELEMENTS_MAX, _VALUE_MAX = 40_000, 3_000, 50, 25, 2_000


@dataclass(kw_only=True)
class FakeSlack:
    """The state of the fake; serve `app` with LocalServer and give `url + "/api/"` to the sender as `api_url`."""

    bot_token: str = "xoxb-local"
    app_token: str = "xapp-local"
    signing_secret: str = "10ca1510" * 4
    faults: Faults = field(default_factory=Faults)
    opening: Faults = field(default_factory=Faults)
    """Faults of apps.connections.open."""
    socket_faults: Faults = field(default_factory=Faults)
    """Faults of envelopes: `reset` drops the connection after the event was sent, deaf to its acknowledgement."""
    scopes: str = "app_mentions:read,channels:history,chat:write,files:read,groups:history,im:history"
    """The scopes of the bot token."""
    gone: set[str] = field(default_factory=set)
    """Channels that do not exist."""
    posted: list[dict[str, Any]] = field(default_factory=list)
    """The messages accepted, in order, as they were sent."""
    waiting: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Envelopes by id that no client of Socket Mode has acknowledged yet; the next connection gets them again."""
    connections: int = 0
    """How often a socket was opened."""
    farewell: str = ""
    """The reason to give each open socket for asking it to connect again; set to close them."""
    files: dict[str, bytes] = field(default_factory=dict)
    """What people sent, by the name under which /files/NAME gives it."""
    knows_thumbs: bool = True
    """Whether the workspace takes feedback buttons."""
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @cached_property
    def streams(self) -> FakeStreams:
        """What grows, and the hints of assistants, with faults of its own."""
        return FakeStreams(posted=self.posted, refusal=self._refusal, next_ts=self._ts)

    @property
    def app(self) -> FastAPI:
        """The Web API."""
        app = FastAPI(openapi_url=None)
        app.post("/api/chat.postMessage")(self._post_message)
        app.post("/api/auth.test")(self._auth_test)
        app.post("/api/apps.connections.open")(self._open)
        app.get("/files/{name}")(self._file)
        app.websocket("/link")(self._socket)
        self.streams.mount(app)
        return app

    def message(self, text: str, *, channel: str = "D1", user: str = "U1", **event: Any) -> dict[str, Any]:
        """Return the envelope of a message; a channel whose name starts with D is a direct one."""
        kind = "im" if channel.startswith("D") else "channel"
        return self._envelope(
            {"type": "message", "channel_type": kind, "text": text, "channel": channel, "user": user} | event
        )

    def mention(self, text: str, *, channel: str = "C1", user: str = "U1", **event: Any) -> dict[str, Any]:
        """Return the envelope of an app_mention; `message` with the same `ts` is its twin."""
        words = f"<@{BOT_USER}> {text}"
        return self._envelope({"type": "app_mention", "text": words, "channel": channel, "user": user} | event)

    def press(self, post: Mapping[str, Any], value: str, *, user: str = "U1") -> dict[str, Any]:
        """Return the payload of pressing the button with `value` in a message of `posted`."""
        blocks = [element for block in post["blocks"] for element in block.get("elements", ())]
        button = next(element for element in blocks if element.get("value") == value)
        action = {"type": "button", "action_id": button["action_id"], "value": value, "action_ts": self._ts()}
        return self._pressed(post, action | {"text": button["text"]}, user)

    def _pressed(self, post: Mapping[str, Any], action: Mapping[str, Any], user: str) -> dict[str, Any]:
        message = {"type": "message", "ts": post["ts"], "text": post["text"]}
        if post.get("thread_ts"):
            message["thread_ts"] = post["thread_ts"]
        return {
            "type": "block_actions",
            "team": {"id": TEAM},
            "user": {"id": user, "team_id": TEAM},
            "channel": {"id": post["channel"]},
            "message": message,
            "actions": [dict(action)],
            "trigger_id": "1.2.3",
        }

    def rate(self, post: Mapping[str, Any], value: str, *, user: str = "U1") -> dict[str, Any]:
        """Return the payload of pressing `up` or `down` on the feedback buttons of a message of `posted`."""
        element = next(e for block in post["blocks"] for e in block.get("elements", ()) if "positive_button" in e)
        button = element["positive_button" if value == "up" else "negative_button"]
        action = {key: element[key] for key in ("type", "action_id")} | {"action_ts": self._ts(), **button}
        return self._pressed(post, action, user)

    def opened(self, channel: str = "D1", thread: str = "", user: str = "U1") -> dict[str, Any]:
        """Return the envelope of opening the assistant: its side panel with a thread, else the messages tab."""
        if not thread:
            return self._envelope({"type": "app_home_opened", "tab": "messages", "channel": channel, "user": user})
        context = {"channel_id": "C1", "team_id": TEAM, "enterprise_id": None}
        at = {"user_id": user, "channel_id": channel, "thread_ts": thread, "context": context}
        return self._envelope({"type": "assistant_thread_started", "assistant_thread": at})

    def signed(self, payload: Mapping[str, Any] | bytes) -> tuple[bytes, dict[str, str]]:
        """Return body and headers as Slack would deliver them: a form for button presses, else JSON."""
        kind = "application/json"
        if isinstance(payload, bytes):
            body = payload
        elif payload.get("type") == "block_actions":
            body, kind = urlencode({"payload": json.dumps(payload)}).encode(), "application/x-www-form-urlencoded"
        else:
            body = json.dumps(payload).encode()
        stamp = str(int(time.time()))
        signature = slack_signature(self.signing_secret, body, stamp)
        return body, {"Content-Type": kind, "X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": signature}

    def send(self, payload: Mapping[str, Any]) -> str:
        """Send a delivery over Socket Mode, now or once a client connects; returns the envelope's id."""
        number = f"env-{next(self._ids):06d}"
        kind = "interactive" if payload.get("type") == "block_actions" else "events_api"
        self.waiting[number] = {"envelope_id": number, "type": kind, "payload": dict(payload)}
        return number

    async def _open(self, request: Request) -> Response:
        fault = self.opening.take()
        if fault and fault.kind == "busy":
            return JSONResponse({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": f"{fault.seconds:g}"})
        if fault:
            return Response("upstream error", 500)
        if request.headers.get("authorization") != f"Bearer {self.app_token}":
            return _refused("invalid_auth")
        return JSONResponse({"ok": True, "url": f"ws://{request.url.netloc}/link?ticket={next(self._ids)}"})

    async def _socket(self, socket: WebSocket) -> None:
        """Serve one connection: what waits is sent in order, and forgotten once it is acknowledged."""
        await socket.accept()
        self.connections += 1
        await socket.send_json({"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A0LOCAL"}})
        deaf: set[str] = set()
        hearing = asyncio.create_task(self._hear(socket, deaf))
        sent: set[str] = set()
        while not hearing.done() and not deaf:
            for number in [one for one in list(self.waiting) if one not in sent]:
                fault = self.socket_faults.take()
                deaf |= {number} if fault and fault.kind == "reset" else set()
                await asyncio.sleep(fault.seconds if fault else 0)
                await socket.send_json(self.waiting[number] | {"accepts_response_payload": False})
                sent.add(number)
                if deaf:
                    break
            if self.farewell:
                await socket.send_json({"type": "disconnect", "reason": self.farewell})
                self.farewell = ""
            await asyncio.sleep(_LOOK_SECONDS)
        if not hearing.done():
            hearing.cancel()
            await socket.close(1011)

    async def _hear(self, socket: WebSocket, deaf: set[str]) -> None:
        try:
            while True:
                number = (await socket.receive_json())["envelope_id"]
                if number not in deaf:
                    self.waiting.pop(number, None)
        except (WebSocketDisconnect, RuntimeError):
            return

    def _envelope(self, event: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "event_callback",
            "team_id": TEAM,
            "event_id": f"Ev{next(self._ids):08d}",
            "event_time": int(time.time()),
            "authorizations": [{"team_id": TEAM, "user_id": BOT_USER, "is_bot": True}],
            "event": {"ts": self._ts()} | event,
        }

    def _ts(self) -> str:
        return f"{int(time.time())}.{next(self._ids):06d}"

    async def _auth_test(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {self.bot_token}":
            return _refused("invalid_auth")
        names = {"team": "Local", "user": "shop", "url": "https://local.slack.example/"}
        body = {"ok": True, "team_id": TEAM, "user_id": BOT_USER, "bot_id": "B1"} | names
        return JSONResponse(body, headers={"X-OAuth-Scopes": self.scopes})

    async def _file(self, name: str, request: Request) -> Response:
        """Give a file to who may read files; anybody else is shown the way to the sign-in page."""
        known = request.headers.get("authorization") == f"Bearer {self.bot_token}" and "files:read" in self.scopes
        if not known:
            return Response(status_code=302, headers={"Location": "/signin"})
        return Response(self.files[name]) if name in self.files else Response(status_code=404)

    async def _post_message(self, request: Request) -> Response:
        fault = self.faults.take()
        if fault and fault.kind == "busy":
            return JSONResponse({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": f"{fault.seconds:g}"})
        if fault and fault.kind == "broken":
            return Response("upstream error", 500)
        post = await request.json()
        error = self._refusal(request, post)
        if error:
            return _refused(error)
        post["ts"] = self._ts()
        self.posted.append(post)
        request.state.reset = fault is not None and fault.kind == "reset"
        await asyncio.sleep(fault.seconds if fault else 0)
        return JSONResponse({"ok": True, "channel": post["channel"], "ts": post["ts"], "message": post})

    def _refusal(self, request: Request, post: Mapping[str, Any]) -> str | None:
        """The error Slack itself gives, or None."""
        if request.headers.get("authorization") != f"Bearer {self.bot_token}":
            return "invalid_auth"
        if not post.get("channel") or post["channel"] in self.gone:
            return "channel_not_found"
        if not post.get("text") and not post.get("blocks"):
            return "no_text"
        if len(post.get("text", "")) > _TEXT_MAX:
            return "msg_too_long"
        blocks = post.get("blocks", [])
        known = self.knows_thumbs or all(block["type"] != "context_actions" for block in blocks)
        return None if known and len(blocks) <= _BLOCKS_MAX and all(map(_valid, blocks)) else "invalid_blocks"


def _valid(block: Mapping[str, Any]) -> bool:
    if block["type"] == "section":
        return 0 < len(block["text"]["text"]) <= _SECTION_MAX
    elements = block["elements"]
    if block["type"] == "context_actions":
        values = [e[button]["value"] for e in elements for button in ("positive_button", "negative_button")]
        return 0 < len(elements) <= 5 and all(0 < len(value) <= _VALUE_MAX for value in values)
    if block["type"] == "context":
        return 0 < len(elements) <= 10 and all(0 < len(e["text"]) <= _SECTION_MAX for e in elements)
    names = {element["action_id"] for element in elements}
    fits = all(0 < len(e["text"]["text"]) <= 75 and len(e["value"]) <= _VALUE_MAX for e in elements)
    return fits and 0 < len(elements) <= _ELEMENTS_MAX and len(names) == len(elements)


def _refused(error: str) -> Response:
    return JSONResponse({"ok": False, "error": error})
