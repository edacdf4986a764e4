"""Killed again and again: `python benchmarks/kills.py`; exit code 1 when anything acknowledged is lost, stuck or late.

Customers of Slack, Telegram, the widget and Rasa's wire write without pause to a server whose model takes 200 ms, and
repeat each message until it is acknowledged. The server is killed (SIGKILL) at random moments and started again. Now
and then everybody waits after a start until all that was acknowledged is answered and delivered. Prints JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.load import ROOT, Client, process
from benchmarks.webhooks import PLATFORMS
from frontdesk.bot.project import Project
from frontdesk.bot.store import Store
from frontdesk.channels.fakes.fake_slack import TEAM, FakeSlack
from frontdesk.channels.fakes.fake_telegram import FakeTelegram
from tests.faults.forking import Forking
from tests.faults.standin import SECRETS, platforms, project_in
from tests.serving import free_port

MODEL_SECONDS, WORKERS, EACH_CHANNEL = 0.2, 64, 8
PAUSE_SECONDS = 0.25
"""What a customer waits between two messages, and before a message is repeated."""
LONGEST_LIFE = 1.5
"""Seconds that a server lives at most from its first answer to its kill."""
CHECK_EVERY = 25
"""After so many kills it is waited until all is answered."""
ANSWERED_SECONDS, EXIT_SECONDS = 10.0, 10.0
FAULTS = ("lost", "twice", "inversions", "unanswered", "undelivered")


class Writer:
    """One customer: numbered messages, one after another, each repeated until it is acknowledged."""

    path, conversation = "", ""

    def __init__(self, number: int, client: Client) -> None:
        self.number, self.client = number, client
        self.acknowledged = 0

    def request(self, message: int) -> tuple[bytes, dict[str, str]]:
        """Return body and headers of a message, the same key every time."""
        raise NotImplementedError

    def heard(self, answer: bytes) -> None:
        """Learn from the answer to an acknowledged message."""

    async def write(self, going: asyncio.Event, end: asyncio.Event) -> None:
        """Write while it is going, until the end."""
        while not end.is_set():
            await going.wait()
            body, headers = self.request(self.acknowledged)
            status, answer = await self.client.post(self.path, body, headers)
            assert status in (0, 200, 202, 429, 503), (self.path, status, answer)
            if status in (200, 202):
                self.heard(answer)
                self.acknowledged += 1
            await asyncio.sleep(PAUSE_SECONDS)

    def text(self, message: int) -> str:
        """Return the words of a message, unlike all others."""
        return f"{type(self).__name__} {self.number} says {message}"


class OnSlack(Writer):
    """A direct channel of Slack."""

    path, fake = "/webhooks/slack/webhook", FakeSlack()

    def request(self, message: int) -> tuple[bytes, dict[str, str]]:
        """Sign a delivery; the time of the message is its key."""
        self.conversation = f"slack:{TEAM}:D{self.number}"
        ts = f"{1_700_000_000 + message}.{self.number:06d}"
        return self.fake.signed(self.fake.message(self.text(message), channel=f"D{self.number}", ts=ts))


class OnTelegram(Writer):
    """A private chat of Telegram."""

    path, fake = "/webhooks/telegram/webhook", FakeTelegram()

    def request(self, message: int) -> tuple[bytes, dict[str, str]]:
        """Make an update; its number is its key."""
        self.conversation = f"telegram:{self.number + 1}"
        update = self.fake.message(self.text(message), chat=self.number + 1)
        return json.dumps(update | {"update_id": 1000 * message + self.number}).encode(), self.fake.headers


class OnWeb(Writer):
    """A visitor of the widget, who learns the conversation from the first answer."""

    path = "/api/chat"

    def __init__(self, number: int, client: Client) -> None:
        super().__init__(number, client)
        self._ids: dict[int, str] = {}

    def request(self, message: int) -> tuple[bytes, dict[str, str]]:
        """Name the message by a UUID."""
        body = {"text": self.text(message), "message_id": self._ids.setdefault(message, str(uuid4()))}
        return json.dumps(body | ({"conversation_id": self.conversation} if self.conversation else {})).encode(), {}

    def heard(self, answer: bytes) -> None:
        """Keep the conversation."""
        self.conversation = str(json.loads(answer)["conversation_id"])


class OnRest(Writer):
    """A sender of Rasa's REST channel."""

    path = "/webhooks/rest/webhook"

    def request(self, message: int) -> tuple[bytes, dict[str, str]]:
        """Name the message in the metadata."""
        self.conversation = f"rest:{self.number}"
        key = {"message_id": f"m{message}"}
        return json.dumps({"sender": str(self.number), "message": self.text(message), "metadata": key}).encode(), {}


