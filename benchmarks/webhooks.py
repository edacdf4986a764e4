"""What the webhooks promise, counted: `python benchmarks/webhooks.py acks|once|order`; exit code 1 on a miss.

`acks`: webhooks of Slack and Telegram at a steady rate, each committed before it is acknowledged, while a stand-in of
200 ms answers. `once`: repetitions, reorderings and two racing workers. `order`: many conversations, random delays.
Each prints JSON.
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

import httpx
import uvicorn
from fastapi import FastAPI

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.load import Client, peak_mb, process, quantile
from frontdesk.bot.store import Dispatcher
from frontdesk.channels.fakes.fake_slack import FakeSlack
from frontdesk.channels.fakes.fake_telegram import FakeTelegram
from frontdesk.channels.fakes.server import disturbed
from tests.faults.standin import SECRETS, StandIn, app_of, platforms, project_in

PLATFORMS = "platforms"
MODEL_SECONDS = 0.2
ACK_P99_MS, ACK_MAX_MS = 250.0, 3000.0
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
            taken = found["statuses"].get("200", 0)
            while (posts := _posts(platform) - warm) < taken and time.monotonic() < deadline:
                time.sleep(0.5)
            found |= {"replies": posts, "memory_mb": round(peak_mb(pid))}
    answered = found["statuses"] == {"200": found["webhooks"]} and found["replies"] == found["webhooks"]
    in_time = found["p99_ms"] <= ACK_P99_MS and found["max_ms"] < ACK_MAX_MS
    return found | {"promise_kept": answered and in_time}


def _posts(platform: str) -> int:
    return sum(httpx.get(f"{platform}/posts", timeout=30).json().values())


def serve_platforms(port: int) -> None:
    """Serve a local Slack and a local Telegram, and the words of the replies they have, each with how often."""
    slack, telegram, app = FakeSlack(), FakeTelegram(), FastAPI(openapi_url=None)
    app.get("/posts")(lambda: Counter(post["text"] for post in (*slack.posted, *telegram.sent)))
    app.mount("/slack", slack.app)
    app.mount("/telegram", telegram.app)
    uvicorn.run(app, port=port, log_level="critical", access_log=False)  # the killed leave half requests


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
    async with in_process(folder, StandIn(), workers=64, queue=2000, each=2000, channels=channels) as (app, client):
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
            statuses[await _taken(client, "/webhooks/slack/webhook", body, headers)] += 1

    await asyncio.gather(*(deliver() for _ in range(32)))
    return statuses


async def _taken(client: httpx.AsyncClient, path: str, body: bytes, headers: dict[str, str]) -> str:
    """Deliver, again and again where the queue is full, as platforms do; return the last status."""
    while (answer := await client.post(path, content=body, headers=headers)).status_code == 503:
        await asyncio.sleep(0.1)
    return str(answer.status_code)


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
    async with in_process(folder, Uneven(), workers=256, queue=2000, channels=channels) as (app, client):

        async def chat(number: int) -> None:
            for place in range(each):
                update = json.dumps(telegram.message(str(place), chat=number)).encode()
                await _taken(client, "/webhooks/telegram/webhook", update, telegram.headers)

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


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("acks", "once", "order", PLATFORMS))
    parser.add_argument("port", type=int, nargs="?", default=0)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--messages", type=int, default=60_000)
    parser.add_argument("--conversations", type=int, default=1000)
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
        else:
            found = asyncio.run(order(folder, chosen.conversations, 20))
    busy = {"seconds": round(time.perf_counter() - began, 1), "load_average": round(os.getloadavg()[0], 1)}
    print(json.dumps({**found, **busy}, indent=1))
    return int(not found["promise_kept"])


if __name__ == "__main__":
    sys.exit(main())
