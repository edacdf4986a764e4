"""The LoRA factors of a voice as inputs of the decoding graph: read, checked, scaled, stacked by product."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frontdesk.adapters.decoding.graph import PRODUCTS
from frontdesk.adapters.decoding.llama import Shape, Weights, projections, read_tensors
from frontdesk.bot.errors import ModelError

Factors = Mapping[str, NDArray[np.float32]]
"""Graph input -> factor, C-contiguous."""
_PREFIX = "base_model.model.model.layers."
_PLAIN: Mapping[str, Any] = {
    "peft_type": "LORA",
    "bias": "none",
    "use_dora": False,
    "lora_bias": False,
    "fan_in_fan_out": False,
    "modules_to_save": None,
    "rank_pattern": {},
    "alpha_pattern": {},
    "layers_to_transform": None,
    "trainable_token_indices": None,
    "target_parameters": None,
}
_AGAIN = "run `frontdesk tune` again."


def no_voice(shape: Shape) -> Factors:
    """Return factors that change nothing: rank 1, zero."""
    found: dict[str, NDArray[np.float32]] = {}
    sizes = projections(shape)
    for product, parts in PRODUCTS.items():
        out, width = sum(sizes[part][0] for part in parts), sizes[parts[0]][1]
        for layer in range(shape.layers):
            found[f"{layer}.{product}.a"] = np.zeros((width, 1), dtype=np.float32)
            found[f"{layer}.{product}.b"] = np.zeros((1, out), dtype=np.float32)
    return found


def read_factors(folder: Path, shape: Shape) -> Factors:
    """Return the factors of the adapter in `folder`, of any rank.

    Raises ModelError for another kind of adapter, missing or surplus tensors, wrong sizes, numbers that are not finite.
    """
    config = _config(folder)
    tensors = read_tensors(folder / "adapter_model.safetensors")
    targets = _targets(config, shape)
    _check(tensors, targets, folder)
    root = config["r"] ** 0.5 if config.get("use_rslora") else config["r"]
    scale = np.float32(config["lora_alpha"] / root)
    found: dict[str, NDArray[np.float32]] = {}
    for layer in range(shape.layers):
        for product, parts in PRODUCTS.items():
            down, up = _stacked(tensors, layer, parts, targets, shape)
            found[f"{layer}.{product}.a"], found[f"{layer}.{product}.b"] = down, up * scale
    return found


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "adapter_config.json"
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        odd = sorted(key for key, value in _PLAIN.items() if config.get(key, value) != value)
        if config["r"] < 1 or not np.isfinite(config["lora_alpha"]):
            odd.append("r" if config["r"] < 1 else "lora_alpha")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"no readable adapter: {type(error).__name__}: {error}", where=str(path), fix=_AGAIN) from None
    if odd:
        raise ModelError(f"this kind of adapter is not served: {', '.join(odd)}.", where=str(path), fix=_AGAIN)
    return config


def _targets(config: Mapping[str, Any], shape: Shape) -> dict[str, tuple[int, int]]:
    """Return adapted layer (full name) -> size; a target is named as peft does, by its end or by an expression."""
    wanted = config.get("target_modules") or ()
    names = {f"{layer}.{part}": size for layer in range(shape.layers) for part, size in projections(shape).items()}
    if isinstance(wanted, str):
        return {name: size for name, size in names.items() if re.fullmatch(wanted, f"model.layers.{name}")}
    ends = tuple(wanted)
    return {
        name: size for name, size in names.items() if any(f"model.layers.{name}".endswith(f".{end}") for end in ends)
    }


def _check(tensors: Weights, targets: Mapping[str, tuple[int, int]], folder: Path) -> None:
    """Refuse what peft would load with no more than a warning."""
    wanted = {f"{_PREFIX}{name}.lora_{side}.weight" for name in targets for side in "AB"}
    if odd := sorted(wanted ^ set(tensors))[:3]:
        raise ModelError(f"tensors do not match the model: {', '.join(odd)} ...", where=str(folder), fix=_AGAIN)
    for name, (out, width) in targets.items():
        down, up = (tensors[f"{_PREFIX}{name}.lora_{side}.weight"] for side in "AB")
        if down.ndim != 2 or down.shape[1] != width or up.shape != (out, down.shape[0]):
            raise ModelError(f"{name} has other sizes than the base.", where=str(folder), fix=_AGAIN)
        if not (np.isfinite(down).all() and np.isfinite(up).all()):
            raise ModelError(f"{name} holds numbers that are not finite.", where=str(folder), fix=_AGAIN)


def _stacked(
    tensors: Weights, layer: int, parts: tuple[str, ...], targets: Mapping[str, tuple[int, int]], shape: Shape
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Stack A of a product's layers side by side; B becomes block-diagonal, so that each reads its own A only."""
    sizes = projections(shape)
    ranks = [len(tensors[_name(layer, part, "A")]) if f"{layer}.{part}" in targets else 0 for part in parts]
    rank = max(1, sum(ranks))
    down = np.zeros((sizes[parts[0]][1], rank), dtype=np.float32)
    up = np.zeros((rank, sum(sizes[part][0] for part in parts)), dtype=np.float32)
    row = column = 0
    for part, own in zip(parts, ranks, strict=True):
        if own:
            down[:, row : row + own] = tensors[_name(layer, part, "A")].T
            up[row : row + own, column : column + sizes[part][0]] = tensors[_name(layer, part, "B")].T
        row, column = row + own, column + sizes[part][0]
    return down, up


def _name(layer: int, part: str, side: str) -> str:
    return f"{_PREFIX}{layer}.{part}.lora_{side}.weight"
