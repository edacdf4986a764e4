"""Kill a worker again and again under load, and count what was lost, misordered or answered twice."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from frontdesk.bot.store import Store

FAULTS = ("lost", "turns_twice", "inversions", "events_wrong", "apologies")
WORKER = Path(__file__).with_name("worker.py")


def kill_under_load(url: str, folder: Path, *, messages: int, conversations: int, kills: int) -> dict[str, float]:
    """Return the counts after `kills` SIGKILLs spread over `messages`; every fault should be 0."""
    acknowledged = folder / "acknowledged"
    command = [sys.executable, str(WORKER), url, str(acknowledged), str(messages), str(conversations)]
    dice, started = random.Random(kills), time.perf_counter()
    for kill in range(1, kills + 1):
        with subprocess.Popen(command) as worker:
            while _count(acknowledged) < messages * kill // (kills + 1):
                time.sleep(0.005)
                assert worker.poll() is None, "the worker ended by itself"
            time.sleep(dice.random() / 4)
            worker.kill()
    subprocess.run(command, check=True, timeout=900)
    seconds = time.perf_counter() - started
    return {"seconds": round(seconds, 1), **_faults(url, _numbers(acknowledged), messages, conversations)}


def _count(acknowledged: Path) -> int:
    return len(_numbers(acknowledged))


def _numbers(acknowledged: Path) -> list[int]:
    return [int(line) for line in acknowledged.read_text().split()] if acknowledged.exists() else []


def _faults(url: str, acknowledged: list[int], messages: int, conversations: int) -> dict[str, float]:
    found = Counter(messages=messages, acknowledged=len(set(acknowledged)))
    found.update(dict.fromkeys(FAULTS, 0))
    with Store(url) as store:
        for number in range(conversations):
            conversation = store.conversation(f"c{number}", last_turns=messages)
            turns = conversation.turns if conversation else ()
            order = [int(turn.message.text) for turn in turns]
            expected = len(range(number, messages, conversations))
            found["lost"] += expected - len(set(order))
            found["turns_twice"] += len(order) - len(set(order))
            found["inversions"] += sum(a > b for a, b in itertools.pairwise(order))
            found["apologies"] += sum("went wrong" in turn.reply.text for turn in turns if turn.reply)
            events = store.events(f"c{number}", limit=10 * messages)
            kinds = [(int(event.message_id[1:]) // conversations, event.kind) for event in events]
            whole = [(n, kind) for n in range(expected) for kind in ("sentence", "sentence", "done")]
            found["events_wrong"] += kinds != whole
            said = [event.data["text"] for event in events]
            found["events_wrong"] += sum(said[n + 2] != f"{said[n]} {said[n + 1]}" for n in range(0, len(said) - 2, 3))
    return dict(found)
