"""Files that customers sent on a platform: what a message remembers of them, and fetching one that a person opens.

The platform keeps them. Nothing of them is copied here, so nothing of them is left when a conversation is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Protocol

from frontdesk.bot.errors import ChannelError
from frontdesk.bot.types import Conversation
from frontdesk.channels.delivery import Retry
from frontdesk.channels.files import File, name_of, type_of
from frontdesk.channels.outgoing import Doubtful, Outgoing

FETCH_BYTES = 20 * 1_048_576
"""The largest file that is fetched, which is what Telegram gives."""
MOST = 10
"""The most files of one message that are remembered."""


class Holder(Protocol):
    """A platform that keeps what customers sent on it."""

    async def fetch(self, source: str) -> bytes:
        """Return the content of a file; raises ChannelError that says why there is none."""
        ...


def sent_file(source: str, name: str, kind: str, size: str) -> dict[str, Any]:
    """Return what a message remembers of a file; `source` is where its platform has it, never shown to anybody."""
    known = int(size) if size.isdecimal() and len(size) < 15 else 0
    return {
        "id": sha256(source.encode()).hexdigest()[:32],
        "name": name_of(name),
        "type": kind[:100],
        "bytes": known,
        "source": source,
    }


def shown_files(metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what may be told of a message's files."""
    return [{key: row[key] for key in ("id", "name", "type", "bytes")} for row in metadata.get("files") or ()]


async def opened(holder: Holder, conversation: Conversation, file_id: str) -> tuple[File, bytes]:
    """Return a file that a message of the conversation names; raises ChannelError."""
    rows = (row for turn in conversation.turns for row in turn.message.metadata.get("files") or ())
    row = next((row for row in rows if row["id"] == file_id), None)
    if row is None:
        raise ChannelError("There is no such file.", status=404, code="unknown_file")
    data = await holder.fetch(row["source"])
    kind = type_of(data) or "application/octet-stream"
    return File(id=file_id, name=row["name"], type=kind, bytes=len(data)), data


async def fetched(outgoing: Outgoing, url: str, headers: Mapping[str, str] | None = None, fix: str = "") -> bytes:
    """Return what stands at a platform's address; `fix` is what helps where it refuses. Raises ChannelError."""
    try:
        status, data = await outgoing.get(url, headers, FETCH_BYTES)
    except (Retry, Doubtful) as error:
        again = "try again in a moment."
        raise ChannelError(f"The file cannot be fetched: {error}.", status=503, code="unavailable", fix=again) from None
    if status != 200:
        what = f"The platform does not give this file (status {status})."
        raise ChannelError(what, status=404, code="unknown_file", fix=fix)
    if len(data) > FETCH_BYTES:
        raise ChannelError("The file is too large to be opened here.", status=413, code="too_large")
    return data
