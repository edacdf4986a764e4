"""A local voice server that speaks the wire of vLLM, LoRAX or any OpenAI-compatible server, with fault switches.

By hand: `python -m frontdesk.adapters.fakes.openai_server --port 8000`, then `[models.remote] url` in frontdesk.toml.
"""

from __future__ import annotations

import argparse
import itertools
import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, Self, cast

from frontdesk.adapters.fakes.faults import KINDS, Drop, Fault, Pause, Step, faulty, good

Flavour = Literal["vllm", "lorax", "openai"]
BASE = "base-model"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One request as it came in."""

    path: str
    body: Mapping[str, Any]
    at: float


def hello(body: Mapping[str, Any]) -> str:
    """The reply of a fake that was given no other."""
    return "Hello! What can I do for you?"


class FakeServer:
    """Serves on a free loopback port from a thread: `with FakeServer() as server: server.url`.

    `faults` are served in order, one per chat request, None letting one through; `always` to every one after them.
    `models` are the names an `openai` server has; a `vllm` one starts with its base alone and is told what to load.
    """

    def __init__(
        self,
        flavour: Flavour = "vllm",
        *,
        say: Callable[[Mapping[str, Any]], str] = hello,
        faults: Iterable[Fault | None] = (),
        models: Iterable[str] = (),
        api_key: str = "",
        port: int = 0,
    ) -> None:
        self.flavour, self.say, self.api_key, self.port = flavour, say, api_key, port
        self.faults = deque(faults)
        self.always: Fault | None = None
        self.models: dict[str, str] = {BASE: BASE, **{name: name for name in models}}
        self.load_seconds = 0.0
        """How long a load takes."""
        self.load_status = 200
        """What a load answers; any other than 200 loads nothing."""
        self.seen: list[Seen] = []
        self.closing = threading.Event()

    def __enter__(self) -> Self:
        """Start to listen."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop; requests that are stalled end at once."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def asked(self, path: str) -> list[Mapping[str, Any]]:
        """Return the bodies that came in for one path, e.g. `chat/completions`."""
        return [seen.body for seen in self.seen if seen.path == f"/v1/{path}"]

    def next_fault(self) -> Fault | None:
        """Return the fault of this chat request, if any."""
        return self.faults.popleft() if self.faults else self.always


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    fake: FakeServer

    def do_GET(self) -> None:
        """Answer /v1/models."""
        models = [{"id": name, "object": "model", "root": path} for name, path in self.fake.models.items()]
        if self._known({}) and self.path == "/v1/models":
            self._json(200, {"object": "list", "data": models})

    def do_POST(self) -> None:
        """Answer a chat completion, or vLLM's loading and unloading."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        routes = {"/v1/chat/completions": self._chat}
        if self.fake.flavour == "vllm":
            routes |= {"/v1/load_lora_adapter": self._load, "/v1/unload_lora_adapter": self._unload}
        if self._known(body):
            routes.get(self.path, lambda _: self._error(404, "Not Found"))(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _known(self, body: Mapping[str, Any]) -> bool:
        """Note the request; whether it carries the key."""
        self.fake.seen.append(Seen(path=self.path, body=body, at=time.monotonic()))
        if not self.fake.api_key or self.headers.get("Authorization") == f"Bearer {self.fake.api_key}":
            return True
        self._error(401, "Unauthorized")
        return False

    def _chat(self, body: Mapping[str, Any]) -> None:
        fault = self.fake.next_fault()
        if fault and fault.kind == "reset":
            return self._drop()
        if fault and fault.kind == "status":
            retry = {"Retry-After": fault.retry_after} if fault.retry_after else {}
            return self._error(fault.status, "the fault that was asked for", retry)
        if problem := _objection(self.fake, body):
            return self._error(*problem)
        if fault and fault.kind == "not_a_stream":
            return self._json(200, {"object": "chat.completion", "model": body["model"], "choices": []})
        lorax = self.fake.flavour == "lorax"
        named, text = "null" if lorax else body["model"], self.fake.say(body)
        told = (body.get("stream_options") or {}).get("include_usage")
        prompt = sum(len(one["content"].split()) for one in body["messages"]) if told else None
        steps = faulty(fault, named, text) if fault else good(named, text, done=not lorax, prompt=prompt)
        return self._stream(steps, fault)

    def _stream(self, steps: Iterator[Step], fault: Fault | None) -> None:
        if fault and fault.kind == "stall" and fault.after is None:
            self.fake.closing.wait(fault.seconds)
        try:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream; charset=utf-8")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for step in steps:
                if isinstance(step, Drop) or self.fake.closing.is_set():
                    return self._drop()
                if isinstance(step, Pause):
                    self.fake.closing.wait(step.seconds)
                else:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(step), step))
            self.wfile.write(b"0\r\n\r\n")
        except OSError:  # the caller has gone
            self.close_connection = True

    def _load(self, body: Mapping[str, Any]) -> None:
        name, path = body.get("lora_name"), body.get("lora_path")
        self.fake.closing.wait(self.fake.load_seconds)
        if not name or not path:
            return self._error(400, "Both 'lora_name' and 'lora_path' must be provided.")
        if name in self.fake.models:
            return self._error(400, f"The lora adapter '{name}' has already been loaded.")
        if self.fake.load_status != 200 or not (Path(path) / "adapter_config.json").is_file():
            return self._error(self.fake.load_status if self.fake.load_status != 200 else 404, "No adapter found")
        self.fake.models[name] = path
        return self._text(f"Success: LoRA adapter '{name}' added successfully.")

    def _unload(self, body: Mapping[str, Any]) -> None:
        name = body.get("lora_name", "")
        if self.fake.models.pop(name, None) is None:
            return self._error(404, f"The lora adapter '{name}' cannot be found.")
        return self._text(f"Success: LoRA adapter '{name}' removed successfully.")

    def _error(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        self._json(status, {"error": {"message": message, "code": status}}, headers)

    def _json(self, status: int, data: Any, headers: Mapping[str, str] | None = None) -> None:
        self._answer(status, "application/json", json.dumps(data).encode(), headers or {})

    def _text(self, text: str) -> None:
        self._answer(200, "text/plain", text.encode(), {})

    def _answer(self, status: int, kind: str, content: bytes, headers: Mapping[str, str]) -> None:
        try:
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
        except OSError:  # the caller has gone
            self.close_connection = True

    def _drop(self) -> None:
        """End the connection with a reset, as a process that dies does."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True


