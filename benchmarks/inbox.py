"""What the inbox costs and what it survives: `python benchmarks/inbox.py [URL]` prints JSON; exit code 1 on a fault.

Acknowledgements per second at 1 and 32 clients, milliseconds from commit to start, CPU when idle, a whole load of
2,000 messages in 200 conversations, and the same load under 20 SIGKILLs. Default: SQLite in a temporary folder;
pass the URL of an empty PostgreSQL database for the other engine.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from frontdesk.bot.store import Dispatcher, Store, Turnwork
from frontdesk.bot.types import Customer, Message
from tests.faults.killing import FAULTS, kill_under_load

SECONDS = 5.0
MESSAGES, CONVERSATIONS, KILLS = 2000, 200, 20


def message(name: str, conversation: str) -> Message:
    customer = Customer(id=conversation)
    return Message(text=name, conversation_id=conversation, brand="b", channel="bench", customer=customer, id=name)


async def acknowledgements(store: Store, clients: int) -> float:
    """Return acknowledgements per second when each client waits for one before it sends the next."""
    end, done = time.perf_counter() + SECONDS, 0

    async def client(number: int) -> None:
        nonlocal done
        while time.perf_counter() < end:
            name = f"ack-{clients}-{done}-{number}"
            await asyncio.wrap_future(store.put_async(message(name, f"ack-{clients}-{number}"), name))
            done += 1

    await asyncio.gather(*(client(number) for number in range(clients)))
    return round(done / SECONDS)


async def answer(work: Turnwork) -> None:
    await work.commit(0, "sentence", {"text": "Hello."})
    await work.close({"text": "Hello."}, state="bot")


async def through(store: Store, names: list[tuple[str, str]]) -> float:
    """Return the seconds in which a load is accepted and answered."""
    started, before = time.perf_counter(), store.counts()["turns"]
    await asyncio.gather(*(asyncio.wrap_future(store.put_async(message(n, c), n)) for n, c in names))
    while store.counts()["turns"] - before < len(names):
        await asyncio.sleep(0.02)
    return round(time.perf_counter() - started, 2)


async def starts(store: Store) -> dict[str, float]:
    """Return milliseconds from a commit to the start of its turn, on an idle server."""
    begun: asyncio.Queue[float] = asyncio.Queue()

    async def note(work: Turnwork) -> None:
        begun.put_nowait(time.perf_counter())
        await answer(work)

    dispatcher, waits = Dispatcher(store, note, workers=8), []
    await dispatcher.start()
    for number in range(200):
        await asyncio.wrap_future(store.put_async(message(f"start-{number}", f"start-{number}"), f"start-{number}"))
        committed = time.perf_counter()
        waits.append(1000 * (await begun.get() - committed))
        await asyncio.sleep(0.02)
    await dispatcher.stop()
    return {"start_ms_p50": round(statistics.median(waits), 2), "start_ms_p95": round(sorted(waits)[189], 2)}


async def measure(url: str) -> dict[str, Any]:
    with Store(url) as store:
        found: dict[str, Any] = {f"acks_per_second_{n}": await acknowledgements(store, n) for n in (1, 32)}
        dispatcher = Dispatcher(store, answer, workers=32)
        await dispatcher.start()
        while store.counts()["pending"]:
            await asyncio.sleep(0.2)
        load = [(f"load-{n}", f"load-{n % CONVERSATIONS}") for n in range(MESSAGES)]
        cpu = time.process_time()
        found["load_seconds"] = await through(store, load)
        found["load_cpu_seconds"] = round(time.process_time() - cpu, 2)
        cpu, wall = time.process_time(), time.perf_counter()
        await asyncio.sleep(2 * SECONDS)
        found["idle_cpu_percent"] = round(100 * (time.process_time() - cpu) / (time.perf_counter() - wall), 2)
        await dispatcher.stop()
        return {**found, **await starts(store)}


def fsync_ms(folder: Path) -> float:
    """Return the median milliseconds of a 4 kB write and fsync: the floor under every commit."""
    waits = []
    with (folder / "fsync").open("wb") as file:
        for _ in range(50):
            started = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            waits.append(1000 * (time.perf_counter() - started))
    return round(statistics.median(waits), 2)


def main() -> int:
    """Measure, kill, print, judge."""
    with tempfile.TemporaryDirectory() as name:
        url = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{name}/inbox.db"
        fsync = fsync_ms(Path(name))
        found = asyncio.run(measure(url))
        killed = url if len(sys.argv) > 1 else f"sqlite:///{name}/killed.db"
        under_kills = kill_under_load(killed, Path(name), messages=MESSAGES, conversations=CONVERSATIONS, kills=KILLS)
    busy = {"load_average": round(os.getloadavg()[0], 1), "fsync_ms_p50": fsync}
    print(json.dumps({**found, f"under_{KILLS}_kills": under_kills, **busy}, indent=1))
    return int(any(under_kills[fault] for fault in FAULTS))


if __name__ == "__main__":
    sys.exit(main())
