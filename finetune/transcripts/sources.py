"""Files as streams of UTF-8 bytes: unpacked, without a byte order mark, whatever their encoding was."""

from __future__ import annotations

import codecs
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from frontdesk.finetune.transcripts.report import Report

HEAD = 65_536
"""Bytes that formats are told by."""
ROW = 16 * 1024 * 1024
"""The longest line; a longer one is skipped, so that no file can fill the memory."""
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def open_utf8(path: Path) -> IO[bytes]:
    """Open a file (.gz too) as UTF-8 bytes; UTF-8 and UTF-16 with a byte order mark are recognised."""
    packed = path.suffix == ".gz"
    file = io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(path))) if packed else path.open("rb")
    head = file.peek(4)[:4]
    encoding = next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)
    if encoding == "utf-8-sig":
        file.read(len(codecs.BOM_UTF8))
    return io.BufferedReader(_Recoded(file)) if encoding == "utf-16" else file


class _Recoded(io.RawIOBase):
    """UTF-16 in, UTF-8 out."""

    def __init__(self, file: IO[bytes]) -> None:
        self._text = io.TextIOWrapper(file, encoding="utf-16", newline="")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._text.read(max(1, len(buffer) // 4)).encode("utf-8")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._text.close()
        super().close()


def head_of(path: Path) -> bytes:
    """Return the first bytes of a file as UTF-8."""
    with open_utf8(path) as file:
        return file.read(HEAD)


def lines(path: Path, report: Report) -> Iterator[tuple[str, str]]:
    """Yield (place, line) of every line that holds something; one that is not UTF-8 or endless is skipped."""
    with open_utf8(path) as file:
        number = 0
        while row := file.readline(ROW):
            number += 1
            where = f"{path.name}:{number}"
            if len(row) == ROW and not row.endswith(b"\n"):
                _drain(file)
                report.skip(where, "row too long", f"over {ROW // 2**20} MB")
            elif row.strip():
                try:
                    yield where, row.decode("utf-8")
                except UnicodeDecodeError as error:
                    report.skip(where, "not UTF-8", f"byte {error.start} of the line")


def _drain(file: IO[bytes]) -> None:
    while (more := file.readline(ROW)) and not more.endswith(b"\n"):
        pass
