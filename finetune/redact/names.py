"""Names and places by a small classifier over MiniLM's token states: a window of words, two layers, one CPU.

Three classes per word (neither, a name, a place); neighbouring words of one class are one finding. The head is made by
`python -m frontdesk.finetune.redact.train` and lies beside this file with its manifest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frontdesk.adapters.encoder import Tokens, TokenStates
from frontdesk.bot.errors import ModelError
from frontdesk.finetune.redact.wording import Span, shapes, words
from frontdesk.finetune.redact.words import NOBODY

Array = NDArray[np.float32]
CLASSES = ("", "customer_name", "place")
LAYERS = (1, 3)
"""The MiniLM layers whose states the head reads; nothing above the highest is computed."""
HEAD = "names.safetensors"
_TEXTS = 512


class NameTagger:
    """Tags names and places in English text; reads nothing before its first use, safe to share between threads.

    `cache` is any folder that may be deleted. Raises ModelError when the weights are absent or altered.
    """

    def __init__(self, cache: Path, threads: int = 1) -> None:
        self._encoder = TokenStates(cache, LAYERS, threads)
        self._lock = Lock()
        self._head: dict[str, Array] = {}
        self._bars: tuple[float, float] = (0.0, 0.0)

    def load(self) -> None:
        """Read the head and start the encoder."""
        self._encoder.load()
        with self._lock:
            if not self._head:
                manifest, self._head = _read_head()
                self._bars = (float(manifest["bars"]["customer_name"]), float(manifest["bars"]["place"]))

    def tag(self, texts: Sequence[str]) -> list[list[tuple[str, int, int]]]:
        """Return (kind, start, end) of each name and place, per text; kinds are customer_name and place."""
        self.load()
        found: list[list[tuple[str, int, int]]] = []
        for start in range(0, len(texts), _TEXTS):
            part = [text.lower() if text.isupper() else text for text in texts[start : start + _TEXTS]]
            for text, tokens in zip(texts[start : start + _TEXTS], self._encoder.read(part), strict=True):
                found.append(self._tag(text, tokens))
        return found

    def _tag(self, text: str, tokens: Tokens) -> list[tuple[str, int, int]]:
        spans = words(text)
        if not spans:
            return []
        chances = probabilities(self._head, word_states(tokens, spans), shapes(text, spans))
        return joined(text, spans, decided(chances, self._bars))


def word_states(tokens: Tokens, spans: Sequence[Span]) -> Array:
    """Return the mean state of each word's tokens, zeros for a word that has none; there is at least one word."""
    sums = np.zeros((len(spans), tokens.states.shape[1]), dtype=np.float32)
    counts, word = np.zeros((len(spans), 1), dtype=np.float32), 0
    for (start, end), state in zip(tokens.spans, tokens.states, strict=True):
        while word < len(spans) - 1 and spans[word][1] <= start:
            word += 1
        if spans[word][0] < end and start < spans[word][1]:
            sums[word] += state
            counts[word] += 1
    return np.asarray(sums / np.maximum(counts, 1), dtype=np.float32)


def probabilities(head: dict[str, Array], states: Array, marks: Array) -> Array:
    """Return each word's class probabilities (words × 3), from its own state and those of three words each side."""
    inner = np.concatenate([_gelu(states @ head["state.weight"] + head["state.bias"]), marks], axis=1)
    reach = head["window.weight"].shape[0] // inner.shape[1] // 2
    padded = np.pad(inner, ((reach, reach), (0, 0)))
    window = np.concatenate([padded[k : k + len(inner)] for k in range(2 * reach + 1)], axis=1)
    logits = _gelu(window @ head["window.weight"] + head["window.bias"]) @ head["out.weight"] + head["out.bias"]
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), dtype=np.float32)


def decided(chances: Array, bars: tuple[float, float]) -> list[int]:
    """Return each word's class: the likelier of name and place where it passes its bar, else 0."""
    return [
        1 if name >= bars[0] and name >= place else 2 if place >= bars[1] else 1 if name >= bars[0] else 0
        for _, name, place in chances.tolist()
    ]


def joined(text: str, spans: Sequence[Span], classes: Sequence[int]) -> list[tuple[str, int, int]]:
    """Join neighbouring words of one class with only a space, an initial's full stop or a hyphen between them."""
    found: list[tuple[str, int, int]] = []
    for (start, end), label in zip(spans, classes, strict=True):
        if label and _may_be_somebody(text[start:end]):
            kind = CLASSES[label]
            if found and found[-1][0] == kind and not text[found[-1][2] : start].strip(" .-"):
                start = found.pop()[1]
            found.append((kind, start, end))
    return [one for one in found if one[2] - one[1] > 1 or not text[one[1]].isascii()]


def _may_be_somebody(word: str) -> bool:
    """A word of letters alone that is not one of a form, a greeting, a weekday or a country."""
    return word.lower() not in NOBODY and any(map(str.isalpha, word)) and not any(map(str.isdigit, word))


def _gelu(x: Array) -> Array:
    """The tanh form (Hendrycks and Gimpel 2016)."""
    return np.asarray(0.5 * x * (1 + np.tanh(0.7978845608 * (x + 0.044715 * x**3))), dtype=np.float32)


def _read_head() -> tuple[dict[str, Any], dict[str, Array]]:
    """The shipped head, checked against its manifest."""
    from safetensors.numpy import load

    folder = files("frontdesk.finetune") / "redact"
    fix = "reinstall frontdesk, or run `python -m frontdesk.finetune.redact.train`."
    try:
        data, manifest = (folder / HEAD).read_bytes(), json.loads((folder / "names.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"the names classifier cannot be read: {error}", where=HEAD, fix=fix) from None
    if hashlib.sha256(data).hexdigest() != manifest["sha256"]:
        raise ModelError("the names classifier is not the one of its manifest (sha256 differs).", where=HEAD, fix=fix)
    return manifest, {name: values.astype(np.float32) for name, values in load(data).items()}
