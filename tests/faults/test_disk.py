"""A disk that fails at any place of a turn: nothing is acknowledged falsely, lost or doubled, and it heals by itself.

FRONTDESK_DISK_STEP sets which writes fail: 1 is every one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

STEP = int(os.environ.get("FRONTDESK_DISK_STEP", "15"))
ROOT = Path(__file__).parents[2]


def test_every_write_of_a_turn_may_fail(tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    library = tmp_path / "failing_disk.so"
    source = Path(__file__).with_name("failing_disk.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    command = [sys.executable, "-m", "tests.faults.failing_disk", str(tmp_path / "shop"), str(STEP)]
    environment = {**os.environ, "LD_PRELOAD": str(library)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=540)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    print(found)
    assert found["calls_of_a_turn"] > 20 and found["refused"] > 2, "the disk never failed"
    wrong = ("wrong_status", "not_healed", "lost_or_twice", "events_wrong", "posts_wrong", "read_only_accepted")
    assert {name: found[name] for name in wrong} == dict.fromkeys(wrong, 0)
    assert found["integrity"] == "ok"
