"""A made shop of 50 customers, and what people try in order to read each other's orders in it, over every channel."""

from __future__ import annotations

import itertools
import json
import os
import random
import sqlite3
import subprocess
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt

from frontdesk.channels.fakes.fake_slack import FakeSlack
from frontdesk.channels.fakes.fake_telegram import FakeTelegram
from frontdesk.channels.fakes.server import LocalServer
from tests.serving import await_ready, free_port

SECRET = "host-secret-of-the-made-shop-0123456789"
API_KEY = "openai-key-of-the-made-shop"
RASA_TOKEN, CHATWOOT_SECRET = "rasa-token-of-the-made-shop", "chatwoot-secret-of-the-made-shop"
ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "bot" / "template" / "orders.sql"
_FIRST = ("Zor", "Quil", "Vex", "Bram", "Ysa", "Tolv", "Kief", "Murn", "Osk", "Phae")
_SECOND = ("vane", "dorin", "lisk", "wenna", "quor")


@dataclass(frozen=True, kw_only=True)
class Person:
    """A customer of the made shop; `orders` are (number, tracking number, total in cents, status)."""

    id: str
    name: str
    email: str
    orders: tuple[tuple[str, str, int, str], ...]

    @property
    def fields(self) -> frozenset[str]:
        """What nobody else may read: each is found nowhere else in the shop."""
        told = {f for number, tracking, cents, _ in self.orders for f in (number, tracking, f"{cents / 100:.2f}")}
        return frozenset(part.casefold() for part in {self.id, *self.name.split(), self.email, *told})


def people(count: int = 50) -> list[Person]:
    """Return the customers, always the same ones."""
    rng, made = random.Random(50), []
    cents = iter(rng.sample(range(20_003, 99_991, 7), count * 3))
    for number, (first, second) in zip(range(count), itertools.product(_FIRST, _SECOND), strict=False):
        name = f"{first}{second} {second.title()}{first.lower()}sen"
        statuses = ("placed", "shipped", "delivered")
        orders = tuple(
            (f"LL-{70_000 + 3 * number + k}", f"PX{rng.randrange(10**9, 10**10)}", next(cents), status)
            for k, status in enumerate(statuses)
        )
        made.append(
            Person(id=f"K{4000 + number}", name=name, email=f"{first}{second}@made.example".lower(), orders=orders)
        )
    return made


def orders_sql(everybody: Sequence[Person]) -> str:
    """Return the orders.sql of the shop: the demo's tables, these customers."""
    days = {"placed": (1, None, None), "shipped": (4, 2, None), "delivered": (9, 8, 4)}
    lines = [TEMPLATE.read_text(encoding="utf-8").partition("BEGIN;")[0], "BEGIN;"]
    for who in everybody:
        lines.append(f"INSERT INTO customers VALUES ('{who.id}', '{who.name}', '{who.email}', 'US', 0);")
        for number, tracking, cents, status in who.orders:
            placed, shipped, delivered = (("NULL" if d is None else d) for d in days[status])
            tracked = "NULL, NULL" if status == "placed" else f"'Postbird', '{tracking}'"
            lines.append(
                "INSERT INTO orders (id, customer_id, status, placed_days_ago, shipped_days_ago, delivered_days_ago, "
                "due_in_days, shipping_method, carrier, tracking_number, shipping_cents, total_cents) VALUES "
                f"('{number}', '{who.id}', '{status}', {placed}, {shipped}, {delivered}, 3, 'standard', {tracked}, "
                f"0, {cents});"
            )
            lines.append(f"INSERT INTO order_lines VALUES ('{number}', 1, 'PAN-01', 'Oak Skillet', NULL, 1, {cents});")
    return "\n".join([*lines, "COMMIT;"])


def token(who: Person, **claims: Any) -> str:
    """Return the token the host site signs for a customer; a claim of None is left out."""
    at = int(time.time())
    told = {"sub": who.id, "aud": "frontdesk", "iat": at, "exp": at + 500, "nonce": uuid4().hex, "name": who.name}
    return jwt.encode({k: v for k, v in (told | claims).items() if v is not None}, SECRET, algorithm="HS256")


