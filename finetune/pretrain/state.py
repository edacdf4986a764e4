"""Checkpoints of a run: weights, optimizer and clock, all as safetensors and JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn


@dataclass(kw_only=True)
class Progress:
    """Where a run stands: seconds trained, steps and tokens seen, place in the data, and the curve so far."""

    seconds: float = 0.0
    steps: int = 0
    epoch: int = 0
    row: int = 0
    tokens: int = 0
    phase: str = "pretrain"
    curve: list[tuple[float, str, float]] = field(default_factory=list)
    """(seconds, phase, mean loss since the row before)."""
    checks: dict[str, float] = field(default_factory=dict)


def save_state(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, progress: Progress) -> None:
    """Write a checkpoint; the JSON comes last and names a finished set."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.detach().clone() for name, tensor in model.named_parameters()}
    moments = {
        f"{number}.{key}": value.detach().clone().contiguous()
        for number, row in optimizer.state_dict()["state"].items()
        for key, value in row.items()
    }
    _replace(folder / "weights.safetensors", weights)
    _replace(folder / "optimizer.safetensors", moments)
    temporary = folder / "progress.json.part"
    temporary.write_text(json.dumps(asdict(progress)), encoding="utf-8")
    temporary.replace(folder / "progress.json")


def load_state(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> Progress:
    """Continue from a checkpoint, or from nothing where there is none."""
    if not (folder / "progress.json").is_file():
        return Progress()
    weights = load_file(folder / "weights.safetensors")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weights[name])
    state = optimizer.state_dict()
    state["state"] = _moments(load_file(folder / "optimizer.safetensors"))
    optimizer.load_state_dict(state)
    return Progress(**json.loads((folder / "progress.json").read_text(encoding="utf-8")))


def _moments(flat: dict[str, torch.Tensor]) -> dict[int, dict[str, torch.Tensor]]:
    rows: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in flat.items():
        number, name = key.split(".", 1)
        rows.setdefault(int(number), {})[name] = value
    return rows


def _replace(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    temporary = path.with_suffix(".part")
    save_file(tensors, temporary)
    temporary.replace(path)
