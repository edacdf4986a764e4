"""Ten times too much, and many open streams: `python benchmarks/overload.py overload|streams`; exit code 1 on a miss.

`overload`: a stand-in of 200 ms answers; first at four fifths of what it can do, then at ten times, then how soon it is
itself again. `streams`: the first text, and the memory of an idle stream, against a plain FastAPI server that streams a
LangChain runnable of the same 200 ms, in one run. Each prints JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.webhooks import quantile
from tests.faults.standin import project_in
from tests.serving import free_port

ROOT = Path(__file__).parent.parent
MODEL_SECONDS, WORKERS = 0.2, 8
MEMORY_MB, SLOWER, RECOVERY_SECONDS = 1024.0, 2.0, 5.0
PLAIN = "plain"


@contextmanager
def server(folder: Path, *, queue: int) -> Iterator[tuple[str, int]]:
    """Run the stand-in in a process of its own; yield its address and its process id."""
    project_in(folder, workers=WORKERS, queue=queue)
    command = [sys.executable, "-m", "tests.faults.standin", str(folder)]
    with process(command, [str(MODEL_SECONDS)], "/health/live") as found:
        yield found


@contextmanager
def process(command: list[str], rest: list[str], ready: str) -> Iterator[tuple[str, int]]:
    """Run a server on a free port and wait until it answers."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen([*command, str(port), *rest], cwd=ROOT) as running:
        while True:
            try:
                if httpx.get(url + ready).status_code == 200:
                    break
            except httpx.TransportError:
                assert running.poll() is None, "the server ended by itself"
                time.sleep(0.1)
        yield url, running.pid
        running.terminate()


