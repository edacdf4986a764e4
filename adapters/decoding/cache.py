"""A file that is made once, sealed with its sha256, and made again when its bytes are not those that were written."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from frontdesk.adapters.base_model import sha256
from frontdesk.bot.errors import ModelError


def kept(path: Path, make: Callable[[], bytes]) -> Path:
    """Return `path` with the bytes that `make` gave once; raises ModelError when the folder takes no files."""
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
        raise ModelError(f"the decoding graph cannot be cached: {error}", where=str(path.parent), fix=fix) from error
    return path


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
