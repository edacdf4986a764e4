"""The real server, killed under load again and again: what it acknowledged is answered once and in order."""

from __future__ import annotations

import itertools
import os
import shutil
import threading
import time
from pathlib import Path

import httpx

from frontdesk.bot.store import Store
from tests.serving import free_port, serving

KILLS = int(os.environ.get("FRONTDESK_SERVER_KILLS", "1"))
SENDERS = 8
ASKED = ("where is my order", "how much is express shipping", "hello", "qwzx blorf plint")


class Customer(threading.Thread):
    """Sends numbered messages one after another; repeats one until it is acknowledged."""

    def __init__(self, name: str, url: str, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.sender, self.url, self.stop = name, url, stop
        self.acknowledged: list[int] = []
        self.client = httpx.Client(timeout=5, verify=False)

    def run(self) -> None:
        for number in itertools.count():
            while not self.sent(number):
                if self.stop.is_set():
                    return
                time.sleep(0.2)
            self.acknowledged.append(number)
            if self.stop.is_set():
                return

    def sent(self, number: int) -> bool:
        """Whether the server said 200, which it may only after the commit."""
        text = f"{ASKED[number % len(ASKED)]} {number}"
        body = {"sender": self.sender, "message": text, "metadata": {"message_id": f"{self.sender}-{number}"}}
        try:
            with self.client.stream("POST", f"{self.url}/webhooks/rest/webhook?stream=true", json=body) as answer:
                return answer.status_code == 200
        except httpx.HTTPError:
            return False


def test_a_killed_server_loses_nothing_it_acknowledged(demo: Path, tmp_path: Path) -> None:
    project = tmp_path / "shop"
    shutil.copytree(demo, project)
    for leftover in project.glob(".frontdesk/frontdesk.db*"):
        leftover.unlink()
    port, stop = free_port(), threading.Event()
    customers = [Customer(f"c{n}", f"http://127.0.0.1:{port}", stop) for n in range(SENDERS)]
    for customer in customers:
        customer.start()
    for kill in range(KILLS):
        with serving(project, port):
            time.sleep(0.5 + (kill * 0.37) % 1.5)
    stop.set()
    for customer in customers:
        customer.join(30)
        customer.client.close()
    sent = sum(len(customer.acknowledged) for customer in customers)
    assert sent > SENDERS, "there was no load"
    with serving(project, port) as last:
        await_answers(last.url)
    assert faults(project, customers) == {"lost": 0, "twice": 0, "inversions": 0}
    print(f"{KILLS} kills, {sent} acknowledged, 0 lost, 0 twice, 0 inversions")


def await_answers(url: str) -> None:
    """Wait until nothing is pending."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = httpx.get(f"{url}/health/ready", timeout=10).json()
        if found["pending"] == found["working"] == 0:
            return
        time.sleep(0.2)
    raise TimeoutError(f"still pending: {found}")


def faults(project: Path, customers: list[Customer]) -> dict[str, int]:
    """Count what was acknowledged and has no turn, turns of one message, and turns out of order."""
    count = {"lost": 0, "twice": 0, "inversions": 0}
    with Store(f"sqlite:///{project / '.frontdesk' / 'frontdesk.db'}") as store:
        for customer in customers:
            conversation = store.conversation(f"rest:{customer.sender}", last_turns=100_000)
            turns = conversation.turns if conversation else ()
            numbers = [int(turn.message.text.rsplit(" ", 1)[1]) for turn in turns]
            count["lost"] += len(set(customer.acknowledged) - set(numbers))
            count["lost"] += sum(1 for turn in turns if not (turn.reply and turn.reply.text))
            count["twice"] += len(numbers) - len(set(numbers))
            count["inversions"] += sum(a > b for a, b in itertools.pairwise(numbers))
    return count
