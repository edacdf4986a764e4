"""JSON records out of files of any size: a line each, an array of them, or an array under a key."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from frontdesk.finetune.transcripts.report import Report
from frontdesk.finetune.transcripts.sources import HEAD, lines, open_utf8

Record = dict[str, Any]


def records(path: Path, report: Report, wrappers: Collection[str] = ()) -> Iterator[tuple[str, Record]]:
    """Yield (place, object) of JSON lines, of a JSON array, or of the array under one of the keys `wrappers`.

    A broken line or item is skipped and reported; in one long document nothing after the break can be read, and
    the report says so.
    """
    with open_utf8(path) as file:
        head = file.read(HEAD)
    found = _by_line(path, report) if _is_lines(head, path) else _of_document(path, report, head, wrappers)
    for where, value in found:
        wrapped = [value[key] for key in wrappers if isinstance(value, dict) and isinstance(value.get(key), list)]
        for number, item in enumerate(wrapped[0] if wrapped else [value], start=1):
            if isinstance(item, dict):
                yield (f"{where} item {number}" if wrapped else where), item
            else:
                report.skip(where, "broken row", f"{type(item).__name__} instead of an object")


def sample(head: bytes, wrappers: Collection[str] = ()) -> Record:
    """Return the first record of a file's head, as far as it goes; {} when there is none.

    A record that the head cuts short comes with the keys that were complete.
    """
    import ijson

    prefixes = ["", "item", *(f"{key}.item" for key in wrappers)]
    builders: dict[str, Any] = {}
    try:
        for prefix, event, value in ijson.parse(io.BytesIO(head), multiple_values=True, use_float=True):
            for base in prefixes:
                if prefix == base and event == "start_map" and base not in builders:
                    builders[base] = ijson.ObjectBuilder()
                if base in builders and (prefix == base or prefix.startswith(f"{base}." if base else "")):
                    builders[base].event(event, value)
            done = next((base for base in prefixes[1:] if prefix == base and event == "end_map"), None)
            if done or (prefix == "" and event == "end_map"):
                break
    except (ijson.JSONError, UnicodeDecodeError):
        pass
    found = [builders[base].value for base in prefixes[1:] if base in builders] or [
        builder.value for builder in builders.values()
    ]
    return found[0] if found and isinstance(found[0], dict) else {}


def _is_lines(head: bytes, path: Path) -> bool:
    """Tell JSON lines from one document: by the name, or by the first line being an object of its own."""
    if {".jsonl", ".ndjson"} & set(path.suffixes):
        return True
    first = head.lstrip().split(b"\n", 1)[0]
    try:
        return isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return False


def _by_line(path: Path, report: Report) -> Iterator[tuple[str, Any]]:
    for where, line in lines(path, report):
        try:
            yield where, json.loads(line)
        except (ValueError, RecursionError) as error:
            report.skip(where, "broken row", f"not JSON ({error})")


def _of_document(path: Path, report: Report, head: bytes, wrappers: Collection[str]) -> Iterator[tuple[str, Any]]:
    import ijson

    prefix = _prefix(head, wrappers)
    numbers = count(1)
    with open_utf8(path) as file:
        try:
            for value in ijson.items(file, prefix, multiple_values=True, use_float=True):
                yield f"{path.name} item {next(numbers)}", value
        except (ijson.JSONError, UnicodeDecodeError) as error:
            reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else "broken JSON, the rest is not read"
            report.skip(f"{path.name} after item {next(numbers) - 1}", reason, str(error).splitlines()[0])


def _prefix(head: bytes, wrappers: Collection[str]) -> str:
    """Return the ijson prefix of the records: an array's items, those under a wrapper, or the document itself."""
    import ijson

    if head.lstrip().startswith(b"["):
        return "item"
    try:
        for prefix, event, _ in ijson.parse(io.BytesIO(head), multiple_values=True):
            if event == "start_array" and prefix in wrappers:
                return f"{prefix}.item"
    except (ijson.JSONError, UnicodeDecodeError):
        pass
    return ""
