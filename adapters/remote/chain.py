"""Who speaks to customers when the settings name a server: the server, and this process when it fails."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from frontdesk.adapters.base_model import NAME
from frontdesk.adapters.registry import VoiceRegistry, verified
from frontdesk.adapters.remote.voices import RemoteVoices
from frontdesk.adapters.voices import Voices
from frontdesk.bot.config import Remote
from frontdesk.bot.errors import ModelError

LOCAL_SHARE = 0.25
"""The share of the total time that is kept for the voice in this process."""

log = logging.getLogger(__name__)


class Speaks(Protocol):
    """What stands behind the server."""

    def candidates(self, voice: str, intent: str, text: str, *, seeds: Sequence[int]) -> tuple[list[str], str]:
        """Return (one reply per seed, "" where there is none, version); raises ModelError."""
        ...

    def warm_up(self, voice: str) -> str:
        """Load a voice; return its version. Raises ModelError."""
        ...


class OnThisBase(VoiceRegistry):
    """The registry as the shipped base can serve it: versions that were trained on another base are passed over."""

    def may_serve(self, folder: Path) -> bool:
        """Whether the gate accepted this version and it was trained on the shipped base."""
        try:
            return super().may_serve(folder) and verified(folder).base == NAME
        except ModelError:
            return False


class VoiceChain:
    """Asks the server, and what stands behind it when the server fails; ModelError when neither can speak."""

    def __init__(self, remote: RemoteVoices, behind: Speaks | None) -> None:
        self.remote, self.behind = remote, behind
        self.registry = remote.registry

    def speak(self, voice: str, intent: str, text: str, *, seed: int) -> tuple[str, str]:
        """Return (reply with placeholders, version)."""
        (drawn,), version = self.candidates(voice, intent, text, seeds=(seed,))
        if not drawn:
            raise ModelError("the voice wrote nothing.", where=version)
        return drawn, version

    def candidates(self, voice: str, intent: str, text: str, *, seeds: Sequence[int]) -> tuple[list[str], str]:
        """Return (one reply per seed, "" where there is none, version)."""
        try:
            return self.remote.candidates(voice, intent, text, seeds=seeds)
        except ModelError as error:
            if self.behind is None:
                raise
            log.warning("the voice server failed, this process speaks: %s", error)
            return self.behind.candidates(voice, intent, text, seeds=seeds)

    def warm_up(self, voice: str) -> str:
        """Load the voice in both places; return the version that speaks, "approved" when only approved replies do.

        A server that is down keeps no bot from starting; ModelError when the registry has no such voice to serve.
        """
        here = self._here(voice)
        try:
            return self.remote.warm_up(voice)
        except ModelError as error:
            if not here:
                self.registry.served(voice)
            log.warning("the voice server failed, %s speaks: %s", here or "the list of approved replies", error)
            return here or "approved"

    def close(self) -> None:
        """Close the connections."""
        self.remote.close()

    def _here(self, voice: str) -> str:
        """Return the version that stands ready behind the server, "" when there is none."""
        try:
            return self.behind.warm_up(voice) if self.behind else ""
        except ModelError as error:
            log.warning("no voice to fall back to: %s", error)
            return ""


def speaker(registry: VoiceRegistry, remote: Remote, *, threads: int = 1) -> VoiceChain:
    """Return who speaks by these settings: the server, with this process behind it unless `fallback` says otherwise."""
    if remote.fallback == "approved":
        return VoiceChain(RemoteVoices(registry, remote), None)
    here = OnThisBase(registry.folder, registry.shipped, key=registry.key)
    seconds = remote.total_seconds * (1 - LOCAL_SHARE)
    return VoiceChain(RemoteVoices(registry, remote, seconds=seconds), Voices(here, NAME, threads=threads))
