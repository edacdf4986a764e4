"""What can go wrong with a streamed chat completion, as the steps that a faulty server takes."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

Kind = Literal[
    "status",
    "reset",
    "stall",
    "cut",
    "no_finish",
    "length",
    "empty",
    "bad_json",
    "not_a_stream",
    "wrong_model",
    "repeat",
    "oversized",
    "one_endless_line",
    "drip",
    "error_event",
    "after_finish",
]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to one request instead of the good answer.

    `status` answers `status`, with Retry-After when `retry_after` is given; `reset` drops the connection unanswered;
    `stall` falls silent for `seconds` after `after` pieces (None: even before the headers); `cut` drops the connection
    after `after` pieces; `drip` sends one piece per `seconds`, for ever. The others say what they do.
    """

    kind: Kind
    status: int = 500
    retry_after: str = ""
    seconds: float = 60.0
    after: int | None = 1


@dataclass(frozen=True)
class Pause:
    """A step of a stream: silence."""

    seconds: float


@dataclass(frozen=True)
class Drop:
    """A step of a stream: the connection is dropped."""


Step = bytes | Pause | Drop
DONE = b"data: [DONE]\n\n"


def event(model: str, text: str | None, finish: str | None = None) -> bytes:
    """Return one chunk of a chat completion as a server-sent event."""
    delta = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk: dict[str, Any] = {"id": "chatcmpl-local", "object": "chat.completion.chunk", "created": int(time.time())}
    return b"data: " + json.dumps({**chunk, "model": model, "choices": [choice]}).encode() + b"\n\n"


def pieces(text: str) -> list[str]:
    """Return a reply in pieces such as tokens are."""
    return [word if at == 0 else f" {word}" for at, word in enumerate(text.split(" "))]


def counted(model: str, prompt: int, text: str) -> bytes:
    """Return the chunk that names the tokens, as it is sent to who asks with `stream_options.include_usage`."""
    usage = {"prompt_tokens": prompt, "completion_tokens": len(pieces(text))}
    chunk = {"object": "chat.completion.chunk", "id": "chatcmpl-local", "created": int(time.time()), "model": model}
    chunk |= {"choices": [], "usage": {**usage, "total_tokens": sum(usage.values())}}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def good(model: str, text: str, *, done: bool = True, prompt: int | None = None) -> Iterator[Step]:
    """Yield the stream of a whole reply, its tokens named where those of the `prompt` are given.

    LoRAX sends no [DONE].
    """
    yield event(model, "")
    for piece in pieces(text):
        yield event(model, piece)
    yield event(model, None, "stop")
    if prompt is not None:
        yield counted(model, prompt, text)
    if done:
        yield DONE


def faulty(fault: Fault, model: str, text: str) -> Iterator[Step]:
    """Yield the stream of a reply with one fault; `status`, `reset` and `not_a_stream` never come this far."""
    words = [event(model, piece) for piece in pieces(text)]
    stop = event(model, None, "stop")
    if fault.kind in ("stall", "cut"):
        yield from words[: fault.after or 0]
        yield Pause(fault.seconds) if fault.kind == "stall" else Drop()
    elif fault.kind == "drip":
        for number in itertools.count():
            yield event(model, f" {number}")
            yield Pause(fault.seconds)
    else:
        yield from _whole(fault, model, text, words, stop)


def _whole(fault: Fault, model: str, text: str, words: Sequence[bytes], stop: bytes) -> Iterator[Step]:
    """Yield a stream that comes to its end and is wrong all the same."""
    wrong: dict[Kind, Sequence[bytes]] = {
        "no_finish": words,
        "length": [*words, event(model, None, "length")],
        "empty": [stop],
        "bad_json": [*words[:1], b'data: {"choices": [{"del\n\n'],
        "wrong_model": [event("another-model", text), event("another-model", None, "stop")],
        "repeat": [words[0], words[0], *words[1:], stop],
        "oversized": [event(model, f"{number} " + "so " * 1000) for number in range(200)],
        "one_endless_line": [b"data: " + b"x" * 1_000_000],
        "error_event": [words[0], b'data: {"error": {"message": "the engine died", "code": 500}}\n\n'],
        "after_finish": [*words, stop, event(model, " And more.")],
    }
    yield from wrong[fault.kind]
    yield DONE
