"""Which readers there are, and which one a file or folder is for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from zipfile import BadZipFile

from frontdesk.bot.errors import ConfigError
from frontdesk.finetune.transcripts.model import Reader
from frontdesk.finetune.transcripts.report import Report
from frontdesk.finetune.transcripts.sources import head_of

GROUP = "frontdesk.transcripts"
_HERE = "frontdesk.finetune.transcripts"
_PLACES = {
    "ours": "ours:OursReader",
    "csv": "csv_rows:CsvReader",
    "zendesk": "zendesk:ZendeskReader",
    "intercom": "intercom:IntercomReader",
    "chatwoot": "chatwoot:ChatwootReader",
    "slack": "slack:SlackReader",
}
BUILT_IN = tuple(EntryPoint(name, f"{_HERE}.{place}", GROUP) for name, place in _PLACES.items())


@cache
def readers() -> dict[str, Reader]:
    """Return every reader by name: ours, and those that installed packages offer as entry points."""
    return {point.name: _loaded(point) for point in (*BUILT_IN, *entry_points(group=GROUP))}


def _loaded(point: EntryPoint) -> Reader:
    try:
        reader: Reader = point.load()()
    except Exception as error:  # another package's code: whatever it is, the operator must know which
        raise ConfigError(
            f"the transcript reader does not load: {error}",
            where=f"entry point {point.name} = {point.value}",
            fix="mend or uninstall the package that offers it.",
        ) from error
    return reader


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
        reader = _reader_of(path, format, report)
        if reader:
            yield path, reader
        elif path.is_dir():
            inside = sorted(child for child in path.iterdir() if not child.name.startswith("."))
            yield from sources(inside, format, report)


def _reader_of(path: Path, format: str | None, report: Report) -> Reader | None:
    """Return the reader for a file, or for a folder that is an export of its own; None is reported for a file."""
    if path.is_dir():
        return next((reader for reader in readers().values() if reader.sniff(b"", path)), None)
    try:
        head = head_of(path)
        found = next((reader for reader in readers().values() if reader.sniff(head, path)), None)
    except (OSError, EOFError, UnicodeError, BadZipFile) as error:
        report.refuse(str(path), "unreadable file", str(error))
        return None
    if format and head:
        return reader_named(format)
    if not found:
        report.refuse(str(path), "no known format" if head else "empty file")
    return found
