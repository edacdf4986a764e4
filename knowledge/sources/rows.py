"""CSV and JSON -> Markdown, or one document per row where the rows are a list of questions and answers."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from frontdesk.knowledge import tables
from frontdesk.knowledge.sources.source import MAX_CHARS, Unreadable
from frontdesk.knowledge.sources.text import decode

MAX_ENTRIES = 20_000
_DEPTH = 6


def entries(kind: str, data: bytes) -> list[dict[str, object]]:
    """Return the entries of a `csv`, `json` or `jsonl` file that is a list of them, else none; raises Unreadable."""
    text = _bounded(data)
    rows = tables.records(_csv(text)) if kind == "csv" else _mappings(_json(kind, text))
    return tables.entries(rows)


def markdown(kind: str, data: bytes) -> str:
    """Return the file as Markdown: a table for rows, headings and lists for what is nested; raises Unreadable."""
    text = _bounded(data)
    return tables.markdown(_csv(text)) if kind == "csv" else "\n\n".join(_shown(_json(kind, text), 2))


def named(found: Sequence[Mapping[str, object]]) -> Iterator[tuple[str, bytes]]:
    """Yield a name for each entry, which stays when others come or go, and its bytes."""
    seen: set[str] = set()
    for row in found[:MAX_ENTRIES]:
        slug = re.sub(r"\W+", "-", str(row.get("id") or row["title"]).lower()).strip("-")[:80] or "entry"
        data = json.dumps(row, ensure_ascii=False, sort_keys=True, default=str).encode()
        name = slug if slug not in seen else f"{slug}-{sha256(data).hexdigest()[:8]}"
        if name not in seen:
            seen.add(name)
            yield name, data


def _bounded(data: bytes) -> str:
    text = decode(data)
    if len(text) > 4 * MAX_CHARS:
        raise Unreadable(f"longer than {4 * MAX_CHARS} characters")
    return text


def _csv(text: str) -> list[list[str]]:
    try:
        dialect: Any = csv.Sniffer().sniff(text[:20_000], ",;\t|")
    except csv.Error:
        dialect = "excel"
    try:
        return list(csv.reader(io.StringIO(text), dialect, strict=False))
    except csv.Error as error:
        raise Unreadable(f"not valid CSV ({error})") from None


def _json(kind: str, text: str) -> Any:
    try:
        if kind == "jsonl":
            return [json.loads(line) for line in text.split("\n") if line.strip()]
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not valid JSON ({str(error)[:100]})") from None


def _mappings(value: Any) -> list[dict[str, object]]:
    whole = isinstance(value, list) and all(isinstance(row, dict) for row in value)
    return value if whole else []


def _shown(value: Any, level: int) -> Iterator[str]:
    """Yield the Markdown blocks of a value; deeper than the headings go, it stands as JSON."""
    flat = _flat(value)
    if flat:
        columns = list(dict.fromkeys(key for row in flat for key in row))
        yield tables.markdown([columns, *([_word(row.get(key)) for key in columns] for row in flat)])
    elif isinstance(value, dict) and level <= _DEPTH:
        plain = [f"- {key}: {_word(one)}" for key, one in value.items() if not isinstance(one, dict | list)]
        if plain:
            yield "\n".join(plain)
        for key, one in value.items():
            if isinstance(one, dict | list) and one:
                yield f"{'#' * level} {key}"
                yield from _shown(one, level + 1)
    elif isinstance(value, list) and not any(isinstance(one, dict | list) for one in value):
        yield "\n".join(f"- {_word(one)}" for one in value)
    elif isinstance(value, list) and level <= _DEPTH:
        for one in value:
            yield from _shown(one, level)
    else:
        yield _word(value)


def _flat(value: Any) -> list[dict[str, Any]]:
    rows = _mappings(value)
    nested = any(isinstance(one, dict | list) for row in rows for one in row.values())
    return [] if nested else rows


def _word(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "", True: "Yes", False: "No"}[value]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
