"""The voice registry: versions, promotion, rollback, and what it refuses to load or to serve."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from frontdesk.adapters.base_model import sha256
from frontdesk.adapters.registry import Acceptance, VoiceRegistry, replace_text, verified
from frontdesk.bot.errors import ModelError
from tests.adapters.making import ORIGIN, make_adapter, promote, word_on

KEY = b"the project's own"


@pytest.fixture
def registry(tmp_path: Path) -> VoiceRegistry:
    return VoiceRegistry(tmp_path / "voices", shipped=tmp_path / "shipped", key=KEY)


def add(registry: VoiceRegistry, tmp_path: Path, seed: int = 0, **origin: Any) -> Path:
    return registry.add("warm", make_adapter(tmp_path / "trained", seed=seed), {**ORIGIN, **origin}).folder


def test_versions_count_up_and_are_served_only_when_promoted(registry: VoiceRegistry, tmp_path: Path) -> None:
    add(registry, tmp_path)
    with pytest.raises(ModelError, match="no voice 'warm' to serve"):
        registry.current("warm")
    promote(registry, "warm", 1)
    add(registry, tmp_path, 1, parent="warm@1")
    assert (sorted(registry.versions("warm")), registry.current("warm")) == ([1, 2], 1)


def test_rollback_serves_the_version_before(registry: VoiceRegistry, tmp_path: Path) -> None:
    for version in (1, 2, 3):
        add(registry, tmp_path, version)
        promote(registry, "warm", version)
    assert registry.rollback("warm").id == "warm@2"
    assert registry.rollback("warm").id == "warm@1"
    assert registry.current("warm") == 1
    with pytest.raises(ModelError, match="no earlier version"):
        registry.rollback("warm")


def test_the_projects_voices_lie_over_the_shipped_ones(registry: VoiceRegistry, tmp_path: Path) -> None:
    shipped = VoiceRegistry(registry.shipped, shipped=tmp_path / "none")
    add(shipped, tmp_path)
    replace_text(shipped.folder / "warm" / "current", "1\n")
    assert registry.load("warm").id == "warm@1"
    assert add(registry, tmp_path, 7).name == "2"
    promote(registry, "warm", 2)
    assert registry.load("warm").folder.parent.parent == registry.folder
    assert registry.rollback("warm").folder.parent.parent == registry.shipped


def test_no_version_is_served_without_the_gates_word(registry: VoiceRegistry, tmp_path: Path) -> None:
    add(registry, tmp_path)
    promote(registry, "warm", 1)
    second = add(registry, tmp_path, 2)
    voice = registry.load("warm", 2)
    for word in (word_on(voice, passed=False), word_on(registry.load("warm", 1))):
        with pytest.raises(ModelError, match="not accepted"):
            registry.promote("warm", 2, word)
    replace_text(second.parent / "current", "2 1\n")  # the pointer moved by hand
    assert registry.current("warm") == 1
    forged = word_on(voice).sealed(b"another key").model_dump_json()
    second.with_name("2.accepted.json").write_text(forged)
    assert registry.current("warm") == 1
    second.with_name("2.accepted.json").write_text(word_on(voice).sealed(KEY).model_dump_json())
    assert registry.current("warm") == 2


def test_an_acceptance_does_not_outlive_the_files_it_was_given_for(registry: VoiceRegistry, tmp_path: Path) -> None:
    for version in (1, 2):
        add(registry, tmp_path, version)
        promote(registry, "warm", version)
    folder = registry.versions("warm")[2]
    make_adapter(tmp_path / "other", seed=9)
    (folder / "adapter_model.safetensors").write_bytes((tmp_path / "other/adapter_model.safetensors").read_bytes())
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["adapter_model.safetensors"] = sha256(folder / "adapter_model.safetensors")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert registry.load("warm", 2).id == "warm@2"  # whole, but not what the gate saw
    assert registry.current("warm") == 1


def test_a_copy_in_the_place_of_a_shipped_version_is_not_served(registry: VoiceRegistry, tmp_path: Path) -> None:
    shipped = VoiceRegistry(registry.shipped, shipped=tmp_path / "none")
    add(shipped, tmp_path)
    replace_text(shipped.folder / "warm" / "current", "1\n")
    VoiceRegistry(registry.folder, shipped=tmp_path / "none").add("warm", make_adapter(tmp_path / "evil"), ORIGIN)
    assert registry.served("warm")[1].parent.parent == registry.shipped
    assert registry.load("warm").folder.parent.parent == registry.shipped


def _write(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def _edit_manifest(**changes: Any) -> Callable[[Path], object]:
    def edit(folder: Path) -> None:
        manifest = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps({**manifest, **changes}))

    return edit


def _rename(old: str, new: str) -> Callable[[Path], object]:
    return lambda folder: (folder / old).rename(folder / new)


def _link(folder: Path) -> None:
    elsewhere = folder.parent / "elsewhere.safetensors"
    (folder / "adapter_model.safetensors").rename(elsewhere)
    (folder / "adapter_model.safetensors").symlink_to(elsewhere)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "changed": _write("adapter_model.safetensors", b"other"),
    "emptied": _write("adapter_model.safetensors", b""),
    "extra file": _write("more.py", b"print()"),
    "config gone": lambda folder: (folder / "adapter_config.json").unlink(),
    "pickle": _rename("adapter_model.safetensors", "adapter_model.bin"),
    "link": _link,
    "broken manifest": _write("manifest.json", b"{"),
    "unknown key": _edit_manifest(surprise=1),
    "another's name": _edit_manifest(name="crisp"),
    "a path for a name": _edit_manifest(name="../../warm"),
    "another's version": _edit_manifest(version=1),
}


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_a_damaged_version_is_refused_and_the_served_one_stays(
    registry: VoiceRegistry, tmp_path: Path, damage: str
) -> None:
    add(registry, tmp_path)
    promote(registry, "warm", 1)
    folder = add(registry, tmp_path, 2)
    word = word_on(registry.load("warm", 2))
    DAMAGES[damage](folder)
    with pytest.raises(ModelError):
        registry.promote("warm", 2, word)
    assert registry.current("warm") == 1


@pytest.mark.parametrize("name", ["../warm", "Warm", "", "a/b", ".hidden", "w" * 65])
def test_a_name_cannot_leave_the_registry(registry: VoiceRegistry, name: str) -> None:
    with pytest.raises(ModelError, match="no voice name"):
        registry.load(name, 1)


@pytest.mark.parametrize("pointer", ["", "x", "-1", "99999999999", "\x00", "1.5 /etc/passwd"])
def test_a_broken_pointer_serves_nothing(registry: VoiceRegistry, tmp_path: Path, pointer: str) -> None:
    folder = add(registry, tmp_path)
    (folder.parent / "current").write_text(pointer)
    with pytest.raises(ModelError, match="to serve"):
        registry.current("warm")


def test_every_shipped_voice_is_intact() -> None:
    registry = VoiceRegistry(Path("no-such-folder"))
    for name in registry.names():
        for folder in registry.versions(name).values():
            verified(folder)
        assert registry.load(name).id.startswith(f"{name}@")


KILLS = int(os.environ.get("FRONTDESK_PROMOTE_KILLS", "12"))
PROMOTER = """
import sys
from pathlib import Path
from frontdesk.adapters.registry import VoiceRegistry
from tests.adapters.making import ORIGIN, make_adapter, promote
registry = VoiceRegistry(Path(sys.argv[1]), shipped=Path("none"), key=b"k")
scratch = Path(sys.argv[1]).with_name("scratch")
print("go", flush=True)
for seed in range(1000):
    version = registry.add("warm", make_adapter(scratch, seed=seed), ORIGIN).manifest.version
    promote(registry, "warm", version)
    if seed % 3 == 2:
        registry.rollback("warm")
"""


def test_a_verified_version_is_served_after_every_kill(tmp_path: Path) -> None:
    registry = VoiceRegistry(tmp_path / "voices", shipped=tmp_path / "none", key=b"k")
    add(registry, tmp_path)
    promote(registry, "warm", 1)
    for kill in range(KILLS):
        command = [sys.executable, "-c", PROMOTER, str(registry.folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as worker:
            assert worker.stdout
            worker.stdout.readline()
            try:
                worker.wait(0.02 + 0.007 * (kill % 40))
            except subprocess.TimeoutExpired:
                worker.kill()
        voice = registry.load("warm")
        verified(voice.folder)
        assert isinstance(registry.acceptance(voice.folder), Acceptance)
    assert not [p for p in (registry.folder / "warm").iterdir() if p.suffix == ".safetensors"]
