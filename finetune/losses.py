"""The held-out loss of several versions over one base, in torch: exact, and the same for every arm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from frontdesk.adapters.base_model import load_base
from frontdesk.adapters.registry import Voice
from frontdesk.adapters.voices import adapter_name, check_base, check_complete, model_sha256, prompt
from frontdesk.finetune.dataset import encode
from frontdesk.finetune.transcripts import Pair
from frontdesk.finetune.tune import loss_on


def held_out_losses(base: str, voices: Sequence[Voice | None], pairs: Sequence[Pair]) -> list[float]:
    """Return the mean loss per batch on the pairs for each version, None being the base without a voice.

    Raises ModelError for a version of another base, another chat template, or with missing tensors: peft only warns.
    """
    model, tokenizer = load_base(base)
    identity, rows = model_sha256(model), [encode(pair, tokenizer, prompt) for pair in pairs]
    for voice in voices:
        if voice:
            check_base(identity, tokenizer, voice)
    arms = (model if voice is None else _adapted(base, voice) for voice in voices)
    return [loss_on(arm, rows, tokenizer.pad_token_id) for arm in arms]


def _adapted(base: str, voice: Voice) -> Any:
    from peft import PeftModel

    name = adapter_name(voice)
    model = PeftModel.from_pretrained(load_base(base)[0], str(voice.folder), adapter_name=name, use_safetensors=True)
    check_complete(model, voice)
    return model.eval()
