"""Killed while replies grow in Slack: each one stands whole, and once where any of it was shown.

FRONTDESK_STREAM_KILLS sets the number of kills.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from frontdesk.channels.fakes.fake_slack import FakeSlack
from frontdesk.channels.fakes.server import LocalServer
from tests.faults.streaming import whole

KILLS = int(os.environ.get("FRONTDESK_STREAM_KILLS", "2"))
EACH = 8
PATIENCE = 90.0
ROOT = Path(__file__).parents[2]


def test_a_kill_leaves_no_part_and_no_second_reply(tmp_path: Path) -> None:
    slack, url, end, dice = FakeSlack(), f"sqlite:///{tmp_path / 'desk.db'}", tmp_path / "end", random.Random(KILLS)
    with LocalServer(slack.app) as server:
        command = [sys.executable, "-m", "tests.faults.streaming", url, server.url, str(end)]
        for kill in range(KILLS):
            for number in range(kill * EACH, (kill + 1) * EACH):
                slack.send(slack.mention(f"message {number}", ts=f"{number}.5"))
            with subprocess.Popen(command, cwd=ROOT) as worker:
                shown(slack, kill * EACH + 1 + dice.randrange(EACH), worker)
                time.sleep(dice.random() / 5)
                worker.kill()
        end.touch()
        with subprocess.Popen(command, cwd=ROOT) as worker:
            assert worker.wait(PATIENCE) == 0
    posts = by_thread(slack)
    assert sorted(posts) == sorted(f"{number}.5" for number in range(KILLS * EACH))
    for thread, said in posts.items():
        texts = [post["text"] for post in said if post["text"]]
        assert set(texts) == {whole(f"message {thread.partition('.')[0]}")}, said
        assert len(texts) == 1 or not any("streaming" in post for post in said if post["text"]), said
    assert any("streaming" in post for said in posts.values() for post in said)


def shown(slack: FakeSlack, replies: int, worker: subprocess.Popen[bytes]) -> None:
    """Wait until some words of so many replies are shown."""
    deadline = time.monotonic() + PATIENCE
    while sum(bool(post["text"]) for post in list(slack.posted)) < replies:
        assert worker.poll() is None and time.monotonic() < deadline
        time.sleep(0.002)


def by_thread(slack: FakeSlack) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for post in slack.posted:
        found[post["thread_ts"]].append(post)
    return found
