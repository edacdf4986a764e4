"""The first text, and what an idle stream costs: `python benchmarks/streams.py`; exit code 1 when an aim is missed.

Two arms in one run, by turns: frontdesk, which commits before it sends, and what one writes in an afternoon (FastAPI, a
LangChain runnable, server-sent events, nothing stored). The same stand-in answers in both; by default at once, so that
the frameworks are measured. Fifty chats at a time, each writing again a moment after its answer. Prints JSON.
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
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.load import process, quantile, resident_mb
from tests.faults.standin import project_in

OURS, PLAIN = "frontdesk", "plain"
CHATS, PAUSE_SECONDS = 50, 4.0
"""Chats at once, and the longest pause of each between an answer and the next message; half of it on average."""
FIRST_TEXT_MS, TIMES_LOWER = 100.0, 5.0
HEADERS = {"Accept": "text/event-stream"}


def plain(port: int, seconds: float) -> None:
    """Serve what one writes in an afternoon."""
    import uvicorn
    from fastapi import FastAPI
    from fastapi.responses import StreamingResponse
    from langchain_core.runnables import RunnableLambda

    async def model(text: str) -> str:
        await asyncio.sleep(seconds)
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


async def chats(url: str, each: int) -> tuple[list[float], str]:
    """Hold the chats; return the seconds to the first sentence of every message, and a conversation to follow."""
    waits: list[float] = []
    names = ["x"]

    async def chat(client: httpx.AsyncClient, dice: random.Random) -> None:
        name: dict[str, str] = {}
        for _ in range(each):
            await asyncio.sleep(dice.random() * PAUSE_SECONDS)
            name = await _message(client, url, name, waits)
        names.append(name.get("conversation_id", "x"))

    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=None), trust_env=False) as client:
        await asyncio.gather(*(chat(client, random.Random(number)) for number in range(CHATS)))
    return waits, names[-1]


async def _message(client: httpx.AsyncClient, url: str, name: dict[str, str], waits: list[float]) -> dict[str, str]:
    """Write one message and read its stream to the end; return the conversation."""
    began, first = time.perf_counter(), True
    body = {"text": "hello", "message_id": str(uuid4()), **name}
    async with client.stream("POST", f"{url}/api/chat", json=body, headers=HEADERS) as answer:
        assert answer.status_code == 200, answer.status_code
        async for line in answer.aiter_lines():
            if first and line == "event: sentence":
                first = False
                waits.append(time.perf_counter() - began)
            if '"conversation_id": "' in line:
                name = {"conversation_id": json.loads(line.removeprefix("data: "))["conversation_id"]}
    return name


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


def arms(folder: Path, seconds: float, each: int, idle: int, rounds: int) -> dict[str, Any]:
    """Return the figures of both arms, by turns, so that a busy moment is seen."""
    waits: dict[str, list[float]] = {OURS: [], PLAIN: []}
    shown: dict[str, list[dict[str, Any]]] = {OURS: [], PLAIN: []}
    for round_ in range(rounds):
        project_in(folder / str(round_), workers=64)
        ours = [sys.executable, "-m", "tests.faults.standin", str(folder / str(round_))]
        for arm, command in {OURS: ours, PLAIN: [sys.executable, __file__, PLAIN]}.items():
            with process(command, [str(seconds)]) as (url, pid):
                asyncio.run(chats(url, 1))  # the first requests import and open what they need
                found, name = asyncio.run(chats(url, each))
                figures = {f"first_text_p{round(100 * p)}_ms": _ms(found, p) for p in (0.5, 0.99)}
                figures["bytes_per_idle_stream"] = asyncio.run(idle_bytes(url, pid, name, idle))
            shown[arm].append({"n": len(found), **figures})
            waits[arm] += found
    return {"arms": shown, **{f"{arm}_p99_ms": _ms(found, 0.99) for arm, found in waits.items()}}


def _ms(waits: list[float], share: float) -> float:
    return round(1000 * quantile(waits, share), 1)


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arm", choices=(OURS, PLAIN), nargs="?", default=OURS)
    parser.add_argument("port", type=int, nargs="?", default=0)
    parser.add_argument("seconds", type=float, nargs="?", default=0.0, help="that the stand-in takes for an answer")
    parser.add_argument("--each", type=int, default=20, help="messages of a chat")
    parser.add_argument("--idle", type=int, default=500, help="open streams")
    parser.add_argument("--rounds", type=int, default=2)
    chosen = parser.parse_args()
    if chosen.arm == PLAIN:
        plain(chosen.port, chosen.seconds)
        return 0
    with tempfile.TemporaryDirectory() as name:
        found = arms(Path(name), chosen.seconds, chosen.each, chosen.idle, chosen.rounds)
    times = round(found["plain_p99_ms"] / found["frontdesk_p99_ms"], 2)
    kept = {"first_text": found["frontdesk_p99_ms"] <= FIRST_TEXT_MS, "times_lower": times >= TIMES_LOWER}
    shown = {"chats": CHATS, **found, "times_lower_than_plain": times, "aims_met": kept}
    print(json.dumps({**shown, "load_average": round(os.getloadavg()[0], 1)}, indent=1))
    return int(not all(kept.values()))


if __name__ == "__main__":
    sys.exit(main())
