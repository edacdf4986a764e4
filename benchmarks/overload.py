"""Ten times too much, or one who takes too long: `python benchmarks/overload.py rush|slow`; exit code 1 on a miss.

A stand-in that takes 200 ms answers behind the real server, with the default settings. `rush`: at half of what its
workers can do, then at ten times what they can do, then how soon it is itself again. `slow`: what others wait, with
and without a conversation in which every answer takes 20 s. Prints JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.load import Client, peak_mb, process, quantile
from tests.faults.standin import project_in

MODEL_SECONDS, WORKERS = 0.2, 8
ABLE, NORMAL = WORKERS / MODEL_SECONDS, 0.5
MEMORY_MB, SLOWER, RECOVERY_SECONDS = 1024.0, 2.0, 5.0
ROUNDS, DELAYED = 4, 0.1
PATH = "/webhooks/rest/webhook"


async def load(url: str, rate: float, seconds: float) -> tuple[list[float], Counter[int], float]:
    """Ask at a steady rate, each time as somebody else; return the waits of answers, the statuses, the rate."""
    waits: list[float] = []
    statuses: Counter[int] = Counter()
    client, tasks = Client(url), set()

    async def one() -> None:
        began = time.perf_counter()
        status, _ = await client.post(PATH, _body())
        statuses[status] += 1
        if status == 200:
            waits.append(time.perf_counter() - began)

    begun = time.perf_counter()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
        task = asyncio.create_task(one())
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    sent = int(rate * seconds) / (time.perf_counter() - begun)
    await asyncio.gather(*tasks)
    client.close()
    return waits, statuses, round(sent, 1)


def _body() -> bytes:
    return json.dumps({"sender": uuid4().hex, "message": "hello"}).encode()


async def recovery(url: str, usual: float) -> float:
    """Return the seconds until the first of ten messages in a row that are answered as fast as before the overload."""
    begun, good = time.perf_counter(), 0
    first, client = begun, Client(url)
    while good < 10 and time.perf_counter() - begun < 60:
        began = time.perf_counter()
        status, _ = await client.post(PATH, _body())
        quick = status == 200 and time.perf_counter() - began <= usual
        good, first = (good + 1, first if good else began) if quick else (0, began)
    client.close()
    return round(first - begun, 2) if good >= 10 else 60.0


def overload(folder: Path, seconds: float) -> dict[str, Any]:
    """Return what ten times the load does to what is taken."""
    project_in(folder, workers=WORKERS)
    command = [sys.executable, "-m", "tests.faults.standin", str(folder)]
    with process(command, [str(MODEL_SECONDS)]) as (url, pid):
        asyncio.run(load(url, NORMAL * ABLE, 3))  # the first requests import and open what they need
        normal, fine, calm = asyncio.run(load(url, NORMAL * ABLE, seconds / 5))
        accepted, statuses, sent = asyncio.run(load(url, 10 * ABLE, seconds))
        after = asyncio.run(recovery(url, 2 * quantile(normal, 0.95)))
        memory = peak_mb(pid)
    usual, busy = quantile(normal, 0.95), quantile(accepted, 0.95)
    kept = memory < MEMORY_MB and busy <= SLOWER * usual and after <= RECOVERY_SECONDS
    kept = kept and set(fine) == {200} and set(statuses) <= {200, 429, 503} and sent > 9 * ABLE
    return {
        "able_per_second": ABLE,
        "normal": {"rate": calm, **_waits(normal), "statuses": dict(fine)},
        "overload": {"rate": sent, **_waits(accepted), "statuses": dict(statuses)},
        "slower": round(busy / usual, 2),
        "recovered_after_s": after,
        "memory_mb": round(memory),
        "promise_kept": kept,
    }


def slow(folder: Path, seconds: float) -> dict[str, Any]:
    """Return what one slow conversation does to the waits of the others, by turns with and without it."""
    project_in(folder, workers=WORKERS)
    command = [sys.executable, "-m", "tests.faults.standin", str(folder)]
    alone: list[float] = []
    beside: list[float] = []
    with process(command, [str(MODEL_SECONDS)]) as (url, _):
        asyncio.run(load(url, NORMAL * ABLE, 3))
        for _ in range(ROUNDS):
            alone += asyncio.run(load(url, NORMAL * ABLE, seconds / 2 / ROUNDS))[0]
            beside += asyncio.run(_beside_a_slow_one(url, seconds / 2 / ROUNDS))
    more = quantile(beside, 0.95) / quantile(alone, 0.95) - 1
    shown = {"alone": _waits(alone), "beside_a_slow_one": _waits(beside), "p95_more": round(more, 3)}
    return {"messages": len(alone) + len(beside), **shown, "promise_kept": more < DELAYED}


async def _beside_a_slow_one(url: str, seconds: float) -> list[float]:
    client = Client(url)
    body = json.dumps({"sender": uuid4().hex, "message": "slow"}).encode()
    chat = asyncio.create_task(client.post(PATH, body))
    waits, _, _ = await load(url, NORMAL * ABLE, seconds)
    await chat
    client.close()
    return waits


def _waits(waits: list[float]) -> dict[str, float]:
    return {f"p{round(100 * share)}_ms": round(1000 * quantile(waits, share)) for share in (0.5, 0.95, 0.99)}


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("rush", "slow"))
    parser.add_argument("--seconds", type=float, help="of the rush, or in all")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if chosen.what == "rush":
            found = overload(Path(name) / "shop", chosen.seconds or 300.0)
        else:
            found = slow(Path(name) / "shop", chosen.seconds or 160.0)
    print(json.dumps({**found, "load_average": round(os.getloadavg()[0], 1)}, indent=1))
    return int(not found["promise_kept"])


if __name__ == "__main__":
    sys.exit(main())
