"""What an adapter's files must look like before torch sees them: the safetensors header, the tensors, the LoRA flags.

Source of the format: https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from frontdesk.bot.errors import ModelError

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
MAX_HEADER = 4_000_000
MAX_RANK = 256
_BYTES = {"F32": 4, "F16": 2, "BF16": 2}
_TENSOR = re.compile(r"base_model\.model\.[\w.]+\.lora_([AB])\.weight")
_PLAIN: Mapping[str, tuple[Any, ...]] = {
    "auto_mapping": (None,),
    "bias": ("none",),
    "fan_in_fan_out": (False, None),
    "layer_replication": (None,),
    "lora_bias": (False, None),
    "modules_to_save": (None,),
    "peft_type": ("LORA",),
    "trainable_token_indices": (None,),
    "use_dora": (False, None),
    "use_rslora": (False, None),
    "alpha_pattern": ({}, None),
    "rank_pattern": ({}, None),
}
"""Flags of peft whose other values would load something else than plain LoRA matrices."""


def check_adapter(folder: Path) -> None:
    """Raise ModelError unless the folder holds a plain, whole and finite LoRA adapter in safetensors."""
    try:
        rank = _rank(json.loads((folder / CONFIG).read_text(encoding="utf-8")))
        content = (folder / WEIGHTS).read_bytes()
        _check_pairs(read_header(content), rank)
        _check_finite(content)
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"not an adapter: {error}", where=str(folder), fix="run `frontdesk tune` again.") from None


def read_header(content: bytes) -> dict[str, dict[str, Any]]:
    """Return name -> {dtype, shape, data_offsets} of a safetensors file; ValueError when it lies about itself."""
    size = int.from_bytes(content[:8], "little")
    if len(content) < 8 or size > MAX_HEADER or 8 + size > len(content):
        raise ValueError(f"the safetensors header claims {size} bytes of a file of {len(content)}")
    header = json.loads(content[8 : 8 + size])
    if not isinstance(header, dict):
        raise ValueError("the safetensors header is no object")
    header.pop("__metadata__", None)
    if not header:
        raise ValueError("the file holds no tensor")
    end = 0
    for name, entry in sorted(header.items(), key=lambda item: _offsets(*item)):
        start, stop = _offsets(name, entry)
        if start != end or stop - start != _size(name, entry):
            raise ValueError(f"tensor {name!r} does not lie where its header says")
        end = stop
    if 8 + size + end != len(content):
        raise ValueError(f"the tensors take {end} bytes, the file has {len(content) - 8 - size}: it is cut or padded")
    return header


def _offsets(name: str, entry: Any) -> tuple[int, int]:
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    if not (isinstance(offsets, list) and len(offsets) == 2 and all(isinstance(o, int) and o >= 0 for o in offsets)):
        raise ValueError(f"tensor {name!r} has no offsets")
    return offsets[0], offsets[1]


def _size(name: str, entry: Mapping[str, Any]) -> int:
    shape, dtype = entry.get("shape"), entry.get("dtype")
    if dtype not in _BYTES:
        raise ValueError(f"tensor {name!r} has type {dtype!r}; use one of {', '.join(_BYTES)}")
    if not isinstance(shape, list) or len(shape) != 2 or not all(isinstance(n, int) and n > 0 for n in shape):
        raise ValueError(f"tensor {name!r} has shape {shape!r}; LoRA matrices have two sides")
    return prod(shape) * _BYTES[str(dtype)]


def _check_pairs(header: Mapping[str, Mapping[str, Any]], rank: int) -> None:
    sides: dict[str, set[str]] = {}
    for name, entry in header.items():
        match = _TENSOR.fullmatch(name)
        if not match:
            raise ValueError(f"tensor {name!r} is no LoRA matrix")
        side = match.group(1)
        if entry["shape"][0 if side == "A" else 1] != rank:
            raise ValueError(f"tensor {name!r} has shape {entry['shape']}, the rank is {rank}")
        sides.setdefault(name[: match.start(1)], set()).add(side)
    if half := [name for name, found in sides.items() if len(found) < 2]:
        raise ValueError(f"{half[0]!r} has only one of its two matrices")


def _rank(config: Any) -> int:
    if not isinstance(config, dict):
        raise ValueError(f"{CONFIG} is no object")
    for key, allowed in _PLAIN.items():
        if config.get(key, allowed[0] if key != "peft_type" else "") not in allowed:
            raise ValueError(f"{CONFIG}: {key} = {config.get(key)!r}; only plain LoRA is loaded")
    rank = config.get("r")
    if not isinstance(rank, int) or isinstance(rank, bool) or not 1 <= rank <= MAX_RANK:
        raise ValueError(f"{CONFIG}: r = {rank!r}; use 1 to {MAX_RANK}")
    return rank


def _check_finite(content: bytes) -> None:
    start = 8 + int.from_bytes(content[:8], "little")
    for name, entry in read_header(content).items():
        first, last = _offsets(name, entry)
        raw = content[start + first : start + last]
        if not _finite(raw, str(entry["dtype"])):
            raise ValueError(f"tensor {name!r} holds numbers that are not finite")


def _finite(raw: bytes, dtype: str) -> bool:
    if dtype == "BF16":  # numpy has no bfloat16: an exponent of ones is infinite or not a number
        return not bool(np.any((np.frombuffer(raw, "<u2") & 0x7F80) == 0x7F80))
    return bool(np.isfinite(np.frombuffer(raw, "<f4" if dtype == "F32" else "<f2")).all())
