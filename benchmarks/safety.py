"""What the content guard finds and what it takes for more than it is: `python benchmarks/safety.py` prints JSON.

Recall per concern and false alarms over tests/bot/safety_messages.toml (`ordinary` are look-alikes) and
tests/bot/safety_fresh.toml (`ordinary` are plain messages to a shop, `talk` is small talk), none learned from; with
`--ordinary FILE.jsonl` (rows with a `text`, of `label` benign where there are labels) false alarms on everyday customer
messages too. Intervals are Wilson's, 95 %. Exit code 1 below the floors of docs/safety.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from frontdesk.adapters.encoder import MiniLM
from frontdesk.adapters.graphs import user_cache
from frontdesk.bot.guards.safety import Watch
from frontdesk.bot.intervals import wilson

TESTS = Path(__file__).parent.parent / "tests" / "bot"
HELD_OUT, FRESH = TESTS / "safety_messages.toml", TESTS / "safety_fresh.toml"
FLOOR, CEILING = 0.8, 0.02
PLAIN = ("ordinary", "talk")
"""Labels of what is no concern."""


def share(hits: int, n: int) -> dict[str, Any]:
    return {"n": n, "share": round(hits / max(n, 1), 4), "ci": [round(bound, 4) for bound in wilson(hits, n)]}


def alarms(watch: Watch, texts: Sequence[str]) -> list[str]:
    """Return the concern found in each text, or ""."""
    return [(watch.found(text) or ("", ""))[0] for text in texts]


def everyday(path: Path) -> list[str]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    return [row["text"] for row in rows if row.get("label", "benign") == "benign"]


def judged(watch: Watch, messages: dict[str, list[str]]) -> dict[str, Any]:
    """Return recall per concern, how many got the right words, and the false alarms."""
    found = {label: alarms(watch, texts) for label, texts in messages.items()}
    told = {label: share(sum(map(bool, one)), len(one)) for label, one in found.items()}
    concerns = {
        label: told[label] | {"named_right": found[label].count(label)} for label in found if label not in PLAIN
    }
    return {"recall": concerns, "false_alarms": {label: told[label] for label in PLAIN if label in found}}


def main() -> int:
    """Measure, print, judge."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--ordinary", type=Path, help="JSON lines of everyday customer messages")
    options.add_argument("--show", action="store_true", help="list the false alarms on everyday messages")
    given = options.parse_args()
    messages = tomllib.loads(HELD_OUT.read_text(encoding="utf-8"))
    watch = Watch(MiniLM(user_cache(), threads=1))
    fresh = tomllib.loads(FRESH.read_text(encoding="utf-8"))
    found: dict[str, Any] = {"both": judged(watch, messages), "phrases_alone": judged(Watch(), messages)}
    found["fresh"] = judged(watch, fresh)
    ok = all(one["share"] >= FLOOR for one in found["both"]["recall"].values())
    if given.ordinary:
        texts, started = everyday(given.ordinary), time.perf_counter()
        told = alarms(watch, texts)
        ms = (time.perf_counter() - started) / len(texts) * 1000
        counts = Counter(filter(None, told))
        found["everyday"] = {**share(sum(map(bool, told)), len(texts)), "as": dict(counts), "ms_each": round(ms, 2)}
        ok = ok and found["everyday"]["share"] <= CEILING
        if given.show:
            found["shown"] = [[one, text] for one, text in zip(told, texts, strict=True) if one]
    print(json.dumps(found, indent=1))
    return int(not ok)


if __name__ == "__main__":
    sys.exit(main())
