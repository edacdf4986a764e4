"""What was seen before, however much: kept in a temporary database, not in memory."""

from __future__ import annotations

import hashlib
import sqlite3
from functools import cached_property


class Seen:
    """A set of texts of any size; 16 bytes each, on disk once it is large."""

    @cached_property
    def _database(self) -> sqlite3.Connection:
        database = sqlite3.connect("", isolation_level=None)
        database.executescript("PRAGMA synchronous=OFF; PRAGMA journal_mode=OFF; BEGIN;")
        database.execute("CREATE TABLE seen (key BLOB PRIMARY KEY) WITHOUT ROWID")
        return database

    def add(self, *parts: str) -> bool:
        """Add the parts together; returns False when they were there."""
        text = "\0".join(parts).encode("utf-8", "surrogatepass")
        key = hashlib.blake2b(text, digest_size=16).digest()
        return self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (key,)).rowcount == 1

    def close(self) -> None:
        """Forget everything."""
        self._database.close()
