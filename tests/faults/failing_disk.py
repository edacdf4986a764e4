"""A server in small whose disk fails at every place of a turn in turn: `LD_PRELOAD=... failing_disk.py FOLDER STEP`.

Prints what it found as JSON. Every `STEP`-th write or sync of a whole turn fails, once with EIO, and with ENOSPC from
there on until the disk has room again.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import json
import os
import sqlite3
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from frontdesk.bot.store import dispatcher
from frontdesk.channels.fakes.fake_slack import TEAM, FakeSlack
from frontdesk.channels.fakes.fake_telegram import FakeTelegram
from frontdesk.channels.fakes.server import LocalServer
from tests.faults.standin import SECRETS, StandIn, app_of, platforms, project_in

PATIENCE = 30.0
FOREVER = 10**9
FAULTS = {"eio_once": (errno.EIO, 1), "full_until_healed": (errno.ENOSPC, FOREVER)}


class Disk:
    """The switch of the preloaded library."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(os.environ["LD_PRELOAD"])
        self._library.disk_faults.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_int]
        self._library.disk_calls.restype = ctypes.c_long

    def fail(self, at: int, times: int, code: int) -> None:
        """Fail `times` calls from number `at` of those to come."""
        self._library.disk_faults(at, at + times - 1, code)

    def heal(self) -> None:
        """Count from 0, and fail nothing."""
        self._library.disk_faults(0, 0, 0)

    @property
    def calls(self) -> int:
        """How many there were since the last of either."""
        return int(self._library.disk_calls())


class Trial:
    """One server, one fake Slack, and what came of each message."""

    def __init__(self, app: Any, client: httpx.AsyncClient, slack: FakeSlack, disk: Disk) -> None:
        self.store, self.client, self.slack, self.disk = app.state.desk.store, client, slack, disk
        self.found: Counter[str] = Counter()
        self.number = 0

    async def deliver(self, message: Any) -> int:
        """Deliver as Slack does; return the status."""
        body, headers = self.slack.signed(message)
        return (await self.client.post("/webhooks/slack/webhook", content=body, headers=headers)).status_code

    async def turn(self, at: int, times: int, code: int) -> int:
        """Send one message of its own conversation while the disk fails; return how many calls the turn made."""
        self.number += 1
        text, channel = f"message {self.number}", f"D{self.number}"
        message = self.slack.message(text, channel=channel)
        self.disk.fail(at, times, code) if at else self.disk.heal()
        status = await self.deliver(message)
        await self.until(lambda: self.disk.calls >= at or self.posted(channel), 2.0 if status == 200 else 0.0)
        await asyncio.sleep(0.02 if at else 0.3)
        made = self.disk.calls
        self.disk.heal()
        if status != 200:
            self.found["refused"] += 1
            self.found["wrong_status"] += status != 503
            status = await self.deliver(message)
        self.found["not_healed"] += status != 200
        await self.until(lambda: bool(self.posted(channel)) and self.settled(), PATIENCE)
        self.judge(text, channel)
        return made

    def judge(self, text: str, channel: str) -> None:
        """Count what must not be."""
        self.found["messages"] += 1
        conversation = self.store.conversation(f"slack:{TEAM}:{channel}")
        turns = [turn.message.text for turn in conversation.turns] if conversation else []
        kinds = [event.kind for event in self.store.events(f"slack:{TEAM}:{channel}")]
        self.found["lost_or_twice"] += turns != [text]
        self.found["events_wrong"] += kinds != ["typing", "sentence", "done"]
        self.found["posts_wrong"] += len(self.posted(channel)) != 1

    def posted(self, channel: str) -> list[Any]:
        return [post for post in self.slack.posted if post["channel"] == channel]

    def settled(self) -> bool:
        counts = self.store.counts()
        return not counts["pending"] and not counts["unsent"] and not counts["working"]

    async def until(self, met: Any, seconds: float) -> None:
        """Wait for it, at most so long."""
        end = asyncio.get_running_loop().time() + seconds
        while not met() and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.005)


async def trials(app: Any, slack: FakeSlack, step: int) -> dict[str, Any]:
    """Fail every `step`-th call of a turn in every way."""
    disk = Disk()
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://standin") as client,
    ):
        trial = Trial(app, client, slack, disk)
        calls = max([await trial.turn(0, 0, 0) for _ in range(3)])
        for code, times in FAULTS.values():
            for at in range(1, calls + 1, step):
                await trial.turn(at, times, code)
        await read_only(trial)
    return {"calls_of_a_turn": calls, "failed_at": len(FAULTS) * len(range(1, calls + 1, step)), **trial.found}


async def read_only(trial: Trial) -> None:
    """The database turns read-only and writable again."""
    database: Any = trial.store._database

    def switch(on: bool) -> None:
        connection = database._writer.raw_connection()
        connection.driver_connection.execute(f"PRAGMA query_only={'ON' if on else 'OFF'}")
        connection.close()

    switch(True)
    message = trial.slack.message("while read-only", channel="D-ro")
    trial.found["read_only_accepted"] += await trial.deliver(message) != 503
    switch(False)
    trial.found["not_healed"] += await trial.deliver(message) != 200
    await trial.until(lambda: bool(trial.posted("D-ro")), PATIENCE)
    trial.judge("while read-only", "D-ro")


def main() -> None:
    """Run the trials, then check the file."""
    folder, step = Path(sys.argv[1]), int(sys.argv[2])
    os.environ.update(SECRETS)
    for name, seconds in {"BACKOFF_SECONDS": 0.01, "POLL_SECONDS": 0.05}.items():  # many turns, not many pauses
        setattr(dispatcher, name, seconds)
    slack, telegram = FakeSlack(), FakeTelegram()
    with LocalServer(slack.app) as one, LocalServer(telegram.app) as two:
        project = project_in(folder, channels=platforms(one.url, two.url))
        found = asyncio.run(trials(app_of(project, StandIn()), slack, step))
    connection = sqlite3.connect(folder / ".frontdesk" / "frontdesk.db")
    found["integrity"] = connection.execute("PRAGMA integrity_check").fetchone()[0]
    connection.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
