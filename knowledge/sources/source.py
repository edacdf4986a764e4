"""What every kind of source gives: a named thing whose bytes are fetched when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath
from typing import Literal

from frontdesk.knowledge.values import Document

MAX_BYTES = 25_000_000
MAX_CHARS = 2_000_000


class NotModified(Enum):
    """Instead of bytes: the source says that it is what it was when its known hash was made."""

    NOT_MODIFIED = "not modified"


NOT_MODIFIED: Literal[NotModified.NOT_MODIFIED] = NotModified.NOT_MODIFIED
Content = bytes | Literal[NotModified.NOT_MODIFIED]


class Unreadable(Exception):
    """A source that cannot become a document; the message is the reason. `empty` ones withdraw what they held."""

    def __init__(self, reason: str, *, empty: bool = False) -> None:
        super().__init__(reason)
        self.empty = empty


@dataclass(frozen=True, kw_only=True)
class Source:
    """One document to be: its id (path or address), how it is read, and `load`, which may raise Unreadable."""

    id: str
    kind: str
    load: Callable[[], Content]
    url: str = ""

    @property
    def name(self) -> str:
        """The last part of the id in words, the title of a document that has none."""
        stem = PurePosixPath(self.id.split("#")[-1].rstrip("/")).stem
        return stem.replace("-", " ").replace("_", " ").capitalize()


def given(content: Content) -> Callable[[], Content]:
    """Return a `load` that gives what is already there."""
    return lambda: content


def failing(error: Unreadable) -> Callable[[], Content]:
    """Return a `load` that fails as the fetching did."""

    def load() -> Content:
        raise error

    return load


@dataclass(frozen=True, kw_only=True)
class Read:
    """A document as it was read, and a line for each thing in it that was left out for safety."""

    document: Document
    defused: tuple[str, ...] = ()
