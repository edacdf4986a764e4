"""The child process of convert.py: reads files on stdin, writes one JSON line of Markdown for each.

Run as `python -m frontdesk.knowledge.convert_child`. Address space and CPU time are limited before any parser loads.
"""

from __future__ import annotations

import io
import json
import os
import re
import resource
import sys
import warnings
from typing import IO, Any

MEMORY_BYTES = 2_000_000_000
CPU_SECONDS = 40
MAX_CHARS = 2_000_000
_CHROME = ["script", "style", "noscript", "template", "svg", "iframe", "nav", "header", "footer", "aside", "form"]


def main() -> None:
    """Answer requests until stdin ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a parser prints must not reach the answers
    while request := _read(sys.stdin.buffer):
        answers.write(json.dumps(_answer(*request)) + "\n")
        answers.flush()


def _read(stream: IO[bytes]) -> tuple[str, bytes] | None:
    line = stream.readline()
    if not line:
        return None
    head = json.loads(line)
    return head["kind"], stream.read(head["size"])


def _answer(kind: str, data: bytes) -> dict[str, str]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + CPU_SECONDS, hard))
    try:
        result = {"html": html, "pdf": pdf}[kind](data)
    except MemoryError:
        return {"error": "needs too much memory to convert"}
    except Exception as error:  # any parser error means the same thing here: this file is unreadable
        return {"error": f"unreadable {kind.upper()} ({type(error).__name__}: {str(error)[:120] or 'no detail'})"}
    return result if len(result["text"]) <= MAX_CHARS else {"error": f"longer than {MAX_CHARS} characters"}


def html(data: bytes) -> dict[str, str]:
    """Convert a page's main content, without menus, scripts and hidden parts."""
    from bs4 import BeautifulSoup
    from markitdown.converters import HtmlConverter

    soup = BeautifulSoup(data, "html.parser")
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    link = soup.find("link", rel="canonical")
    url = str(link.get("href") or "") if link else ""
    for tag in soup(_CHROME):
        tag.decompose()
    for tag in soup.select('[hidden], [aria-hidden="true"], [style*="display:none"], [style*="display: none"]'):
        tag.decompose()
    main = soup.find("main") or soup.find("article") or soup.body or soup
    text = HtmlConverter().convert_string(str(main)).markdown
    return {"text": text, "title": title, "url": url if url.startswith(("http://", "https://")) else ""}


def pdf(data: bytes) -> dict[str, str]:
    """Convert a PDF and join the lines that its layout broke."""
    from markitdown import StreamInfo
    from markitdown.converters import PdfConverter

    result: Any = PdfConverter().convert(io.BytesIO(data), StreamInfo(extension=".pdf"))
    return {"text": reflow(result.markdown), "title": str(result.title or ""), "url": ""}


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


if __name__ == "__main__":
    main()
