"""The trained routers on disk: every training is a version, and one of them is served.

`<folder>/<version>/` holds `weights.npz`, `examples.jsonl` and `manifest.json`, which names every file by sha256;
`<folder>/<version>.gate.json` is the gate's word on it; `<folder>/current` names the versions served so far, the newest
first, and is replaced in one rename. No pickle anywhere: arrays are loaded with `allow_pickle=False`, all else is JSON.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from frontdesk.bot.errors import ConfigError, ModelError
from frontdesk.bot.router.model import ENCODER, Calibration, Judged, Model, Tunable, pack, unpack
from frontdesk.bot.types import Encoder, now

FORMAT = 3
MANIFEST, WEIGHTS, EXAMPLES = "manifest.json", "weights.npz", "examples.jsonl"
_TRAIN = "run `frontdesk train`."
_LIST = "see `frontdesk routers list`."
_RETRY_S = 60.0

log = logging.getLogger(__name__)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Manifest(_Strict):
    """What stands in `manifest.json` beside the files it names."""

    format: int
    version: int
    parent: int | None
    """The version that was served when this one was trained."""
    encoder: str
    labels: tuple[str, ...]
    max_error: float
    calibration: Calibration
    data_sha256: str
    metrics: Mapping[str, Any]
    created: datetime = Field(default_factory=now)
    files: Mapping[str, str]
    """sha256 of every file beside the manifest."""


class Finding(_Strict):
    """What one check of the gate found, and what it allows."""

    check: str
    passed: bool
    found: str
    allowed: str


class Verdict(_Strict):
    """The gate's word on one version against the one that was served; `forced` when it was served all the same."""

    version: int
    against: int | None
    findings: tuple[Finding, ...]
    forced: bool = False
    at: datetime = Field(default_factory=now)

    @property
    def passed(self) -> bool:
        """Whether there were checks and all of them passed."""
        return bool(self.findings) and all(finding.passed for finding in self.findings)

    @property
    def served(self) -> bool:
        """Whether the version may be served."""
        return self.passed or self.forced


@dataclass(frozen=True, kw_only=True)
class Version:
    """One trained router on disk, its manifest read and its files verified."""

    folder: Path
    manifest: Manifest

    @property
    def number(self) -> int:
        """Its number; the next training makes the next."""
        return self.manifest.version

    def examples(self) -> list[Judged]:
        """Return the examples it was trained on, each with what a router without it said."""
        lines = (self.folder / EXAMPLES).read_text(encoding="utf-8").split("\n")
        return [Judged.model_validate_json(line) for line in lines if line]

    def model(self, encoder: Encoder) -> Model:
        """Return it ready to judge; ModelError when it was trained with another encoder."""
        if self.manifest.encoder != encoder.fingerprint:
            what = f"trained with {self.manifest.encoder}, not {encoder.fingerprint}."
            raise ModelError(what, where=str(self.folder), fix=_TRAIN)
        head = unpack((self.folder / WEIGHTS).read_bytes(), self.manifest.labels)
        held = tuple(self.examples())
        return Model(head=head, calibration=self.manifest.calibration, tuned=self._tuned(encoder), held=held)

    def _tuned(self, encoder: Encoder) -> Encoder | None:
        """The encoder with the layers that this version was trained with, if it has its own."""
        if ENCODER not in self.manifest.files:
            return None
        if not isinstance(encoder, Tunable):
            raise ModelError("this encoder cannot take tuned layers.", where=str(self.folder), fix=_TRAIN)
        tuned = encoder.tuned((self.folder / ENCODER).read_bytes())
        tuned.encode(["ready"])  # the first customer does not wait for it
        return tuned


