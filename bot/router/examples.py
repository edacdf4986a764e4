"""New examples into `nlu.yml`: lines are added where they belong, every other byte of the file stays as it is."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from frontdesk.bot.errors import ConfigError
from frontdesk.bot.router.nlu import annotated, intent_name, read_nlu

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
"""What a new intent may be called."""

Row = tuple[str, str]
"""An intent and a text."""


def add_examples(path: Path, rows: Sequence[Row]) -> list[Row]:
    """Write examples, as (intent, text), into `nlu.yml` and return those that were not there under any intent.

    A new intent is put at the end. The file is replaced whole, after the new one was read back and holds exactly what
    was asked for; ConfigError otherwise, and the file stays as it is.
    """
    before = read_nlu(path).rows
    known = {row.text.casefold() for row in before}
    new: list[Row] = []
    for intent, text in rows:
        plain = readable(text)
        if plain and plain.casefold() not in known:
            known.add(plain.casefold())
            new.append((intent_name(intent), plain))
    if not new:
        return []
    source = path.read_text(encoding="utf-8")
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(_with(source, new), encoding="utf-8")
        if _held(draft) != {(row.intent, row.text) for row in before} | set(new):
            fix = "add them by hand under their intents."
            raise ConfigError("the examples cannot be added to this file as it is written.", where=str(path), fix=fix)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return new


def _held(path: Path) -> set[Row]:
    """Return what a file holds; nothing when it cannot be read."""
    try:
        return {(row.intent, row.text) for row in read_nlu(path).rows}
    except ConfigError:
        return set()


def readable(text: str) -> str:
    """Return a text as one line that no reader takes for anything but words."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split()).lstrip("- ")
    return plain if annotated(plain, "").text == plain else plain.replace("[", "(").replace("]", ")")


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where the next example of an intent goes: before line `at`, after `prefix`, in JSON's quotes or bare."""

    at: int
    prefix: str
    quoted: bool

    def line(self, text: str) -> str:
        return self.prefix + (json.dumps(text, ensure_ascii=False) if self.quoted else text)


def _with(source: str, rows: Sequence[Row]) -> str:
    """Return the file's text with the rows in it."""
    lines, root = source.splitlines(), yaml.compose(source, Loader=yaml.SafeLoader)
    items = _field(root, "nlu").value
    places = {name: place for item in items for name, place in _places(item, lines)}
    added: dict[int, list[str]] = {}
    fresh: dict[str, list[str]] = {}
    for intent, text in rows:
        if place := places.get(intent):
            added.setdefault(place.at, []).append(place.line(text))
        else:
            fresh.setdefault(intent, []).append(text)
    end, first = _end(items[-1], lines), items[0].start_mark
    gap = [""] if any(not line.strip() for line in lines[first.line : end]) else []
    for intent, texts in fresh.items():
        indent = " " * max(first.column - 2, 0)
        entry = [f"{indent}- intent: {intent}", f"{indent}  examples: |", *(f"{indent}    - {text}" for text in texts)]
        added.setdefault(end, []).extend([*gap, *entry])
    for at in sorted(added, reverse=True):
        lines[at:at] = added[at]
    return "\n".join(lines) + "\n"


def _places(item: yaml.Node, lines: Sequence[str]) -> Iterator[tuple[str, _Place]]:
    """Yield the intent of an entry and where its next example goes; nothing for an entry of another kind."""
    intent, examples = _field(item, "intent"), _field(item, "examples")
    name = intent_name(str(intent.value)) if intent else ""
    if isinstance(examples, yaml.ScalarNode) and examples.style == "|":
        block = range(examples.start_mark.line + 1, _end(examples, lines))
        dashed = [at for at in block if lines[at].lstrip().startswith("-")]
        if dashed:
            last = lines[dashed[-1]]
            indent = last[: len(last) - len(last.lstrip())]
            yield name, _Place(at=dashed[-1] + 1, prefix=f"{indent}- ", quoted=False)
    elif isinstance(examples, yaml.SequenceNode) and not examples.flow_style and examples.value:
        last_item = examples.value[-1]
        key = "text: " if isinstance(last_item, yaml.MappingNode) else ""
        indent = " " * examples.start_mark.column
        yield name, _Place(at=_end(last_item, lines), prefix=f"{indent}- {key}", quoted=True)


def _field(node: Any, name: str) -> Any:
    """Return the value of a key of a mapping node; None without it."""
    return next((value for key, value in node.value if key.value == name), None)


def _end(node: yaml.Node, lines: Sequence[str]) -> int:
    """Return the line after a node's last one; blank lines and comments behind it are not its own."""
    mark = node.end_mark
    end = mark.line + 1 if mark.line < len(lines) and lines[mark.line][: mark.column].strip() else mark.line
    while end > node.start_mark.line + 1 and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1
    return end
