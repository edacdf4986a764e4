"""Writes a finished run as a base-model folder: bf16 weights, tokenizer, configuration and manifest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import GenerationConfig, PreTrainedTokenizerFast

from frontdesk.finetune.pretrain.corpus import LICENCES
from frontdesk.finetune.pretrain.examples import CHAT_TEMPLATE
from frontdesk.finetune.pretrain.recipe import Recipe
from frontdesk.finetune.pretrain.train import llama

_LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors")
_CARRIED = ("README.md",)
_LOCAL = ("backend", "is_local", "local_files_only")


@dataclass(frozen=True, kw_only=True)
class Exported:
    """Where the folder is and how large its weights are."""

    folder: Path
    megabytes: float


def export(recipe: Recipe, *, out: Path, folder: Path) -> Exported:
    """Write `out`'s latest checkpoint to `folder`; the README beside it is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(out / "tokenizer")
    weights = load_file(out / "state" / "weights.safetensors")
    half = {name: tensor.to(torch.bfloat16).contiguous() for name, tensor in weights.items()}
    save_file(half, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    config = llama(recipe.shape, tokenizer)
    config.architectures, config.dtype = ["LlamaForCausalLM"], torch.bfloat16
    config.save_pretrained(folder)
    GenerationConfig(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id).save_pretrained(folder)
    save_tokenizer(tokenizer, folder)
    progress = json.loads((out / "state" / "progress.json").read_text(encoding="utf-8"))
    write_manifest(folder, manifest(recipe, tokenizer, progress, folder))
    return Exported(folder=folder, megabytes=round((folder / "model.safetensors").stat().st_size / 1e6, 2))


def save_tokenizer(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write tokenizer.json and tokenizer_config.json, the chat template inside the latter."""
    tokenizer.save_pretrained(folder)
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8")) | {"tokenizer_class": "PreTrainedTokenizerFast"}
    settings = {key: settings[key] for key in sorted(settings) if key not in _LOCAL} | {"chat_template": CHAT_TEMPLATE}
    path.write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def manifest(
    recipe: Recipe, tokenizer: PreTrainedTokenizerFast, progress: dict[str, Any], folder: Path
) -> dict[str, Any]:
    """What the weights are, what they saw, and the sha256 of every file beside the manifest."""
    names = dict.fromkeys([*recipe.corpus, *recipe.instruct])
    return {
        "name": recipe.name,
        "recipe": recipe.model_dump(),
        "data": {name: LICENCES[name] for name in names},
        "tokens_seen": progress["tokens"],
        "steps": progress["steps"],
        "seconds": round(progress["seconds"], 1),
        "losses": final_losses(progress["curve"]) | progress["checks"],
        "seed": recipe.seed,
        "libraries": {name: version(name) for name in _LIBRARIES},
        "chat_template": CHAT_TEMPLATE,
        "chat_template_sha256": _sha256(CHAT_TEMPLATE.encode()),
        "eos": tokenizer.eos_token,
        "files": {
            path.name: _sha256(path.read_bytes())
            for path in sorted(folder.iterdir())
            if path.is_file() and path.name not in ("manifest.json", *_CARRIED)
        },
    }


def write_manifest(folder: Path, content: dict[str, Any]) -> None:
    """Write the manifest last, so that a half-written folder has none."""
    text = json.dumps(content, indent=2, ensure_ascii=False)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")


def final_losses(curve: list[Any]) -> dict[str, float]:
    """The mean training loss of the last five rows of the curve, by phase."""
    phases = dict.fromkeys(phase for _, phase, _ in curve)
    tails = {name: [loss for _, phase, loss in curve if phase == name][-5:] for name in phases}
    return {f"{name}_train": round(sum(rows) / len(rows), 4) for name, rows in tails.items()}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
