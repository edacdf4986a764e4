"""Names that are known beforehand, from an account record or another turn of the same conversation."""

from __future__ import annotations

import re
from collections.abc import Iterable

from frontdesk.finetune.redact.words import ALSO_WORDS

_PART = re.compile(r"[^\s,.;:()\"]+")


def known_pattern(names: Iterable[str]) -> re.Pattern[str] | None:
    """Return what finds these names and their parts of three letters and more, in any case; None for no name.

    A part that is an ordinary word as well (Will, Grace, May) is found only where it is capitalised.
    """
    wholes = {name.strip() for name in names if len(name.strip()) >= 2}
    parts = wholes | {part for name in wholes for part in _PART.findall(name) if len(part) >= 3}
    if not parts:
        return None
    ordered = sorted(parts, key=lambda part: (-len(part), part))
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(_either_case, ordered))})(?!\w)")


def _either_case(name: str) -> str:
    """A pattern for one name, its spaces loose."""
    words = r"[\s.,]+".join(re.escape(word) for word in name.split())
    if name.lower() in ALSO_WORDS:
        return rf"(?:{re.escape(name.title())}|{re.escape(name.upper())})"
    return f"(?i:{words})"
