"""A Markdown list as it is said: an item with what is nested in it, steps under numbers, a few words in a row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from frontdesk.knowledge.blocks import parser, plain

SAID_CHARS = 1200
"""The longest list that a reply carries; a longer one is cut between items."""
ROW_CHARS = 250
"""The longest list of words that is said in a row."""
_NUMBER = re.compile(r"\d{1,9}")
_CODE_CHARS = 160
_ENDED = (".", "!", "?", ":", ")")


def item(source: str) -> str:
    """Return a list item as one line: its paragraphs, what is nested in it, and code of one short line."""
    own, nested, depth = list[str](), list[str](), 0
    for token in parser().parse(source):
        depth += token.nesting if token.type.startswith("list_item") else 0
        said = _said(token.type, token.content)
        if said:
            (nested if depth > 1 else own).append(said)
    said = _joined(_sentences(own), nested)
    return f"{said[:-1]}." if said.endswith(":") else said


def _said(kind: str, content: str) -> str:
    if kind == "inline":
        return plain(content)
    code = content.strip()
    return code if kind in ("fence", "code_block") and len(code) <= _CODE_CHARS and "\n" not in code else ""


def _joined(own: str, nested: Sequence[str]) -> str:
    """Return an item with what is nested: words in brackets or after a colon, sentences after it."""
    if not nested:
        return own
    if any(one.endswith((".", "!", "?")) for one in nested):
        return _sentences([own, *nested])
    row = "; ".join(nested)
    return f"{own} {row}" if own.endswith(":") else f"{own.rstrip('.')} ({row})".strip()


def _sentences(pieces: Sequence[str]) -> str:
    """Return pieces in a row, each ended."""
    *first, last = pieces or [""]
    return " ".join([*(one if one.endswith(_ENDED) else f"{one}." for one in first if one), last]).strip()


def row(intro: str, said: Sequence[str]) -> str:
    """Return a list in one line when it is short, else line by line."""
    if sum(map(len, said)) <= ROW_CHARS and not any("; " in one or ". " in one for one in said):
        return f"{intro}: {'; '.join(one.rstrip('.;,') for one in said if one)}."
    return lines(intro, said)


def lines(intro: str, said: Sequence[str], first: int | None = None) -> str:
    """Return a list line by line after what leads to it, numbered from `first` if that is given."""
    marks = ("-" if first is None else f"{number}." for number in range(first or 0, (first or 0) + len(said)))
    listed = "\n".join(f"{mark} {one}" for mark, one in zip(marks, said, strict=True) if one)
    return f"{intro}:\n{listed}" if intro else listed


def first(source: str) -> int | None:
    """Return the number that a list begins with; None for one that has none."""
    match = _NUMBER.match(source)
    return int(match.group()) if match else None


def cuts(said: Sequence[str], room: int) -> Iterator[slice]:
    """Yield the runs of items that fit into `room` characters, as few as possible; one item always fits."""
    start, size = 0, 0
    for at, one in enumerate(said):
        if at > start and size + len(one) > room:
            yield slice(start, at)
            start, size = at, 0
        size += len(one) + len("10. \n")
    if start < len(said):
        yield slice(start, len(said))
