"""Tune the sentence encoder on a bot's own examples: MiniLM learns, on a CPU in minutes, to tell its intents apart.

All six layers learn, the word vectors stay. Each intent is a direction that begins at the mean of its examples in the
published encoder (prototypes: Snell et al. 2017); a message is scored by its cosine to each, so that tuning begins near
the published encoder's accuracy and a few hundred steps suffice, without dropout, whatever the number of examples.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frontdesk.adapters.encoder import model_folder, padded, tokenizer
from frontdesk.bot.router.tuning import Progress, Tuned, Tuner
from frontdesk.bot.types import Encoder

Floats = NDArray[np.float32]


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


def tuner(encoder: Encoder, recipe: Recipe | None = None) -> Tuner:
    """Return what `frontdesk.bot.router.train` tunes with; torch is imported when it is called.

    `encoder` is the published one, `recipe` the default one unless given.
    """
    return lambda texts, truth, step: tune(texts, truth, encoder, recipe or Recipe(), step)


def tune(texts: Sequence[str], truth: NDArray[np.int64], encoder: Encoder, recipe: Recipe, step: Progress) -> Tuned:
    """Tune on texts whose `truth` is 0 ... classes - 1, each there at least once; `encoder` is the published one."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    try:
        bert, prototypes = _bert(), _prototypes(encoder.encode(texts), truth)
        directions = torch.nn.Parameter(torch.from_numpy(prototypes * recipe.scale))
        bias = torch.nn.Parameter(torch.zeros(len(prototypes)))
        _learn(bert, (directions, bias), _batches(_tokens(texts, recipe), recipe), truth, recipe, step)
    finally:
        torch.set_num_threads(before)
    return Tuned(layers=_file(bert), directions=directions.detach().numpy(), offsets=bias.detach().numpy())


def _bert() -> Any:
    """MiniLM in float32; only its layers learn, and nothing in it is left to chance."""
    from transformers import BertModel
    from transformers.utils import logging

    shown = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        bert = BertModel.from_pretrained(model_folder(), add_pooling_layer=False)
    finally:
        logging.set_verbosity(shown)
        logging.enable_progress_bar()
    bert.embeddings.requires_grad_(False)
    return bert.eval()


def _prototypes(vectors: Floats, truth: NDArray[np.int64]) -> Floats:
    """The mean direction of each class."""
    means = np.stack([vectors[truth == k].mean(axis=0) for k in range(int(truth.max()) + 1)])
    return np.asarray(means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9), dtype=np.float32)


def _tokens(texts: Sequence[str], recipe: Recipe) -> list[list[int]]:
    reads = tokenizer()
    reads.enable_truncation(recipe.length)
    return [encoded.ids for encoded in reads.encode_batch([text.encode("utf-8", "replace").decode() for text in texts])]


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
    rates = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda k: min((k + 1) / max(total / 10, 1), 1.0) * (1 - k / max(total, 1))
    )
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
    """Mean over real tokens, unit length, as the served graph computes it; bfloat16 inside."""
    import torch

    tokens, mask = (torch.from_numpy(part) for part in padded(ids))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states = bert(input_ids=tokens, attention_mask=mask).last_hidden_state
    kept = mask.unsqueeze(2).float()
    return torch.nn.functional.normalize((states.float() * kept).sum(1), dim=1)


def _file(bert: Any) -> bytes:
    """The layers under their published names, in half precision, as safetensors."""
    from safetensors.torch import save

    state = {name: value.detach().half().contiguous() for name, value in bert.state_dict().items()}
    return bytes(save({name: value for name, value in state.items() if name.startswith("encoder.")}))
