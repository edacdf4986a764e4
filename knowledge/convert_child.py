"""The child process of convert.py: reads files on stdin, writes one JSON line for each.

Run as `python -m frontdesk.knowledge.convert_child`. Address space and CPU time are limited before any parser loads.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import warnings
from typing import IO, Any

MEMORY_BYTES = 512 * 1024 * 1024
CPU_SECONDS = 40
MAX_CHARS = 2_000_000
KINDS = {
    "html": ("convert_html", "html"),
    "links": ("convert_html", "links"),
    "pdf": ("convert_pdf", "pdf"),
    "docx": ("convert_office", "docx"),
    "pptx": ("convert_office", "pptx"),
    "xlsx": ("convert_office", "xlsx"),
}


def main() -> None:
    """Answer requests until stdin ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
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


def _answer(kind: str, data: bytes) -> dict[str, Any]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + CPU_SECONDS, hard))
    module, name = KINDS[kind]
    try:
        result: dict[str, Any] = getattr(importlib.import_module(f"frontdesk.knowledge.{module}"), name)(data)
    except (MemoryError, ImportError) as error:  # a library half loaded for want of memory stays so: end here
        missing = (
            f", or its converter is not installed ({error.name})" if isinstance(error, ModuleNotFoundError) else ""
        )
        return {"error": f"needs more than {MEMORY_BYTES // 2**20} MB of memory to convert{missing}", "ended": True}
    except Exception as error:  # any parser error means the same thing here: this file is unreadable
        return {"error": _why(kind, error)}
    size = len(result["text"]) + sum(len(str(row)) for row in result.get("rows", ()))
    return result if size <= MAX_CHARS else {"error": f"longer than {MAX_CHARS} characters"}


def _why(kind: str, error: Exception) -> str:
    names = f"{type(error).__name__} {error!r}"
    if "Password" in names or "Encryption" in names or "encrypted" in names:
        return "password-protected; save it without a password"
    return f"unreadable {kind.upper()} ({type(error).__name__}: {str(error)[:120] or 'no detail'})"


if __name__ == "__main__":
    main()
