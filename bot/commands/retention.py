"""Retention: what is older than `store.keep_days` is deleted, every night while the server runs and by command."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from frontdesk.bot.errors import ConfigError, StoreError
from frontdesk.bot.project import Project
from frontdesk.bot.store import Store
from frontdesk.bot.types import now

SLICE = timedelta(hours=6)
"""What one transaction deletes, so that no message waits long for the database."""
HOUR = 3
"""When the nightly run is due, in the machine's own time."""
AGAIN_SECONDS = 3600.0
"""Until the next try when a run failed."""

log = logging.getLogger(__name__)


class Retention:
    """Deletes what a project keeps no longer: conversations, their deliveries and votes, and attached files."""

    def __init__(self, project: Project, store: Store) -> None:
        self._days, self._store = project.settings.store.keep_days, store
        self._attachments = project.state / "attachments"
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Run now and every night, in the background; not at all where everything is kept."""
        if self._days:
            self._task = asyncio.create_task(self._nightly(), name="frontdesk-retention")

    async def stop(self) -> None:
        """End; a slice that is being deleted is deleted whole."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def run(self) -> dict[str, Any]:
        """Delete what is older than the days, so that no byte of it stays in the files. Blocking.

        Returns `before` (ISO 8601), the `conversations` that are gone entirely and the `files`. Raises ConfigError
        when everything is kept, StoreError when the database fails.
        """
        if not self._days:
            fix = "set it to the days that conversations are kept."
            raise ConfigError("everything is kept for ever.", where="store.keep_days", fix=fix)
        limit = now() - timedelta(days=self._days)
        gone = sum(self._store.forget_before(moment) for moment in self._slices(limit))
        files = sum(_forgotten(path, limit) for path in sorted(self._attachments.rglob("*"), reverse=True))
        self._store.scrub()
        return {"before": limit.isoformat(timespec="seconds"), "conversations": gone, "files": files}

    def _slices(self, limit: datetime) -> Iterator[datetime]:
        moment = self._store.oldest() or limit
        while (moment := moment + SLICE) < limit:
            yield moment
        yield limit

    async def _nightly(self) -> None:
        while True:
            try:
                found = await asyncio.to_thread(self.run)
            except Exception as error:  # whatever it was, tomorrow's run must come
                log.error("what is too old was not deleted: %s", error, exc_info=not isinstance(error, StoreError))
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            log.info("deleted what was written before %(before)s: %(conversations)d conversations", found)
            await asyncio.sleep(_until_night(datetime.now()))


def _forgotten(path: Path, limit: datetime) -> int:
    """Delete a file that is too old, or a folder that is empty; 1 for a file."""
    try:
        if path.is_dir():
            path.rmdir()
        elif path.lstat().st_mtime < limit.timestamp():
            path.unlink()
            return 1
    except OSError as error:  # a folder with newer files in it, or a file that is gone already
        log.debug("%s stays: %s", path, error)
    return 0


def _until_night(at: datetime) -> float:
    due = at.replace(hour=HOUR, minute=0, second=0, microsecond=0)
    return ((due if due > at else due + timedelta(days=1)) - at).total_seconds()
