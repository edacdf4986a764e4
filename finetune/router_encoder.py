"""Tune the sentence encoder on a bot's many examples: MiniLM learns, on a CPU in minutes, to tell its intents apart.

All six layers learn, the word vectors stay. Each intent is a direction that begins at the mean of its examples in the
published encoder (prototypes: Snell et al. 2017); a message is scored by its cosine to each, so that tuning begins near
the published encoder's accuracy and a few hundred steps suffice, without dropout, whatever the number of examples.
`tuner` hands few examples to `router_contrast`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frontdesk.adapters.encoder import padded
from frontdesk.bot.router.heads import few
from frontdesk.bot.router.tuning import Progress, Tuned, Tuner
from frontdesk.bot.types import Encoder
from frontdesk.finetune.router_contrast import ContrastTuner
from frontdesk.finetune.tuned_layers import (
    Floats,
    at_work,
    layers_file,
    minilm,
    pooled,
    rising_and_falling,
    token_ids,
)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How the encoder is tuned; the rates rise over the first tenth and then fall to nothing."""

    steps: int = 430
    batch: int = 64
    length: int = 64
    rate: float = 1e-4
    head_rate: float = 5e-3
    scale: float = 20.0
    smoothing: float = 0.1
    seed: int = 0
    threads: int = 2


def tuner(encoder: Encoder) -> Tuner:
    """Return what `frontdesk.bot.router.train` tunes the published `encoder` with; torch is imported when it is called.

    Few examples are told apart by contrast, many by prototypes.
    """
    contrast = ContrastTuner()

    def chosen(texts: Sequence[str], truth: NDArray[np.int64], step: Progress) -> Tuned:
        return contrast(texts, truth, step) if few(texts) else tune(texts, truth, encoder, Recipe(), step)

    return chosen


def tune(texts: Sequence[str], truth: NDArray[np.int64], encoder: Encoder, recipe: Recipe, step: Progress) -> Tuned:
    """Tune on texts whose `truth` is 0 ... classes - 1, each there at least once; `encoder` is the published one."""
    import torch

    with at_work(recipe.threads, recipe.seed):
        bert, prototypes = minilm(), _prototypes(encoder.encode(texts), truth)
        directions = torch.nn.Parameter(torch.from_numpy(prototypes * recipe.scale))
        bias = torch.nn.Parameter(torch.zeros(len(prototypes)))
        _learn(bert, (directions, bias), _batches(token_ids(texts, recipe.length), recipe), truth, recipe, step)
    return Tuned(layers=layers_file(bert), directions=directions.detach().numpy(), offsets=bias.detach().numpy())


def _prototypes(vectors: Floats, truth: NDArray[np.int64]) -> Floats:
    """The mean direction of each class."""
    means = np.stack([vectors[truth == k].mean(axis=0) for k in range(int(truth.max()) + 1)])
    return np.asarray(means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9), dtype=np.float32)


Batch = tuple[list[int], list[list[int]]]


def _batches(ids: Sequence[list[int]], recipe: Recipe) -> list[Batch]:
    """All batches as (rows, tokens): rows of like length together, in random order, none twice before all came once."""
    rng, made = random.Random(recipe.seed), list[Batch]()
    while len(made) < recipe.steps:
        batches = list(_grouped(rng.sample(range(len(ids)), len(ids)), ids, recipe.batch))
        rng.shuffle(batches)
        made += [(rows, [ids[row] for row in rows]) for rows in batches]
    return made[: recipe.steps]


def _grouped(order: Sequence[int], ids: Sequence[list[int]], batch: int) -> Iterator[list[int]]:
    near = 20 * batch
    for start in range(0, len(order), near):
        group = sorted(order[start : start + near], key=lambda row: len(ids[row]))
        yield from (group[at : at + batch] for at in range(0, len(group), batch))


def _learn(
    bert: Any, head: tuple[Any, Any], batches: Sequence[Batch], truth: NDArray[np.int64], recipe: Recipe, step: Progress
) -> None:
    import torch

    body = [parameter for parameter in bert.parameters() if parameter.requires_grad]
    groups = [{"params": body, "lr": recipe.rate}, {"params": head, "lr": recipe.head_rate, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.01)
    total = len(batches)
    rates = rising_and_falling(optimiser, total)
    for k, (rows, ids) in enumerate(batches):
        step("tuning the encoder", k, total)
        scores = _vectors(bert, ids) @ head[0].T + head[1]
        right = torch.from_numpy(truth[rows])
        loss = torch.nn.functional.cross_entropy(scores, right, label_smoothing=recipe.smoothing)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(body, 1.0)
        optimiser.step()
        rates.step()
    step("tuning the encoder", total, total)


def _vectors(bert: Any, ids: Sequence[list[int]]) -> Any:
    """The vectors of texts by their tokens; bfloat16 inside."""
    import torch

    tokens, mask = (torch.from_numpy(part) for part in padded(ids))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states = bert(input_ids=tokens, attention_mask=mask).last_hidden_state
    return pooled(states, mask)
