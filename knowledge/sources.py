"""Files and folders -> documents: Markdown, text, HTML and PDF. What cannot be read is skipped with its reason."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from frontdesk.bot.errors import KnowledgeError
from frontdesk.knowledge.blocks import plain
from frontdesk.knowledge.convert import Converter, Unconvertible
from frontdesk.knowledge.values import Document

MAX_BYTES = 25_000_000
MAX_CHARS = 2_000_000
KINDS = {".md": "text", ".markdown": "text", ".txt": "text", ".html": "html", ".htm": "html", ".pdf": "pdf"}
READER = "1"
"""Part of every source hash: raise it when a change here gives other text for the same file."""
_FRONT = re.compile(r"---[ \t]*\n(.{0,20000}?)\n---[ \t]*(?:\n|$)", re.DOTALL)
_H1 = re.compile(r"^# +(.+?)[ \t]*#*$", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f]")


class Unreadable(Exception):
    """A file that cannot become a document; the message is the reason. `empty` files withdraw what they held."""

    def __init__(self, reason: str, *, empty: bool = False) -> None:
        super().__init__(reason)
        self.empty = empty


@dataclass(frozen=True, kw_only=True)
class File:
    """A file to read, and the id of its document: its path as the project sees it."""

    id: str
    path: Path


def files(project: Path, sources: Sequence[str]) -> list[File]:
    """Return the files below the sources, by id; raises KnowledgeError when a source does not exist."""
    found: dict[str, Path] = {}
    for source in sources:
        root = (project / source).resolve()
        if not root.exists():
            fix = "create it, or correct `sources` under [knowledge] in frontdesk.toml."
            raise KnowledgeError("this knowledge source does not exist.", where=str(root), fix=fix)
        for path in _walk(root):
            found[_id(path, root, project.resolve())] = path
    return [File(id=name, path=found[name]) for name in sorted(found)]


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


def load(file: File) -> bytes:
    """Return the bytes of a file; raises Unreadable."""
    if file.path.suffix.lower() not in KINDS:
        raise Unreadable(f"{file.path.suffix or 'no'} file type is not supported (supported: {' '.join(KINDS)})")
    try:
        if file.path.stat().st_size > MAX_BYTES:
            raise Unreadable(f"larger than {MAX_BYTES // 1_000_000} MB")
        data = file.path.read_bytes()
    except OSError as error:
        raise Unreadable(f"cannot be opened ({error.strerror})") from None
    if not data.strip():
        raise Unreadable("empty", empty=True)
    return data


def read(file: File, data: bytes, converter: Converter) -> Document:
    """Return the document in `data`; raises Unreadable."""
    kind = KINDS[file.path.suffix.lower()]
    try:
        found = {"text": decode(data), "title": "", "url": ""} if kind == "text" else converter.convert(kind, data)
    except Unconvertible as error:
        raise Unreadable(str(error)) from None
    front, body = front_matter(found["text"]) if kind == "text" else ({}, found["text"])
    text = _CONTROL.sub("", body).strip()
    if not re.search(r"\w", text):
        raise Unreadable("no text in it", empty=kind == "text")
    if len(text) > MAX_CHARS:
        raise Unreadable(f"longer than {MAX_CHARS} characters")
    title = front.pop("title", "") or found["title"] or _title(text, file.path)
    return Document(id=file.id, title=title.strip(), url=front.pop("url", "") or found["url"], text=text, context=front)


def decode(data: bytes) -> str:
    """Decode UTF-8, UTF-16 with a mark, or Windows-1252; raises Unreadable for binary data. All newlines become LF."""
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if len(_CONTROL.findall(text[:100_000])) * 1000 <= len(text[:100_000]):
            return text.replace("\r\n", "\n").replace("\r", "\n")
    raise Unreadable("not text (binary, or an unknown encoding)")


def front_matter(text: str) -> tuple[dict[str, str], str]:
    """Split YAML front matter from the body; only plain values are kept. Raises Unreadable when it is broken."""
    match = _FRONT.match(text)
    if not match:
        return {}, text
    try:
        front: Any = yaml.safe_load(match[1])
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unreadable(f"its front matter is not valid YAML ({str(error).splitlines()[0]})") from None
    if not isinstance(front, dict):
        return {}, text
    values = {str(key): str(value).strip() for key, value in front.items() if isinstance(value, str | int | float)}
    return values, text[match.end() :]


def _title(text: str, path: Path) -> str:
    heading = _H1.search(text)
    return plain(heading[1]) if heading else path.stem.replace("-", " ").replace("_", " ").capitalize()
