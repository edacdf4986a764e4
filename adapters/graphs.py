"""ONNX graphs: made once from weights, kept in the user's cache under their sha256, and run on the CPU."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from frontdesk.adapters.base_model import sha256
from frontdesk.bot.errors import ModelError


def user_cache() -> Path:
    """Where everything lies that may be deleted, and is then made again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "frontdesk"


def kept(path: Path, make: Callable[[], bytes]) -> Path:
    """Return `path` with the bytes that `make` gave; made again when its bytes are not those that were written.

    Raises ModelError when the folder takes no files.
    """
    seal = path.with_suffix(".sha256")
    with suppress(OSError):
        if seal.read_text(encoding="ascii") == sha256(path):
            return path
    data = make()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, data)
        _write(seal, hashlib.sha256(data).hexdigest().encode("ascii"))
    except OSError as error:
        fix = "make that folder writable, or name another in XDG_CACHE_HOME."
        raise ModelError(f"the graph cannot be cached: {error}", where=str(path.parent), fix=fix) from error
    return path


def session(graph: Path | bytes, threads: int) -> Any:
    """Return a CPU session whose threads sleep when idle: spinning ones cost 20 times on shared cores."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        source = graph if isinstance(graph, bytes) else str(graph)
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own exception types are not public
        if isinstance(graph, bytes):
            raise ModelError(f"the graph does not start: {error}") from error
        raise ModelError(f"the graph does not start: {error}", where=str(graph), fix="delete that file.") from error


def _write(path: Path, data: bytes) -> None:
    """Write whole or not at all, whatever else writes the same file."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
