"""Killed while it fetches: what Telegram and Slack gave is answered once and in order."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from frontdesk.bot.store import Store
from frontdesk.channels.fakes.fake_slack import TEAM, FakeSlack
from frontdesk.channels.fakes.fake_telegram import FakeTelegram
from frontdesk.channels.fakes.server import LocalServer
from tests.faults.forking import Forking

KILLS = int(os.environ.get("FRONTDESK_LISTENER_KILLS", "2"))
MESSAGES = 20 * (KILLS + 1)
PATIENCE = 120.0


def wait(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_a_kill_loses_and_doubles_nothing(tmp_path: Path) -> None:
    telegram, slack, url = FakeTelegram(), FakeSlack(), f"sqlite:///{tmp_path / 'desk.db'}"
    for number in range(MESSAGES):
        telegram.wait_for(telegram.message(str(number)))
        slack.send(slack.message(str(number)))
    with (
        LocalServer(telegram.app) as first,
        LocalServer(slack.app) as second,
        Forking("tests.faults.listening") as worker,
    ):
        for kill in range(1, KILLS + 1):
            worker.start(url, first.url, second.url, str(tmp_path / "end"))
            wait(lambda left=MESSAGES - kill * 15: len(slack.waiting) < left)  # type: ignore[misc]
            worker.kill()
        worker.start(url, first.url, second.url, str(tmp_path / "end"))
        wait(lambda: not slack.waiting and not telegram.waiting)
        (tmp_path / "end").touch()
        assert worker.ended() == 0
    expected = [str(number) for number in range(MESSAGES)]
    with Store(url) as store:
        assert said(store, "telegram:7") == expected
        assert said(store, f"slack:{TEAM}:D1") == expected


def said(store: Store, conversation_id: str) -> list[str]:
    """Return what was answered in a conversation, in order."""
    conversation = store.conversation(conversation_id, last_turns=MESSAGES + 1)
    return [turn.message.text for turn in conversation.turns if turn.reply] if conversation else []
