"""A local Telegram: its Bot API for replies, and its updates for messages and button presses."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from frontdesk.channels.fakes.server import Faults

_TEXT_MAX, _CALLBACK_MAX = 4096, 64


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
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1000))

    @property
    def app(self) -> FastAPI:
        """The Bot API."""
        app = FastAPI(openapi_url=None)
        app.post("/bot{token}/{method}")(self._call)
        return app

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a delivery."""
        return {"Content-Type": "application/json", "X-Telegram-Bot-Api-Secret-Token": self.secret_token}

    def message(self, text: str | None, *, chat: int = 7, **message: Any) -> dict[str, Any]:
        """Return the update of a message in a private chat."""
        body = self._message(chat) | ({} if text is None else {"text": text}) | message
        return {"update_id": next(self._ids), "message": body}

    def press(self, post: Mapping[str, Any], title: str) -> dict[str, Any]:
        """Return the update of pressing the button called `title` under a message of `sent`."""
        rows = post["reply_markup"]["inline_keyboard"]
        button = next(button for row in rows for button in row if button["text"] == title)
        chat = int(post["chat_id"])
        under = self._message(chat) | {"text": post["text"], "reply_markup": post["reply_markup"]}
        query = {"id": str(next(self._ids)), "from": _customer(chat), "message": under, "data": button["callback_data"]}
        return {"update_id": next(self._ids), "callback_query": query}

    def _message(self, chat: int) -> dict[str, Any]:
        return {
            "message_id": next(self._ids),
            "date": int(time.time()),
            "chat": {"id": chat, "type": "private"},
            "from": _customer(chat),
        }

    async def _call(self, token: str, method: str, request: Request) -> Response:
        parameters = await request.json()
        if token != self.bot_token:
            return _refused(401, "Unauthorized")
        if method == "sendMessage":
            return await self._send_message(parameters, request)
        self.calls.append((method, parameters))
        return JSONResponse({"ok": True, "result": True})

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
