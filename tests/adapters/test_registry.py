"""The voice registry: versions, promotion, rollback, and what it refuses to load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from frontdesk.adapters.registry import VoiceRegistry, verified
from frontdesk.bot.errors import ModelError

ORIGIN: dict[str, Any] = {
    "base": "frontdesk-base",
    "base_sha256": "b" * 64,
    "template_sha256": "t" * 64,
    "data_sha256": "d" * 64,
    "pairs": 100,
    "flags": {"rank": 8},
    "seed": 0,
    "metrics": {"held_out_loss": 1.5},
    "libraries": {"peft": "0"},
}


@pytest.fixture
def registry(tmp_path: Path) -> VoiceRegistry:
    return VoiceRegistry(tmp_path / "voices", shipped=tmp_path / "shipped")


def trained(tmp_path: Path, content: bytes = b"weights") -> Path:
    folder = tmp_path / "trained"
    folder.mkdir(exist_ok=True)
    (folder / "adapter_model.safetensors").write_bytes(content)
    (folder / "adapter_config.json").write_text("{}")
    (folder / "README.md").write_text("not taken along")
    return folder


def test_versions_count_up_and_are_served_only_when_promoted(registry: VoiceRegistry, tmp_path: Path) -> None:
    first = registry.add("warm", trained(tmp_path), ORIGIN)
    assert first.id == "warm@1"
    with pytest.raises(ModelError, match="no voice 'warm'"):
        registry.current("warm")
    registry.promote("warm", 1)
    second = registry.add("warm", trained(tmp_path, b"other"), {**ORIGIN, "parent": "warm@1"})
    assert (second.id, registry.current("warm")) == ("warm@2", 1)


def test_rollback_serves_the_version_before(registry: VoiceRegistry, tmp_path: Path) -> None:
    for version in (1, 2):
        registry.add("warm", trained(tmp_path, bytes([version])), ORIGIN)
        registry.promote("warm", version)
    assert registry.rollback("warm").id == "warm@1"
    assert registry.current("warm") == 1
    with pytest.raises(ModelError, match="no earlier version"):
        registry.rollback("warm")


def test_the_projects_voices_lie_over_the_shipped_ones(tmp_path: Path) -> None:
    shipped = VoiceRegistry(tmp_path / "shipped", shipped=tmp_path / "none")
    shipped.add("warm", trained(tmp_path), ORIGIN)
    shipped.promote("warm", 1)
    registry = VoiceRegistry(tmp_path / "voices", shipped=tmp_path / "shipped")
    assert registry.load("warm").id == "warm@1"
    assert registry.add("warm", trained(tmp_path, b"mine"), ORIGIN).id == "warm@2"
    registry.promote("warm", 2)
    assert registry.rollback("warm").id == "warm@1"
    assert shipped.current("warm") == 1


@pytest.mark.parametrize("damage", ["changed", "truncated", "extra", "missing", "pickle", "manifest", "unknown key"])
def test_a_damaged_version_is_refused_and_the_served_one_stays(
    registry: VoiceRegistry, tmp_path: Path, damage: str
) -> None:
    registry.add("warm", trained(tmp_path), ORIGIN)
    registry.promote("warm", 1)
    folder = registry.add("warm", trained(tmp_path, b"second"), ORIGIN).folder
    weights, manifest = folder / "adapter_model.safetensors", folder / "manifest.json"
    if damage == "changed":
        weights.write_bytes(b"secons")
    elif damage == "truncated":
        weights.write_bytes(b"")
    elif damage == "extra":
        (folder / "more.bin").write_bytes(b"")
    elif damage == "missing":
        weights.unlink()
    elif damage == "pickle":
        weights.rename(folder / "adapter_model.bin")
    elif damage == "manifest":
        manifest.write_text("{")
    else:
        manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "surprise": 1}))
    with pytest.raises(ModelError):
        registry.promote("warm", 2)
    assert registry.current("warm") == 1


@pytest.mark.parametrize("name", ["../warm", "Warm", "", "a/b", ".hidden", "w" * 65])
def test_a_name_cannot_leave_the_registry(registry: VoiceRegistry, name: str) -> None:
    with pytest.raises(ModelError, match="no voice name"):
        registry.load(name, 1)


def test_every_shipped_voice_is_intact() -> None:
    registry = VoiceRegistry(Path("no-such-folder"))
    for name in registry.names():
        for folder in registry.versions(name).values():
            verified(folder)
