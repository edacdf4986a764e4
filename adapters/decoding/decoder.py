"""Draws replies from a Llama base and its voices on ONNX Runtime: many rows at once, each stopped by its own end.

The int8 graph is made once from the base's weights and cached. Rows share the weights; a row that has ended gives its
place to the next prompt. Any number of threads may draw at the same time. The same call gives the same replies; a row
on its own is rounded otherwise (1e-5 of a logit) than beside others, so that a tie may then fall the other way.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from frontdesk.adapters.base_model import FOLDER, NAME, check_files, check_wording, sha256
from frontdesk.adapters.decoding.graph import SCHEME, build
from frontdesk.adapters.decoding.lane import PROMPT_TOKENS, Adapter, Lane
from frontdesk.adapters.decoding.llama import WEIGHTS, base_sha256, check_weights, read_tensors, shape_of
from frontdesk.adapters.decoding.lora import no_voice, read_factors
from frontdesk.adapters.decoding.tokens import ChatTokenizer, plain_tokenizer
from frontdesk.adapters.graphs import kept, session
from frontdesk.bot.errors import ModelError

Messages = Sequence[Mapping[str, str]]


def folder_of(base: str) -> Path | None:
    """Return the folder of a base that this decoder serves; None when it takes transformers to serve it."""
    folder = FOLDER if base == NAME else Path(base)
    return folder if shape_of(folder) and plain_tokenizer(folder) else None


class Decoder:
    """One resident base; construction reads nothing, `load` does."""

    def __init__(self, folder: Path, cache: Path, *, threads: int = 1) -> None:
        self._folder, self._cache, self._threads = folder, cache, threads
        self._idle: list[Lane] = []
        self._lock = threading.Lock()

    def load(self) -> None:
        """Check the files, make or read the graph, start the runtime; raises ModelError."""
        shape = shape_of(self._folder)
        if shape is None:
            raise ModelError("this base is not decoded here.", where=str(self._folder))
        manifest = check_files(self._folder) if (self._folder / "manifest.json").is_file() else {}
        self.shape, self.tokenizer = shape, ChatTokenizer(self._folder)
        if manifest:
            check_wording(self.tokenizer, manifest, self._folder)
        graph = kept(self._cache / f"{self._fingerprint(manifest)}.onnx", self._graph)
        self._session = session(graph, self._threads)
        self.base_sha256: str = self._session.get_modelmeta().custom_metadata_map["base_sha256"]
        self._unadapted = Adapter(no_voice(shape))

    def adapter(self, folder: Path) -> Adapter:
        """Read a voice's factors and try them once; raises ModelError."""
        adapter = Adapter(read_factors(folder, self.shape))
        with self._lane() as lane:
            if not np.isfinite(lane.read(adapter, [0])).all():
                raise ModelError("it computes numbers that are not finite.", where=str(folder), fix="tune again.")
        return adapter

    def write(self, adapter: Adapter | None, prompts: Sequence[Messages], seeds: Sequence[int]) -> list[str]:
        """Return one reply per (prompt, seed), "" where it did not end by itself; None speaks without a voice."""
        replies: list[list[int]] = [[] for _ in prompts]
        for which, token in self.draw(adapter, [self.ids(prompt) for prompt in prompts], seeds):
            replies[which].append(token)
        ended = (reply if self.tokenizer.eos_id in reply else [] for reply in replies)
        return [self.tokenizer.decode(reply).strip() for reply in ended]

    def stream(self, adapter: Adapter | None, prompt: Messages, seed: int) -> Iterator[str]:
        """Yield one reply piece by piece as it is drawn; joined and trimmed they are what `write` returns."""
        written: list[int] = []
        sent = ""
        for _, token in self.draw(adapter, [self.ids(prompt)], [seed]):
            written.append(token)
            text = self.tokenizer.decode(written)
            if text != sent and not text.endswith("\ufffd"):  # a part of a character waits for the rest
                yield text[len(sent) :]
                sent = text

    def draw(
        self, adapter: Adapter | None, prompts: Sequence[Sequence[int]], seeds: Sequence[int]
    ) -> Generator[tuple[int, int]]:
        """Yield (which prompt, token) in the order of drawing, the end token included; prompts as `ids` gives them."""
        with self._lane() as lane:
            yield from lane.draw(adapter or self._unadapted, prompts, seeds, self.tokenizer.eos_id)

    def ids(self, prompt: Messages) -> list[int]:
        """Return a prompt's tokens: head (intent) and tail (where the reply begins) when it is too long."""
        ids, half = self.tokenizer.encode(prompt), PROMPT_TOKENS // 2
        return ids if len(ids) <= PROMPT_TOKENS else ids[:half] + ids[-half:]

    @contextmanager
    def _lane(self) -> Iterator[Lane]:
        """Lend one lane; it comes back when its user is done or gives up half-way."""
        with self._lock:
            lane = self._idle.pop() if self._idle else Lane(self._session, self.shape)
        try:
            yield lane
        finally:
            with self._lock:
                self._idle.append(lane)

    def _fingerprint(self, manifest: Mapping[str, Any]) -> str:
        files = manifest.get("files", {})
        parts = [files.get(name) or sha256(self._folder / name) for name in (WEIGHTS, "config.json")]
        return f"base-{hashlib.sha256(''.join(parts).encode()).hexdigest()[:16]}-{SCHEME}"

    def _graph(self) -> bytes:
        path = self._folder / WEIGHTS
        weights = read_tensors(path)
        check_weights(weights, self.shape, path)
        return bytes(build(weights, self.shape, {"base_sha256": base_sha256(weights, self.shape)}).SerializeToString())
