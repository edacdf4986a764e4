"""A base model made ready to learn a voice: LoRA on all its linear layers; a large one on a GPU in 4 bits.

LoRA: Hu et al. 2021 (arXiv 2106.09685). QLoRA: Dettmers et al. 2023 (arXiv 2305.14314). Both by peft.
"""

from __future__ import annotations

import importlib.util
from typing import Any

from frontdesk.bot.errors import MissingExtra, ModelError

LARGE = 1_000_000_000
"""Parameters from which a base on a GPU is trained in 4 bits."""


def device() -> str:
    """Return where to train: the GPU when there is one."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def with_lora(model: Any, base: str, *, rank: int, alpha: int, dropout: float) -> Any:
    """Return the model with a new adapter on every linear layer but the output's; only the adapter learns.

    The layers are read off the model, so that any architecture will do. Raises ModelError when it has none.
    """
    from peft import LoraConfig, get_peft_model

    targets = linear_layers(model)
    if not targets:
        fix = "choose another base."
        raise ModelError("the base has no linear layers that LoRA can adapt.", where=base, fix=fix)
    config = LoraConfig(
        r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=targets, task_type="CAUSAL_LM", bias="none"
    )
    adapted = get_peft_model(model, config)
    adapted.peft_config["default"].base_model_name_or_path = base  # not the folder it was read from
    adapted.peft_config["default"].target_modules = targets  # in order: peft keeps a set, which is saved at random
    return adapted


def linear_layers(model: Any) -> list[str]:
    """Return the last names of the model's linear layers (`q_proj`, `c_attn` ...), the output layer left out."""
    import torch
    from transformers.pytorch_utils import Conv1D

    output = model.get_output_embeddings()
    found = [
        name
        for name, part in model.named_modules()
        if isinstance(part, torch.nn.Linear | Conv1D) and part is not output
    ]
    return sorted({name.rpartition(".")[2] for name in found})


def placed(model: Any, base: str) -> Any:
    """Return the base where it trains: as it is on a CPU, on the GPU otherwise, and there in 4 bits when large."""
    if device() == "cpu":
        return model
    size = sum(parameter.numel() for parameter in model.parameters())
    return quantised(base) if size >= LARGE else model.to(device())


def quantised(base: str) -> Any:
    """Load a base on the GPU in 4 bits (nf4, doubly quantised), ready for QLoRA; raises MissingExtra.

    Written by the documentation of peft and bitsandbytes; it has not been run, for want of a GPU.
    """
    if importlib.util.find_spec("bitsandbytes") is None:
        raise MissingExtra("bitsandbytes", "gpu")
    import torch
    from peft import prepare_model_for_kbit_training
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    model = AutoModelForCausalLM.from_pretrained(
        base, quantization_config=config, use_safetensors=True, trust_remote_code=False, device_map={"": 0}
    )
    return prepare_model_for_kbit_training(model)
