"""Voices spoken by an OpenAI-compatible server."""

from __future__ import annotations

import asyncio
import atexit
import time
from collections.abc import Callable, Sequence

import httpx

from frontdesk.adapters.base_model import sha256
from frontdesk.adapters.registry import VoiceRegistry, verified
from frontdesk.adapters.remote.asking import Asked, asked_for, messages, request
from frontdesk.adapters.remote.breaker import Breaker
from frontdesk.adapters.remote.loading import Loaded
from frontdesk.adapters.remote.loop import LoopThread
from frontdesk.adapters.remote.wire import ABOUT_THE_REQUEST, Patience, WireError, reply
from frontdesk.bot.config import Remote
from frontdesk.bot.errors import ModelError
from frontdesk.bot.usage import Tariff

_MARGIN_S = 2.0


class RemoteVoices:
    """Writes replies with the registry's served versions on a server; safe to share between threads.

    Every call ends within `total_seconds` of its settings, or `seconds`. Only what the gate accepted is asked for.
    """

    def __init__(
        self,
        registry: VoiceRegistry,
        remote: Remote,
        *,
        seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.registry, self.remote = registry, remote
        self.breaker = Breaker(clock)
        self._seconds = seconds or remote.total_seconds
        self._loop = LoopThread()
        self._loaded = Loaded(remote)
        self._client: httpx.AsyncClient | None = None
        self._known: dict[tuple[str, str], Asked] = {}
        self._last: dict[str, Asked] = {}

    def speak(self, voice: str, intent: str, text: str, *, seed: int) -> tuple[str, str]:
        """Return (reply with placeholders, version); raises ModelError."""
        (drawn,), version = self.candidates(voice, intent, text, seeds=(seed,))
        return drawn, version

    def candidates(self, voice: str, intent: str, text: str, *, seeds: Sequence[int]) -> tuple[list[str], str]:
        """Return (one reply per seed, "" where the server gave none, version); ModelError when it gave none at all.

        One request per seed, at the same time: greedy and sampled replies cannot share a request.
        """
        asked = self._asked(voice)
        if not self.breaker.allow():
            raise ModelError("is left alone for a moment after failing again and again.", where=self.remote.url)
        return self._recorded(asked, intent, text, seeds, self._seconds, self.remote.first_token_seconds)

    def warm_up(self, voice: str) -> str:
        """Have the server load a voice and say hello with it; return its version. Raises ModelError."""
        patience = self.remote.load_seconds
        return self._recorded(self._asked(voice), "greeting", "hello", (0,), patience, patience)[1]

    def close(self) -> None:
        """Close the connections; done at exit for those that are still open."""
        atexit.unregister(self.close)
        if self._client is not None:
            self._loop.run(self._client.aclose(), _MARGIN_S)
            self._client = None
        self._loop.close()

    def _asked(self, voice: str) -> Asked:
        """Return the served version as the server is asked for it; its files are verified once per manifest."""
        try:
            folder = self.registry.served(voice)[1]
            digest = sha256(folder / "manifest.json")
            if (voice, digest) not in self._known:
                found = asked_for(self.remote, voice, folder, verified(folder), digest)
                self._known[voice, digest] = found
            self._last[voice] = self._known[voice, digest]
        except (ModelError, OSError, ValueError) as error:
            if voice not in self._last:
                raise ModelError(f"no voice {voice!r} to serve: {error}", where=str(self.registry.folder)) from error
        return self._last[voice]

    def _recorded(
        self, asked: Asked, intent: str, text: str, seeds: Sequence[int], seconds: float, first: float
    ) -> tuple[list[str], str]:
        try:
            drawn = self._loop.run(self._drawn(asked, intent, text, seeds, seconds, first), seconds + _MARGIN_S)
        except WireError as error:
            if error.status not in ABOUT_THE_REQUEST:
                self.breaker.record(success=False)
            raise
        except TimeoutError:
            self.breaker.record(success=False)
            raise ModelError("gave no answer in time.", where=self.remote.url) from None
        self.breaker.record(success=True)
        return drawn

    async def _drawn(
        self, asked: Asked, intent: str, text: str, seeds: Sequence[int], seconds: float, first: float
    ) -> tuple[list[str], str]:
        """Draw one reply per seed at the same time; the first one's error when there is no reply at all."""
        patience = Patience(first=first, idle=self.remote.idle_seconds, end=asyncio.get_running_loop().time() + seconds)
        client = self._connected()
        if self.remote.server == "vllm":
            asked = await self._loaded.ready(client, asked, patience.end)
        bodies = [request(self.remote, asked.model, messages(intent, text), seed) for seed in seeds]
        names = asked.names(self.remote)
        told = Tariff(
            model=asked.id, provider=self.remote.server, price_in=self.remote.price_in, price_out=self.remote.price_out
        )
        asking = (reply(client, body, names, patience, told) for body in bodies)
        drawn = await asyncio.gather(*asking, return_exceptions=True)
        errors = [each for each in drawn if isinstance(each, BaseException)]
        if any(isinstance(error, WireError) and error.status == 404 for error in errors):
            self._loaded.lost(asked)
        if unexpected := [error for error in errors if not isinstance(error, WireError)]:
            raise unexpected[0]
        if len(errors) == len(drawn):
            raise errors[0]
        return [each if isinstance(each, str) else "" for each in drawn], asked.id

    def _connected(self) -> httpx.AsyncClient:
        """The client of this loop; no proxy and no .netrc of the environment, no redirect."""
        if self._client is None:
            remote = self.remote
            headers = {"Accept-Encoding": "identity"}
            if remote.api_key is not None:
                headers["Authorization"] = f"Bearer {remote.api_key.get_secret_value()}"
            timeout = httpx.Timeout(None, connect=remote.connect_seconds)
            self._client = httpx.AsyncClient(base_url=remote.url, headers=headers, timeout=timeout, trust_env=False)
            atexit.register(self.close)
        return self._client