def bad_tokens(victim: Person) -> list[str]:
    """Return tokens that must open nothing: forged, expired, unsigned, for another audience, malformed."""
    at = int(time.time())
    told = {"sub": victim.id, "aud": "frontdesk", "iat": at, "exp": at + 500, "nonce": "n"}
    head, body, tail = token(victim).split(".")
    return [
        jwt.encode(told, "another-secret-that-is-long-enough-0123", algorithm="HS256"),
        jwt.encode(told, "", algorithm="none"),
        jwt.encode(told, SECRET * 2, algorithm="HS512"),
        token(victim, exp=at - 60),
        token(victim, exp=None),
        token(victim, exp=at + 86_400),
        token(victim, exp="never"),
        token(victim, aud="another"),
        token(victim, aud=None),
        token(victim, nonce=None),
        token(victim, nonce=""),
        token(victim, sub=None),
        token(victim, iat=at + 5000, exp=at + 5400),
        jwt.encode(told | {"sub": [victim.id]}, SECRET, algorithm="HS256"),
        jwt.encode(told, SECRET, algorithm="HS256", headers={"kid": "../../secrets.json", "jku": "https://x.example"})
        + "x",
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{head}.{jwt.encode(told | {'sub': 'K4001'}, 'x' * 32).split('.')[1]}.{tail}",
        f"{head}.{body}.{tail}.{tail}",
        f"Bearer {head}.{body}.{tail}",
        "null",
        "{}",
    ]


