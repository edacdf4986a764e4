"""Pictures and PDFs that customers attach: known by their content, kept private, opened only from the inbox.

`FOLDER/new/` holds what no message names yet, for a day; `FOLDER/<conversation id>/` what a conversation's messages
name. Beside each file stands a JSON with its name, type and size.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from fastapi import Response

from frontdesk.bot.errors import ChannelError, StoreError
from frontdesk.channels.requests import clean

NEW = "new"
UNCLAIMED_SECONDS = 86_400
NAME_CHARS = 100
_ID = re.compile(r"[0-9a-f]{32}")
_STARTS = (
    ("image/png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", re.compile(rb"\xff\xd8\xff")),
    ("image/gif", re.compile(rb"GIF8[79]a")),
    ("image/webp", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ("application/pdf", re.compile(rb"%PDF-")),
)


@dataclass(frozen=True, kw_only=True)
class File:
    """One kept file; `type` is what its content says it is, `bytes` its size."""

    id: str
    name: str
    type: str
    bytes: int

    @property
    def word(self) -> str:
        """What the engine calls it."""
        return "document" if self.type == "application/pdf" else "image"


def type_of(data: bytes) -> str:
    """Return the media type that the first bytes say, empty for everything we do not take."""
    return next((kind for kind, start in _STARTS if start.match(data)), "")


class Files:
    """The files of one project. Methods block; StoreError means that the disk did not take or give one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, data: bytes, name: str) -> File:
        """Keep a file under a new id; raises ChannelError 415 when it is neither a picture nor a PDF."""
        kind = type_of(data)
        if not kind:
            what, fix = "This is not a picture or a PDF.", "attach a PNG, JPEG, GIF, WebP or PDF file."
            raise ChannelError(what, status=415, code="unknown_file", fix=fix)
        file = File(id=secrets.token_hex(16), name=name_of(name), type=kind, bytes=len(data))
        try:
            place = self.folder / NEW
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._sweep(place)
            _write(place / file.id, data)
            _write(place / f"{file.id}.json", json.dumps(asdict(file)).encode())
        except OSError as error:
            raise StoreError(f"a file could not be kept: {error}", where=str(self.folder)) from error
        return file

    def find(self, ids: Iterable[str], conversation_id: str | None = None) -> tuple[File, ...]:
        """Return new files, or those of a conversation, by id; raises ChannelError 404 for one that is neither."""
        return tuple(self._read(self._path(file_id, conversation_id)) for file_id in ids)

    def claim(self, conversation_id: str, ids: Iterable[str]) -> None:
        """Give new files to a conversation; one that has a conversation already stays there."""
        own = self._of(conversation_id)
        for file_id in ids:
            path = self.folder / NEW / file_id
            if not _ID.fullmatch(file_id) or not path.is_file():
                continue
            try:
                own.mkdir(mode=0o700, exist_ok=True)
                path.replace(own / path.name)
                path.with_suffix(".json").replace(own / f"{path.name}.json")
            except OSError as error:
                raise StoreError(f"a file could not be kept: {error}", where=str(own)) from error

    def open(self, conversation_id: str, file_id: str) -> tuple[File, bytes]:
        """Return a file of a conversation and its content; raises ChannelError 404."""
        path = self._path(file_id, conversation_id)
        with suppress(OSError):
            return self._read(path), path.read_bytes()
        raise _absent()

    def _of(self, conversation_id: str) -> Path:
        if not _ID.fullmatch(conversation_id):
            raise _absent()
        return self.folder / conversation_id

    def _path(self, file_id: str, conversation_id: str | None) -> Path:
        if not _ID.fullmatch(file_id):
            raise _absent()
        for place in (self.folder / NEW, *([self._of(conversation_id)] if conversation_id else [])):
            if (path := place / file_id).is_file():
                return path
        raise _absent()

    def _read(self, path: Path) -> File:
        try:
            return File(**json.loads(path.with_suffix(".json").read_bytes()))
        except (OSError, ValueError, TypeError):
            raise _absent() from None

    def _sweep(self, place: Path) -> None:
        """Delete what no message named within a day."""
        before = time.time() - UNCLAIMED_SECONDS
        for path in place.iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    path.unlink()


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def name_of(name: str) -> str:
    """Return the last part of a file name, as far as it can be shown."""
    last = clean(name).replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in last if c.isprintable())[-NAME_CHARS:].strip() or "file"


def _absent() -> ChannelError:
    return ChannelError("There is no such file.", status=404, code="unknown_file", fix="attach it again.")


def file_address(conversation_id: str, file_id: str) -> str:
    """Return where a person of the inbox opens a file."""
    return "/inbox/file?" + urlencode({"conversation": conversation_id, "id": file_id})


def file_response(file: File, data: bytes) -> Response:
    """Return a file so that no browser runs anything in it: pictures are shown, all else is saved."""
    shown = "inline" if file.type.startswith("image/") else "attachment"
    headers = {
        "Content-Disposition": f"{shown}; filename*=UTF-8''{quote(file.name, safe='')}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "private, no-store",
    }
    return Response(data, media_type=file.type, headers=headers)