class Killed:
    """The server under kills."""

    def __init__(self, folder: Path, port: int) -> None:
        self.url, self._health = f"http://127.0.0.1:{port}", Client(f"http://127.0.0.1:{port}")
        self._folder, self._port, self._forking = folder, port, Forking("tests.faults.standin")

    async def start(self) -> float:
        """Start the server and wait until it answers; return when it was started."""
        began = time.monotonic()
        self._forking.start(str(self._folder), self._port, MODEL_SECONDS)
        while (await self._health.get("/health/live"))[0] != 200:
            await asyncio.sleep(0.02)
        return began

    async def end(self, how: signal.Signals) -> float:
        """End the server and wait until it is gone; return the seconds. SIGTERM must end it in good order."""
        began = time.monotonic()
        self._forking.send(how)
        code = await asyncio.to_thread(self._forking.ended)
        assert code == (0 if how == signal.SIGTERM else -how), code
        return time.monotonic() - began

    async def settled(self, began: float) -> float:
        """Wait until all that was taken is answered and delivered; return the seconds since the start."""
        while time.monotonic() - began < 6 * ANSWERED_SECONDS:
            counts = json.loads((await self._health.get("/health/ready"))[1] or b"{}")
            if counts and not any(counts[name] for name in ("pending", "working", "unsent")):
                break
            await asyncio.sleep(0.05)
        return time.monotonic() - began

    def close(self) -> None:
        """End the process that forks."""
        self._forking.__exit__()


async def killed(
    server: Killed, writers: Sequence[Writer], kills: int, how: signal.Signals
) -> tuple[list[float], list[float]]:
    """End the server so often while they write; return how long each end took, and each wait until all was answered."""
    going, end, dice = asyncio.Event(), asyncio.Event(), random.Random(kills)
    writing = [asyncio.create_task(writer.write(going, end)) for writer in writers]
    ends, waits = list[float](), list[float]()
    for kill in range(kills + 1):
        began = await server.start()
        if kill % CHECK_EVERY == 0:
            going.clear()
            await asyncio.sleep(PAUSE_SECONDS)  # what was just sent has come in
            waits.append(await server.settled(began))
            going.set()
        if kill < kills:
            await asyncio.sleep(dice.random() * LONGEST_LIFE)
            ends.append(await server.end(how))
    end.set()
    await asyncio.gather(*writing)
    waits.append(await server.settled(time.monotonic()))
    await server.end(how)
    return ends, waits


def faults(project: Project, writers: Sequence[Writer], posted: Counter[str]) -> Counter[str]:
    """Count what was acknowledged and has no turn, turns of one message, turns out of order, and silence."""
    found: Counter[str] = Counter(dict.fromkeys((*FAULTS, "messages", "posted_again"), 0))
    with Store(project.store_url) as store:
        for writer in writers:
            held = store.conversation(writer.conversation, last_turns=10**6)
            turns = held.turns if held else ()
            numbers = [int(turn.message.text.rsplit(" ", 1)[1]) for turn in turns]
            found["messages"] += writer.acknowledged
            found["lost"] += len(set(range(writer.acknowledged)) - set(numbers))
            found["twice"] += len(numbers) - len(set(numbers))
            found["inversions"] += sum(a > b for a, b in itertools.pairwise(numbers))
            found["unanswered"] += sum(not (turn.reply and turn.reply.text.startswith("You said")) for turn in turns)
            if isinstance(writer, OnSlack | OnTelegram):
                replies = [posted[f"You said: {writer.text(number)}"] for number in range(writer.acknowledged)]
                found["undelivered"] += sum(not times for times in replies)
                found["posted_again"] += sum(max(0, times - 1) for times in replies)
    return found


def run(folder: Path, kills: int, how: signal.Signals) -> dict[str, Any]:
    """Return what came of so many ends."""
    with process([sys.executable, str(ROOT / "benchmarks" / "webhooks.py"), PLATFORMS], [], "/posts") as (platform, _):
        channels = platforms(f"{platform}/slack", f"{platform}/telegram")
        project = project_in(folder, workers=WORKERS, queue=1000, channels=channels)
        server, kinds = Killed(folder, free_port()), (OnSlack, OnTelegram, OnWeb, OnRest)
        client = Client(server.url)
        writers = [kind(number, client) for kind in kinds for number in range(EACH_CHANNEL)]
        ends, waits = asyncio.run(killed(server, writers, kills, how))
        server.close()
        posted = Counter(httpx.get(f"{platform}/posts", timeout=60).json())
    found = faults(project, writers, posted)
    kept = not any(found[name] for name in FAULTS) and max(waits) <= ANSWERED_SECONDS and max(ends) <= EXIT_SECONDS
    longest = {"longest_end_s": round(max(ends), 1), "longest_until_answered_s": round(max(waits), 1)}
    return {how.name: kills, **found, "checks": len(waits), **longest, "promise_kept": kept}


def main() -> int:
    """Kill, count, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--gently", action="store_true", help="end it by SIGTERM, as a rolling restart does")
    chosen = parser.parse_args()
    os.environ.update(SECRETS)
    with tempfile.TemporaryDirectory() as name:
        began = time.perf_counter()
        found = run(Path(name) / "shop", chosen.kills, signal.SIGTERM if chosen.gently else signal.SIGKILL)
    print(json.dumps({**found, "seconds": round(time.perf_counter() - began, 1)}, indent=1))
    return int(not found["promise_kept"])


if __name__ == "__main__":
    sys.exit(main())
