"""A team's own action server: actions are called over HTTP, with limits on time and size and nothing echoed.

The wire is rasa-sdk's (https://rasa.com/docs/action-server): `POST /webhook`, `GET /actions`; the full domain goes with
the first call and whenever the server answers 449.
"""

from __future__ import annotations

import hashlib
import json
import ssl
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from frontdesk.bot.account_config import ActionEndpoint
from frontdesk.bot.dialogue.calls import Rejected, Result
from frontdesk.bot.errors import ModelError

LIST_SECONDS = 60.0
"""How long the server's list of actions is believed."""


class RemoteActions:
    """Runs actions on an action server; cheap to make, safe to share between threads."""

    def __init__(self, endpoint: ActionEndpoint) -> None:
        self.endpoint = endpoint
        self._digests: set[str] = set()
        self._names: frozenset[str] = frozenset()
        self._listed_at = float("-inf")
        self._lock = threading.Lock()
        self._trust: ssl.SSLContext | bool = False

    @property
    def names(self) -> frozenset[str]:
        """The names of the server's actions; raises ModelError when it does not tell."""
        with self._lock:
            if time.monotonic() - self._listed_at > LIST_SECONDS:
                parts = urlsplit(self.endpoint.url)
                url = urlunsplit(parts._replace(path=parts.path.rsplit("/", 1)[0] + "/actions"))
                status, rows = self._asked("GET", url, None)
                if status != 200 or not isinstance(rows, list):
                    raise self._failed(f"the action server lists no actions (HTTP {status})")
                self._names = frozenset(str(row.get("name")) for row in rows if isinstance(row, dict))
                self._listed_at = time.monotonic()
            return self._names

    def has(self, name: str) -> bool:
        """Whether there is an action of this name; raises ModelError when the server does not tell."""
        return name in self.names

    def run(self, call: Mapping[str, Any]) -> Result:
        """Run one action to its end; raises Rejected, or ModelError when it fails, hangs or answers too much."""
        name, domain = str(call["next_action"]), call["domain"]
        digest = hashlib.sha256(json.dumps(domain, sort_keys=True, default=str).encode()).hexdigest()
        told = {**call, "domain_digest": digest}
        known = {key: value for key, value in told.items() if key != "domain"}
        status, answer = self._asked("POST", self.endpoint.url, known if digest in self._digests else told, name)
        if status == 449:
            status, answer = self._asked("POST", self.endpoint.url, told, name)
        if status == 400:
            raise Rejected(name)
        if status != 200:
            what = "the action server has no such action" if status == 404 else f"the action failed (HTTP {status})"
            raise self._failed(what, name)
        self._digests.add(digest)
        if answer is not None and not isinstance(answer, dict):
            raise self._failed("the action server's answer is no object", name)
        return answer or {}

    def _asked(self, method: str, url: str, body: Mapping[str, Any] | None, name: str = "") -> tuple[int, Any]:
        """Return status and JSON of an answer, None instead of what is not worth reading."""
        deadline = time.monotonic() + self.endpoint.seconds
        token = self.endpoint.token
        query = {"token": token.get_secret_value()} if token else None
        content = None if body is None else json.dumps(body, default=str).encode()
        headers = {"Accept-Encoding": "identity", "Content-Type": "application/json"}
        try:
            with (
                httpx.Client(trust_env=False, timeout=self.endpoint.seconds, verify=self._trusted()) as client,
                client.stream(method, url, params=query, content=content, headers=headers) as answer,
            ):
                if answer.status_code != 200:
                    return answer.status_code, None
                return 200, json.loads(self._read(answer, deadline, name))
        except (httpx.HTTPError, OSError) as error:
            raise self._failed(f"the action server cannot be reached ({type(error).__name__})", name) from None
        except (ValueError, RecursionError):
            raise self._failed("the action server's answer is no JSON", name) from None

    def _trusted(self) -> ssl.SSLContext | bool:
        """Whose certificates are believed: the usual authorities', or those of SSL_CERT_FILE; read once."""
        if not self._trust and self.endpoint.url.startswith("https:"):
            self._trust = httpx.create_ssl_context()
        return self._trust

    def _read(self, answer: httpx.Response, deadline: float, name: str) -> bytes:
        """Read an answer within its limits; it was asked not to be compressed."""
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise self._failed("the action server's answer is compressed", name)
        body = bytearray()
        for chunk in answer.iter_raw():
            body += chunk
            if len(body) > self.endpoint.answer_bytes:
                raise self._failed(f"the action server answered more than {self.endpoint.answer_bytes} bytes", name)
            if time.monotonic() > deadline:
                raise self._failed("the action server took too long", name)
        return bytes(body)

    def _failed(self, what: str, name: str = "") -> ModelError:
        """What is said of a failure names neither the token nor anything of the answer."""
        return ModelError(f"{what}.", where=name or self.endpoint.url, fix="see the action server's log.")
