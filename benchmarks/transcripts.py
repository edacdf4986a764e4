"""Read transcripts of any size: seconds and memory for a made file of each large format.

Run: python benchmarks/transcripts.py [--gigabytes 0.1]; the files are made in a temporary folder and deleted.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ASKED = "Hello, the parcel with my order has not arrived and I would like to know what happened to it. " * 3
SAID = "I am sorry to hear that. Let me look into it for you, it will only take a moment. Is the address right? " * 3
TURNS = 8


def ours(number: int) -> str:
    return _OURS.replace("NUMBER", str(number))


def csv(number: int) -> str:
    return _CSV.replace("NUMBER", str(number))


def zendesk(number: int) -> str:
    return ("," if number else '{"tickets": [') + _ZENDESK.replace("NUMBER", str(number))


_WORDS = [ASKED + "NUMBER", SAID] * (TURNS // 2)
_ROLES = ["customer", "agent"] * (TURNS // 2)
_OURS = json.dumps({"id": "NUMBER", "turns": [{"role": r, "text": t} for r, t in zip(_ROLES, _WORDS, strict=True)]})
_OURS += "\n"
_CSV = "".join(f'NUMBER,{role},"{text}"\n' for role, text in zip(_ROLES, _WORDS, strict=True))
_COMMENTS = [{"author_id": 1 + n % 2, "plain_body": text, "public": True} for n, text in enumerate(_WORDS)]
_ZENDESK = json.dumps({"id": "NUMBER", "requester_id": 1, "status": "closed", "comments": _COMMENTS})
FORMATS: dict[str, tuple[str, Callable[[int], str], str, str]] = {
    "ours": ("big.jsonl", ours, "", ""),
    "zendesk": ("big.json", zendesk, "", "]}"),
    "csv": ("big.csv", csv, "id,role,text\n", ""),
}


def made(folder: Path, format: str, size: float) -> Path:
    name, row, first, last = FORMATS[format]
    with (folder / name).open("w") as file:
        file.write(first)
        for number in _counted(file.tell, size):
            file.write(row(number))
        file.write(last)
    return folder / name


def _counted(position: Callable[[], int], size: float) -> Iterator[int]:
    number = 0
    while number == 0 or number % 100 or position() < size:
        yield number
        number += 1


def read(path: str) -> None:
    """Print conversations, seconds and the peak of this process's memory, in MB."""
    from frontdesk.finetune.transcripts import Report, read_transcripts

    report, begin = Report(), time.perf_counter()
    count = sum(1 for _ in read_transcripts([Path(path)], report=report))
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = {"s": round(time.perf_counter() - begin, 1), "cpu_s": round(used.ru_utime + used.ru_stime, 1)}
    print(json.dumps({"conversations": count, **seconds, "peak_mb": round(used.ru_maxrss / 1024)}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=0.1)
    parser.add_argument("--read", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.read:
        read(given.read)
        return
    for format in FORMATS:
        for gigabytes in (0.001, given.gigabytes):
            with tempfile.TemporaryDirectory() as folder:
                path = made(Path(folder), format, gigabytes * 1e9)
                command = [sys.executable, __file__, "--read", str(path)]
                told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                print(f"{format:<8} {path.stat().st_size / 1e6:8.0f} MB  {told}", flush=True)


if __name__ == "__main__":
    main()
