"""How long the numbers take: `python benchmarks/case_numbers.py [URL] [--turns 100000]` prints JSON.

Fills an empty database (default: SQLite in a temporary folder; else an empty PostgreSQL) with turns over 90 days, four
to a conversation, of the size that the demo's have, then times the first reading of them and the numbers of 30 and of
90 days, the median of five: on the clock, and of this process's CPU, which on SQLite is all of it.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert

from frontdesk.bot.store import Store
from frontdesk.bot.store import figures as reading
from frontdesk.bot.store.numbers import numbers
from frontdesk.bot.store.tables import conversations, inbox, outbox, turns, votes

DAYS, PER_CONVERSATION, BATCH = 90, 4, 2000
KINDS = ("voice", "knowledge", "knowledge", "account", "clarify", "handoff")


def rows(count: int, chance: random.Random) -> Iterator[dict[str, list[dict[str, Any]]]]:
    """Yield batches of rows by table."""
    now = time.time()
    batch: dict[str, list[dict[str, Any]]] = {name: [] for name in ("inbox", "turns", "outbox", "votes", "talks")}
    began = now
    for number in range(1, count + 1):
        talk = f"conversation-{(number - 1) // PER_CONVERSATION}"
        if (number - 1) % PER_CONVERSATION == 0:
            began = now - chance.random() * DAYS * 86_400
            batch["talks"].append(
                {"id": talk, "brand": "b", "channel": "web", "customer": "{}", "slots": "{}", "state": "bot"}
                | {"updated_at": began}
            )
        at = began + 60 * ((number - 1) % PER_CONVERSATION)
        ids = {"conversation_id": talk, "message_id": str(number)}
        kind = chance.choice(KINDS)
        body = {"channel": "web", "event_id": str(number), "body": "{}", "position": 0}
        batch["inbox"].append({"id": number, **ids, **body, "received_at": at, "closed_at": at + 1})
        said = {"message": json.dumps(message(talk, number)), "reply": json.dumps(reply(kind, number))}
        batch["turns"].append({"id": number, "inbox_id": number, **ids, **said, "created_at": at + 1})
        event = {"channel": "web", "inbox_id": number, "seq": 0, "kind": "sentence", "data": "{}"}
        batch["outbox"].append({**ids, **event, "created_at": at + chance.random(), "sends": 0})
        if chance.random() < 0.05:
            value = json.dumps({"value": chance.choice(("up", "down"))}, separators=(",", ":"))
            batch["votes"].append({**ids, "value": value, "created_at": at + 30})
        if number % BATCH == 0 or number == count:
            yield batch
            batch = {name: [] for name in batch}


def message(talk: str, number: int) -> dict[str, Any]:
    """Return a message as it is stored."""
    who = {"id": f"c{hash(talk) % 20_000}", "identity": "anonymous", "audience": "customers", "attributes": {}}
    return {"text": "How many days do I have to send something back?", "conversation_id": talk, "brand": "b"} | {
        "channel": "web",
        "customer": who,
        "id": str(number),
        "locale": "en",
        "sent_at": "2026-01-01T00:00:00+00:00",
        "metadata": {},
    }


def reply(kind: str, number: int) -> dict[str, Any]:
    """Return a reply as it is stored: three sentences, each with a quote."""
    quote = "You can return unused items within 45 days of delivery. Returned items must be in their packaging."
    cited = {"number": 1, "document_id": "policies/returns.md", "title": "Returns", "url": "https://shop.example/r"}
    citation = {**cited, "version": "0" * 64, "quote": quote, "start": 10, "end": 110}
    state = "waiting" if kind == "handoff" else None
    sentence = {"text": quote, "citations": [citation], "support": {"kind": "quote", "source": "r"}}
    effect: dict[str, Any] = {"buttons": [], "slots": {}, "state": state, "action": None, "voice": None}
    route = {"kind": kind, "intent": "returns", "confidence": 0.97, "reason": "the linear tier", "alternatives": []}
    return {
        "text": f"{quote} [1] " * 3,
        "routes": [route],
        "sentences": [{**sentence, "effect": effect}] * 3,
        "citations": [citation] if number % 7 and kind == "knowledge" else [],
        "buttons": [],
        "voice": "warm@3" if kind == "voice" else None,
        "ms": 120,
        "metadata": {},
        "trace": {"notes": [], "ms": 120.5},
    }


def fill(store: Store, count: int) -> int:
    """Write the turns; return the bytes of their JSON."""
    size = 0
    for batch in rows(count, random.Random(0)):
        size += sum(len(row["message"]) + len(row["reply"]) for row in batch["turns"])

        def add(connection: Connection, batch: dict[str, list[dict[str, Any]]] = batch) -> None:
            tables = {"inbox": inbox, "turns": turns, "outbox": outbox, "votes": votes, "talks": conversations}
            for name, some in batch.items():
                if some:
                    connection.execute(insert(tables[name]), some)

        store._write(add)
    return size


def timed(store: Store, days: int) -> dict[str, float]:
    """Return the cases of so many days, and the median seconds of their numbers."""
    today = datetime.now(UTC).date() + timedelta(days=1)
    clock, cpu, cases = list[float](), list[float](), 0
    for _ in range(5):
        started, worked = time.perf_counter(), time.process_time()
        cases = numbers(store, today - timedelta(days=days), today).whole.cases
        clock.append(time.perf_counter() - started)
        cpu.append(time.process_time() - worked)
    return {"cases": cases, "seconds": round(statistics.median(clock), 3), "cpu": round(statistics.median(cpu), 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("url", nargs="?")
    parser.add_argument("--turns", type=int, default=100_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Store(asked.url or f"sqlite:///{folder}/store.db") as store:
        size = fill(store, asked.turns)
        started, worked = time.perf_counter(), time.process_time()
        while store._write(reading.read_on):
            pass
        first = {"seconds": round(time.perf_counter() - started, 2), "cpu": round(time.process_time() - worked, 2)}
        found = {"turns": asked.turns, "json_megabytes": round(size / 1e6), "first_reading": first}
        print(json.dumps({**found, "30_days": timed(store, 30), "90_days": timed(store, DAYS)}))


if __name__ == "__main__":
    main()
