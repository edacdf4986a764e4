"""The shapes of OpenAI's chat completions: what is asked and what is answered.

Wire: https://platform.openai.com/docs/api-reference/chat. Ours beside it: `citations` where the text stands, as in a
REPLY of the web API, and `frontdesk` with the conversation, the routes, the buttons and the voice.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, JsonValue

from frontdesk.bot.errors import ChannelError
from frontdesk.channels.footnotes import address, sources, title
from frontdesk.channels.requests import clean

Json = dict[str, Any]
Name = Annotated[str, Field(min_length=1, max_length=200)]
_WORD = re.compile(r"\w+|[^\w\s]")
_OURS = ("routes", "buttons", "voice", "ms")


class Part(BaseModel):
    """One part of a message's content."""

    type: str
    text: str = ""


class Said(BaseModel):
    """One message of the history."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        """Its text, without what is not text."""
        parts = self.content if isinstance(self.content, list) else [Part(type="text", text=self.content or "")]
        return "\n".join(clean(part.text) for part in parts if part.type == "text")


class Named(BaseModel):
    """What the client may say about the message in `metadata`."""

    conversation_id: Name | None = None
    message_id: Name | None = None


class StreamOptions(BaseModel):
    """What the client wants in the stream."""

    include_usage: bool = False


class Completion(BaseModel):
    """The body of POST /v1/chat/completions; what is not listed here (temperature, max_tokens ...) has no effect."""

    model: str
    messages: list[Said]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: Name | None = None
    safety_identifier: Name | None = None
    metadata: Named | None = None
    n: int | None = None
    logprobs: bool | None = None
    tool_choice: JsonValue = None
    function_call: JsonValue = None
    response_format: JsonValue = None
    modalities: list[str] | None = None

    def check(self) -> None:
        """Raise ChannelError 400 for what would need another kind of answer, or has nothing to answer."""
        wanted = self.response_format.get("type") if isinstance(self.response_format, dict) else None
        refused = {
            "n": (self.n or 1) != 1 and "There is one answer to a message",
            "logprobs": self.logprobs and "There are no token probabilities",
            "tool_choice": _forced(self.tool_choice) and "The bot calls no tools of the client",
            "function_call": _forced(self.function_call) and "The bot calls no functions of the client",
            "response_format": wanted not in (None, "text") and "The answer is text, not JSON",
            "modalities": "text" not in (self.modalities or ["text"]) and "The answer is text",
        }
        for name, reason in refused.items():
            if reason:
                raise _wrong(f"{reason}.", name, f"leave out {name}.", "unsupported_parameter")
        if not self.messages or self.messages[-1].role != "user":
            raise _wrong("The last message is not the user's.", "messages", "end with a message of the role user.")
        content = self.messages[-1].content
        if isinstance(content, list) and any(part.type != "text" for part in content):
            raise _wrong("The bot reads text only, no pictures, sound or files.", "messages", "send text.")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer on OpenAI's wire, whole or in chunks."""

    id: str
    model: str
    prompt: str
    conversation_id: str
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, text: str, reply: Mapping[str, Any]) -> Json:
        """Return the chat.completion."""
        message = {"role": "assistant", "content": text, "refusal": None, **cited(text, reply)}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        return self._named("chat.completion", [choice]) | {"usage": self.usage(text), "frontdesk": self._ours(reply)}

    def chunk(self, delta: Mapping[str, Any], finish: str | None = None) -> Json:
        """Return one chat.completion.chunk."""
        choice = {"index": 0, "delta": dict(delta), "logprobs": None, "finish_reason": finish}
        return self._named("chat.completion.chunk", [choice])

    def last(self, text: str, reply: Mapping[str, Any]) -> Json:
        """Return the chunk that ends the answer `text`, with its citations."""
        return self.chunk(cited(text, reply), "stop") | {"frontdesk": self._ours(reply)}

    def counted(self, text: str) -> Json:
        """Return the chunk with the usage, which has no choices."""
        return self._named("chat.completion.chunk", []) | {"usage": self.usage(text)}

    def usage(self, text: str) -> dict[str, int]:
        """Count words and marks, of the message that was read and of the answer: no model's tokens."""
        read, written = (len(_WORD.findall(words)) for words in (self.prompt, text))
        return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}

    def _named(self, kind: str, choices: list[Json]) -> Json:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model, "choices": choices}

    def _ours(self, reply: Mapping[str, Any]) -> Json:
        return {"conversation_id": self.conversation_id} | {key: reply[key] for key in _OURS}


def content(text: str, citations: list[Mapping[str, Any]], buttons: list[Mapping[str, Any]]) -> str:
    """Return a reply as one text: what was said, its sources, and the choices, numbered."""
    choices = "\n".join(f"{number}. {button['title']}" for number, button in enumerate(buttons, 1))
    return "\n\n".join(part for part in (text, *sources(citations), choices) if part)


def cited(text: str, reply: Mapping[str, Any]) -> Json:
    """Return `citations`, and those a browser can open as OpenAI's `annotations`, at their first mark in `text`."""
    found = list(reply.get("citations") or ())
    return {"citations": found, "annotations": [note for citation in found for note in _annotation(text, citation)]}


def _annotation(text: str, citation: Mapping[str, Any]) -> list[Json]:
    url, mark = address(citation), f"[{citation.get('number')}]"
    start = text.find(mark)
    if not url or start < 0:
        return []
    place = {"start_index": start, "end_index": start + len(mark)}
    return [{"type": "url_citation", "url_citation": {**place, "title": title(citation), "url": url}}]


def data(value: Mapping[str, Any]) -> bytes:
    """Return one server-sent event."""
    return f"data: {json.dumps(value)}\n\n".encode()


def _forced(choice: JsonValue) -> bool:
    return choice not in (None, "auto", "none")


def _wrong(what: str, where: str, fix: str, code: str = "invalid_request") -> ChannelError:
    return ChannelError(what, where=where, fix=fix, code=code)
