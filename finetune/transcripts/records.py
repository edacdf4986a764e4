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
DEEPEST = 64
"""Levels of a document; an export has fewer than ten."""


def records(path: Path, report: Report, wrappers: Collection[str] = ()) -> Iterator[tuple[str, Record]]:
    """Yield (place, object) of JSON lines, of a JSON array, or of the array under one of the keys `wrappers`.

    A broken line or item is skipped and reported; in one long document nothing after the break can be read, and
    the report says so.
    """
    with open_utf8(path) as file:
        head = file.read(HEAD)
    found = _by_line(path, report) if _is_lines(head, path) else _of_document(path, report, head, wrappers)
    for where, value in found:
        found_in = (dig(value, *key.split(".")) for key in wrappers)
        wrapped = [items for items in found_in if isinstance(items, list)]
        for number, item in enumerate(wrapped[0] if wrapped else [value], start=1):
            if isinstance(item, dict):
                yield (f"{where} item {number}" if wrapped else where), item
            else:
                report.skip(where, "broken row", f"{type(item).__name__} instead of an object")


def sample(head: bytes, wrappers: Collection[str] = ()) -> Record:
    """Return the first record of a file's head as far as it goes, so the last keys may lack; {} when there is none."""
    import ijson

    prefix, builder, started = _prefix(head, wrappers), ijson.ObjectBuilder(), False
    for place, event, value in _events(head):
        started = started or (place == prefix and event == "start_map")
        if started:
            builder.event(event, value)
        if place == prefix and event == "end_map":
            break
    return builder.value if started and isinstance(builder.value, dict) else {}


def dig(value: Any, *keys: str) -> Any:
    """Return what lies under nested keys, or None."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def dicts(value: Any) -> list[Record]:
    """Return the objects of a list; of anything else, none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


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
            report.refuse(f"{path.name} after item {next(numbers) - 1}", reason, str(error).splitlines()[0])


def _prefix(head: bytes, wrappers: Collection[str]) -> str:
    """Return the ijson prefix of the records: an array's items, those under a wrapper, or the document itself."""
    if head.lstrip().startswith(b"["):
        return "item"
    arrays = (place for place, event, _ in _events(head) if event == "start_array" and place in wrappers)
    return next((f"{place}.item" for place in arrays), "")


def _events(head: bytes) -> Iterator[tuple[str, str, Any]]:
    """Yield (place, event, value) as `ijson.parse` does, up to the end of the head or what is nested too deep.

    The places are ours to keep: ijson writes them out at every depth, which takes minutes for a head of brackets.
    """
    import ijson

    places = [""]
    try:
        for event, value in ijson.basic_parse(io.BytesIO(head), multiple_values=True, use_float=True):
            if event == "map_key":
                places[-1] = value
            if event in ("end_map", "end_array"):
                places.pop()
            yield ".".join(places[1 if len(places) > 1 else 0 :]), event, value
            if event in ("start_map", "start_array"):
                places.append("item")
            if len(places) > DEEPEST:
                return
    except (ijson.JSONError, UnicodeDecodeError):
        return
