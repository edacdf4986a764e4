"""What the webhooks promise, counted: `python benchmarks/webhooks.py acks|once|order|hostile`; exit code 1 on a miss.

`acks`: webhooks of Slack and Telegram at a steady rate, each committed before it is acknowledged, while a stand-in of
200 ms answers. `once`: repetitions, reorderings and two racing workers. `order`: many conversations, random delays.
`hostile`: mutated requests to every door. Each prints JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import uvicorn
from fastapi import FastAPI

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.load import Client, peak_mb, process, quantile, resident_mb
from frontdesk.bot.errors import ChannelError
from frontdesk.bot.store import Dispatcher
from frontdesk.bot.types import Receipt
from frontdesk.channels.fakes.fake_slack import FakeSlack
from frontdesk.channels.fakes.fake_telegram import FakeTelegram
from frontdesk.channels.fakes.server import disturbed
from tests.channels.test_hostile import spoiled
from tests.faults.standin import SECRETS, StandIn, app_of, platforms, project_in

PLATFORMS = "platforms"
MODEL_SECONDS = 0.2
ACK_P99_MS, ACK_MAX_MS, GROWTH_MB = 250.0, 3000.0, 50.0
Requests = tuple[str, bytes, dict[str, str]]


@asynccontextmanager
async def in_process(folder: Path, engine: Any, **settings: Any) -> AsyncIterator[tuple[Any, httpx.AsyncClient]]:
    """Run the stand-in's app in this process; yield it and a client."""
    app = app_of(project_in(folder, **settings), engine, deliver=False)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("127.0.0.1", 1))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield app, client


async def settled(app: Any) -> None:
    """Wait until every message has its turn."""
    store = app.state.desk.store
    while (await store.call(store.counts))["pending"]:
        await asyncio.sleep(0.1)


# Acknowledgements


def acks(folder: Path, rate: float, seconds: float) -> dict[str, Any]:
    """Return what came of `rate` webhooks a second for so many seconds.

    The server and the two platforms that it posts to have a process each.
    """
    slack, telegram = FakeSlack(), FakeTelegram()
    with process([sys.executable, __file__, PLATFORMS], [], "/posts") as (platform, _):
        project_in(folder, workers=64, queue=2000, channels=platforms(f"{platform}/slack", f"{platform}/telegram"))
        with process([sys.executable, "-m", "tests.faults.standin", str(folder)], [str(MODEL_SECONDS)]) as (url, pid):
            warm = asyncio.run(_paced(url, slack, telegram, rate / 2, 3))["webhooks"]
            found = asyncio.run(_paced(url, slack, telegram, rate, seconds))
            deadline = time.monotonic() + 60
            while (posts := _posts(platform) - warm) < found["webhooks"] and time.monotonic() < deadline:
                time.sleep(0.5)
            found |= {"replies": posts, "memory_mb": round(peak_mb(pid))}
    answered = found["statuses"] == {"200": found["webhooks"]} and found["replies"] == found["webhooks"]
    in_time = found["p99_ms"] <= ACK_P99_MS and found["max_ms"] < ACK_MAX_MS
    return found | {"promise_kept": answered and in_time}


def _posts(platform: str) -> int:
    return int(httpx.get(f"{platform}/posts", timeout=30).text)


def serve_platforms(port: int) -> None:
    """Serve a local Slack and a local Telegram, and how many replies they have."""
    slack, telegram, app = FakeSlack(), FakeTelegram(), FastAPI(openapi_url=None)
    app.get("/posts")(lambda: len(slack.posted) + len(telegram.sent))
    app.mount("/slack", slack.app)
    app.mount("/telegram", telegram.app)
    uvicorn.run(app, port=port, log_level="warning", access_log=False)


