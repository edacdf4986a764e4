"""Rows of cells -> Markdown: tables keep their header, a lone cell is a paragraph. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

Row = Sequence[str]
_HEADLESS = re.compile(r"^\|(?: *\|)+\n(?P<ruler>\|(?: *-+ *\|)+)\n(?P<rows>(?:\|.*\|(?:\n|\Z))+)", re.M)
_ASKED = (("question", "answer"), ("title", "text"))
"""The pairs of columns that make a row an entry of its own: what it is called, and what it says."""


def markdown(rows: Sequence[Row]) -> str:
    """Return the rows as Markdown; empty rows part tables, and rows with one cell before a table are paragraphs."""
    return "\n\n".join(part for group in _groups(rows) for part in _parts(group))


def entries(rows: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """Return the rows with the columns `title` and `text` if every one is an entry of a list of questions, else none.

    Such a list has the columns question and answer, or title and text, and both are filled in every row.
    """
    named = [{key.strip().lower(): value for key, value in row.items()} for row in rows]
    for title, text in _ASKED:
        if named and all(_said(row.get(title)) and _said(row.get(text)) for row in named):
            return [{**_without(row, title, text), "title": row[title], "text": row[text]} for row in named]
    return []


def records(rows: Sequence[Row]) -> list[dict[str, object]]:
    """Return the rows under a header row as mappings; empty cells and rows are left out."""
    full = [row for row in rows if any(cell.strip() for cell in row)]
    header = [cell.strip() for cell in full[0]] if full else []
    if len(set(header)) != len(header):
        return []
    return [{name: cell for name, cell in zip(header, row, strict=False) if name and cell.strip()} for row in full[1:]]


def headed(text: str) -> str:
    """Make the first row of each table whose header is empty its header, if it can be one: words over figures."""
    return _HEADLESS.sub(_promoted, text)


def _promoted(match: re.Match[str]) -> str:
    first, *others = match["rows"].rstrip("\n").split("\n")
    names = [cell.strip() for cell in first.strip("| ").split("|")]
    worded = all(names) and not re.search(r"\d", first)
    over = len(names) > 2 or any(re.search(r"\d", row.strip("| ").rpartition("|")[2]) for row in others)
    if not (others and worded and over):
        return match[0]
    return "\n".join([first, match["ruler"], *others]) + "\n" * match["rows"].endswith("\n")


def _said(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _without(row: Mapping[str, object], *names: str) -> dict[str, object]:
    return {key: value for key, value in row.items() if key not in names}


def _groups(rows: Sequence[Row]) -> Iterator[list[list[str]]]:
    """Yield runs of rows that are not empty, without the columns that are empty in all of the run."""
    group: list[list[str]] = []
    for row in [*rows, []]:
        cells = [_cell(cell) for cell in row]
        if any(cells):
            group.append(cells)
        elif group:
            width = max(len(cells) for cells in group)
            full = [cells + [""] * (width - len(cells)) for cells in group]
            used = [at for at in range(width) if any(cells[at] for cells in full)]
            yield [[cells[at] for at in used] for cells in full]
            group = []


def _parts(group: list[list[str]]) -> Iterator[str]:
    at = 0
    while at < len(group) and sum(map(bool, group[at])) == 1 and (at + 1 == len(group) or len(group[0]) > 1):
        yield next(filter(None, group[at])).replace("\\|", "|")
        at += 1
    if at == len(group):
        return
    if len(group[0]) == 1:
        yield "\n\n".join(row[0].replace("\\|", "|") for row in group)
        return
    ruler = "| " + " | ".join("---" for _ in group[at]) + " |"
    lines = ["| " + " | ".join(row) + " |" for row in group[at:]]
    yield "\n".join([lines[0], ruler, *lines[1:]])


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().replace("|", "\\|")