def resident_mb(pid: int) -> float:
    """Return the memory that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


# Overload


async def load(url: str, rate: float, seconds: float) -> tuple[list[float], Counter[int], float]:
    """Ask at a steady rate, each time as somebody else; return the waits of answers, the statuses, the rate."""
    waits: list[float] = []
    statuses: Counter[int] = Counter()

    async def one() -> None:
        began = time.perf_counter()
        body = {"sender": uuid4().hex, "message": "hello"}
        try:
            status = (await client.post(f"{url}/webhooks/rest/webhook", json=body)).status_code
        except httpx.TransportError:
            status = 0
        statuses[status] += 1
        if status == 200:
            waits.append(time.perf_counter() - began)

    # uvicorn closes what idles for 5 s: a client that waits as long would now and then meet the closing
    limits = httpx.Limits(max_connections=500, max_keepalive_connections=500, keepalive_expiry=1)
    async with httpx.AsyncClient(timeout=60, limits=limits, trust_env=False) as client:
        begun, tasks = time.perf_counter(), set()
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
            task = asyncio.create_task(one())
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        sent = int(rate * seconds) / (time.perf_counter() - begun)
        await asyncio.gather(*tasks)
    return waits, statuses, round(sent, 1)


async def recovery(url: str, usual: float) -> float:
    """Return the seconds until the first of ten messages in a row that are answered as fast as before the overload."""
    begun, good = time.perf_counter(), 0
    first = begun
    async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
        while good < 10 and time.perf_counter() - begun < 60:
            began = time.perf_counter()
            answer = await client.post(f"{url}/webhooks/rest/webhook", json={"sender": uuid4().hex, "message": "hi"})
            quick = answer.status_code == 200 and time.perf_counter() - began <= usual
            good, first = (good + 1, first if good else began) if quick else (0, began)
    return round(first - begun, 2) if good >= 10 else 60.0


def overload(folder: Path, seconds: float) -> dict[str, Any]:
    """Return what ten times the load does to what is taken."""
    able = WORKERS / MODEL_SECONDS
    with server(folder, queue=2 * WORKERS) as (url, pid):
        normal, fine, calm = asyncio.run(load(url, 0.8 * able, seconds))
        accepted, statuses, sent = asyncio.run(load(url, 10 * able, seconds))
        after = asyncio.run(recovery(url, 2 * quantile(normal, 0.95)))
        memory = resident_mb(pid)
    usual, busy = quantile(normal, 0.95), quantile(accepted, 0.95)
    kept = (
        memory < MEMORY_MB
        and busy <= SLOWER * usual
        and set(statuses) <= {200, 503}
        and sent > 9 * able
        and after <= RECOVERY_SECONDS
    )
    return {
        "able_per_second": able,
        "normal": {"rate": calm, "p95_ms": round(1000 * usual), "statuses": dict(fine)},
        "overload": {"rate": sent, "p95_ms": round(1000 * busy), "statuses": dict(statuses)},
        "recovered_after_s": after,
        "memory_mb": round(memory),
        "promise_kept": kept and set(fine) == {200},
    }


# Streams


def plain(port: int) -> None:
    """Serve what one writes in an afternoon: FastAPI, a LangChain runnable, server-sent events, nothing stored."""
    import uvicorn
    from fastapi import FastAPI
    from fastapi.responses import StreamingResponse
    from langchain_core.runnables import RunnableLambda

    async def model(text: str) -> str:
        await asyncio.sleep(MODEL_SECONDS)
        return f"You said: {text}"

    chain = RunnableLambda(model)
    app = FastAPI(openapi_url=None)

    async def said(text: str) -> AsyncIterator[str]:
        async for chunk in chain.astream(text):
            yield f"event: sentence\ndata: {json.dumps({'text': chunk})}\n\n"

    async def held() -> AsyncIterator[str]:
        yield "retry: 2000\n\n"
        while True:
            await asyncio.sleep(15)
            yield ": still here\n\n"

    @app.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/api/chat")
    async def chat(body: dict[str, str]) -> Any:
        return StreamingResponse(said(body["text"]), media_type="text/event-stream")

    @app.get("/api/conversations/{name}/events")
    async def events(name: str) -> Any:
        return StreamingResponse(held(), media_type="text/event-stream")

    uvicorn.run(app, port=port, log_level="warning", access_log=False)


async def first_texts(url: str, clients: int, each: int) -> tuple[list[float], str]:
    """Return the seconds to the first sentence, and a conversation to follow."""
    waits: list[float] = []
    name = "x"

    async def one(client: httpx.AsyncClient) -> None:
        nonlocal name
        for _ in range(each):
            began = time.perf_counter()
            body, accept = {"text": "hello", "message_id": str(uuid4())}, {"Accept": "text/event-stream"}
            async with client.stream("POST", f"{url}/api/chat", json=body, headers=accept) as answer:
                async for line in answer.aiter_lines():
                    if line == "event: sentence":
                        waits.append(time.perf_counter() - began)
                    if '"conversation_id": "' in line:
                        name = json.loads(line.removeprefix("data: "))["conversation_id"]

    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=None), trust_env=False) as client:
        await asyncio.gather(*(one(client) for _ in range(clients)))
    return waits, name


async def idle_bytes(url: str, pid: int, name: str, streams: int) -> int:
    """Return the memory that each of so many open, silent streams takes in the server."""
    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=None), trust_env=False) as client:
        before, opened = resident_mb(pid), []
        for _ in range(streams):
            request = client.build_request("GET", f"{url}/api/conversations/{name}/events")
            answer = await client.send(request, stream=True)
            assert answer.status_code == 200, answer.status_code
            opened.append(answer)
        await asyncio.sleep(2)
        after = resident_mb(pid)
        for answer in opened:
            await answer.aclose()
    return round((after - before) * 2**20 / streams)


def streams(folder: Path, clients: int, each: int, idle: int) -> dict[str, Any]:
    """Return the figures of both arms, one after the other, twice, so that a busy moment is seen."""
    arms: dict[str, Any] = {"frontdesk": [], PLAIN: []}
    for round_ in range(2):
        for arm, figures in arms.items():
            command = [sys.executable, __file__, PLAIN]
            ours = server(folder / str(round_), queue=10_000)
            with process(command, [], "/health/live") if arm == PLAIN else ours as (url, pid):
                waits, name = asyncio.run(first_texts(url, clients, each))
                shown = {f"first_text_p{p}_ms": round(1000 * quantile(waits, p / 100)) for p in (50, 99)}
                shown["bytes_per_idle_stream"] = asyncio.run(idle_bytes(url, pid, name, idle))
                figures.append({"n": len(waits), **shown})
    whole = all(one["n"] == clients * each for figures in arms.values() for one in figures)
    return {"clients": clients, "idle_streams": idle, **arms, "promise_kept": whole}


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("overload", "streams", PLAIN))
    parser.add_argument("port", type=int, nargs="?", default=0)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--each", type=int, default=40)
    parser.add_argument("--idle", type=int, default=500)
    chosen = parser.parse_args()
    if chosen.what == PLAIN:
        plain(chosen.port)
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if chosen.what == "overload":
            found = overload(folder / "shop", chosen.seconds)
        else:
            found = streams(folder, chosen.clients, chosen.each, chosen.idle)
    print(json.dumps({**found, "load_average": round(os.getloadavg()[0], 1)}, indent=1))
    return int(not found["promise_kept"])


if __name__ == "__main__":
    sys.exit(main())
