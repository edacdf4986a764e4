"""Files and folders as sources; the id of a document is its path as the project sees it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from frontdesk.bot.errors import KnowledgeError
from frontdesk.knowledge.sources.source import MAX_BYTES, Source, Unreadable, failing

KINDS = {
    ".md": "text",
    ".markdown": "text",
    ".txt": "text",
    ".html": "html",
    ".htm": "html",
    ".pdf": "pdf",
    ".docx": "docx",
    ".pptx": "pptx",
    ".xlsx": "xlsx",
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
}


def files(project: Path, name: str) -> list[Source]:
    """Return the files below one source, by id; raises KnowledgeError when it does not exist."""
    root = (project / name).resolve()
    if not root.exists():
        fix = "create it, or correct `sources` under [knowledge] in frontdesk.toml."
        raise KnowledgeError("this knowledge source does not exist.", where=str(root), fix=fix)
    found = {_id(path, root, project.resolve()): path for path in _walk(root)}
    return [_inside(root, file(name, found[name]), found[name]) for name in sorted(found)]


def file(document_id: str, path: Path) -> Source:
    """Return one file as a source; nothing is read yet."""
    return Source(id=document_id, kind=KINDS.get(path.suffix.lower(), ""), load=partial(_load, path))


def _inside(root: Path, source: Source, path: Path) -> Source:
    """Return the source, or one that cannot be read when it is a link that leads out of `root`."""
    if path.resolve().is_relative_to(root):
        return source
    return replace(source, kind="", load=failing(Unreadable("a link to a file outside of the source")))


def _walk(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
        return
    for path in root.rglob("*"):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts):
            yield path


def _id(path: Path, root: Path, project: Path) -> str:
    inside = path.is_relative_to(project)
    return (path.relative_to(project) if inside else Path(root.name) / path.relative_to(root)).as_posix()


def _load(path: Path) -> bytes:
    if path.suffix.lower() not in KINDS:
        raise Unreadable(f"{path.suffix or 'no'} file type is not supported (supported: {' '.join(KINDS)})")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Unreadable(f"larger than {MAX_BYTES // 1_000_000} MB")
        data = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"cannot be opened ({error.strerror})") from None
    if not data.strip():
        raise Unreadable("empty", empty=True)
    return data
