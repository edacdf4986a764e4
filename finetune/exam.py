"""What a voice is examined with: kept once per voice name, beside its versions, so that versions can be compared."""

from __future__ import annotations

import hashlib

from pydantic import BaseModel, ConfigDict, ValidationError

from frontdesk.adapters.registry import VoiceRegistry, replace_text
from frontdesk.bot.errors import ConfigError
from frontdesk.finetune.canaries import Canary
from frontdesk.finetune.evaluate.contrast import StyleReply
from frontdesk.finetune.transcripts import Pair

FILE = "exam.json"


class Exam(BaseModel):
    """Held-out pairs, replies that show the style, and planted secrets that must not come out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    held_out: tuple[Pair, ...]
    style: tuple[StyleReply, ...] = ()
    canaries: tuple[Canary, ...] = ()

    @property
    def sha256(self) -> str:
        """The hash that names this exam in an acceptance."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def read_exam(registry: VoiceRegistry, name: str) -> Exam:
    """Return the exam of a voice: the project's own, else the shipped one; ConfigError when there is none."""
    for root in (registry.folder, registry.shipped):
        path = root / name / FILE
        if path.is_file():
            try:
                return Exam.model_validate_json(path.read_bytes())
            except ValidationError as error:
                fix = "run `frontdesk tune` again; it writes a new one."
                raise ConfigError(f"the exam is unreadable: {error}", where=str(path), fix=fix) from None
    fix = f"run `frontdesk tune TRANSCRIPTS --voice {name}`; it holds out what the exam asks."
    raise ConfigError(f"{name} has no exam to pass.", where=str(registry.folder / name), fix=fix)


def write_exam(registry: VoiceRegistry, name: str, exam: Exam) -> None:
    """Keep the exam of a voice; the next versions are asked the same."""
    folder = registry.folder / name
    folder.mkdir(parents=True, exist_ok=True)
    replace_text(folder / FILE, exam.model_dump_json(indent=1) + "\n")
