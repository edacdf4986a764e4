"""Draws replies from a Llama base and its voices on ONNX Runtime: many rows at once, each stopped by its own end.

A voice is merged into the base's weights when it is loaded (W + B A, then int8): it speaks twice as fast as with its
factors beside them, and costs one byte a parameter; tokenizer, embeddings and buffers are shared. A row that
has ended gives its place to the next prompt. Any number of threads may draw at the same time. The same call gives the
same replies; a row on its own is rounded otherwise (1e-5 of a logit) than beside others, so that a tie may then fall
the other way.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np

from frontdesk.adapters.base_model import FOLDER, NAME, check_files, check_wording
from frontdesk.adapters.decoding.graph import build
from frontdesk.adapters.decoding.lane import PROMPT_TOKENS, Adapter, Lane
from frontdesk.adapters.decoding.llama import (
    EMBEDDINGS,
    WEIGHTS,
    Weights,
    base_sha256,
    check_weights,
    read_tensors,
    shape_of,
)
from frontdesk.adapters.decoding.lora import merged
from frontdesk.adapters.decoding.tokens import ChatTokenizer, plain_tokenizer
from frontdesk.adapters.graphs import session
from frontdesk.bot.errors import ModelError
from frontdesk.bot.usage import Tariff

Messages = Sequence[Mapping[str, str]]


def folder_of(base: str) -> Path | None:
    """Return the folder of a base that this decoder serves; None when it takes transformers to serve it."""
    folder = FOLDER if base == NAME else Path(base)
    return folder if shape_of(folder) and plain_tokenizer(folder) else None


class Decoder:
    """One base and the voices over it; construction reads nothing, `load` does."""

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        self._folder, self._threads = folder, threads
        self._tariff = Tariff(model=NAME if folder == FOLDER else folder.name)
        self._idle: list[Lane] = []
        self._lock = threading.Lock()

    def load(self) -> None:
        """Check and read the files; raises ModelError."""
        shape = shape_of(self._folder)
        if shape is None:
            raise ModelError("this base is not decoded here.", where=str(self._folder))
        manifest = check_files(self._folder) if (self._folder / "manifest.json").is_file() else {}
        self.shape, self.tokenizer = shape, ChatTokenizer(self._folder)
        if manifest:
            check_wording(self.tokenizer, manifest, self._folder)
        weights = self._read()
        self.base_sha256 = base_sha256(weights, shape)
        self._words = weights[EMBEDDINGS].astype(np.float16)

    def adapter(self, folder: Path) -> Adapter:
        """Merge a voice into the base and try it once; raises ModelError."""
        adapter = self._session(merged(self._weights(), folder, self.shape))
        with self._lane() as lane:
            if not np.isfinite(lane.read(adapter, [0])).all():
                raise ModelError("it computes numbers that are not finite.", where=str(folder), fix="tune again.")
        return adapter

    @cached_property
    def _unadapted(self) -> Adapter:
        """The base without a voice, which only evaluation asks for."""
        return self._session(self._weights())

    def _weights(self) -> Weights:
        """The weights again, which are not kept: they take four times what a voice does."""
        weights = self._read()
        if base_sha256(weights, self.shape) != self.base_sha256:
            raise ModelError("its files are not those that were loaded.", where=str(self._folder), fix="restart.")
        return weights

    def _read(self) -> Weights:
        path = self._folder / WEIGHTS
        weights = read_tensors(path)
        check_weights(weights, self.shape, path)
        return weights

    def _session(self, weights: Weights) -> Adapter:
        return Adapter(session(build(weights, self.shape).SerializeToString(), self._threads))

    def write(self, adapter: Adapter | None, prompts: Sequence[Messages], seeds: Sequence[int]) -> list[str]:
        """Return one reply per (prompt, seed), "" where it did not end by itself; None speaks without a voice."""
        began, asked = time.time(), [self.ids(prompt) for prompt in prompts]
        replies: list[list[int]] = [[] for _ in prompts]
        for which, token in self.draw(adapter, asked, seeds):
            replies[which].append(token)
        read = sum(len(ids) for before, ids in pairwise([[], *asked]) if ids != before)  # the same prompt is read once
        self._tariff.tell(began, read, sum(map(len, replies)))
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
            lane = self._idle.pop() if self._idle else Lane(self._words, self.shape)
        try:
            yield lane
        finally:
            with self._lock:
                self._idle.append(lane)
