"""`kill -9` at random points under load: nothing acknowledged is lost, misordered or answered twice.

FRONTDESK_KILLS sets the number of kills, FRONTDESK_MESSAGES that of the messages.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.killing import FAULTS, kill_under_load

MESSAGES = int(os.environ.get("FRONTDESK_MESSAGES", "600"))


def test_sqlite_survives_kills(tmp_path: Path) -> None:
    kills = int(os.environ.get("FRONTDESK_KILLS", "20"))
    _survives(f"sqlite:///{tmp_path / 'frontdesk.db'}", tmp_path, kills)


@pytest.mark.postgres
def test_postgres_survives_kills(postgres_url: str, tmp_path: Path) -> None:
    _survives(postgres_url, tmp_path, int(os.environ.get("FRONTDESK_KILLS", "5")))


def _survives(url: str, folder: Path, kills: int) -> None:
    found = kill_under_load(url, folder, messages=MESSAGES, conversations=MESSAGES // 10, kills=kills)
    assert found["acknowledged"] == MESSAGES
    assert {name: found[name] for name in FAULTS} == dict.fromkeys(FAULTS, 0)
