"""Slack: a workspace export, a zip or its folder: users.json, and a folder a channel with a file a day.

A thread is a conversation. Shapes: slack.com/help/articles/220556107 (how to read Slack data exports),
docs.slack.dev/reference/events/message (subtypes, `thread_ts`) and docs.slack.dev/messaging/formatting-message-text.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from frontdesk.finetune.transcripts.model import Said, Transcript
from frontdesk.finetune.transcripts.records import Record, dicts, dig
from frontdesk.finetune.transcripts.report import Report
from frontdesk.finetune.transcripts.shelf import Shelf
from frontdesk.finetune.transcripts.talk import turn

Folder = Path | zipfile.Path
DAY = re.compile(r"^\d{4}-\d\d-\d\d\.json$")
SPOKEN = frozenset({"", "thread_broadcast", "me_message", "file_share"})
"""Subtypes of messages that a person wrote."""
_MARKED = re.compile(r"<([^<>|]*)(?:\|([^<>]*))?>")


class SlackReader:
    """Agents are those named; when none is, who opens a thread is the customer and the others answer."""

    name = "slack"

    def sniff(self, head: bytes, path: Path) -> bool:
        """Tell by the channel folders with a file a day."""
        if path.is_file() and not (head.startswith(b"PK") and zipfile.is_zipfile(path)):
            return False
        root = _root(path)
        return (root / "users.json").is_file() and any(True for _ in _days(root))

    def read(self, path: Path, report: Report, agents: Collection[str] = ()) -> Iterator[tuple[str, Transcript]]:
        """Yield the threads; their messages, often of several days, are gathered on disk first."""
        root = _root(path)
        users = {str(user.get("id")): user for user in dicts(_json(root / "users.json", report))}
        if not agents:
            report.notes["Slack: who opened a thread was taken for the customer, the others for agents"] += 1
        with closing(Shelf()) as shelf:
            for channel, day in _days(root):
                for number, message in enumerate(dicts(_json(day, report)), start=1):
                    if message.get("type") == "message" and (start := message.get("thread_ts") or message.get("ts")):
                        message = {key: message.get(key) for key in ("user", "bot_id", "subtype", "text", "ts")}
                        place = {"where": f"{channel}/{day.name} item {number}"}
                        shelf.put(f"slack-{channel}-{start}", {**message, **place})
            for name, messages in shelf.groups():
                yield messages[0]["where"], _thread(name, messages, users, report, agents)


def _root(path: Path) -> Folder:
    """Return the export's top: the path, what the zip holds, or the one folder in it."""
    root: Folder = path if path.is_dir() else zipfile.Path(path)
    inside: list[Folder] = list(root.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else root


def _days(root: Folder) -> Iterator[tuple[str, Folder]]:
    for channel in sorted((child for child in root.iterdir() if child.is_dir()), key=lambda child: child.name):
        days: list[Folder] = [day for day in channel.iterdir() if DAY.match(day.name)]
        for day in sorted(days, key=lambda day: day.name):
            yield channel.name, day


def _json(file: Folder, report: Report) -> Any:
    try:
        return json.loads(file.read_bytes())
    except (ValueError, RecursionError, OSError, zipfile.BadZipFile) as error:
        report.refuse(file.name, "broken JSON, this file is not read", str(error))
        return []


def _thread(
    name: str, messages: Sequence[Record], users: Mapping[str, Record], report: Report, agents: Collection[str]
) -> Transcript:
    ordered = sorted(messages, key=lambda message: float(message["ts"]))
    opener = next((message["user"] for message in ordered if _speaks(message)), None)
    turns: list[Said] = []
    for message in ordered:
        where, text = message["where"], plain(message.get("text") or "", users)
        if message.get("bot_id") or message.get("subtype") == "bot_message" or dig(users, message["user"], "is_bot"):
            turns += turn(where, "agent", text, report, by="bot")
        elif not _speaks(message):
            report.leave_out(where, f"Slack's {message['subtype'] or 'message without a user'}")
        elif _answers(message["user"], opener, users, agents):
            turns += turn(where, "agent", text, report, by="person")
        else:
            turns += turn(where, "customer", text, report)
    return Transcript(id=name, turns=tuple(turns), meta={"source": "slack"})


def _speaks(message: Record) -> bool:
    return bool(message.get("user")) and not message.get("bot_id") and (message.get("subtype") or "") in SPOKEN


def _answers(user: str, opener: str | None, users: Mapping[str, Record], agents: Collection[str]) -> bool:
    if not agents:
        return user != opener
    email = str(dig(users, user, "profile", "email") or "")
    return user in agents or email in agents or f"@{email.rpartition('@')[2]}" in agents


def plain(text: str, users: Mapping[str, Record]) -> str:
    """Return Slack's markup as plain text: mentions by name, links by their words, the three entities undone."""

    def shown(match: re.Match[str]) -> str:
        target, label = match.group(1), match.group(2)
        if target.startswith("@"):
            profile = dig(users, target[1:], "profile")
            return f"@{label or dig(profile, 'display_name') or dig(profile, 'real_name') or 'someone'}"
        if target.startswith("#"):
            return f"#{label or 'channel'}"
        if target.startswith("!"):
            return label or f"@{target[1:].partition('^')[0]}"
        return label or target.removeprefix("mailto:")

    return _MARKED.sub(shown, text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
