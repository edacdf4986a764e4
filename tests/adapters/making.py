"""Small adapters and accepted versions for tests of the registry and of whatever serves from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from frontdesk.adapters.registry import Acceptance, Finding, Voice, VoiceRegistry, manifest_sha256

ORIGIN: dict[str, Any] = {
    "base": "frontdesk-base",
    "base_sha256": "b" * 64,
    "template_sha256": "t" * 64,
    "data_sha256": "d" * 64,
    "pairs": 100,
    "flags": {"rank": 2},
    "seed": 0,
    "metrics": {"held_out_loss": 1.5},
    "libraries": {"peft": "0"},
}
LAYER = "base_model.model.model.layers.0.self_attn.q_proj"


def tensors(rank: int = 2, seed: int = 0) -> dict[str, Any]:
    """The two matrices of one layer."""
    rng = np.random.default_rng(seed)
    return {
        f"{LAYER}.lora_A.weight": rng.normal(size=(rank, 4)).astype("float32"),
        f"{LAYER}.lora_B.weight": rng.normal(size=(4, rank)).astype("float32"),
    }


def make_adapter(folder: Path, *, rank: int = 2, seed: int = 0) -> Path:
    """Write a well-formed adapter such as peft leaves it, with a file that is not taken along."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors(rank, seed), folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": rank}))
    (folder / "README.md").write_text("not taken along")
    return folder


def word_on(voice: Voice, *, passed: bool = True) -> Acceptance:
    """What the gate would say of a version."""
    finding = Finding(check="test", passed=passed, found="1", allowed="1")
    return Acceptance(voice=voice.id, manifest_sha256=manifest_sha256(voice), exam_sha256="e" * 64, findings=(finding,))


def promote(registry: VoiceRegistry, name: str, version: int) -> Voice:
    """Serve a version as if the gate had accepted it."""
    return registry.promote(name, version, word_on(registry.load(name, version)))
