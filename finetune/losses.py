"""The held-out loss of several versions over one base, in torch: exact, and the same for every arm."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from frontdesk.adapters.base_model import load_base
from frontdesk.adapters.registry import Voice
from frontdesk.adapters.voices import adapter_name, check_base, check_complete, model_sha256, prompt
from frontdesk.finetune.dataset import Row, encode
from frontdesk.finetune.transcripts import Pair
from frontdesk.finetune.tune import loss_on


def held_out_losses(base: str, voices: Sequence[Voice | None], pairs: Sequence[Pair]) -> list[float]:
    """Return the mean loss per learned token on the pairs for each version, None being the base without a voice.

    Raises ModelError for a version of another base, another chat template, or with missing tensors: peft only warns.
    Whatever peft raises for files that it cannot load goes through.
    """
    model, tokenizer = load_base(base)
    identity, rows = model_sha256(model), [encode(pair, tokenizer, prompt) for pair in pairs]
    for voice in voices:
        if voice:
            check_base(identity, tokenizer, voice)
    return [_loss(model, voice, rows, tokenizer.pad_token_id) for voice in voices]


def _loss(model: Any, voice: Voice | None, rows: Sequence[Row], pad: int) -> float:
    """The loss of one version; the model is the bare base again afterwards."""
    from peft import PeftModel

    if voice is None:
        return loss_on(model, rows, pad)
    name = adapter_name(voice)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what peft warns of, check_complete refuses
        adapted = PeftModel.from_pretrained(model, str(voice.folder), adapter_name=name, use_safetensors=True)
    check_complete(adapted, voice)
    loss = loss_on(adapted, rows, pad)
    adapted.unload()
    return loss