class RouterVersions:
    """The routers of one project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def numbers(self) -> list[int]:
        """Return every version there is, the oldest first."""
        inside = self.folder.iterdir() if self.folder.is_dir() else ()
        return sorted(
            int(path.name) for path in inside if path.is_dir() and path.name.isascii() and path.name.isdecimal()
        )

    def current(self) -> int | None:
        """Return the served version; None before the first was promoted."""
        return next(iter(self._history()), None)

    def load(self, number: int | None = None) -> Version:
        """Read and verify one version, the served one by default; ModelError says what is wrong with it."""
        chosen = self.current() if number is None else number
        if chosen is None:
            raise ModelError("no trained router here.", where=str(self.folder), fix=_TRAIN)
        if number is not None and number not in self.numbers():
            raise ConfigError(f"there is no router {number}.", where=str(self.folder), fix=_LIST)
        return _verified(self.folder / str(chosen))

    def verdict(self, number: int) -> Verdict | None:
        """Return the gate's word on a version; None when it has not been examined."""
        try:
            return Verdict.model_validate_json(self._beside(number).read_bytes())
        except (OSError, ValidationError):
            return None

    def add(
        self,
        model: Model,
        facts: Mapping[str, Any],
        examples: Iterable[Judged],
        files: Mapping[str, Path] | None = None,
    ) -> Version:
        """Write the next version, not served yet; `facts` are the manifest's other fields, `files` more to keep."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".new-") as fresh:
            draft = Path(fresh) / "version"
            draft.mkdir()
            (draft / WEIGHTS).write_bytes(pack(model.head))
            rows = (row.model_dump_json() + "\n" for row in examples)
            (draft / EXAMPLES).write_text("".join(rows), encoding="utf-8")
            for name, path in (files or {}).items():
                shutil.copyfile(path, draft / name)
            manifest = Manifest(
                format=FORMAT,
                version=max(self.numbers(), default=0) + 1,
                parent=self.current(),
                labels=model.head.labels,
                calibration=model.calibration,
                files={path.name: _sha256(path) for path in sorted(draft.iterdir())},
                **facts,
            )
            (draft / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
            home = draft.rename(self.folder / str(manifest.version))
        return Version(folder=home, manifest=manifest)

    def record(self, verdict: Verdict) -> None:
        """Keep the gate's word on a version."""
        _replace(self._beside(verdict.version), verdict.model_dump_json(indent=1) + "\n")

    def promote(self, verdict: Verdict) -> Version:
        """Serve a version that the gate passed or somebody forced; ModelError when neither is so."""
        if not verdict.served:
            what = f"the gate refuses router {verdict.version}."
            raise ModelError(what, where=str(self.folder), fix="see `frontdesk routers show`.")
        version = self.load(verdict.version)
        self.record(verdict)
        self._serve([verdict.version, *(number for number in self._history() if number != verdict.version)])
        return version

    def rollback(self) -> Version:
        """Serve the version that was served before; ModelError when there is none that can be read."""
        history = self._history()
        for at, number in enumerate(history[1:], start=1):
            try:
                version = self.load(number)
            except (ModelError, ConfigError) as error:
                log.warning("router %d is passed over: %s", number, error)
                continue
            self._serve(history[at:])
            return version
        raise ModelError("there is no earlier router to go back to.", where=str(self.folder), fix=_LIST)

    def mark(self) -> tuple[int, int]:
        """Return what changes whenever another version is served; zeros before the first."""
        try:
            found = (self.folder / "current").stat()
        except OSError:
            return 0, 0
        return found.st_ino, found.st_mtime_ns

    def _history(self) -> list[int]:
        try:
            words = (self.folder / "current").read_text(encoding="ascii").split()
        except (OSError, UnicodeDecodeError):
            return []
        return [int(word) for word in words if word.isdecimal()]

    def _serve(self, history: Iterable[int]) -> None:
        _replace(self.folder / "current", " ".join(map(str, history)) + "\n")

    def _beside(self, number: int) -> Path:
        return self.folder / f"{number}.gate.json"


class Serving:
    """The served router's model, taken up as soon as it is promoted; safe to share between threads.

    A version that cannot be loaded leaves the one before serving, and is tried again a minute later.
    """

    def __init__(self, versions: RouterVersions, encoder: Encoder) -> None:
        self._versions, self._encoder = versions, encoder
        self._loading = threading.Lock()
        self._mark = versions.mark()
        self._until = float("inf")
        self._model = versions.load().model(encoder)

    def now(self) -> Model:
        """Return the model to judge the next message with."""
        unchanged = self._mark == self._versions.mark() and time.monotonic() < self._until
        if unchanged or not self._loading.acquire(blocking=False):
            return self._model
        try:
            mark, self._until = self._versions.mark(), float("inf")
            self._model = self._versions.load().model(self._encoder)
        except (ModelError, ConfigError, OSError) as error:
            log.error("the promoted router cannot be served, the one before routes on: %s", error)
            self._until = time.monotonic() + _RETRY_S
        finally:
            self._mark = mark
            self._loading.release()
        return self._model


def load(folder: Path, encoder: Encoder) -> Model:
    """Return the served model; ModelError when absent, altered or trained with another encoder."""
    return RouterVersions(folder).load().model(encoder)


def _verified(folder: Path) -> Version:
    """Return a version whose files are exactly those its manifest lists, byte for byte."""
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
        present = {path.name for path in folder.iterdir()} - {MANIFEST}
        hashes = {name: _sha256(folder / name) for name in present}
    except OSError:
        raise ModelError("no trained router here.", where=str(folder), fix=_TRAIN) from None
    except ValidationError as error:
        what = error.errors()[0]
        raise ModelError(f"the manifest is damaged: {what['msg']}.", where=str(folder), fix=_TRAIN) from None
    if manifest.format != FORMAT:
        raise ModelError("trained by another release of frontdesk.", where=str(folder), fix=_TRAIN)
    if str(manifest.version) != folder.name or hashes != manifest.files or not {WEIGHTS, EXAMPLES} <= present:
        raise ModelError("the router's files are not those that training wrote.", where=str(folder), fix=_TRAIN)
    return Version(folder=folder, manifest=manifest)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _replace(path: Path, text: str) -> None:
    """Write a small file so that a reader, or a crash, sees the old or the new one, never a part."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
