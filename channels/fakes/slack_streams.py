"""The part of the local Slack that grows replies: streams, writing over, and the hints of its assistants."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.requests import ClientDisconnect

from frontdesk.channels.fakes.server import Faults

_MARKDOWN_MAX, _PROMPTS_MAX = 12_000, 4
Answer = dict[str, Any]
Act = Callable[[Mapping[str, Any]], Answer]


@dataclass(kw_only=True)
class FakeStreams:
    """What stands in `posted` grows: a post that is `streaming` may be appended to, any other may be written over."""

    posted: list[dict[str, Any]]
    refusal: Callable[[Request, Mapping[str, Any]], str | None]
    next_ts: Callable[[], str]
    faults: dict[str, Faults] = field(default_factory=lambda: defaultdict(Faults))
    """Faults by method, as `chat.stopStream`."""
    refused: str = ""
    """The error of a workspace without streaming, as `feature_not_enabled`; empty: it streams."""
    statuses: list[dict[str, Any]] = field(default_factory=list)
    """What assistant.threads.setStatus was told."""
    prompts: list[dict[str, Any]] = field(default_factory=list)
    """What assistant.threads.setSuggestedPrompts was told."""

    def mount(self, app: FastAPI) -> None:
        """Serve the methods."""
        acts: dict[str, Act] = {
            "chat.startStream": self._start,
            "chat.appendStream": self._append,
            "chat.stopStream": self._stop,
            "chat.update": self._update,
            "assistant.threads.setStatus": self._status,
            "assistant.threads.setSuggestedPrompts": self._suggest,
        }
        for method, act in acts.items():
            app.post(f"/api/{method}")(self._served(method, act))

    def expire(self) -> None:
        """End all streams, as Slack does with those that nothing is appended to for some minutes."""
        for post in self.posted:
            post["streaming"] = False

    def _served(self, method: str, act: Act) -> Callable[[Request], Any]:
        async def serve(request: Request) -> Response:
            fault = self.faults[method].take()
            if fault and fault.kind == "busy":
                answer = {"ok": False, "error": "ratelimited"}
                return JSONResponse(answer, 429, {"Retry-After": f"{fault.seconds:g}"})
            if fault and fault.kind == "broken":
                return Response("upstream error", 500)
            json = request.headers.get("content-type", "").startswith("application/json")
            try:
                body = await request.json() if json else dict(await request.form())
            except ClientDisconnect:  # killed meanwhile
                return Response(status_code=400)
            error = self.refusal(request, {"text": "-", "channel": body.get("channel_id"), **body})
            answer = {"ok": False, "error": error} if error else act(body)
            request.state.reset = fault is not None and fault.kind == "reset"
            await asyncio.sleep(fault.seconds if fault else 0)
            return JSONResponse(answer)

        return serve

    def _start(self, body: Mapping[str, Any]) -> Answer:
        if self.refused:
            return _no(self.refused)
        if not body.get("thread_ts"):
            return _no("invalid_thread_ts")
        if not str(body["channel"]).startswith("D") and not body.get("recipient_user_id"):
            return _no("missing_recipient_user_id")
        post = {**body, "ts": self.next_ts(), "text": body.get("markdown_text", ""), "streaming": True}
        self.posted.append(post)
        return {"ok": True, "channel": body["channel"], "ts": post["ts"]}

    def _append(self, body: Mapping[str, Any]) -> Answer:
        post, text = self._standing(body), str(body.get("markdown_text") or "")
        if post is None or not post.get("streaming"):
            return _no("message_not_found" if post is None else "message_not_in_streaming_state")
        if not 0 < len(text) <= _MARKDOWN_MAX:
            return _no("msg_too_long" if text else "no_text")
        post["text"] += text
        return {"ok": True, "channel": body["channel"], "ts": post["ts"]}

    def _stop(self, body: Mapping[str, Any]) -> Answer:
        post = self._standing(body)
        if post is None or not post.get("streaming"):
            return _no("message_not_found" if post is None else "message_not_in_streaming_state")
        post["text"] += str(body.get("markdown_text") or "")
        post |= {"streaming": False} | ({"blocks": body["blocks"]} if body.get("blocks") else {})
        return {"ok": True, "channel": body["channel"], "ts": post["ts"]}

    def _update(self, body: Mapping[str, Any]) -> Answer:
        post = self._standing(body)
        if post is None or post.get("streaming"):
            return _no("message_not_found" if post is None else "streaming_state_conflict")
        post |= {"text": body["text"], "blocks": body.get("blocks", [])}
        return {"ok": True, "channel": body["channel"], "ts": post["ts"], "text": post["text"]}

    def _status(self, body: Mapping[str, Any]) -> Answer:
        self.statuses.append(dict(body))
        return {"ok": True} if body.get("thread_ts") else _no("invalid_thread_ts")

    def _suggest(self, body: Mapping[str, Any]) -> Answer:
        prompts = body.get("prompts") or []
        if not 0 < len(prompts) <= _PROMPTS_MAX or not all(one["title"] and one["message"] for one in prompts):
            return _no("invalid_arguments")
        self.prompts.append(dict(body))
        return {"ok": True}

    def _standing(self, body: Mapping[str, Any]) -> dict[str, Any] | None:
        at = body.get("channel"), body.get("ts")
        return next((post for post in self.posted if (post["channel"], post["ts"]) == at), None)


def _no(error: str) -> Answer:
    return {"ok": False, "error": error}
