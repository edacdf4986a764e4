"""Voices: LoRA adapters over one base model, chosen per reply, picked up as soon as they are promoted."""

from __future__ import annotations

import hashlib
import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from frontdesk.adapters.decoding.decoder import Decoder, folder_of
from frontdesk.adapters.decoding.fallback import PeftDecoder, check_tensors, model_sha256
from frontdesk.adapters.registry import Voice, VoiceRegistry
from frontdesk.bot.errors import ModelError

__all__ = [
    "Voices",
    "adapter_name",
    "check_base",
    "check_complete",
    "model_sha256",
    "prompt",
    "template_sha256",
]

KEPT = 4
"""How many versions stay loaded beside those being served; each holds its weights."""
_RETRY_S = 60.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Loaded:
    voice: Voice
    adapter: Any
    """What the decoder made of it."""


class Voices:
    """Writes replies with any voice of the registry over one resident base; safe to share between threads.

    A Llama in a local folder is decoded in int8 (`adapters.decoding`), any other base by transformers and peft.
    A promoted version speaks from the next reply on; when it cannot be loaded, the version before speaks on.
    """

    def __init__(self, registry: VoiceRegistry, base: str = "frontdesk-base", *, threads: int = 1) -> None:
        self.registry, self.base, self.threads = registry, base, threads
        self._loading = threading.RLock()
        self._decoder: Any = None
        self._served: dict[str, _Loaded] = {}
        self._kept: OrderedDict[tuple[str, ...], _Loaded] = OrderedDict()
        self._seen: dict[str, tuple[tuple[int, int], float]] = {}

    def speak(self, voice: str, intent: str, text: str, *, seed: int) -> tuple[str, str]:
        """Return (reply with placeholders, `name@version`); seed 0 is greedy, others sample reproducibly.

        Raises ModelError when the voice cannot be loaded or writes nothing.
        """
        (reply,), version = self.candidates(voice, intent, text, seeds=(seed,))
        if not reply:
            raise ModelError("the voice wrote nothing.", where=version)
        return reply, version

    def candidates(self, voice: str, intent: str, text: str, *, seeds: Sequence[int]) -> tuple[list[str], str]:
        """Return (replies drawn together, one per seed, "" where none ended, `name@version`); raises ModelError."""
        chosen = self._use(voice)
        asked = [prompt(intent, text)] * len(seeds)
        return self._decoder.write(chosen.adapter, asked, seeds), chosen.voice.id

    def replies(self, voice: str | Voice | None, asked: Sequence[tuple[str, str]], *, seed: int) -> list[str]:
        """Return one reply per (intent, text), "" where none came to an end; raises ModelError.

        `voice` is a name (its served version), one version served or not, or None for the base without a voice.
        """
        adapter = self._adapter(voice)
        return list(self._decoder.write(adapter, [prompt(*each) for each in asked], [seed] * len(asked)))

    def stream(self, voice: str, intent: str, text: str, *, seed: int) -> Iterator[str]:
        """Yield a reply piece by piece as it is drawn, whether or not it comes to an end; raises ModelError."""
        chosen = self._use(voice)
        yield from self._decoder.stream(chosen.adapter, prompt(intent, text), seed)

    def warm_up(self, voice: str) -> str:
        """Load the base and one voice ahead of the first message; return its id."""
        return self._use(voice).voice.id

    def _adapter(self, voice: str | Voice | None) -> Any:
        if isinstance(voice, str):
            return self._use(voice).adapter
        with self._loading:
            self._load_base()
            return None if voice is None else self._load(voice).adapter

    def _use(self, name: str) -> _Loaded:
        """Return the served version of a voice; a newly promoted one is loaded beside the old, which others use."""
        served = self._served.get(name)
        if served is None:
            with self._loading:
                return self._served.get(name) or self._change(name)
        if self._unchanged(name) or not self._loading.acquire(blocking=False):
            return served
        try:
            return self._change(name)
        finally:
            self._loading.release()

    def _unchanged(self, name: str) -> bool:
        """Whether the registry's pointer is the file that was read last; after a failure, for a minute only."""
        mark, until = self._seen.get(name, ((0, 0), 0.0))
        return mark == self._mark(name) and time.monotonic() < until

    def _mark(self, name: str) -> tuple[int, int]:
        """Names the pointer's content: it is never written, only replaced; zero where only shipped voices are."""
        try:
            found = (self.registry.folder / name / "current").stat()
        except OSError:
            return 0, 0
        return found.st_ino, found.st_mtime_ns

    def _change(self, name: str) -> _Loaded:
        """Load what the registry serves and serve it; when that fails the version served before stays."""
        served, mark, until = self._served.get(name), self._mark(name), math.inf
        try:
            self._load_base()
            self._served[name] = self._load(self.registry.load(name))
        except (ModelError, OSError) as error:
            if served is None:
                raise
            log.error("%s as promoted cannot be served, %s speaks on: %s", name, served.voice.id, error)
            until = time.monotonic() + _RETRY_S
        self._seen[name] = mark, until
        return self._served[name]

    def _load(self, voice: Voice) -> _Loaded:
        """Return a version ready to speak; its files are read only when it is not among those kept."""
        key = str(voice.folder), *sorted(voice.manifest.files.values())
        if key not in self._kept:
            check_base(self._decoder.base_sha256, self._decoder.tokenizer, voice)
            try:
                adapter = self._decoder.adapter(voice.folder)
            except (OSError, ValueError, RuntimeError, LookupError, TypeError) as error:
                fix = "run `frontdesk voices rollback`."
                what = f"cannot be loaded: {type(error).__name__}: {error}"
                raise ModelError(what, where=voice.id, fix=fix) from error
            self._kept[key] = _Loaded(voice=voice, adapter=adapter)
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return self._kept[key]

    def _load_base(self) -> None:
        if self._decoder is None:
            folder = folder_of(self.base)
            decoder: Any = Decoder(folder, threads=self.threads) if folder else None
            decoder = decoder or PeftDecoder(self.base, threads=self.threads)
            decoder.load()
            self._decoder = decoder


def prompt(intent: str, text: str) -> list[dict[str, str]]:
    """Return the chat messages that ask for a reply to `text`; the intent keeps a small model on topic."""
    return [{"role": "system", "content": f"intent: {intent}"}, {"role": "user", "content": " ".join(text.split())}]


def adapter_name(voice: Voice) -> str:
    """Return a voice's name inside peft, which allows no dots or @."""
    return f"{voice.manifest.name}_{voice.manifest.version}"


def check_complete(model: Any, voice: Voice) -> None:
    """Compare the tensors of an adapter in a peft model with the file's; raises ModelError, where peft only warns."""
    check_tensors(model, adapter_name(voice), voice.folder)


def check_base(base_sha256: str, tokenizer: Any, voice: Voice) -> None:
    """Refuse a voice that was trained on other weights or another chat template."""
    if base_sha256 != voice.manifest.base_sha256:
        raise ModelError("trained on another base model.", where=voice.id, fix="run `frontdesk tune` again.")
    if template_sha256(tokenizer) != voice.manifest.template_sha256:
        raise ModelError("trained with another chat template.", where=voice.id, fix="run `frontdesk tune` again.")


def template_sha256(tokenizer: Any) -> str:
    """Return the hash of what a prompt looks like: chat template and end token."""
    return hashlib.sha256(f"{tokenizer.chat_template}\n{tokenizer.eos_token}".encode()).hexdigest()
