"""MiniLM in torch, as both ways of tuning it need it: which layers learn, how it reads, and the file that is served."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frontdesk.adapters.encoder import model_folder, tokenizer
from frontdesk.adapters.minilm_graph import LAYERS

Floats = NDArray[np.float32]


def minilm(learning: int = LAYERS) -> Any:
    """Return MiniLM in float32; so many of its highest layers learn, and nothing in it is left to chance."""
    from transformers import BertModel
    from transformers.utils import logging

    shown = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        bert = BertModel.from_pretrained(model_folder(), add_pooling_layer=False)
    finally:
        logging.set_verbosity(shown)
    bert.requires_grad_(False)
    bert.encoder.layer[LAYERS - learning :].requires_grad_(True)
    return bert.eval()


@contextmanager
def at_work(threads: int, seed: int) -> Iterator[None]:
    """Let torch use so many threads, and draw from `seed`, while something is tuned."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def token_ids(texts: Sequence[str], most: int) -> list[list[int]]:
    """Return the numbers of each text's tokens, the first `most` of them."""
    reads = tokenizer()
    reads.enable_truncation(most)
    return [encoded.ids for encoded in reads.encode_batch([text.encode("utf-8", "replace").decode() for text in texts])]


def pooled(states: Any, mask: Any) -> Any:
    """Return the mean over real tokens, unit length, as the served graph computes it."""
    import torch

    kept = mask.unsqueeze(2).float()
    return torch.nn.functional.normalize((states.float() * kept).sum(1), dim=1)


def rising_and_falling(optimiser: Any, steps: int) -> Any:
    """Return a schedule: rates rise over the first tenth of the steps and then fall to nothing."""
    import torch

    return torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda k: min((k + 1) / max(steps / 10, 1), 1.0) * (1 - k / max(steps, 1))
    )


def layers_file(bert: Any) -> bytes:
    """Return the layers that learned, under their published names, in half precision, as safetensors."""
    from safetensors.torch import save

    learned = {name for name, parameter in bert.named_parameters() if parameter.requires_grad}
    state = bert.state_dict()
    return bytes(save({name: state[name].detach().half().contiguous() for name in sorted(learned)}))
