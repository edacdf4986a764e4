"""The LoRA factors of a voice as inputs of the decoding graph: read, checked, scaled, stacked by product."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frontdesk.adapters.adapter_files import CONFIG, WEIGHTS, check_adapter
from frontdesk.adapters.decoding.graph import PRODUCTS
from frontdesk.adapters.decoding.llama import Shape, Weights, projections, read_tensors
from frontdesk.bot.errors import ModelError

Factors = Mapping[str, NDArray[np.float32]]
"""Graph input -> factor, C-contiguous."""
_PREFIX = "base_model.model.model.layers."
_AGAIN = "run `frontdesk tune` again."


def no_voice(shape: Shape) -> Factors:
    """Return factors that change nothing: rank 1, zero."""
    return _factors({}, shape, 1, np.float32(0))


def read_factors(folder: Path, shape: Shape) -> Factors:
    """Return the factors of the adapter in `folder`, of any rank.

    Raises ModelError for another kind of adapter, missing or surplus tensors, wrong sizes, numbers that are not finite.
    """
    check_adapter(folder)
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    tensors = read_tensors(folder / WEIGHTS)
    _check(tensors, _targets(config.get("target_modules") or (), shape), folder)
    return _factors(tensors, shape, config["r"], np.float32(config["lora_alpha"] / config["r"]))


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


def _factors(tensors: Weights, shape: Shape, rank: int, scale: np.float32) -> Factors:
    """Stack A of the layers that read the same value side by side; a layer without a pair gets zeros."""
    found: dict[str, NDArray[np.float32]] = {}
    for layer in range(shape.layers):
        for product, parts in PRODUCTS.items():
            sides = []
            for name in (f"{layer}.{part}" for part in parts):
                out, width = projections(shape)[name.split(".", 1)[1]]
                sides.append(tensors.get(_name(name, "A"), np.zeros((rank, width), dtype=np.float32)).T)
                up = tensors.get(_name(name, "B"), np.zeros((out, rank), dtype=np.float32))
                found[f"{name}.b"] = np.ascontiguousarray(up.T * scale)
            found[f"{layer}.{product}.a"] = np.ascontiguousarray(np.concatenate(sides, axis=1))
    return found


def _name(layer: str, side: str) -> str:
    return f"{_PREFIX}{layer}.lora_{side}.weight"
