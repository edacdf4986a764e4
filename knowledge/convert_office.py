"""DOCX, PPTX and XLSX -> Markdown. Each is a zip, which is measured before it is opened. Runs in the child process."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any

from frontdesk.knowledge import tables

MAX_ENTRIES = 5_000
MAX_UNPACKED = 200_000_000
MAX_RATIO = 100
MAX_CELLS = 500_000
_OLE = b"\xd0\xcf\x11\xe0"
_IMAGE = re.compile(r"!\[([^\]]*)\]\([^)\n]*\)")
_NOTES = re.compile(r"^### Notes:\n.*?(?=^<!-- Slide|\Z)", re.M | re.S)


def docx(data: bytes) -> dict[str, Any]:
    """Convert a Word document; headings, lists and tables stay."""
    from markitdown import StreamInfo
    from markitdown.converters import DocxConverter

    _measure(data)
    result: Any = DocxConverter().convert(io.BytesIO(data), StreamInfo(extension=".docx"))
    return {"text": tables.headed(_IMAGE.sub("", result.markdown))}


def pptx(data: bytes) -> dict[str, Any]:
    """Convert a presentation: a heading and its text per slide. Speaker notes are for the speaker and left out."""
    from markitdown import StreamInfo
    from markitdown.converters import PptxConverter

    _measure(data)
    result: Any = PptxConverter().convert(io.BytesIO(data), StreamInfo(extension=".pptx"))
    text = re.sub(r"<!--.*?-->\s*", "", _IMAGE.sub("", _NOTES.sub("", result.markdown)))
    return {"text": re.sub(r"^# ", "## ", text, flags=re.M).strip()}


def xlsx(data: bytes) -> dict[str, Any]:
    """Convert a workbook: a table per visible sheet, values as they are shown; `rows` when it is a list of entries."""
    from openpyxl import load_workbook

    _measure(data)
    book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    sheets = {one.title: list(_rows(one)) for one in book.worksheets if one.sheet_state == "visible"}
    sheets = {name: rows for name, rows in sheets.items() if any(any(row) for row in rows)}
    if len(sheets) == 1:
        [rows] = sheets.values()
        return {"text": tables.markdown(rows), "rows": tables.entries(tables.records(rows))}
    return {"text": "\n\n".join(f"## {name}\n\n{tables.markdown(rows)}" for name, rows in sheets.items())}


def _measure(data: bytes) -> None:
    """Refuse a zip that would unpack to too much; nothing inside it that is itself packed is ever opened."""
    if data.startswith(_OLE):
        raise ValueError("encrypted, or of an Office before 2007")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        inside = archive.infolist()
    total = sum(entry.file_size for entry in inside)
    if len(inside) > MAX_ENTRIES or total > MAX_UNPACKED or total > MAX_RATIO * len(data):
        raise ValueError(f"it would unpack to {total:,} bytes in {len(inside):,} entries, more than is safe")
    if any(entry.flag_bits & 1 for entry in inside):
        raise ValueError("encrypted")


def _rows(sheet: Any) -> Iterator[list[str]]:
    count = 0
    for row in sheet.iter_rows():
        count += len(row)
        if count > MAX_CELLS:
            raise ValueError(f"more than {MAX_CELLS:,} cells in sheet {sheet.title}")
        yield [_shown(cell) for cell in row]


def _shown(cell: Any) -> str:
    """Return a cell as a reader sees it: percentages, currencies and dates by its number format."""
    value, shape = cell.value, str(getattr(cell, "number_format", "") or "")
    if value is None:
        return ""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    if isinstance(value, date | time):
        return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    return _number(value, shape) if isinstance(value, int | float) else str(value)


def _number(value: float, shape: str) -> str:
    shape = shape.split(";")[0]
    decimals = re.search(r"0\.(0+)", shape)
    places = len(decimals[1]) if decimals else 0
    if "%" in shape:
        return f"{value * 100:.{places}f}%"
    plain = f"{value:.{places}f}" if decimals else f"{round(value, 10):.12g}" if "e" not in repr(value) else repr(value)
    symbol = re.search(r"[£$€¥₹]", shape)
    if not symbol:
        return plain
    before = symbol.start() < shape.find("0")
    return f"{symbol[0]}{plain}" if before else f"{plain} {symbol[0]}"
