"""Support transcripts in: our JSONL, one conversation a line, with a report of what was skipped and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from frontdesk.bot.errors import ConfigError


class Said(BaseModel):
    """One turn of a transcript."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Literal["customer", "agent"]
    text: str = Field(min_length=1)
    intent: str | None = None


class Transcript(BaseModel):
    """One conversation between a customer and an agent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    turns: tuple[Said, ...]
    meta: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A customer's message of a known intent and what the agent answered."""

    intent: str
    message: str
    reply: str


@dataclass(kw_only=True)
class Reading:
    """What was read, and what was skipped: (file:line, reason)."""

    transcripts: list[Transcript] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)


def read_transcripts(paths: Iterable[Path]) -> Reading:
    """Read JSONL files, or the JSONL files of folders; a broken line is skipped and reported.

    Raises ConfigError when a path is missing or nothing at all could be read.
    """
    reading = Reading()
    for file in _files(paths):
        for number, line in enumerate(file.read_bytes().splitlines(), start=1):
            if not line.strip():
                continue
            try:
                reading.transcripts.append(Transcript.model_validate_json(line))
            except ValidationError as error:
                problem = error.errors()[0]
                where = ".".join(str(part) for part in problem["loc"])
                reading.skipped.append((f"{file.name}:{number}", f"{where} {problem['msg']}".strip()))
    if not reading.transcripts:
        raise ConfigError("no transcript could be read.", where=", ".join(map(str, paths)), fix=_fix(reading))
    return reading


def pairs(transcripts: Iterable[Transcript]) -> Iterator[Pair]:
    """Yield every agent turn that answers a customer turn whose intent is known.

    The transcript's own intent is that of its first customer turn.
    """
    for transcript in transcripts:
        first = next((turn for turn in transcript.turns if turn.role == "customer"), None)
        for before, turn in zip(transcript.turns, transcript.turns[1:], strict=False):
            intent = before.intent or (transcript.meta.get("intent") if before is first else None)
            if before.role == "customer" and turn.role == "agent" and isinstance(intent, str):
                yield Pair(intent=intent, message=before.text, reply=turn.text)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(path.glob("*.jsonl"))
        elif path.is_file():
            yield path
        else:
            raise ConfigError("no such file or folder.", where=str(path), fix="name transcripts in JSONL.")


def _fix(reading: Reading) -> str:
    if reading.skipped:
        where, why = reading.skipped[0]
        return f"first problem at {where}: {why}."
    return 'write one {"id", "turns": [{"role", "text"}], "meta": {"intent"}} a line.'
