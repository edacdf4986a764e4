"""The knowledge bases of a project: one for each brand with sources of its own, one that the other brands share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

from frontdesk.bot.config import Settings
from frontdesk.bot.types import Conversation, Encoder, Message, Route, Sentence
from frontdesk.knowledge.base import Knowledge
from frontdesk.knowledge.index import Progress, silent
from frontdesk.knowledge.values import ALONE, Helpers, IngestReport, Question

SHARED = "shared"


class KnowledgeBases:
    """Picks by brand, and answers as one. Brands are kept apart by their folders: nothing else is ever opened.

    `bases` has them by name: that of their brand, or "shared" (a brand of that name gets "shared (brand)").
    """

    def __init__(self, state: Path, settings: Settings, encoder: Encoder, helpers: Helpers = ALONE) -> None:
        self.bases: dict[str, Knowledge] = {}
        self._of: dict[str, str] = {}
        for brand, table in settings.brands.items():
            name, folder, own = SHARED, state, settings.knowledge
            if table.knowledge:
                name = f"{brand} (brand)" if brand == SHARED else brand
                folder = state / "brands" / quote(brand, safe="").replace(".", "%2E")
                own = own.model_copy(update=dict(table.knowledge))
            self._of[brand] = name
            if name not in self.bases:
                self.bases[name] = Knowledge(folder, encoder, own, helpers)

    def of(self, brand: str) -> Knowledge:
        """Return the knowledge base that a brand answers from."""
        return self.bases[self._of[brand]]

    def only(self, brand: str | None) -> str | None:
        """Return the name of the one base that `brand` answers from; None for all, also where there is but one."""
        return self._of[brand] if brand and len(self.bases) > 1 else None

    async def answer(self, message: Message, conversation: Conversation, route: Route) -> AsyncIterator[Sentence]:
        """Yield cited sentences from the base of the message's brand; none at all to abstain."""
        async for sentence in self.of(message.brand).answer(message, conversation, route):
            yield sentence

    def watched(self, project_folder: Path, only: str | None = None) -> list[Path]:
        """Return the local files and folders that every base, or the one named `only`, is made from."""
        bases = [self.bases[only]] if only else self.bases.values()
        names = {source for base in bases for source in base.settings.sources}
        return sorted(project_folder / name for name in names if "://" not in name)

    def load(self) -> None:
        """Open every base; raises KnowledgeError as `Knowledge.load` does."""
        for base in self.bases.values():
            base.load()

    def warm_up(self) -> None:
        """Ask every base once, so that no customer waits for a scorer to be loaded."""
        for base in self.bases.values():
            base.explain(Question(text="How can I reach you?"))

    def keep_right(self) -> bool:
        """Keep the right to ingest into every base until `close`; False when another process has one of them."""
        return all([base.right.keep() for base in self.bases.values()])

    def release_right(self) -> None:
        """Give up the right to ingest."""
        for base in self.bases.values():
            base.right.release()

    def rights(self) -> dict[str, int]:
        """Return the rights that are kept, by base, as a child process inherits them."""
        handles = {name: base.right.handle for name, base in self.bases.items()}
        return {name: handle for name, handle in handles.items() if handle is not None}

    def inherit(self, rights: Mapping[str, int]) -> None:
        """Keep the rights that the parent process handed down, of the bases that the settings still have."""
        for name in rights.keys() & self.bases.keys():
            self.bases[name].right.inherit(rights[name])

    def take_up(self, only: str | None = None) -> None:
        """Serve what another process has made of every base, or of the one named `only`; nothing of an unknown one."""
        for name, base in self.bases.items():
            if only in (None, name):
                base.take_up()

    def elsewhere(self) -> bool:
        """Whether another process has the right to ingest into one of the bases now."""
        return any(base.right.elsewhere() for base in self.bases.values())

    def ingest(
        self, project_folder: Path, progress: Progress = silent, only: str | None = None
    ) -> dict[str, IngestReport]:
        """Bring every base, or the one named `only`, up to date with its sources; returns the reports by base."""
        names = [only] if only else list(self.bases)
        return {name: self.bases[name].ingest(project_folder, progress) for name in names}

    def close(self) -> None:
        """Close every base."""
        for base in self.bases.values():
            base.close()


def told(reports: Mapping[str, IngestReport]) -> dict[str, Any]:
    """Return the reports as plain data: what all did together, and each by its base."""
    return {**asdict(_summed(reports.values())), "bases": {name: asdict(one) for name, one in reports.items()}}


def _summed(reports: Iterable[IngestReport]) -> IngestReport:
    """Return what several ingests did together."""
    total, *rest = reports
    for one in rest:
        names = [field.name for field in fields(IngestReport)]
        total = IngestReport(**{name: getattr(total, name) + getattr(one, name) for name in names})
    return total