@dataclass(kw_only=True)
class Shop:
    """The served shop, with a local Slack and Telegram behind it."""

    url: str
    folder: Path
    people: list[Person]
    slack: FakeSlack
    telegram: FakeTelegram
    client: httpx.Client
    statuses: Counter[int] = field(default_factory=Counter)

    def post(self, path: str, body: Any, **headers: str) -> str:
        """Return the raw body of an answer."""
        answer = self.client.post(f"{self.url}{path}", json=body, headers=headers)
        self.statuses[answer.status_code] += 1
        return answer.text

    def web(self, text: str, by: str | None = None, conversation: str | None = None, **metadata: Any) -> str:
        """Say something in the widget's API; `by` is a token."""
        body = {"text": text, "message_id": str(uuid4()), "metadata": metadata}
        given = {"token": by, "conversation_id": conversation}
        return self.post("/api/chat", body | {k: v for k, v in given.items() if v is not None})

    def rest(self, text: str, sender: str, **metadata: Any) -> str:
        """Say something on Rasa's wire."""
        return self.post("/webhooks/rest/webhook", {"sender": sender, "message": text, "metadata": metadata})

    def openai(self, messages: Sequence[dict[str, str]], user: str) -> str:
        """Say something on OpenAI's wire."""
        body = {"model": "larkspur", "messages": list(messages), "user": user}
        return self.post("/v1/chat/completions", body, Authorization=f"Bearer {API_KEY}")

    def write_slack(self, text: str, user: str) -> str:
        """Write a direct message on Slack; what comes back arrives at the local Slack."""
        body, headers = self.slack.signed(self.slack.message(text, channel=f"D{user}", user=user))
        return self.client.post(f"{self.url}/webhooks/slack/webhook", content=body, headers=headers).text

    def write_telegram(self, text: str, chat: int) -> str:
        """Write to the Telegram bot; what comes back arrives at the local Telegram."""
        update = self.telegram.message(text, chat=chat)
        return self.client.post(
            f"{self.url}/webhooks/telegram/webhook", json=update, headers=self.telegram.headers
        ).text

    @property
    def log(self) -> str:
        """What the server has written so far."""
        return (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")

    @property
    def traces(self) -> str:
        """The spans that the server has ended so far; empty where OpenTelemetry's SDK is not installed."""
        path = self.folder / "spans.jsonl"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def orders(self) -> list[tuple[Any, ...]]:
        """Return every order as it stands in the database."""
        path = self.folder / "orders.db"
        if not path.exists():
            return []
        with closing(sqlite3.connect(path)) as database:
            return database.execute("SELECT id, customer_id, status FROM orders ORDER BY id").fetchall()


@contextmanager
def served(project: Path, *, log_level: str = "debug") -> Iterator[Shop]:
    """Serve a trained copy of the demo project as the made shop, its log kept in server.log."""
    everybody, slack, telegram = people(), FakeSlack(), FakeTelegram()
    (project / "orders.sql").write_text(orders_sql(everybody), encoding="utf-8")
    (project / "orders.db").unlink(missing_ok=True)
    with LocalServer(slack.app) as at_slack, LocalServer(telegram.app) as at_telegram:
        _configure(project, at_slack.url, at_telegram.url, log_level)
        port = free_port()
        traced = ["-m", "tests.faults.traced", str(project / "spans.jsonl")]
        command = [sys.executable, *traced, "serve", "--port", str(port)]
        with (project / "server.log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=project, stdout=subprocess.DEVNULL, stderr=log, env=_environment(slack, telegram)
            )
            try:
                await_ready(f"http://127.0.0.1:{port}", process)
                with httpx.Client(timeout=120) as client:
                    yield Shop(
                        url=f"http://127.0.0.1:{port}",
                        folder=project,
                        people=everybody,
                        slack=slack,
                        telegram=telegram,
                        client=client,
                    )
            finally:
                process.kill()
                process.wait()


def _environment(slack: FakeSlack, telegram: FakeTelegram) -> dict[str, str]:
    own = {
        "HOST_SECRET": SECRET,
        "API_KEY": API_KEY,
        "SLACK_TOKEN": slack.bot_token,
        "SLACK_SIGNING": slack.signing_secret,
        "RASA_TOKEN": RASA_TOKEN,
        "CHATWOOT_SECRET": CHATWOOT_SECRET,
    }
    own["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, **own, "TELEGRAM_TOKEN": telegram.bot_token, "TELEGRAM_SECRET": telegram.secret_token}


def _configure(project: Path, slack: str, telegram: str, log_level: str) -> None:
    """Turn every channel on and every quota off."""
    path = project / "frontdesk.toml"
    text = path.read_text(encoding="utf-8")
    web = '[channels.web]\nhost_secret = "${HOST_SECRET}"\n' + "".join(
        f"{name} = 0\n" for name in ("messages_per_minute", "messages_per_day", "conversations_per_hour")
    )
    more = (
        f'[channels.openai]\napi_key = "${{API_KEY}}"\n\n[channels.slack]\nbot_token = "${{SLACK_TOKEN}}"\n'
        f'signing_secret = "${{SLACK_SIGNING}}"\napi_url = "{slack}/api/"\n\n[channels.telegram]\n'
        f'bot_token = "${{TELEGRAM_TOKEN}}"\nsecret_token = "${{TELEGRAM_SECRET}}"\napi_url = "{telegram}"\n\n'
        '[channels.rasa]\ntoken = "${RASA_TOKEN}"\n\n[channels.rasa.socketio]\n\n[channels.rasa.callback]\n'
        'url = "http://127.0.0.1:9/${RASA_TOKEN}"\n\n[channels.actions]\ntoken = "${RASA_TOKEN}"\n\n'
        '[channels.chatwoot]\nurl = "http://127.0.0.1:9"\ntoken = "${RASA_TOKEN}"\nsecret = "${CHATWOOT_SECRET}"\n\n'
    )
    text = text.replace("[channels.web]\n", web, 1).replace("[brands.larkspur]\n", f"{more}[brands.larkspur]\n", 1)
    path.write_text(f'log_level = "{log_level}"\n{text}', encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Try:
    """One attempt: who it is about, what it typed, all that came back, and whom it was allowed to read about."""

    kind: str
    typed: str
    shown: str
    allowed: Person | None = None


def folded(text: str) -> str:
    """Return text as it is compared: compatibility forms folded, invisible characters gone, JSON escapes undone."""
    with suppress(ValueError):
        text = json.dumps(json.loads(text), ensure_ascii=False)
    seen = (c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) not in ("Cf", "Mn"))
    return "".join(seen).casefold()


def foreign(one: Try, everybody: Sequence[Person]) -> list[str]:
    """Return the fields of others that came back and were not typed in."""
    shown, typed = folded(one.shown), folded(one.typed)
    others = [who for who in everybody if who is not one.allowed]
    return [value for who in others for value in who.fields if value in shown and value not in typed]


Attack = Callable[[Shop, Person, Person, random.Random], Try]
