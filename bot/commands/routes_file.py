"""Routes written into `frontdesk.toml`: comments, order and everything else stay as they are."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from frontdesk.bot.project import read_settings


def with_routes(text: str, brand: str, routes: Mapping[str, str]) -> str:
    """Return the file's text with these routes of a brand; new ones come last in their table."""
    import tomlkit

    document: Any = tomlkit.parse(text)
    table = document["brands"][brand]
    if "routes" not in table:
        table["routes"] = tomlkit.table()
    body, last = table["routes"].value.body, []
    while body and body[-1][0] is None:  # blank lines and comments before the next table: new routes go above them
        last.append(body.pop())
    for intent, route in routes.items():
        table["routes"][intent] = route
    body.extend(reversed(last))
    return tomlkit.dumps(document)


def difference(before: str, after: str) -> str:
    """Return the changed lines with three around them, as `diff -u` shows them."""
    old, new = (text.splitlines(keepends=True) for text in (before, after))
    return "".join(difflib.unified_diff(old, new, fromfile="frontdesk.toml", tofile="frontdesk.toml, advised")).rstrip()


def replaced(path: Path, text: str) -> None:
    """Put `text` in the file's place in one step; raises ConfigError, and changes nothing, when it is no settings."""
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(text, encoding="utf-8")
    try:
        read_settings(draft)
        draft.chmod(path.stat().st_mode)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
