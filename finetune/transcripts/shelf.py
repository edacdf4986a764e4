"""Rows put together by group, however many and in whatever order they come: kept on disk, not in memory."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from functools import cached_property
from itertools import groupby
from typing import Any

CACHE_KB = 16_000


class Shelf:
    """Puts JSON rows into groups; the groups come back in the order of their first row."""

    def __init__(self) -> None:
        self._last: tuple[str, int] = ("", 0)
        self._rows = 0

    @cached_property
    def _database(self) -> sqlite3.Connection:
        database = sqlite3.connect("", isolation_level=None)  # a temporary file, gone when closed
        database.executescript(
            f"PRAGMA synchronous=OFF; PRAGMA journal_mode=OFF; PRAGMA cache_size=-{CACHE_KB}; BEGIN;"
            "CREATE TABLE groups (number INTEGER PRIMARY KEY, name TEXT UNIQUE);"
            "CREATE TABLE rows (number INTEGER, row INTEGER, body TEXT, PRIMARY KEY (number, row)) WITHOUT ROWID;"
        )
        return database

    def put(self, group: str, row: dict[str, Any]) -> None:
        """Add one row to a group."""
        self._rows += 1
        self._database.execute("INSERT INTO rows VALUES (?, ?, ?)", (self._number(group), self._rows, json.dumps(row)))

    def groups(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Yield each group with its rows as they were put."""
        found = self._database.execute("SELECT name, body FROM rows JOIN groups USING (number) ORDER BY number, row")
        for name, rows in groupby(found, key=lambda row: str(row[0])):
            yield name, [json.loads(body) for _, body in rows]

    def close(self) -> None:
        """Throw everything away."""
        self._database.close()

    def _number(self, group: str) -> int:
        if self._last[0] != group or not self._last[1]:
            self._database.execute("INSERT OR IGNORE INTO groups (name) VALUES (?)", (group,))
            found = self._database.execute("SELECT number FROM groups WHERE name = ?", (group,)).fetchone()
            self._last = (group, int(found[0]))
        return self._last[1]
