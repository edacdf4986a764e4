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
    return _factors({}, shape, np.float32(0))


def read_factors(folder: Path, shape: Shape) -> Factors:
    """Return the factors of the adapter in `folder`, of any rank.

    Raises ModelError for another kind of adapter, missing or surplus tensors, wrong sizes, numbers that are not finite.
    """
    check_adapter(folder)
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    tensors = read_tensors(folder / WEIGHTS)
    _check(tensors, _targets(config.get("target_modules") or (), shape), folder)
    return _factors(tensors, shape, np.float32(config["lora_alpha"] / config["r"]))


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


def _factors(tensors: Weights, shape: Shape, scale: np.float32) -> Factors:
    found: dict[str, NDArray[np.float32]] = {}
    for layer in range(shape.layers):
        for product, parts in PRODUCTS.items():
            down, up = _stacked(tensors, [f"{layer}.{part}" for part in parts], shape)
            found[f"{layer}.{product}.a"], found[f"{layer}.{product}.b"] = down, up * scale
    return found


def _stacked(tensors: Weights, names: list[str], shape: Shape) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Stack A of a product's layers side by side; B becomes block-diagonal, so that each reads its own A only."""
    sizes = [projections(shape)[name.split(".", 1)[1]] for name in names]
    pairs = [[tensors.get(_name(name, side)) for side in "AB"] for name in names]
    rank = sum(len(a) for a, _ in pairs if a is not None)
    down = np.zeros((sizes[0][1], max(1, rank)), dtype=np.float32)
    up = np.zeros((max(1, rank), sum(out for out, _ in sizes)), dtype=np.float32)
    row = column = 0
    for (a, b), (out, _) in zip(pairs, sizes, strict=True):
        if a is not None and b is not None:
            down[:, row : row + len(a)] = a.T
            up[row : row + len(a), column : column + out] = b.T
            row += len(a)
        column += out
    return down, up


def _name(layer: str, side: str) -> str:
    return f"{_PREFIX}{layer}.lora_{side}.weight"
