"""A Llama-architecture base on disk: its shape, its weights and its identity, read without torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frontdesk.bot.errors import ModelError

WEIGHTS = "model.safetensors"
EMBEDDINGS = "model.embed_tokens.weight"
_LARGEST = 2_000_000_000
"""Bytes of weights; the int8 graph of a larger base does not fit into one protobuf message."""
_DEFAULTS = {"attention_bias": False, "mlp_bias": False, "hidden_act": "silu", "quantization_config": None}

Weights = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The sizes of a Llama (Touvron et al. 2023), with grouped key and value heads."""

    vocabulary: int
    width: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    feed_forward: int
    epsilon: float
    theta: float
    """Base of the rotary position angles."""
    tied: bool
    """Whether the output layer is the word table."""


def shape_of(folder: Path) -> Shape | None:
    """Return the shape of the Llama in a folder; None for anything that this package does not decode."""
    weights = folder / WEIGHTS
    if not (folder / "tokenizer.json").is_file() or not weights.is_file() or weights.stat().st_size > _LARGEST:
        return None
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return _shape(config) if _plain(config) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _plain(config: Mapping[str, Any]) -> bool:
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    usual = all(config.get(key, value) == value for key, value in _DEFAULTS.items())
    plain_rope = rope.get("rope_type", rope.get("type", "default")) == "default"
    return config.get("model_type") == "llama" and usual and plain_rope and _head_size(config) % 16 == 0


def _head_size(config: Mapping[str, Any]) -> int:
    return int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])


def _shape(config: Mapping[str, Any]) -> Shape:
    rope = config.get("rope_parameters") or {}
    return Shape(
        vocabulary=config["vocab_size"],
        width=config["hidden_size"],
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        kv_heads=config.get("num_key_value_heads") or config["num_attention_heads"],
        head_size=_head_size(config),
        feed_forward=config["intermediate_size"],
        epsilon=config.get("rms_norm_eps", 1e-6),
        theta=float(rope.get("rope_theta") or config.get("rope_theta") or 10_000.0),
        tied=bool(config.get("tie_word_embeddings", False)),
    )


def read_tensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """Return the tensors of a safetensors file in float32; raises ModelError for a damaged file or another type."""
    from safetensors import SafetensorError, deserialize

    try:
        stored = deserialize(path.read_bytes())  # type: ignore[no-untyped-call]
    except (OSError, SafetensorError) as error:
        raise ModelError(f"no readable safetensors file: {error}", where=str(path)) from None
    return {name: _float32(part, path).reshape(part["shape"]) for name, part in stored}


def _float32(part: Mapping[str, Any], path: Path) -> NDArray[np.float32]:
    """bfloat16 is the upper half of a float32; numpy does not know it."""
    if part["dtype"] == "BF16":
        return (np.frombuffer(part["data"], dtype="<u2").astype(np.uint32) << np.uint32(16)).view(np.float32)
    if part["dtype"] in {"F32", "F16"}:
        return np.frombuffer(part["data"], dtype="<f4" if part["dtype"] == "F32" else "<f2").astype(np.float32)
    raise ModelError(f"tensors of type {part['dtype']} are not read.", where=str(path))


def check_weights(weights: Weights, shape: Shape, path: Path) -> None:
    """Raise ModelError when a tensor is missing or has other sizes than the configuration says."""
    for name, size in _sizes(shape).items():
        if name not in weights:
            raise ModelError(f"the weights lack {name}.", where=str(path))
        if weights[name].shape != size:
            raise ModelError(f"{name} is {weights[name].shape}, not {size}.", where=str(path))


def _sizes(shape: Shape) -> dict[str, tuple[int, ...]]:
    sizes: dict[str, tuple[int, ...]] = {EMBEDDINGS: (shape.vocabulary, shape.width)}
    sizes["model.norm.weight"] = (shape.width,)
    if not shape.tied:
        sizes["lm_head.weight"] = (shape.vocabulary, shape.width)
    for layer in range(shape.layers):
        prefix = f"model.layers.{layer}."
        sizes |= {f"{prefix}{name}.weight": size for name, size in projections(shape).items()}
        sizes |= {f"{prefix}{name}_layernorm.weight": (shape.width,) for name in ("input", "post_attention")}
    return sizes


def projections(shape: Shape) -> dict[str, tuple[int, int]]:
    """Return the sizes (out, in) of the linear layers of one block, by name."""
    queries, keys = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
    return {
        "self_attn.q_proj": (queries, shape.width),
        "self_attn.k_proj": (keys, shape.width),
        "self_attn.v_proj": (keys, shape.width),
        "self_attn.o_proj": (shape.width, queries),
        "mlp.gate_proj": (shape.feed_forward, shape.width),
        "mlp.up_proj": (shape.feed_forward, shape.width),
        "mlp.down_proj": (shape.width, shape.feed_forward),
    }


def base_sha256(weights: Weights, shape: Shape) -> str:
    """Return the hash that names a base: its parameters in float32 by name, as `adapters.voices.model_sha256` does."""
    digest = hashlib.sha256()
    for name in sorted(_sizes(shape)):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(weights[name], dtype="<f4").tobytes())
    return digest.hexdigest()
