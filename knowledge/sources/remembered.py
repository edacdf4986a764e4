"""What a crawl remembers of each page, in one small file, so that the next asks only for what has changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

FILE = "pages.json"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One page: the document it became, the source hash of that, the headers to ask by, and the links it has.

    `of` is the setting that brought it in.
    """

    id: str
    of: str
    hash: str = ""
    etag: str = ""
    modified: str = ""
    links: tuple[str, ...] = ()


@dataclass(kw_only=True)
class Remembered:
    """The entries by address: those of the last crawl, and those of this one, which `save` keeps."""

    folder: Path
    before: dict[str, Entry] = field(default_factory=dict)
    now: dict[str, Entry] = field(default_factory=dict)

    def load(self) -> None:
        """Read the file; a missing or damaged one is the same as an empty one."""
        try:
            found = json.loads((self.folder / FILE).read_text(encoding="utf-8"))
            self.before = {url: Entry(**{**one, "links": tuple(one["links"])}) for url, one in found.items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            self.before = {}

    def save(self, still: Callable[[Entry], bool]) -> None:
        """Write the entries of this crawl, and the earlier ones that `still` stand."""
        entries = {url: one for url, one in self.before.items() if still(one)} | self.now
        if not entries and not self.before:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / FILE
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps({url: asdict(one) for url, one in entries.items()}), encoding="utf-8")
        beside.replace(path)
