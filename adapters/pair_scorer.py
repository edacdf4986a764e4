"""Pair scorers: MiniLM reads two texts at once and gives a probability, in int8 on ONNX Runtime.

A scorer is a LoRA adapter and a head (about 1 MB), made by `python -m frontdesk.finetune.pair_scorer`; merged with the
published weights once and cached. Each token is told which text it is of and whether the other text has it too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frontdesk.adapters.encoder import WEIGHTS_SHA256, batches, padded, published, tokenizer
from frontdesk.adapters.graphs import kept, session
from frontdesk.adapters.minilm_graph import POSITIONS, SCHEME, SECOND, build_pair
from frontdesk.bot.errors import ModelError

SHIPPED = Path(__file__).with_name("shipped_scorers")
FILE, MANIFEST = "scorer.safetensors", "manifest.json"
ALONE, SHARED = 0, 1
"""Added to a token's kind: whether the other text has that token too."""
KINDS = 4
_CHARS = 8_000

Array = NDArray[np.float32]


class PairScorer:
    """One trained scorer, shipped (by name) or in a folder (by path); safe to share between threads.

    Nothing is read before the first `score`. The graph is kept in `cache` (any folder that may be deleted).
    """

    def __init__(self, name: str | Path, cache: Path, threads: int = 1) -> None:
        self._folder = SHIPPED / name if isinstance(name, str) else name
        self._cache, self._threads = cache, threads
        self._lock = Lock()
        self._session: Any = None
        self._tokenizer: Any = None

    @property
    def fingerprint(self) -> str:
        """Names the trained weights and the arithmetic, the same on every machine; raises ModelError."""
        return f"pair-{self._folder.name}-{self.manifest['sha256'][:12]}-{SCHEME}"

    @property
    def manifest(self) -> Mapping[str, Any]:
        """What the scorer was trained on and how well it did; raises ModelError."""
        return read_manifest(self._folder)

    def load(self) -> None:
        """Make or read the graph and start the runtime; raises ModelError when a file is absent or altered."""
        with self._lock:
            if self._session is None:
                self._tokenizer = pair_tokenizer(POSITIONS)
                path = self._cache / f"{self.fingerprint}.onnx"
                self._session = session(kept(path, lambda: _export(self._folder)), self._threads)

    def score(self, pairs: Sequence[tuple[str, str]]) -> Array:
        """Return one probability per pair, shape (len(pairs),), float32; of long texts the beginning is read.

        A pair's score does not depend on the pairs beside it. Raises ModelError.
        """
        scores = np.zeros(len(pairs), dtype=np.float32)
        if not pairs:
            return scores
        self.load()
        rows = read_pairs(self._tokenizer, pairs)
        for at in batches([len(ids) for ids, _ in rows]):
            ids, mask = padded([rows[k][0] for k in at])
            kinds, _ = padded([rows[k][1] for k in at])
            scores[at] = self._session.run(["score"], {"ids": ids, "mask": mask, "kinds": kinds})[0]
        return scores


def pair_tokenizer(length: int) -> Any:
    """Return MiniLM's tokenizer for pairs of at most `length` tokens; the longer text is cut first."""
    made = tokenizer()
    made.enable_truncation(length, strategy="longest_first")
    return made


def read_pairs(tokenizer: Any, pairs: Sequence[tuple[str, str]]) -> list[tuple[list[int], list[int]]]:
    """Return (token ids, kinds) of each pair; the end marks count as tokens of the text they end."""
    texts = [tuple(text[:_CHARS].encode("utf-8", "replace").decode("utf-8") for text in pair) for pair in pairs]
    return [(encoded.ids, _kinds(encoded.ids, encoded.type_ids)) for encoded in tokenizer.encode_batch(texts)]


def _kinds(ids: Sequence[int], types: Sequence[int]) -> list[int]:
    here: tuple[set[int], set[int]] = (set(), set())
    for token, kind in zip(ids, types, strict=True):
        here[kind].add(token)
    return [
        kind * SECOND + (SHARED if token in here[1 - kind] else ALONE) for token, kind in zip(ids, types, strict=True)
    ]


def read_manifest(folder: Path) -> Mapping[str, Any]:
    """Return a scorer's manifest; raises ModelError when it is absent, damaged or of another base."""
    fix = "reinstall frontdesk, or run `python -m frontdesk.finetune.pair_scorer`."
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        _, base = str(manifest["sha256"]), manifest["base_sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"the scorer's manifest cannot be read: {error}", where=str(folder), fix=fix) from None
    if base != WEIGHTS_SHA256:
        raise ModelError("the scorer was trained on other weights.", where=str(folder), fix=fix)
    return manifest


def read_scorer(folder: Path) -> dict[str, Array]:
    """Return a scorer's tensors by name, checked against its manifest; raises ModelError."""
    from safetensors.numpy import load

    fix = "reinstall frontdesk, or run `python -m frontdesk.finetune.pair_scorer`."
    try:
        data = (folder / FILE).read_bytes()
    except OSError as error:
        raise ModelError(f"the scorer cannot be read: {error}", where=str(folder / FILE), fix=fix) from None
    if hashlib.sha256(data).hexdigest() != read_manifest(folder)["sha256"]:
        what = "the scorer is not the one of its manifest (sha256 differs)."
        raise ModelError(what, where=str(folder / FILE), fix=fix)
    return {name: values.astype(np.float32) for name, values in load(data).items()}


def merged(weights: Mapping[str, Array], scorer: Mapping[str, Array]) -> dict[str, Array]:
    """Return the weights with every LoRA pair (`LAYER.A`, `LAYER.B`, already scaled) added to `LAYER.weight`."""
    names = [name.removesuffix(".A") for name in scorer if name.endswith(".A")]
    learned = {f"{name}.weight": scorer[f"{name}.B"] @ scorer[f"{name}.A"] for name in names}
    return {name: value + learned[name] if name in learned else value for name, value in weights.items()}


def _export(folder: Path) -> bytes:
    scorer = read_scorer(folder)
    graph = build_pair(merged(published(), scorer), scorer["kinds"], scorer["head.weight"], scorer["head.bias"])
    return bytes(graph.SerializeToString())
