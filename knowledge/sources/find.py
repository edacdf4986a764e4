"""The setting `knowledge.sources` -> the sources it names, found while one goes through them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from frontdesk.bot.config import Sources
from frontdesk.knowledge.convert import Converter
from frontdesk.knowledge.sources.crawl import Crawl
from frontdesk.knowledge.sources.files import files
from frontdesk.knowledge.sources.git import Git
from frontdesk.knowledge.sources.reading import entries
from frontdesk.knowledge.sources.remembered import Remembered
from frontdesk.knowledge.sources.repository import Repository
from frontdesk.knowledge.sources.source import Source, Unreadable
from frontdesk.knowledge.sources.web import Web
from frontdesk.knowledge.values import Skipped


@dataclass(kw_only=True)
class Found:
    """Iterate once for the sources, each id once; then `skipped` and `keeps` tell what could not be looked at.

    `known` holds the source hash of every current document by id and `hashed` makes one from bytes: a page that is
    unchanged since that hash is not fetched again. `state` is the folder for what that takes. Raises KnowledgeError
    when a file or folder does not exist.
    """

    project: Path
    wanted: Sources
    converter: Converter
    state: Path
    known: Mapping[str, str]
    hashed: Callable[[bytes], str]
    web: Web = field(default_factory=Web)
    git: Git = field(default_factory=Git)
    skipped: list[Skipped] = field(default_factory=list)
    expected: int = 0
    _kept: set[str] = field(default_factory=set)

    def __iter__(self) -> Iterator[Source]:
        seen, failed = set[str](), set[str]()
        remembered = Remembered(folder=self.state)
        remembered.load()
        with self.web as web:
            crawl, repository = self._lookers(web, remembered, failed)
            for name in self.wanted.sources:
                below = self._below(name, crawl, repository)
                for source in (part for one in below for part in self._parts(one)):
                    if source.id not in seen:
                        seen.add(source.id)
                        yield source
        self._kept |= {one.id for one in remembered.before.values() if one.of in failed}
        remembered.save(lambda entry: entry.of in failed)

    def _lookers(self, web: Web, remembered: Remembered, failed: set[str]) -> tuple[Crawl, Repository]:
        shared: dict[str, Any] = {
            "remembered": remembered,
            "limit": self.wanted.pages,
            "known": self.known,
            "hashed": self.hashed,
            "found": self._expect,
            "skipped": self.skipped,
            "failed": failed,
        }
        return Crawl(web=web, converter=self.converter, **shared), Repository(git=self.git, **shared)

    def _below(self, name: str, crawl: Crawl, repository: Repository) -> Iterable[Source]:
        if name.startswith("git+"):
            return repository.sources(name)
        if "://" in name:
            self._expect(1)
            return crawl.sources(name)
        found = files(self.project, name)
        self._expect(len(found))
        return found

    def _expect(self, more: int) -> None:
        self.expected += more

    def _parts(self, source: Source) -> Iterator[Source]:
        """Yield a file, or its entries where it is a list of questions and answers; broken ones keep what they had."""
        if source.kind not in ("csv", "json", "jsonl", "xlsx"):
            yield source
            return
        try:
            parts = entries(source, self.converter)
        except Unreadable:  # met again, and reported, when the file itself is read
            self._kept.add(source.id)
            parts = []
        self._expect(max(0, len(parts) - 1))
        yield from parts or [source]

    def keeps(self, document_id: str) -> bool:
        """Whether a known document that was not found stays, because where it came from could not be looked at."""
        return document_id.partition("#")[0] in self._kept
