"""The voice registry on disk: `voices/<name>/<version>/`, with `current` naming the served version.

A manifest lists the sha256 of every file; only safetensors are loaded; promote and rollback are one atomic rename.
Voices shipped in the package are read-only; the project's registry lies over them. A version of the project's own is
served only while the gate's acceptance of exactly these files lies beside it, sealed with the project's key.
"""

from __future__ import annotations

import hashlib
import hmac
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

from frontdesk.adapters.adapter_files import CONFIG, WEIGHTS, check_adapter
from frontdesk.adapters.base_model import sha256
from frontdesk.bot.errors import ModelError
from frontdesk.bot.types import now

SHIPPED = Path(__file__).parent / "shipped_voices"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
VERSION = re.compile(r"[0-9]{1,9}")
FILES = frozenset({WEIGHTS, CONFIG})


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
    curve: tuple[tuple[int, float, float | None], ...] = ()
    """(step, training loss, held-out loss where it was taken)."""
    libraries: dict[str, str]
    created: datetime = Field(default_factory=now)
    files: dict[str, str]
    """sha256 of every file beside the manifest."""


class Finding(BaseModel):
    """What one check of the gate found, and what it allows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    check: str
    passed: bool
    found: str
    allowed: str


class Acceptance(BaseModel):
    """The gate's word on one version; the seal binds it to the files that were examined."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    voice: str
    manifest_sha256: str
    exam_sha256: str
    findings: tuple[Finding, ...]
    figures: dict[str, float] = Field(default_factory=dict)
    at: datetime = Field(default_factory=now)
    seal: str = ""

    @property
    def passed(self) -> bool:
        """Whether there were checks and all of them passed."""
        return bool(self.findings) and all(finding.passed for finding in self.findings)

    def sealed(self, key: bytes) -> Acceptance:
        """Return the same word with its seal: HMAC-SHA256 over everything else."""
        body = self.model_copy(update={"seal": ""}).model_dump_json().encode()
        return self.model_copy(update={"seal": hmac.new(key, body, hashlib.sha256).hexdigest()})


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
    """The project's voices over the shipped ones; `key` seals what the gate accepted."""

    def __init__(self, folder: Path, shipped: Path = SHIPPED, *, key: bytes = b"") -> None:
        self.folder, self.shipped, self.key = folder, shipped, key

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
        """Return the served version; ModelError for no such voice."""
        return self.served(name)[0]

    def served(self, name: str) -> tuple[int, Path]:
        """Return the served version and its folder: the first of the pointer's history that may be served.

        A version of the project's own needs its acceptance; else the next in the history, at last the shipped one.
        """
        for root in (self.folder, self.shipped):
            for number in read_pointer(root / self._checked(name)):
                for folder in (self.folder / name / str(number), self.shipped / name / str(number)):
                    if folder.is_dir() and self.may_serve(folder):
                        return number, folder
        raise ModelError(f"no voice {name!r} to serve.", where=str(self.folder), fix="see `frontdesk voices list`.")

    def load(self, name: str, version: int | None = None) -> Voice:
        """Read and verify one version, the served one by default; ModelError says what is wrong with it."""
        folder = self.served(name)[1] if version is None else self.versions(name).get(version)
        if folder is None:
            raise ModelError(
                f"no version {name}@{version}.", where=str(self.folder), fix="see `frontdesk voices list`."
            )
        return Voice(folder=folder, manifest=verified(folder))

    def may_serve(self, folder: Path) -> bool:
        """Whether this version was shipped, or the gate accepted exactly these files."""
        return not self.objection(folder)

    def acceptance(self, folder: Path) -> Acceptance | None:
        """Return the gate's word on a version of the project's own; None when missing, forged or of other files."""
        return word if isinstance(word := self._word(folder), Acceptance) else None

    def objection(self, folder: Path) -> str:
        """Return why a version is not served whatever the pointer says; empty when it may be."""
        shipped = folder.parent.parent == self.shipped
        return word if not shipped and isinstance(word := self._word(folder), str) else ""

    def _word(self, folder: Path) -> Acceptance | str:
        """The gate's word that a version passed, or what is wrong with it."""
        try:
            word = Acceptance.model_validate_json(_beside(folder).read_bytes())
            if not hmac.compare_digest(word.seal, word.sealed(self.key).seal):
                return "its acceptance was not sealed by this project's gate"
            if word.manifest_sha256 != sha256(folder / "manifest.json"):
                return "its acceptance is of other files"
        except FileNotFoundError:
            return "not accepted yet"
        except (OSError, ValueError):
            return "its acceptance cannot be read"
        return word if word.passed else "refused by the gate"

    def promote(self, name: str, version: int, word: Acceptance) -> Voice:
        """Serve a version that the gate accepted; the version served before is kept for rollback.

        Raises ModelError when the word is not a pass or is about other files.
        """
        voice = self.load(name, version)
        if not (word.passed and word.voice == voice.id and word.manifest_sha256 == manifest_sha256(voice)):
            raise ModelError(
                "the gate has not accepted this version.", where=voice.id, fix="run `frontdesk voices promote`."
            )
        history = [version, *(v for v in self._history(name) if v != version)]
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        if voice.folder.parent == folder:
            replace_text(_beside(voice.folder), word.sealed(self.key).model_dump_json(indent=1) + "\n")
        replace_text(folder / "current", " ".join(map(str, history)) + "\n")
        return voice

    def rollback(self, name: str) -> Voice:
        """Serve the version that was served before; ModelError when there is none."""
        number, _ = self.served(name)
        history = self._history(name)
        for at, version in enumerate(history):
            folder = self.versions(name).get(version)
            if version == number or folder is None or not self.may_serve(folder):
                continue
            voice = self.load(name, version)
            (self.folder / name).mkdir(parents=True, exist_ok=True)
            replace_text(self.folder / name / "current", " ".join(map(str, history[at:])) + "\n")
            return voice
        raise ModelError(f"{name} has no earlier version to go back to.", where=str(self.folder))

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
            for path in draft.iterdir():
                _flush(path)
            draft.rename(target)
        _flush(target.parent)
        return Voice(folder=target, manifest=full)

    def _history(self, name: str) -> list[int]:
        """The versions served so far, the newest first."""
        return read_pointer(self.folder / self._checked(name)) or read_pointer(self.shipped / name)

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
    if (manifest.name, str(manifest.version)) != (folder.parent.name, folder.name):
        what = f"the manifest is that of {manifest.name!r}, version {manifest.version}."
        raise ModelError(what, where=str(folder), fix="roll back.")
    present = {p.name for p in folder.iterdir()} - {"manifest.json"}
    if any(p.is_symlink() or not p.is_file() for p in folder.iterdir()):
        raise ModelError("a version holds plain files only.", where=str(folder), fix="roll back.")
    if not present == set(manifest.files) == FILES:
        what = f"it holds {sorted(present)}, its manifest lists {sorted(manifest.files)}, a voice is {sorted(FILES)}."
        raise ModelError(what, where=str(folder), fix="roll back.")
    for name, expected in manifest.files.items():
        if sha256(folder / name) != expected:
            raise ModelError(f"{name} is not the file that was registered.", where=str(folder), fix="roll back.")
    check_adapter(folder)
    return manifest


def manifest_sha256(voice: Voice) -> str:
    """Return the hash that names a version: that of its manifest, which names every file by hash."""
    return sha256(voice.folder / "manifest.json")


def read_pointer(folder: Path) -> list[int]:
    """Return the versions that `current` names, the served one first; none when it is missing or not readable."""
    try:
        return [int(word) for word in (folder / "current").read_text().split() if VERSION.fullmatch(word)]
    except (OSError, ValueError):
        return []


def replace_text(path: Path, text: str) -> None:
    """Write a small file so that a reader, or a crash, sees the old or the new one, never a part."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _flush(path.parent)


def _beside(folder: Path) -> Path:
    """Where the acceptance of a version lies: beside its folder, so that the folder stays as it was trained."""
    return folder.with_name(f"{folder.name}.accepted.json")


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
