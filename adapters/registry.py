"""The voice registry on disk: `voices/<name>/<version>/`, with `current` naming the served version.

A manifest lists the sha256 of every file; only safetensors are loaded; promote and rollback are one atomic rename.
Voices shipped in the package are read-only; the project's registry lies over them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from frontdesk.bot.errors import ModelError
from frontdesk.bot.types import now

SHIPPED = Path(__file__).parent / "shipped_voices"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
VERSION = re.compile(r"[0-9]{1,9}")
FILES = frozenset({"adapter_model.safetensors", "adapter_config.json"})


class Manifest(BaseModel):
    """Where a voice comes from and what it must be loaded with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: int
    parent: str | None = None
    base: str
    base_sha256: str
    template_sha256: str
    data_sha256: str
    pairs: int
    flags: dict[str, Any]
    seed: int
    metrics: dict[str, float]
    libraries: dict[str, str]
    created: datetime = Field(default_factory=now)
    files: dict[str, str]
    """sha256 of every file beside the manifest."""


@dataclass(frozen=True, kw_only=True)
class Voice:
    """One version of a voice on disk, its manifest read and its files verified."""

    folder: Path
    manifest: Manifest

    @property
    def id(self) -> str:
        """The voice as it is written: `warm@3`."""
        return f"{self.manifest.name}@{self.manifest.version}"


class VoiceRegistry:
    """The project's voices over the shipped ones."""

    def __init__(self, folder: Path, shipped: Path = SHIPPED) -> None:
        self.folder, self.shipped = folder, shipped

    def names(self) -> list[str]:
        """Return the names of all voices."""
        roots = [root for root in (self.shipped, self.folder) if root.is_dir()]
        return sorted({p.name for root in roots for p in root.iterdir() if p.is_dir() and NAME.fullmatch(p.name)})

    def versions(self, name: str) -> dict[int, Path]:
        """Return version -> folder; a project's version hides the shipped one of the same number."""
        roots = (self.shipped / self._checked(name), self.folder / name)
        found = (
            p for root in roots if root.is_dir() for p in root.iterdir() if VERSION.fullmatch(p.name) and p.is_dir()
        )
        return dict(sorted({int(p.name): p for p in found}.items()))

    def current(self, name: str) -> int:
        """Return the served version: the project's pointer, else the shipped one; ModelError for no such voice."""
        for root in (self.folder, self.shipped):
            pointer = root / self._checked(name) / "current"
            if pointer.is_file() and (served := pointer.read_text().split()):
                return int(served[0])
        raise ModelError(f"no voice {name!r}.", where=str(self.folder), fix="run `frontdesk voices list`.")

    def load(self, name: str, version: int | None = None) -> Voice:
        """Read and verify one version, the current one by default; ModelError says what is wrong with it."""
        number = self.current(name) if version is None else version
        folder = self.versions(name).get(number)
        if folder is None:
            raise ModelError(f"no version {name}@{number}.", where=str(self.folder), fix="run `frontdesk voices list`.")
        return Voice(folder=folder, manifest=verified(folder))

    def promote(self, name: str, version: int) -> Voice:
        """Verify a version, then serve it; the version served before is kept for rollback."""
        voice = self.load(name, version)
        before = self._pointer(name)
        history = [str(version), *(v for v in before if v != str(version))]
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        replace_text(folder / "current", " ".join(history) + "\n")
        return voice

    def rollback(self, name: str) -> Voice:
        """Serve the version that was served before; ModelError when there is none."""
        before = self._pointer(name)
        if len(before) < 2:
            raise ModelError(f"{name} has no earlier version to go back to.", where=str(self.folder))
        voice = self.load(name, int(before[1]))
        replace_text(self.folder / name / "current", " ".join(before[1:]) + "\n")
        return voice

    def add(self, name: str, trained: Path, manifest: Mapping[str, Any]) -> Voice:
        """Take the files of a trained adapter into the registry as the next version; does not promote it."""
        version = max(self.versions(name), default=0) + 1
        target = self.folder / name / str(version)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".new-") as fresh:
            draft = Path(fresh) / "voice"
            draft.mkdir()
            for file in sorted(FILES):
                shutil.copyfile(trained / file, draft / file)
            full = Manifest(
                **{**manifest, "name": name, "version": version, "files": {f: sha256(draft / f) for f in sorted(FILES)}}
            )
            (draft / "manifest.json").write_text(full.model_dump_json(indent=1) + "\n")
            draft.rename(target)
        return Voice(folder=target, manifest=full)

    def _pointer(self, name: str) -> list[str]:
        own, shipped = (root / self._checked(name) / "current" for root in (self.folder, self.shipped))
        pointer = own if own.is_file() else shipped
        return pointer.read_text().split() if pointer.is_file() else []

    def _checked(self, name: str) -> str:
        if not NAME.fullmatch(name):
            raise ModelError(f"{name!r} is no voice name.", fix="use lower-case letters, digits, - and _.")
        return name


def verified(folder: Path) -> Manifest:
    """Return the manifest of a version whose files are exactly those it lists, byte for byte."""
    try:
        manifest = Manifest.model_validate(json.loads((folder / "manifest.json").read_text()))
    except (OSError, ValueError, ValidationError) as error:
        raise ModelError(f"the manifest is unreadable: {error}", where=str(folder), fix="roll back.") from None
    present = {p.name for p in folder.iterdir()} - {"manifest.json"}
    if present != set(manifest.files) or not set(manifest.files) >= FILES:
        raise ModelError(f"files {sorted(present)} are not those of the manifest.", where=str(folder), fix="roll back.")
    for name, expected in manifest.files.items():
        if sha256(folder / name) != expected:
            raise ModelError(f"{name} is not the file that was registered.", where=str(folder), fix="roll back.")
    return manifest


def sha256(path: Path) -> str:
    """Return the hex sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def replace_text(path: Path, text: str) -> None:
    """Write a small file so that a reader, or a crash, sees the old or the new one, never a part."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