async def _paced(url: str, slack: FakeSlack, telegram: FakeTelegram, rate: float, seconds: float) -> dict[str, Any]:
    """Send on time, whatever the answers take; the wait of a request that left late counts."""
    waits: list[float] = []
    statuses: Counter[str] = Counter()
    client, tasks = Client(url), set()

    async def one(number: int, due: float) -> None:
        path, body, headers = _webhook(slack, telegram, number)
        status, _ = await client.post(path, body, headers)
        waits.append(1000 * (time.perf_counter() - due))
        statuses[str(status)] += 1

    begun = time.perf_counter()
    for number in range(int(rate * seconds)):
        due = begun + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        task = asyncio.create_task(one(number, due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    client.close()
    shown = {f"p{int(100 * share)}_ms": round(quantile(waits, share), 1) for share in (0.5, 0.95, 0.99)}
    return {"webhooks": len(waits), "rate": rate, **shown, "max_ms": round(max(waits), 1), "statuses": dict(statuses)}


def _webhook(slack: FakeSlack, telegram: FakeTelegram, number: int) -> Requests:
    if number % 2:
        update = telegram.message(f"question {number}", chat=1 + number % 1999)
        return "/webhooks/telegram/webhook", json.dumps(update).encode(), telegram.headers
    body, headers = slack.signed(slack.message(f"question {number}", channel=f"D{number % 1998}"))
    return "/webhooks/slack/webhook", body, headers


# One turn each


async def once(folder: Path, messages: int) -> dict[str, Any]:
    """Deliver Slack messages, 30 % of them again, all out of order, each repetition racing; two dispatchers answer.

    Every fifth is a mention, which Slack reports twice, as `app_mention` and as `message`.
    """
    slack, dice = FakeSlack(), random.Random(6)
    channels = platforms("http://127.0.0.1:9", "http://127.0.0.1:9")
    async with in_process(folder, StandIn(), workers=64, queue=10**6, each=10**6, channels=channels) as (app, client):
        desk = app.state.desk
        second = Dispatcher(desk.store, desk.answer, workers=64, give_up=desk.give_up)
        await second.start()
        deliveries = [envelope for number in range(messages) for envelope in _deliveries(slack, number)]
        statuses = await _in_disorder(client, slack, deliveries, dice)
        await settled(app)
        await second.stop()
        counts = desk.store.counts()
    found = {
        "messages": messages,
        "deliveries": sum(statuses.values()),
        "turns": counts["turns"],
        "statuses": dict(statuses),
    }
    return found | {"promise_kept": counts["turns"] == messages and set(statuses) == {"200"}}


def _deliveries(slack: FakeSlack, number: int) -> list[dict[str, Any]]:
    ts = f"{1_700_000_000 + number}.000100"
    if number % 5:
        first = [slack.message(f"m{number}", channel=f"D{number % 500}", ts=ts)]
    else:
        mention = slack.mention(f"m{number}", channel=f"C{number % 100}", ts=ts)
        first = [mention, slack.message(mention["event"]["text"], channel=f"C{number % 100}", ts=ts)]
    return first


async def _in_disorder(client: httpx.AsyncClient, slack: FakeSlack, deliveries: list[Any], dice: random.Random) -> Any:
    """Deliver 32 at a time, some again and all out of order."""
    waiting = iter(disturbed(deliveries, dice, reach=100))
    statuses: Counter[str] = Counter()

    async def deliver() -> None:
        for envelope in waiting:
            body, headers = slack.signed(envelope)
            answer = await client.post("/webhooks/slack/webhook", content=body, headers=headers)
            statuses[str(answer.status_code)] += 1

    await asyncio.gather(*(deliver() for _ in range(32)))
    return statuses


# Order


class Uneven(StandIn):
    """Takes a random time, from nothing to twice the stand-in's."""

    dice = random.Random(20)

    async def respond(self, *arguments: Any) -> Any:
        """Wait, then echo."""
        await asyncio.sleep(self.dice.random() * 2 * MODEL_SECONDS)
        return await super().respond(*arguments)


async def order(folder: Path, conversations: int, each: int) -> dict[str, Any]:
    """Deliver `each` messages to every conversation, one after another; count turns that changed places or are gone."""
    telegram = FakeTelegram()
    channels = platforms("http://127.0.0.1:9", "http://127.0.0.1:9")
    async with in_process(folder, Uneven(), workers=256, queue=10**6, each=10**6, channels=channels) as (app, client):

        async def chat(number: int) -> None:
            for place in range(each):
                update = json.dumps(telegram.message(str(place), chat=number)).encode()
                await client.post("/webhooks/telegram/webhook", content=update, headers=telegram.headers)

        numbers = iter(range(1, conversations + 1))
        await asyncio.gather(*(_all(chat, numbers) for _ in range(64)))
        await settled(app)
        found: Counter[str] = Counter(inversions=0, dropped=0)
        for number in range(1, conversations + 1):
            conversation = app.state.desk.store.conversation(f"telegram:{number}", last_turns=each)
            said = [int(turn.message.text) for turn in conversation.turns] if conversation else []
            found["inversions"] += sum(a > b for a, b in itertools.pairwise(said))
            found["dropped"] += each - len(set(said))
    return {"conversations": conversations, "messages_each": each, **found, "promise_kept": not any(found.values())}


async def _all(work: Callable[[int], Awaitable[None]], numbers: Any) -> None:
    for number in numbers:
        await work(number)


# Hostile requests


async def hostile(folder: Path, requests: int) -> dict[str, Any]:
    """Send mutated requests to every door: half of them forged, so that none of those may be accepted."""
    dice = random.Random(7)
    slack, telegram = FakeSlack(), FakeTelegram()
    channels = platforms("http://127.0.0.1:9", "http://127.0.0.1:9")
    found: Counter[str] = Counter(forgeries_accepted=0, answers_5xx=0)
    statuses: Counter[str] = Counter()
    memory: list[float] = []
    async with in_process(folder, StandIn(), workers=8, queue=200, channels=channels) as (app, client):
        taken = app.state.desk.accept = Taken()
        for number in range(requests):
            path, body, headers, forged = _mutated(dice, slack, telegram)
            before = taken.messages
            answer = await client.post(path, content=body, headers=headers)
            found["forgeries_accepted"] += forged and (taken.messages > before or answer.status_code < 400)
            found["answers_5xx"] += answer.status_code >= 500
            statuses[f"{path} {answer.status_code}"] += 1
            if number in (requests // 5, requests - 1):
                memory.append(resident_mb())
    growth = round(memory[-1] - memory[0], 1)
    kept = not any(found.values()) and growth < GROWTH_MB
    return {"requests": requests, **found, "memory_growth_mb": growth, "statuses": dict(statuses), "promise_kept": kept}


class Taken:
    """Stands in for the commit, so that a million requests fill no disk; counts what was taken."""

    def __init__(self) -> None:
        self.messages = 0

    async def __call__(self, message: Any, event_id: str) -> Any:
        """Take a message; nobody answers it, so a channel that waits for the answer is told so."""
        self.messages += 1
        if message.channel in ("slack", "telegram"):
            return Receipt(conversation_id=message.conversation_id, message_id=message.id, position=0, duplicate=True)
        raise ChannelError("nothing is answered here.", status=409)


SEEDS: dict[str, Any] = {
    "/webhooks/rest/webhook": {"sender": "u", "message": "hi", "metadata": {"message_id": "m"}},
    "/api/chat": {"text": "hi", "message_id": str(uuid4()), "locale": "en", "metadata": {}},
    "/v1/chat/completions": {"model": "shop", "messages": [{"role": "user", "content": "hi"}], "stream": False},
}


def _mutated(dice: random.Random, slack: FakeSlack, telegram: FakeTelegram) -> tuple[str, bytes, dict[str, str], bool]:
    """Return a request and whether it is forged."""
    path = dice.choice(["/webhooks/slack/webhook", "/webhooks/telegram/webhook", *SEEDS])
    forged = dice.random() < 0.5 and path.startswith(("/webhooks/slack", "/webhooks/tele"))
    if path in SEEDS:
        body = json.dumps(spoiled(dice, SEEDS[path])).encode()
        return path, _bytes(dice, body), {"content-type": "application/json"}, False
    if path.startswith("/webhooks/slack"):
        body, headers = slack.signed(spoiled(dice, dice.choice([slack.message("hi"), slack.mention("hi")])))
    else:
        body, headers = json.dumps(spoiled(dice, telegram.message("hi"))).encode(), dict(telegram.headers)
    return (path, body, headers, False) if not forged else (path, *_forged(dice, body, headers), True)


def _forged(dice: random.Random, body: bytes, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    """Change one byte of what proves the request, or of what is proved."""
    name = dice.choice([key for key in headers if key.lower().startswith("x-")])
    value = headers[name]
    place = dice.randrange(len(value))
    changed = [value[:place] + dice.choice("0aZ~\x7f") + value[place + 1 :], "", value[:-1], value + "0", "v0=", "abc"]
    wrong = dice.choice([each for each in changed if each != value])
    return _bytes(dice, body), headers | {name: wrong}


def _bytes(dice: random.Random, body: bytes) -> bytes:
    """Damage a body now and then: cut it, double it, put a byte that is no text."""
    kind, place = dice.randrange(12), dice.randrange(len(body) + 1)
    return {0: body[:place], 1: body * 2, 2: body[:place] + b"\xff\x00" + body[place:], 3: b""}.get(kind, body)


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("acks", "once", "order", "hostile", PLATFORMS))
    parser.add_argument("port", type=int, nargs="?", default=0)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--messages", type=int, default=60_000)
    parser.add_argument("--conversations", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=1_000_000)
    chosen = parser.parse_args()
    if chosen.what == PLATFORMS:
        serve_platforms(chosen.port)
        return 0
    os.environ.update(SECRETS)
    with tempfile.TemporaryDirectory() as name:
        folder, began = Path(name) / "shop", time.perf_counter()
        if chosen.what == "acks":
            found = acks(folder, chosen.rate, chosen.seconds)
        elif chosen.what == "once":
            found = asyncio.run(once(folder, chosen.messages))
        elif chosen.what == "order":
            found = asyncio.run(order(folder, chosen.conversations, 20))
        else:
            found = asyncio.run(hostile(folder, chosen.requests))
    busy = {"seconds": round(time.perf_counter() - began, 1), "load_average": round(os.getloadavg()[0], 1)}
    print(json.dumps({**found, **busy}, indent=1))
    return int(not found["promise_kept"])


if __name__ == "__main__":
    sys.exit(main())
