"""Which versions a vLLM server has loaded: a promoted one is loaded beside the one that speaks, then takes over.

https://docs.vllm.ai/en/latest/features/lora.html#dynamically-serving-lora-adapters. All of this runs on one event loop.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Coroutine
from typing import Any

import httpx

from frontdesk.adapters.remote.asking import Asked
from frontdesk.adapters.remote.wire import WireError, call
from frontdesk.bot.config import Remote

SWITCH_S = 1.0
"""How long the first reply after a promotion waits for the new version before the one before speaks on."""
RETRY_S = 60.0

log = logging.getLogger(__name__)


class Loaded:
    """What this process had the server load."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._models: set[str] = set()
        self._speaking: dict[str, Asked] = {}
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._begun_at: dict[str, float] = {}
        self._failed_at: dict[str, float] = {}
        self._background: set[asyncio.Task[None]] = set()

    async def ready(self, client: httpx.AsyncClient, wanted: Asked, end: float) -> Asked:
        """Return the version to ask for: the wanted one, or the one before until that is loaded; raises WireError."""
        if wanted.model not in self._models:
            before = self._speaking.get(wanted.voice)
            if before is None or before.model not in self._models:
                await self._wait(client, wanted, end)
            elif not await self._changed(client, wanted, end):
                return before
        before = self._speaking.get(wanted.voice)
        self._speaking[wanted.voice] = wanted
        if before is not None and before.model != wanted.model:
            self._start(self._unload(client, before))
        return wanted

    def lost(self, asked: Asked) -> None:
        """Take note that the server knows this version no longer: it was started again."""
        self._models.discard(asked.model)

    async def _changed(self, client: httpx.AsyncClient, wanted: Asked, end: float) -> bool:
        """Whether the wanted version is loaded by now; it goes on loading while the one before speaks."""
        now = asyncio.get_running_loop().time()
        if wanted.model in self._loading or now - self._failed_at.get(wanted.model, -RETRY_S) < RETRY_S:
            return False
        try:
            await self._wait(client, wanted, min(end, now + SWITCH_S))
        except WireError:
            return False
        return True

    async def _wait(self, client: httpx.AsyncClient, wanted: Asked, end: float) -> None:
        """Have a version loaded and wait for it until `end`; not for a load that has hung for a reply's time."""
        now = asyncio.get_running_loop().time()
        task = self._loading.get(wanted.model)
        if task is None:
            task = self._loading[wanted.model] = self._start(self._load(client, wanted))
            self._begun_at[wanted.model] = now
        else:
            end = min(end, self._begun_at[wanted.model] + self._remote.total_seconds)
        done, _ = await asyncio.wait({task}, timeout=max(0.0, end - now))
        if not done:
            raise WireError(f"is still loading {wanted.id}.", where=self._remote.url, status=404)
        task.result()

    async def _load(self, client: httpx.AsyncClient, wanted: Asked) -> None:
        try:
            async with asyncio.timeout(self._remote.load_seconds):
                await load(client, wanted)
            self._models.add(wanted.model)
        except (WireError, TimeoutError) as error:
            self._failed_at[wanted.model] = asyncio.get_running_loop().time()
            log.error("%s cannot be loaded by the voice server: %s", wanted.id, error or "it takes too long")
            if isinstance(error, WireError):
                raise
            raise WireError(f"takes too long to load {wanted.id}.", where=self._remote.url) from None
        finally:
            self._loading.pop(wanted.model, None)

    async def _unload(self, client: httpx.AsyncClient, old: Asked) -> None:
        """Let the replies in progress end, then free the server's memory."""
        await asyncio.sleep(self._remote.total_seconds)
        if old.model in {asked.model for asked in self._speaking.values()}:
            return
        self._models.discard(old.model)
        try:
            status, _ = await call(client, "unload_lora_adapter", {"lora_name": old.model})
        except WireError as error:
            log.warning("%s stays loaded: %s", old.id, error)
            return
        if status not in (200, 404):
            log.warning("%s stays loaded: the voice server answered %s", old.id, status)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled():
            task.exception()  # its waiters have it, and the log


async def load(client: httpx.AsyncClient, wanted: Asked) -> None:
    """Have vLLM load one version; raises WireError.

    "Already loaded" is success only when the server lists our name: it carries the hash of the manifest.
    """
    status, content = await call(client, "load_lora_adapter", {"lora_name": wanted.model, "lora_path": wanted.path})
    if status == 200:
        return
    where = str(client.base_url)
    if status == 400 and b"already been loaded" in content and wanted.model in await listed(client):
        return
    raise WireError(f"does not load {wanted.id}: it answered {status}.", where=where, status=404)


async def listed(client: httpx.AsyncClient) -> set[str]:
    """Return the names of the models that the server lists; raises WireError."""
    status, content = await call(client, "models")
    try:
        return {str(model["id"]) for model in json.loads(content)["data"]}
    except (ValueError, KeyError, TypeError):
        raise WireError(f"lists no models: it answered {status}.", where=str(client.base_url)) from None
