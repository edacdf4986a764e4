"""Hostile requests: `python benchmarks/hostile.py`; exit code 1 if a forgery is taken, a 5xx given, or memory grows.

Mutated requests to every door, half of those to a door that verifies forged: Slack's signature, Telegram's and
Chatwoot's secrets, the customer's token, OpenAI's key, and both of Rasa's. The app is called as a server calls it, in
this process; only the commit is left out, so that a million requests fill no disk. Prints JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import jwt

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.load import resident_mb
from frontdesk.bot.app import host_secret
from frontdesk.bot.errors import ChannelError
from frontdesk.bot.types import Receipt
from frontdesk.channels.fakes.fake_slack import FakeSlack
from frontdesk.channels.fakes.fake_telegram import FakeTelegram
from frontdesk.channels.identity import HostTokens
from tests.channels.test_hostile import spoiled
from tests.faults.standin import SECRETS, StandIn, app_of, platforms, project_in

GROWTH_MB = 50.0
SECRET, KEY, TOKEN, JWT_KEY = "chatwoot-secret-01", "openai-key-0123456789", "rasa-token-0123", "rasa-key-" + "x" * 32
MORE = """
[channels.chatwoot]
url = "http://127.0.0.1:9"
token = "${FD_TOKEN}"
secret = "${FD_CHATWOOT}"
[channels.openai]
api_key = "${FD_OPENAI}"
[channels.rasa]
token = "${FD_RASA}"
jwt_secret = "${FD_RASA_JWT}"
"""
MORE_SECRETS = {"FD_TOKEN": "t", "FD_CHATWOOT": SECRET, "FD_OPENAI": KEY, "FD_RASA": TOKEN, "FD_RASA_JWT": JWT_KEY}
CHATWOOT = {
    "event": "message_created",
    "id": 5,
    "content": "hi",
    "message_type": "incoming",
    "account": {"id": 1},
    "sender": {"id": 3, "name": "Ada"},
    "conversation": {"id": 9, "status": "pending", "contact_inbox": {"contact_id": 3}},
}
COMPLETIONS = "/v1/chat/completions"
REST = {"sender": "u", "message": "hi", "metadata": {"message_id": "m"}}
COMPLETION = {"model": "shop", "messages": [{"role": "user", "content": "hi"}], "stream": False}


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request; a `proof` is what says who sent it: a header of that name, or for `?` the query."""

    path: str
    body: bytes
    headers: Mapping[str, str]
    proof: str = ""
    given: str = ""


class Taken:
    """Stands in for the commit; counts what was taken, and nobody answers it."""

    def __init__(self) -> None:
        self.messages = 0

    async def __call__(self, message: Any, event_id: str) -> Receipt:
        """Take a message; a channel that would wait for the answer is told that there is none."""
        self.messages += 1
        if message.channel in ("slack", "telegram", "chatwoot"):
            return Receipt(conversation_id=message.conversation_id, message_id=message.id, position=0, duplicate=True)
        raise ChannelError("nothing is answered here.", status=409)


class Doors:
    """Makes genuine, damaged and forged requests to each door in turn of the dice."""

    def __init__(self, dice: random.Random, secret: bytes) -> None:
        self._dice, self._slack, self._telegram, self._tokens = dice, FakeSlack(), FakeTelegram(), HostTokens(secret)
        self._made: list[Callable[[], Request]] = [self._from_slack, self._from_telegram, self._from_chatwoot]
        self._made += [self._chat, self._completion, self._rasa, self._rest]

    def request(self) -> tuple[Request, bool]:
        """Return a request, and whether it is forged."""
        made = self._dice.choice(self._made)()
        if not made.proof or self._dice.random() < 0.5:
            return made, False
        return self._forged(made), True

    def _spoiled(self, payload: Mapping[str, Any]) -> bytes:
        """Spoil some values, and now and then the bytes: cut, doubled, with a byte that is no text, gone."""
        body = json.dumps(spoiled(self._dice, payload)).encode()
        kind, place = self._dice.randrange(12), self._dice.randrange(len(body) + 1)
        return {0: body[:place], 1: body * 2, 2: body[:place] + b"\xff\x00" + body[place:], 3: b""}.get(kind, body)

    def _from_slack(self) -> Request:
        seed = self._dice.choice([self._slack.message("hi"), self._slack.mention("hi")])
        body, headers = self._slack.signed(self._spoiled(seed))
        name = self._dice.choice(["X-Slack-Signature", "X-Slack-Request-Timestamp"])
        return Request(path="/webhooks/slack/webhook", body=body, headers=headers, proof=name, given=headers[name])

    def _from_telegram(self) -> Request:
        headers, name = self._telegram.headers, "X-Telegram-Bot-Api-Secret-Token"
        body = self._spoiled(self._telegram.message("hi"))
        return Request(path="/webhooks/telegram/webhook", body=body, headers=headers, proof=name, given=headers[name])

    def _from_chatwoot(self) -> Request:
        path = "/webhooks/chatwoot/webhook?secret="
        return Request(path=path, body=self._spoiled(CHATWOOT), headers={}, proof="?", given=SECRET)

    def _chat(self) -> Request:
        who = self._tokens.sign("ada")
        seed = {"text": "hi", "message_id": str(UUID(int=self._dice.getrandbits(128), version=4)), "token": who}
        return Request(path="/api/chat", body=self._spoiled(seed), headers={}, proof="token", given=who)

    def _completion(self) -> Request:
        headers = {"Authorization": f"Bearer {KEY}"}
        return Request(
            path="/v1/chat/completions",
            body=self._spoiled(COMPLETION),
            headers=headers,
            proof="Authorization",
            given=KEY,
        )

    def _rasa(self) -> Request:
        body, path = self._spoiled({"text": "hi", "sender": "user"}), "/conversations/u/messages"
        if self._dice.random() < 0.5:
            return Request(path=f"{path}?token=", body=body, headers={}, proof="?", given=TOKEN)
        signed = jwt.encode({"user": {"role": "user", "username": "u"}}, JWT_KEY, algorithm="HS256")
        return Request(
            path=path, body=body, headers={"Authorization": f"Bearer {signed}"}, proof="Authorization", given=signed
        )

    def _rest(self) -> Request:
        return Request(path="/webhooks/rest/webhook", body=self._spoiled(REST), headers={})

    def _forged(self, made: Request) -> Request:
        """Return a request with another proof than the genuine one, or without any."""
        wrong = self._wrong(made)
        if made.proof == "token":
            seed = {"text": "hi", "message_id": str(UUID(int=self._dice.getrandbits(128), version=4)), "token": wrong}
            return Request(path=made.path, body=json.dumps(seed).encode(), headers={}, proof=made.proof, given=wrong)
        if made.proof == "?":
            return Request(path=made.path, body=made.body, headers=made.headers, proof="?", given=wrong)
        bearer = "Bearer " if made.proof == "Authorization" else ""
        headers = {**made.headers, made.proof: bearer + wrong}
        return Request(path=made.path, body=made.body, headers=headers, proof=made.proof, given=wrong)

    def _wrong(self, made: Request) -> str:
        value, dice = made.given, self._dice
        place = dice.randrange(len(value))
        ways = [
            value[:place] + dice.choice("0aZ~é\x7f") + value[place + 1 :],
            value[:-1],
            value + "0",
            "v0=",
            "abc",
            " ",
        ]
        if value.count(".") == 2:
            ways += _forged_tokens(value)
        return dice.choice([each for each in ways if not _same(each, value)])


