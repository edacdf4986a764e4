"""A sentence-transformers cross-encoder by name or folder, as a scorer of pairs of texts."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frontdesk.bot.errors import ModelError

WHERE = "knowledge.cross_encoder"
_BATCH = 16


class CrossEncoder:
    """Scores pairs with one PyTorch model on the CPU; safe to share between threads, nothing is read before use.

    Only safetensors weights are read and no code of a model is run. `threads` is PyTorch's number for the process.
    """

    def __init__(self, name: str, threads: int = 1) -> None:
        self._name, self._threads = name, threads
        self._lock = Lock()
        self._model: Any = None

    @property
    def fingerprint(self) -> str:
        """Names the model."""
        return f"cross-encoder-{self._name}"

    def load(self) -> None:
        """Read the model; raises ModelError when it cannot be loaded."""
        with self._lock:
            if self._model is None:
                self._model = _loaded(self._name, self._threads)

    def score(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """Return one score per pair between 0 and 1, shape (len(pairs),), float32; raises ModelError."""
        if not pairs:
            return np.zeros(0, dtype=np.float32)
        self.load()
        clean = [[text.encode("utf-8", "replace").decode("utf-8") for text in pair] for pair in pairs]
        with self._lock:
            scores = self._model.predict(clean, batch_size=_BATCH, show_progress_bar=False)
        found = np.asarray(scores, dtype=np.float32)
        if found.shape != (len(pairs),):
            fix = "name a cross-encoder that gives one score per pair."
            raise ModelError(f"the cross-encoder gives {found.shape[1:]} scores per pair.", where=WHERE, fix=fix)
        return found


def _loaded(name: str, threads: int) -> Any:
    import torch
    from sentence_transformers import CrossEncoder as Model

    torch.set_num_threads(threads)
    try:
        safe = {"use_safetensors": True}
        return Model(name, device="cpu", trust_remote_code=False, activation_fn=torch.nn.Sigmoid(), model_kwargs=safe)
    except Exception as error:  # the hub, files, configuration and weights each fail in a way of their own
        what = " ".join(str(error).split())[:200]
        fix = "give the folder of a downloaded model, or a name that this machine can download; or leave it empty."
        raise ModelError(f"the cross-encoder {name!r} cannot be loaded: {what}", where=WHERE, fix=fix) from None
