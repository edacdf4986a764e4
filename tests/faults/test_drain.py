"""SIGTERM to a real server under load: gone in ten seconds, nothing lost, streams resumed without a gap.

FRONTDESK_STREAMS and FRONTDESK_TURNS set how many streams are open and how many turns are under way.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from frontdesk.bot.store import Store
from tests.faults.forking import Forking
from tests.faults.standin import project_in
from tests.serving import free_port

STREAMS = int(os.environ.get("FRONTDESK_STREAMS", "20"))
TURNS = int(os.environ.get("FRONTDESK_TURNS", "12"))
EXIT_SECONDS = 10.0


@pytest.fixture(scope="module")
def server() -> Iterator[Forking]:
    """The stand-in server, each time it is started in a process of its own."""
    with Forking("tests.faults.standin") as forking:
        yield forking


def start(server: Forking, folder: Path, port: int, seconds: float) -> None:
    """Start the server and wait until it is ready."""
    server.start(str(folder), port, seconds)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            if httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=5).status_code == 200:
                return
        time.sleep(0.02)
    raise TimeoutError("the server did not become ready")


class Reader:
    """Follows one conversation: the ids of its events, and whether the stream ended in good order."""

    def __init__(self, url: str, conversation_id: str) -> None:
        self.url = f"{url}/api/conversations/{conversation_id}/events"
        self.ids: list[int] = []
        self.replies: list[str] = []
        self.retry = False

    async def read(self, client: httpx.AsyncClient, until: int) -> None:
        """Read from where it stopped, until the stream ends or `until` replies were seen."""
        headers = {"Last-Event-ID": str(self.ids[-1])} if self.ids else {}
        async with client.stream("GET", self.url, headers=headers) as answer:
            async for line in answer.aiter_lines():
                self.retry = self.retry or line.startswith("retry:")
                if line.startswith("id: "):
                    self.ids.append(int(line[4:]))
                if line.startswith("data: ") and (text := json.loads(line[6:]).get("text")) and "voice" in line:
                    self.replies.append(text)
                    if len(self.replies) >= until:
                        return


async def said(client: httpx.AsyncClient, url: str, text: str, conversation_id: str | None = None) -> httpx.Response:
    body = {"text": text, "message_id": str(uuid4())} | (
        {"conversation_id": conversation_id} if conversation_id else {}
    )
    return await client.post(f"{url}/api/chat", json=body)


async def load(url: str, server: Forking) -> tuple[list[Reader], dict[str, str], float]:
    """Open the streams, begin the turns, send SIGTERM; return the readers, what each was asked, and the seconds."""
    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=None)) as client:
        opened = await asyncio.gather(*(said(client, url, "hello") for _ in range(STREAMS)))
        readers = [Reader(url, answer.json()["conversation_id"]) for answer in opened]
        reading = [asyncio.create_task(reader.read(client, 10)) for reader in readers]
        names = [re.sub(r".*conversations/|/events", "", reader.url) for reader in readers[:TURNS]]
        asking = {name: asyncio.create_task(said(client, url, f"question {name}", name)) for name in names}
        await accepted(client, url, STREAMS + len(names))
        while not all(reader.replies for reader in readers):
            await asyncio.sleep(0.02)
        took = await ended(server)
        await asyncio.gather(*reading)
        answers = await asyncio.gather(*asking.values())
    statuses = {answer.status_code for answer in answers}
    assert statuses <= {200, 202}, statuses
    return readers, {name: f"You said: question {name}" for name in names}, took


async def accepted(client: httpx.AsyncClient, url: str, messages: int) -> None:
    """Wait until the server has that many messages: what reaches it later may meet a closed door, and is sent again."""
    while True:
        counts = (await client.get(f"{url}/health/ready")).json()
        if counts["turns"] + counts["pending"] >= messages:
            return
        await asyncio.sleep(0.02)


async def ended(server: Forking) -> float:
    """Send SIGTERM; return the seconds until the server is gone, in good order."""
    server.send(signal.SIGTERM)
    begun = time.monotonic()
    assert await asyncio.to_thread(server.ended) == 0
    return time.monotonic() - begun


async def resume(url: str, readers: list[Reader], asked: dict[str, str]) -> None:
    """Let every reader go on at the new server until it has every reply."""
    async with httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=None)) as client:
        goals = [1 + any(name in reader.url for name in asked) for reader in readers]
        going = [r.read(client, goal) for r, goal in zip(readers, goals, strict=True) if len(r.replies) < goal]
        await asyncio.gather(*going)


def test_a_drain_ends_turns_and_streams_and_loses_nothing(server: Forking, tmp_path: Path) -> None:
    folder, port = tmp_path / "shop", free_port()
    project_in(folder, workers=64, queue=1000)
    url = f"http://127.0.0.1:{port}"
    start(server, folder, port, 0.5)
    readers, asked, took = asyncio.run(load(url, server))
    start(server, folder, port, 0.0)
    asyncio.run(resume(url, readers, asked))
    server.kill()
    for reader in readers:
        wanted = ["You said: hello"] + [text for name, text in asked.items() if name in reader.url]
        assert (reader.retry, reader.replies) == (True, wanted)
        assert reader.ids == sorted(set(reader.ids)), "an event came twice"
    print(f"{STREAMS} streams and {len(asked)} turns: gone after {took:.1f} s")
    assert took < EXIT_SECONDS


def test_turns_that_do_not_end_are_given_back(server: Forking, tmp_path: Path) -> None:
    folder, port = tmp_path / "shop", free_port()
    project = project_in(folder)
    start(server, folder, port, 60.0)
    assert asyncio.run(cut_off(f"http://127.0.0.1:{port}", server)) < EXIT_SECONDS
    with Store(project.store_url) as store:
        counts = store.counts()
        assert (counts["pending"], counts["working"], counts["turns"]) == (TURNS, 0, 0)
        assert len(store.claim("next", 100, 10)) == TURNS


def test_the_process_leaves_without_python_taking_it_apart() -> None:
    script = """import atexit, sys
from frontdesk.bot.commands.server import leave
class Kept:
    def __del__(self): print("taken apart")
kept = Kept()
atexit.register(print, "bye")
sys.stdout.write("all closed, ")
leave()
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "all closed, bye\n"), ended.stderr


async def cut_off(url: str, server: Forking) -> float:
    """Begin turns that take longer than a drain may, end the server, return the seconds."""
    async with httpx.AsyncClient(timeout=60) as client:
        asking = [asyncio.create_task(said(client, url, f"question {n}")) for n in range(TURNS)]
        await accepted(client, url, TURNS)
        took = await ended(server)
        assert {answer.status_code for answer in await asyncio.gather(*asking)} == {202}
    return took