def _same(forged: str, genuine: str) -> bool:
    """Whether the two mean the same: the last character of base64 has bits that mean nothing."""
    return forged.strip() == genuine or (
        genuine.count(".") == 2 and forged[:-1] == genuine[:-1] and len(forged) == len(genuine)
    )


def _forged_tokens(genuine: str) -> list[str]:
    """Return what is tried on tokens: no algorithm, another key, the key of nobody, a changed claim, a past one."""
    claims = jwt.decode(genuine, options={"verify_signature": False})
    head, _, tail = genuine.split(".")
    other = {"sub": "mallory", "user": {"role": "admin"}}
    changed = jwt.encode(claims | other, "x" * 40).split(".")[1]
    return [
        jwt.encode(claims | other, "", algorithm="none"),
        jwt.encode(claims | other, "y" * 40),
        f"{head}.{changed}.{tail}",
        f"{head}.{changed}.",
        jwt.encode(claims | {"exp": 1}, "y" * 40),
    ]


async def answered(app: Any, request: Request) -> int:
    """Return the status that the app gives, called as a server calls it."""
    path, _, query = request.path.partition("?")
    if request.proof == "?":
        query += quote(request.given)
    headers = {"Host": "bot.test", "Content-Type": "application/json", **request.headers}
    raw = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    raw.append((b"content-length", str(len(request.body)).encode()))
    scope: dict[str, Any] = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST"}
    scope |= {"scheme": "http", "path": path, "raw_path": path.encode(), "query_string": query.encode("latin-1")}
    scope |= {"root_path": "", "headers": raw, "client": ("192.0.2.1", 1), "server": ("bot.test", 80)}
    status, sent = 0, False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": request.body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    try:
        await app(scope, receive, send)
    except Exception as error:  # as a server would, which answers 500 and goes on
        print(f"{request.path}: {error!r}", file=sys.stderr)
        return 500
    return status


async def hostile(folder: Path, requests: int, seed: int) -> dict[str, Any]:
    """Send them all; return what was accepted and what failed."""
    channels = platforms("http://127.0.0.1:9", "http://127.0.0.1:9") + MORE
    project = project_in(folder, channels=channels)
    app, doors = app_of(project, StandIn(), deliver=False), Doors(random.Random(seed), host_secret(project))
    found: Counter[str] = Counter(forged=0, forgeries_accepted=0, answers_5xx=0, taken=0)
    statuses: Counter[str] = Counter()
    async with app.router.lifespan_context(app):
        taken = app.state.desk.accept = Taken()
        for number in range(requests):
            request, forged = doors.request()
            before = taken.messages
            status = await answered(app, request)
            found["forged"] += forged
            found["forgeries_accepted"] += forged and (taken.messages > before or status < 400)
            found["answers_5xx"] += status >= 500 or status == 0
            statuses[f"{request.path.partition('?')[0]} {status}"] += 1
            if number == requests // 5:
                settled_mb = resident_mb()
        found["taken"] = taken.messages
        growth = round(resident_mb() - settled_mb, 1)
    kept = not found["forgeries_accepted"] and not found["answers_5xx"] and growth < GROWTH_MB
    shown = {"memory_growth_mb": growth, "statuses": dict(sorted(statuses.items()))}
    return {"requests": requests, "seed": seed, **found, **shown, "promise_kept": kept}


def main() -> int:
    """Send, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=7)
    chosen = parser.parse_args()
    os.environ.update(SECRETS | MORE_SECRETS)
    with tempfile.TemporaryDirectory() as name:
        began = time.perf_counter()
        found = asyncio.run(hostile(Path(name) / "shop", chosen.requests, chosen.seed))
    print(json.dumps({**found, "seconds": round(time.perf_counter() - began, 1)}, indent=1))
    return int(not found["promise_kept"])


if __name__ == "__main__":
    sys.exit(main())
