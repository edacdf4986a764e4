"""Which readers there are, and which one a file or folder is for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from frontdesk.bot.errors import ConfigError
from frontdesk.finetune.transcripts.model import Reader
from frontdesk.finetune.transcripts.report import Report
from frontdesk.finetune.transcripts.sources import head_of

GROUP = "frontdesk.transcripts"
_HERE = "frontdesk.finetune.transcripts"
BUILT_IN = (EntryPoint("ours", f"{_HERE}.ours:OursReader", GROUP),)


@cache
def readers() -> dict[str, Reader]:
    """Return every reader by name: ours, and those that installed packages offer as entry points."""
    return {point.name: point.load()() for point in (*BUILT_IN, *entry_points(group=GROUP))}


def reader_named(name: str) -> Reader:
    """Return one reader; raises ConfigError naming those there are."""
    if name in readers():
        return readers()[name]
    raise ConfigError(f"no transcript format {name!r}.", where="format", fix=f"one of {', '.join(readers())}.")


def sources(paths: Iterable[Path], format: str | None, report: Report) -> Iterator[tuple[Path, Reader]]:
    """Yield what there is to read with its reader; a file of no known format is skipped and reported.

    A folder is searched for files, unless it is itself an export (Slack's). Hidden files are passed over.
    """
    for path in paths:
        if path.is_dir() and not (reader := _reader_of(path, format)):
            inside = sorted(child for child in path.iterdir() if not child.name.startswith("."))
            yield from sources(inside, format, report)
        elif reader := _reader_of(path, format):
            yield path, reader
        else:
            report.skip(str(path), "no known format")


def _reader_of(path: Path, format: str | None) -> Reader | None:
    chosen = [reader_named(format)] if format else readers().values()
    head = b"" if path.is_dir() else _head(path)
    if format and head:
        return chosen[0] if isinstance(chosen, list) else None
    return next((reader for reader in chosen if reader.sniff(head, path)), None)


def _head(path: Path) -> bytes:
    try:
        return head_of(path)
    except (OSError, EOFError, UnicodeError):
        return b""
