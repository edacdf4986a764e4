"""Kill a worker again and again under load, and count what was lost, misordered or answered twice."""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from pathlib import Path

from frontdesk.bot.store import Store
from tests.faults.forking import Forking

FAULTS = ("lost", "turns_twice", "inversions", "events_wrong", "apologies")


def kill_under_load(url: str, folder: Path, *, messages: int, conversations: int, kills: int) -> dict[str, float]:
    """Return the counts after `kills` SIGKILLs spread over `messages`; every fault should be 0."""
    acknowledged = folder / "acknowledged"
    dice, started = random.Random(kills), time.perf_counter()
    with Forking("tests.faults.worker") as worker:
        for kill in range(1, kills + 1):
            worker.start(url, str(acknowledged), messages, conversations)
            while _count(acknowledged) < messages * kill // (kills + 1):
                time.sleep(0.005)
            time.sleep(dice.random() / 4)
            worker.kill()
        worker.start(url, str(acknowledged), messages, conversations)
        assert worker.ended() == 0
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
