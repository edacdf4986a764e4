"""A local Telegram: its Bot API for replies, and its updates for messages and button presses."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from frontdesk.channels.fakes.server import Faults

USERNAME = "LocalShopBot"
_TEXT_MAX, _CALLBACK_MAX = 4096, 64
_LOOK_SECONDS = 0.01
_TEXTS = frozenset({"text", "parse_mode", "action", "callback_query_id", "url", "secret_token"})


@dataclass(kw_only=True)
class FakeTelegram:
    """The state of the fake; serve `app` with LocalServer and give its `url` to the sender as `api_url`."""

    bot_token: str = "4242:local-bot-token"
    secret_token: str = "local-secret-token"
    faults: Faults = field(default_factory=Faults)
    """Faults of sendMessage."""
    blocked: set[int] = field(default_factory=set)
    """Chats whose customer has blocked the bot."""
    sent: list[dict[str, Any]] = field(default_factory=list)
    """The messages accepted, in order, as they were sent."""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Every other call: (method, parameters)."""
    webhook: dict[str, Any] = field(default_factory=lambda: {"url": "", "pending_update_count": 0})
    """What getWebhookInfo says; with a `url`, updates cannot be fetched."""
    waiting: list[dict[str, Any]] = field(default_factory=list)
    """The updates that getUpdates gives; an offset removes those before it."""
    files: dict[str, bytes] = field(default_factory=dict)
    """What people sent, by file_id."""
    fetching: Faults = field(default_factory=Faults)
    """Faults of getUpdates; `reset` drops the connection before its updates arrive."""
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1000))

    @property
    def app(self) -> FastAPI:
        """The Bot API."""
        app = FastAPI(openapi_url=None)
        app.post("/bot{token}/{method}")(self._call)
        app.get("/file/bot{token}/documents/{file_id}")(self._file)
        return app

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a delivery."""
        return {"Content-Type": "application/json", "X-Telegram-Bot-Api-Secret-Token": self.secret_token}

    def message(self, text: str | None, *, chat: int = 7, **message: Any) -> dict[str, Any]:
        """Return the update of a message in a private chat, or with a negative `chat` in a group."""
        body = self._message(chat) | ({} if text is None else {"text": text}) | message
        return {"update_id": next(self._ids), "message": body}

    def wait_for(self, *updates: dict[str, Any]) -> None:
        """Keep updates until they are fetched and confirmed."""
        self.waiting.extend(updates)

    def press(self, post: Mapping[str, Any], title: str) -> dict[str, Any]:
        """Return the update of pressing the button called `title` under a message of `sent`."""
        rows = post["reply_markup"]["inline_keyboard"]
        button = next(button for row in rows for button in row if button["text"] == title)
        chat = int(post["chat_id"])
        under = self._message(chat) | {"text": post["text"], "reply_markup": post["reply_markup"]}
        query = {
            "id": str(next(self._ids)),
            "from": _customer(abs(chat)),
            "message": under,
            "chat_instance": str(chat),
            "data": button["callback_data"],
        }
        return {"update_id": next(self._ids), "callback_query": query}

    def _message(self, chat: int) -> dict[str, Any]:
        return {
            "message_id": next(self._ids),
            "date": int(time.time()),
            "chat": {"id": chat, "type": "private" if chat > 0 else "supergroup"},
            "from": _customer(abs(chat)),
        }

    async def _call(self, token: str, method: str, request: Request) -> Response:
        parameters = await _parameters(request)
        if token != self.bot_token:
            return _refused(401, "Unauthorized")
        if method == "sendMessage":
            return await self._send_message(parameters, request)
        self.calls.append((method, parameters))
        if method == "getUpdates":
            return await self._get_updates(parameters, request)
        if method == "getFile":
            return self._found(parameters)
        me = {"id": int(token.partition(":")[0]), "is_bot": True, "first_name": "Shop", "username": USERNAME}
        results = {
            "getMe": me | {"can_join_groups": True, "can_read_all_group_messages": False},
            "getWebhookInfo": self.webhook,
        }
        return JSONResponse({"ok": True, "result": results.get(method, True)})

    def _found(self, parameters: Mapping[str, Any]) -> Response:
        name = str(parameters.get("file_id"))
        if name not in self.files:
            return _refused(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
        file = {"file_id": name, "file_size": len(self.files[name]), "file_path": f"documents/{name}"}
        return JSONResponse({"ok": True, "result": file})

    async def _file(self, token: str, file_id: str) -> Response:
        known = token == self.bot_token and file_id in self.files
        return Response(self.files[file_id]) if known else _refused(404, "Not Found")

    async def _get_updates(self, parameters: Mapping[str, Any], request: Request) -> Response:
        """Give what waits, else wait for it; Telegram itself waits for `timeout` seconds."""
        if self.webhook["url"]:
            words = (
                "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete it first"
            )
            return _refused(409, words)
        fault = self.fetching.take()
        if fault and fault.kind == "busy":
            return _refused(429, "Too Many Requests", {"retry_after": fault.seconds})
        if fault and fault.kind == "broken":
            return Response("Bad Gateway", 502)
        self.waiting[:] = [one for one in self.waiting if one["update_id"] >= parameters.get("offset", 0)]
        request.state.reset = fault is not None and fault.kind == "reset"
        deadline = time.monotonic() + float(parameters.get("timeout", 0))
        while not self.waiting and time.monotonic() < deadline and not await request.is_disconnected():
            await asyncio.sleep(_LOOK_SECONDS)
        return JSONResponse({"ok": True, "result": self.waiting[:100]})

    async def _send_message(self, post: dict[str, Any], request: Request) -> Response:
        fault = self.faults.take()
        if fault and fault.kind == "busy":
            words = f"Too Many Requests: retry after {fault.seconds:g}"
            return _refused(429, words, {"retry_after": int(fault.seconds)})
        if fault and fault.kind == "broken":
            return Response("Bad Gateway", 502)
        if post.get("chat_id") in self.blocked:
            return _refused(403, "Forbidden: bot was blocked by the user")
        error = _refusal(post)
        if error:
            return _refused(400, f"Bad Request: {error}")
        self.sent.append(post)
        request.state.reset = fault is not None and fault.kind == "reset"
        await asyncio.sleep(fault.seconds if fault else 0)
        return JSONResponse({"ok": True, "result": self._message(post["chat_id"]) | {"text": post["text"]}})


async def _parameters(request: Request) -> dict[str, Any]:
    """Return what was sent as JSON, or as a form, whose objects and numbers are JSON, as libraries do."""
    if request.headers.get("content-type", "").startswith("application/json"):
        return dict(await request.json())
    form = parse_qsl((await request.body()).decode(), keep_blank_values=True)
    return {name: value if name in _TEXTS else json.loads(value) for name, value in form}


def _customer(chat: int) -> dict[str, Any]:
    return {"id": chat, "is_bot": False, "first_name": "Ada", "language_code": "en"}


def _refusal(post: Mapping[str, Any]) -> str | None:
    """The error Telegram itself gives, or None; sizes are in UTF-16 code units and bytes."""
    units = len(post.get("text", "").encode("utf-16-le")) // 2
    if not post.get("chat_id"):
        return "chat not found"
    if not post.get("text", "").strip():
        return "message text is empty"
    if units > _TEXT_MAX:
        return "message is too long"
    rows = post.get("reply_markup", {}).get("inline_keyboard", [])
    sizes = [len(button["callback_data"].encode()) for row in rows for button in row]
    return "BUTTON_DATA_INVALID" if any(not 1 <= n <= _CALLBACK_MAX for n in sizes) else None


def _refused(status: int, words: str, parameters: Mapping[str, Any] | None = None) -> Response:
    body = {"ok": False, "error_code": status, "description": words} | (
        {"parameters": parameters} if parameters else {}
    )
    return JSONResponse(body, status)