def _handler(fake: FakeServer) -> type[_Handler]:
    return type("Handler", (_Handler,), {"fake": fake})


def _objection(fake: FakeServer, body: Mapping[str, Any]) -> tuple[int, str] | None:
    """Return what this kind of server has against a request, as (status, message)."""
    model = body.get("model", "")
    if fake.flavour != "lorax":
        return None if model in fake.models else (404, f"The model `{model}` does not exist.")
    if body.get("temperature") == 0:
        return 422, "Input validation error: `temperature` must be strictly positive"
    found = body.get("adapter_source") == "local" and (Path(model) / "adapter_config.json").is_file()
    return None if found else (500, "Request failed during generation: the adapter cannot be found")


@contextmanager
def unanswered() -> Iterator[str]:
    """Yield the address of a port that accepts no connection and refuses none: the backlog of Linux is full."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listening.getsockname())
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        finally:
            for one in waiting:
                one.close()


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--flavour", choices=("vllm", "lorax", "openai"), default="vllm")
    parser.add_argument("--model", action="append", default=[], help="a model that an `openai` server has")
    parser.add_argument("--fault", choices=KINDS, help="what goes wrong with every chat request")
    chosen = parser.parse_args()
    fake = FakeServer(cast(Flavour, chosen.flavour), models=chosen.model, port=chosen.port)
    fake.always = Fault(kind=chosen.fault) if chosen.fault else None
    with fake:
        print(f"listening on {fake.url}; stop with Ctrl+C", flush=True)
        try:
            for at in itertools.count():
                while len(fake.seen) <= at:
                    time.sleep(0.1)
                print(fake.seen[at].path, json.dumps(fake.seen[at].body), flush=True)
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
