"""A voice's LoRA factors (Hu et al. 2021), read, checked and added to the weights of its base."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from frontdesk.adapters.adapter_files import CONFIG, WEIGHTS, check_adapter
from frontdesk.adapters.decoding.llama import Shape, Weights, projections, read_tensors
from frontdesk.bot.errors import ModelError

_PREFIX = "base_model.model.model.layers."
_AGAIN = "run `frontdesk tune` again."


def merged(weights: Weights, folder: Path, shape: Shape) -> Weights:
    """Return the weights with the adapter in `folder` added, of any rank: `W + B A alpha / rank`.

    Raises ModelError for another kind of adapter, missing or surplus tensors, wrong sizes, numbers that are not finite.
    """
    check_adapter(folder)
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    tensors = read_tensors(folder / WEIGHTS)
    targets = _targets(config.get("target_modules") or (), shape)
    _check(tensors, targets, folder)
    scale, found = np.float32(config["lora_alpha"] / config["r"]), dict(weights)
    for name in targets:
        own = f"model.layers.{name}.weight"
        found[own] = weights[own] + tensors[_name(name, "B")] @ tensors[_name(name, "A")] * scale
    return found


def _targets(wanted: Any, shape: Shape) -> dict[str, tuple[int, int]]:
    """Return adapted layer (full name) -> size; a target is named as peft does, by its end or by an expression."""
    names = {f"{layer}.{part}": size for layer in range(shape.layers) for part, size in projections(shape).items()}
    if isinstance(wanted, str):
        return {name: size for name, size in names.items() if re.fullmatch(wanted, f"model.layers.{name}")}
    ends = tuple(f".{end}" for end in wanted)
    return {name: size for name, size in names.items() if f".model.layers.{name}".endswith(ends)}


def _check(tensors: Weights, targets: Mapping[str, tuple[int, int]], folder: Path) -> None:
    """Refuse what peft would load with no more than a warning."""
    wanted = {_name(name, side) for name in targets for side in "AB"}
    if odd := sorted(wanted ^ set(tensors))[:3]:
        raise ModelError(f"tensors do not match the model: {', '.join(odd)} ...", where=str(folder), fix=_AGAIN)
    for name, (out, width) in targets.items():
        if tensors[_name(name, "A")].shape[1] != width or tensors[_name(name, "B")].shape[0] != out:
            raise ModelError(f"{name} has other sizes than the base.", where=str(folder), fix=_AGAIN)


def _name(layer: str, side: str) -> str:
    return f"{_PREFIX}{layer}.lora_{side}.weight"
