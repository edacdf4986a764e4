"""Tiny random Llamas with voices, written to disk as a real base would be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from frontdesk.adapters.base_model import FOLDER, load_base
from frontdesk.adapters.registry import VoiceRegistry
from frontdesk.adapters.voices import model_sha256, template_sha256

ALL = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def make_base(folder: Path, *, kv_heads: int = 4, tied: bool = True, dtype: str = "float32", seed: int = 0) -> Path:
    """Write a Llama of two layers with the shipped base's tokenizer; its widths are no multiples of a block."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=8000,
        hidden_size=48,
        num_attention_heads=4,
        num_key_value_heads=kv_heads,
        head_dim=16,
        intermediate_size=100,
        num_hidden_layers=2,
        tie_word_embeddings=tied,
        eos_token_id=1,
        pad_token_id=0,
        rope_parameters={"rope_type": "default", "rope_theta": 5000.0},
    )
    model = LlamaForCausalLM(config).eval()
    for name, weights in model.named_parameters():
        weights.data *= 1 if "norm" in name else 8
    model.to(getattr(torch, dtype)).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(FOLDER / name, folder / name)
    return folder


def make_adapter(
    base: Path, folder: Path, *, rank: int = 4, seed: int = 1, strength: float = 0.2, targets: tuple[str, ...] = ALL
) -> Path:
    """Write a random LoRA for a base, strong enough to be heard."""
    import torch
    from peft import LoraConfig, get_peft_model

    model, _ = load_base(str(base))
    torch.manual_seed(seed)
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=list(targets), task_type="CAUSAL_LM")
    adapted = get_peft_model(model, config)
    for name, weights in adapted.named_parameters():
        if "lora_" in name:
            weights.data = torch.randn_like(weights) * strength
    adapted.save_pretrained(folder, save_embedding_layers=False)
    return folder


def make_qwen(folder: Path) -> Path:
    """Write the shipped base as another architecture that computes the same: Qwen2 with its biases at zero."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    llama, tokenizer = load_base()
    same = ("vocab_size", "hidden_size", "num_attention_heads", "num_key_value_heads", "intermediate_size")
    more = ("num_hidden_layers", "rms_norm_eps", "rope_parameters", "tie_word_embeddings", "eos_token_id")
    config = Qwen2Config(**{key: getattr(llama.config, key) for key in (*same, *more)})
    model = Qwen2ForCausalLM(config).eval()
    weights = {**llama.state_dict()}
    for name, tensor in model.state_dict().items():
        weights.setdefault(name, torch.zeros_like(tensor))
    model.load_state_dict(weights)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def register(registry: VoiceRegistry, name: str, base: Path, adapter: Path) -> int:
    """Take an adapter into a registry as the next version, not promoted; returns its number."""
    model, tokenizer = load_base(str(base))
    return registry.add(
        name,
        adapter,
        {
            "base": str(base),
            "base_sha256": model_sha256(model),
            "template_sha256": template_sha256(tokenizer),
            "data_sha256": "d",
            "pairs": 1,
            "flags": {},
            "seed": 0,
            "metrics": {},
            "libraries": {},
        },
    ).manifest.version


def change_json(path: Path, **changes: Any) -> None:
    """Overwrite some keys of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
