"""What the parser of adapter files lets through: whole, finite, plain LoRA, and nothing else."""

from __future__ import annotations

import json
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from frontdesk.adapters.adapter_files import check_adapter, read_header
from frontdesk.bot.errors import ModelError
from tests.adapters.making import LAYER, make_adapter, tensors


def refused(folder: Path, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        check_adapter(folder)


def with_tensors(folder: Path, changed: dict[str, Any]) -> Path:
    save_file(changed, make_adapter(folder) / "adapter_model.safetensors")
    return folder


def with_bytes(folder: Path, content: bytes) -> Path:
    (make_adapter(folder) / "adapter_model.safetensors").write_bytes(content)
    return folder


def headed(header: Any, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def test_a_whole_adapter_passes(tmp_path: Path) -> None:
    check_adapter(make_adapter(tmp_path))


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("peft_type", "IA3"),
        ("use_dora", True),
        ("modules_to_save", ["lm_head"]),
        ("bias", "all"),
        ("rank_pattern", {"q_proj": 8}),
        ("auto_mapping", {"base_model_class": "evil"}),
        ("r", 0),
        ("r", 100_000),
        ("r", True),
        ("r", 3),
    ],
)
def test_other_flags_than_plain_lora_are_refused(tmp_path: Path, flag: str, value: Any) -> None:
    make_adapter(tmp_path)
    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 2, flag: value}))
    refused(tmp_path, "rank is 3" if value == 3 and flag == "r" else flag)


@pytest.mark.parametrize("config", ["[]", "{", "", "{}", "[" * 100_000])
def test_a_config_that_is_none_is_refused(tmp_path: Path, config: str) -> None:
    (make_adapter(tmp_path) / "adapter_config.json").write_text(config)
    refused(tmp_path, "not an adapter")


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    for bad in (np.nan, np.inf):
        broken = tensors()
        broken[f"{LAYER}.lora_A.weight"][1, 2] = bad
        refused(with_tensors(tmp_path, broken), "not finite")


def test_a_matrix_without_its_other_half_is_refused(tmp_path: Path) -> None:
    half = tensors()
    del half[f"{LAYER}.lora_B.weight"]
    refused(with_tensors(tmp_path, half), "only one of its two")


def test_tensors_that_are_no_lora_are_refused(tmp_path: Path) -> None:
    refused(
        with_tensors(tmp_path, {**tensors(), "model.embed_tokens.weight": tensors()[f"{LAYER}.lora_A.weight"]}),
        "no LoRA",
    )
    refused(with_tensors(tmp_path, {f"{LAYER}.lora_A.weight": np.zeros((2, 4), "int64")}), "type 'I64'")
    refused(with_tensors(tmp_path, {f"{LAYER}.lora_A.weight": np.zeros(4, "float32")}), "two sides")


def test_a_header_that_lies_is_refused(tmp_path: Path) -> None:
    name = f"{LAYER}.lora_A.weight"
    entry = {"dtype": "F32", "shape": [2, 4], "data_offsets": [0, 32]}
    for content in (
        b"",
        b"\x00" * 8,
        (1 << 60).to_bytes(8, "little") + b"{}",
        headed([]),
        headed({}),
        headed({name: entry}, b"\x00" * 31),
        headed({name: entry}, b"\x00" * 33),
        headed({name: {**entry, "data_offsets": [4, 36]}}, b"\x00" * 36),
        headed({name: {**entry, "data_offsets": [0, -1]}}, b"\x00" * 32),
        headed({name: {**entry, "shape": [1 << 40, 1 << 40]}}, b"\x00" * 32),
        headed({name: entry, name + "2": entry}, b"\x00" * 32),
        pickle.dumps({"weights": [1, 2, 3]}),
    ):
        refused(with_bytes(tmp_path, content), "not an adapter")


def test_no_mutation_of_a_whole_file_crashes_the_parser(tmp_path: Path) -> None:
    whole = (make_adapter(tmp_path) / "adapter_model.safetensors").read_bytes()
    draw = random.Random(0)
    for _ in range(500):
        content = bytearray(whole)
        for _ in range(draw.randrange(1, 6)):
            content[draw.randrange(len(content))] = draw.randrange(256)
        cut = bytes(content[: draw.randrange(len(content))]) if draw.random() < 0.3 else bytes(content)
        try:
            assert read_header(cut)
        except (ValueError, RecursionError):
            continue
