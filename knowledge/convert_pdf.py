"""PDF -> Markdown by markitdown, with the lines that the page layout broke joined again. Runs in the child process."""

from __future__ import annotations

import io
import re
import zlib
from itertools import islice
from typing import Any

MAX_UNPACKED = 100_000_000
MAX_PAGES = 600
TABLED_PAGES = 100
"""With tables a page takes about 165 ms of computing, without 41 ms; the child has 40 s."""
_STREAM = re.compile(rb"\bstream\r?\n(?=[\x08\x18\x28\x38\x48\x58\x68\x78])")
"""The start of a stream that zlib may have packed."""


def pdf(data: bytes) -> dict[str, Any]:
    """Convert a PDF and join the lines that its layout broke; long ones without looking for tables, which is slow."""
    from pdfminer.high_level import extract_text
    from pdfminer.pdfpage import PDFPage

    if b"%PDF-" not in data[:1024]:
        raise ValueError("it is not a PDF")
    _measure(data)
    pages = sum(1 for _ in islice(PDFPage.get_pages(io.BytesIO(data)), MAX_PAGES + 1))
    if pages > MAX_PAGES:
        raise ValueError(f"it has more than {MAX_PAGES} pages; split it")
    return {"text": reflow(_tabled(data) if pages <= TABLED_PAGES else extract_text(io.BytesIO(data)))}


def _tabled(data: bytes) -> str:
    from markitdown import StreamInfo
    from markitdown.converters import PdfConverter

    return str(PdfConverter().convert(io.BytesIO(data), StreamInfo(extension=".pdf")).markdown)


def _measure(data: bytes) -> None:
    """Refuse a PDF with a stream that would unpack to too much."""
    for start in _STREAM.finditer(data):
        unpacker = zlib.decompressobj()
        try:
            unpacker.decompress(memoryview(data)[start.end() :], MAX_UNPACKED)
        except zlib.error:  # packed otherwise, or broken: the parser will tell
            continue
        if unpacker.unconsumed_tail and not unpacker.eof:
            raise ValueError(f"a stream in it unpacks to more than {MAX_UNPACKED // 1_000_000} MB")


def reflow(text: str) -> str:
    """Join lines broken by a page layout into paragraphs; bullets and lone title lines become Markdown."""
    text = re.sub(r"^[ \t]*[•●▪◦‣][ \t]*", "- ", text.replace("\f", "\n\n"), flags=re.M)
    lines = [line for block in re.split(r"\n\s*\n", text) for line in _join(block)]
    out: list[str] = []
    for before, line in zip(["", *lines], lines, strict=False):
        together = not out or (_MARKED.match(before) and _MARKED.match(line))
        out += [] if together else [""]
        out.append(_titled(line))
    return "\n".join(out)


_MARKED = re.compile(r"- |\d+[.)] |\|")
_TITLE = re.compile(r"[A-Z][^.!?:;,|]{2,58}[^.!?:;,|\s\d]$")


def _titled(line: str) -> str:
    return f"## {line}" if _TITLE.match(line) and len(line.split()) <= 8 else line


def _join(block: str) -> list[str]:
    lines = [line.strip() for line in block.splitlines() if line.strip()]
    longest = max((len(line) for line in lines), default=0)
    out: list[str] = []
    for before, line in zip(["", *lines], lines, strict=False):
        starts = _MARKED.match(line) or before.startswith("|") or len(before) < 0.6 * longest
        if out and not starts:
            out[-1] += " " + line
        else:
            out.append(line)
    return out
