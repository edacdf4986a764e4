"""The bodies of the web API, and the metadata of a message: what a client may send, and what only we write."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from frontdesk.bot.errors import ChannelError
from frontdesk.channels.files import File

METADATA_CHARS = 8000
FILES = 4
"""The most files of one message."""
_OURS = frozenset({"file", "files", "noted"})
"""The metadata that only we write."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ChatBody(_Body):
    """The body of POST /api/chat."""

    text: str
    message_id: UUID
    conversation_id: str | None = Field(default=None, max_length=100)
    brand: str | None = Field(default=None, max_length=100)
    token: str | None = Field(default=None, max_length=4096)
    locale: Annotated[str, Field(pattern=r"^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3})?$")] = ""
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    files: tuple[Annotated[str, Field(max_length=100)], ...] = Field(default=(), max_length=FILES)


class FeedbackBody(_Body):
    """The body of POST /api/feedback."""

    conversation_id: str = Field(max_length=100)
    message_id: str = Field(max_length=100)
    value: Literal["up", "down"]
    reason: str | None = Field(default=None, max_length=200)
    comment: str | None = Field(default=None, max_length=2000)


def told_files(files: Sequence[File]) -> dict[str, Any]:
    """Return what the engine and the inbox know of a message's files."""
    return {"file": files[0].word, "files": [asdict(file) for file in files]} if files else {}


def checked_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the client's metadata if it is small and can be stored as JSON; raises ChannelError 400."""
    told = {key: value for key, value in metadata.items() if key not in _OURS}
    try:
        size = len(written := json.dumps(told, allow_nan=False))
    except (ValueError, RecursionError):
        size, written = METADATA_CHARS + 1, ""
    if size > METADATA_CHARS or "\\u0000" in written:
        fix = f"send at most {METADATA_CHARS} characters of plain JSON."
        raise ChannelError("The metadata cannot be stored.", code="invalid_request", fix=fix)
    return told
