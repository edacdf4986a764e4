"""A copy of a bot project to try things on: its databases are the project's own as they are now, and may be changed."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from frontdesk.bot.project import Project

LINKED = frozenset({".frontdesk", "knowledge", "transcripts"})
"""What is read in place: the state, the documents, the transcripts."""
LEFT_OUT = frozenset({".git", ".venv", "node_modules", "__pycache__"})
_SQLITE = b"SQLite format 3\0"
_BESIDE = ("-wal", "-shm", "-journal")
"""The ends of the names of what SQLite writes beside a database."""


@dataclass(frozen=True, kw_only=True)
class Copy:
    """The copied project, and the original it came from."""

    project: Project
    original: Path

    def reset(self) -> None:
        """Set every SQLite file of the copy to what the original holds now; those it lacks are deleted."""
        for path in _databases(self.project.folder):
            if not (self.original / path.relative_to(self.project.folder)).is_file():
                for name in (path.name, *(f"{path.name}{end}" for end in _BESIDE)):
                    path.with_name(name).unlink(missing_ok=True)
        for path in _databases(self.original):
            _set_to(self.project.folder / path.relative_to(self.original), path)


@contextmanager
def copy_of(project: Project) -> Iterator[Copy]:
    """Give a copy of a project that is deleted when the `with` block ends; its state is linked, not copied."""
    with tempfile.TemporaryDirectory(prefix="frontdesk-") as folder:
        target = Path(folder) / project.folder.name
        target.mkdir()
        project.state  # noqa: B018  made, so that it can be linked
        for path in project.folder.iterdir():
            if path.name in LINKED:
                (target / path.name).symlink_to(path)
            elif path.name not in LEFT_OUT:
                _copied(path, target / path.name)
        copy = Copy(project=replace(project, folder=target), original=project.folder)
        copy.reset()
        yield copy


def _copied(path: Path, target: Path) -> None:
    if path.is_dir():
        shutil.copytree(path, target, ignore=shutil.ignore_patterns(*LEFT_OUT))
    elif path.is_file() and not _is_database(path) and not path.name.endswith(_BESIDE):
        shutil.copy2(path, target)


def _databases(folder: Path) -> Iterator[Path]:
    """Yield the SQLite files of a project, without its state."""
    for path in sorted(folder.iterdir()):
        if path.name in LINKED | LEFT_OUT:
            continue
        yield from (one for one in (path.rglob("*") if path.is_dir() else [path]) if _is_database(one))


def _is_database(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def _set_to(target: Path, source: Path) -> None:
    """Write what `source` holds into `target`, through SQLite: whoever has either open goes on."""
    with (
        closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as read,
        closing(sqlite3.connect(target)) as written,
    ):
        read.backup(written)
