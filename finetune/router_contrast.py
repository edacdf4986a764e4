"""Tune the sentence encoder on few examples: in seconds, MiniLM learns which of them ask the same.

Supervised contrastive learning (Khosla et al. 2020): of a few texts of each of some intents, each is to be nearest to
those of its own. Only the highest layers learn, so that what the others make of a text is computed once, for all steps
and for all parts of the same examples that are tuned on in turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frontdesk.adapters.encoder import batches, padded
from frontdesk.bot.router.linear import regression
from frontdesk.bot.router.tuning import Progress, Tuned
from frontdesk.finetune.tuned_layers import (
    Floats,
    at_work,
    layers_file,
    minilm,
    pooled,
    rising_and_falling,
    token_ids,
)

_MASKED = -1e4
_LONGEST = 64


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """How few examples are tuned on: `layers` of the six learn, each step sees `batch` texts of `intents` at most."""

    layers: int = 2
    steps: int = 60
    batch: int = 48
    intents: int = 24
    rate: float = 2e-4
    temperature: float = 0.07
    strength: float = 10.0
    """Inverse regularisation of the softmax regression on the tuned vectors."""
    seed: int = 0
    threads: int = 2


class ContrastTuner:
    """Tunes on texts and their classes; keeps the model and what its lower layers make of a text for the next call."""

    def __init__(self, recipe: Contrast | None = None) -> None:
        self._recipe = recipe or Contrast()
        self._published: Any = None
        self._kept: dict[str, Any] = {}

    def __call__(self, texts: Sequence[str], truth: NDArray[np.int64], step: Progress) -> Tuned:
        """Tune on texts whose `truth` is 0 ... classes - 1, each there at least once, one of them twice."""
        recipe = self._recipe
        with at_work(recipe.threads, recipe.seed):
            self._published = self._published or minilm(recipe.layers)
            top = _Top(deepcopy(self._published), recipe.layers)
            self._kept |= top.below([text for text in texts if text not in self._kept])
            states = [self._kept[text] for text in texts]
            _learn(top, states, truth, recipe, step)
            vectors = top.vectors(states)
        classes = np.arange(int(truth.max()) + 1)
        weights, offsets = regression(vectors, truth, classes, recipe.strength)
        return Tuned(layers=layers_file(top.bert), directions=np.ascontiguousarray(weights.T), offsets=offsets)


class _Top:
    """The highest layers of a model, which learn, above those that do not."""

    def __init__(self, bert: Any, layers: int) -> None:
        self.bert = bert
        self._lower, self._upper = bert.encoder.layer[:-layers], bert.encoder.layer[-layers:]

    def below(self, texts: Sequence[str]) -> Mapping[str, Any]:
        """The token states (tokens × 384) below the layers that learn, by text."""
        import torch

        ids, found = token_ids(texts, _LONGEST), dict[str, Any]()
        with torch.no_grad():
            for rows in batches([len(row) for row in ids]):
                tokens, mask = (torch.from_numpy(part) for part in padded([ids[row] for row in rows]))
                states = self._through(self._lower, self.bert.embeddings(input_ids=tokens), mask)
                found |= {texts[row]: states[k, : len(ids[row])].clone() for k, row in enumerate(rows)}
        return found

    def read(self, states: Sequence[Any]) -> Any:
        """The vectors of texts by their lower states, n × 384."""
        import torch

        mask = torch.nn.utils.rnn.pad_sequence([torch.ones(len(one), dtype=torch.int64) for one in states], True)
        joined = torch.nn.utils.rnn.pad_sequence(list(states), True)
        return pooled(self._through(self._upper, joined, mask), mask)

    def vectors(self, states: Sequence[Any]) -> Floats:
        """The same as numbers, of any number of texts."""
        import torch

        found = np.zeros((len(states), states[0].shape[1]), dtype=np.float32)
        with torch.no_grad():
            for rows in batches([len(one) for one in states]):
                found[rows] = self.read([states[row] for row in rows]).numpy()
        return found

    def _through(self, layers: Any, states: Any, mask: Any) -> Any:
        hidden = (1 - mask[:, None, None, :].float()) * _MASKED
        for layer in layers:
            states = layer(states, hidden.to(states.dtype))
        return states


def _learn(top: _Top, states: Sequence[Any], truth: NDArray[np.int64], recipe: Contrast, step: Progress) -> None:
    import torch

    body = [parameter for parameter in top.bert.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(body, lr=recipe.rate, weight_decay=0.01)
    rates = rising_and_falling(optimiser, recipe.steps)
    rng = np.random.default_rng(recipe.seed)
    members = [np.flatnonzero(truth == k) for k in range(int(truth.max()) + 1)]
    for k in range(recipe.steps):
        step("tuning the encoder", k, recipe.steps)
        rows = _drawn(members, recipe, rng)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            vectors = top.read([states[row] for row in rows])
        loss = _apart(vectors.float(), torch.from_numpy(truth[rows]), recipe.temperature)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(body, 1.0)
        optimiser.step()
        rates.step()
    step("tuning the encoder", recipe.steps, recipe.steps)


def _drawn(members: Sequence[NDArray[np.int64]], recipe: Contrast, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw some classes, and as many texts of each as the batch has room for, two at least where there are two."""
    shared = [rows for rows in members if len(rows) > 1]
    chosen = rng.permutation(len(shared))[: recipe.intents]
    each = max(2, recipe.batch // len(chosen))
    return np.concatenate([rng.permutation(shared[k])[:each] for k in chosen])


def _apart(vectors: Any, truth: Any, temperature: float) -> Any:
    """How far texts of one class are from being each other's nearest (the loss L_out of Khosla et al. 2020)."""
    import torch

    same = torch.eye(len(vectors), dtype=torch.bool)
    likeness = (vectors @ vectors.T / temperature).masked_fill(same, _MASKED)
    shares = likeness - likeness.logsumexp(1, keepdim=True)
    pairs = ((truth[:, None] == truth[None]) & ~same).float()
    return -((shares * pairs).sum(1) / pairs.sum(1)).mean()
