"""A transcript: one conversation between a customer and who answered, whatever system it comes from."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from frontdesk.finetune.transcripts.report import Report


class Said(BaseModel):
    """One turn of a transcript."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Literal["customer", "agent"]
    text: str = Field(min_length=1)
    intent: str | None = None
    by: Literal["person", "bot"] | None = None
    """Who wrote an agent's turn; None: not known, taken for a person."""
    vote: Literal["up", "down"] | None = None
    """What the customer thought of an agent's turn."""

    @property
    def exemplary(self) -> bool:
        """Whether a voice may learn to speak like this: a person's words, or a bot's that were voted up."""
        return self.role == "agent" and self.vote != "down" and (self.by != "bot" or self.vote == "up")


class Transcript(BaseModel):
    """One conversation; `meta` may name its brand, channel, intent (of the first customer turn) and source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    turns: tuple[Said, ...]
    meta: dict[str, Any] = Field(default_factory=dict)


class Reader(Protocol):
    """One format of transcripts. A class with this shape, named in the entry-point group `frontdesk.transcripts`."""

    name: str

    def sniff(self, head: bytes, path: Path) -> bool:
        """Tell from the first bytes (UTF-8, unpacked) of a file whether it is of this format; b"" for a folder."""
        ...

    def read(self, path: Path, report: Report, agents: Collection[str] = ()) -> Iterator[tuple[str, Transcript]]:
        """Yield each conversation with its place (file:line) in constant memory; what is left out goes to `report`.

        `agents` names who answers (ids, or e-mail domains as "@brand.com") where the format itself does not say.
        """
        ...
