"""CSV: one row a turn, with columns for the conversation, who speaks and the text; intent, time and brand if there."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from frontdesk.finetune.transcripts.model import Said, Transcript
from frontdesk.finetune.transcripts.report import Report
from frontdesk.finetune.transcripts.shelf import Shelf
from frontdesk.finetune.transcripts.sources import ROW, open_utf8
from frontdesk.finetune.transcripts.talk import turn

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "conversation": ("conversation_id", "conversation", "chat_id", "ticket_id", "ticket", "thread_id", "session_id",
                     "dialog_id", "dialogue_id", "case_id", "transcript_id", "chat", "id"),
    "role": ("role", "speaker", "sender", "author", "author_type", "sender_type", "from", "direction", "participant"),
    "text": ("text", "message", "body", "content", "utterance", "message_text", "message_body"),
    "intent": ("intent", "label"),
    "time": ("time", "timestamp", "created_at", "sent_at", "date", "datetime"),
    "brand": ("brand",),
}  # fmt: skip
NEEDED = ("conversation", "role", "text")
DELIMITERS = ",;\t|"
CUSTOMER = frozenset(
    {"customer", "user", "client", "visitor", "end_user", "enduser", "contact", "requester", "lead", "buyer", "guest"}
    | {"inbound", "incoming"}
)
AGENT = frozenset(
    {"agent", "human_agent", "rep", "representative", "support", "operator", "admin", "staff", "employee", "advisor"}
    | {"adviser", "teammate", "outbound", "outgoing"}
)
BOT = frozenset(["bot", "chatbot", "assistant", "virtual_assistant", "ai", "ai_agent", "automation"])
ASIDE = frozenset(["system", "note", "private_note", "internal", "activity", "event"])


class CsvReader:
    """Reads a table of turns; the names of its columns and of the speakers may vary within what is usual."""

    name = "csv"

    def sniff(self, head: bytes, path: Path) -> bool:
        """Tell by the file's name, or by a first line that has the columns we need."""
        suffixes = {".csv", ".tsv"} & {suffix.lower() for suffix in path.suffixes}
        return bool(head) and (bool(suffixes) or _layout(head.decode("utf-8", "replace")) is not None)

    def read(self, path: Path, report: Report, agents: Collection[str] = ()) -> Iterator[tuple[str, Transcript]]:
        """Yield the conversations, their rows gathered on disk first: they need not stand together."""
        with open_utf8(path) as file, closing(Shelf()) as shelf:
            text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
            first = text.readline(ROW)
            layout = _layout(first)
            if layout is None:
                report.refuse(f"{path.name}:1", "columns not recognised", _columns(first))
                return
            delimiter, places = layout
            lines = iter(lambda: text.readline(ROW), "")
            width = len(next(csv.reader([first], delimiter=delimiter)))
            _gather(csv.reader(lines, delimiter=delimiter), path, width, places, shelf, report)
            for name, rows in shelf.groups():
                if talk := _conversation(name, rows, report, agents):
                    yield rows[0]["where"], talk


def _layout(first: str) -> tuple[str, dict[str, int]] | None:
    """Return the delimiter and the place of each column we know, or None when one that is needed lacks."""
    best: tuple[str, dict[str, int]] = (",", {})
    for delimiter in DELIMITERS:
        try:
            names = [_plain(name) for name in next(csv.reader([first.splitlines()[0]], delimiter=delimiter))]
        except (csv.Error, StopIteration, IndexError):
            continue
        found = {
            column: names.index(next(name for name in known if name in names))
            for column, known in COLUMNS.items()
            if set(known) & set(names)
        }
        best = max(best, (delimiter, found), key=lambda layout: len(layout[1]))
    return best if all(column in best[1] for column in NEEDED) else None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.strip().casefold()).strip("_")


def _columns(first: str) -> str:
    needed = "; ".join(f"{column} ({', '.join(COLUMNS[column][:5])} ...)" for column in NEEDED)
    return f"found {first.strip()[:200]!r}; needed: {needed}"


def _gather(rows: Any, path: Path, width: int, places: Mapping[str, int], shelf: Shelf, report: Report) -> None:
    """Put every row on the shelf under its conversation; a broken one marks its conversation, if it can be told."""
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            report.skip(f"{path.name}:{rows.line_num + 1}", "broken row", f"{error}, its conversation cannot be told")
            continue
        if not any(row):
            continue
        where = f"{path.name}:{rows.line_num + 1}"
        name = row[places["conversation"]].strip() if len(row) > places["conversation"] else ""
        if not name:
            report.skip(where, "broken row", "no conversation named")
        elif len(row) != width:
            shelf.put(name, {"where": where, "broken": f"{len(row)} columns instead of {width}"})
        elif not _is_unicode("".join(row)):
            shelf.put(name.encode("utf-8", "replace").decode(), {"where": where, "broken": "not UTF-8"})
        else:
            shelf.put(name, {"where": where, **{column: row[place].strip() for column, place in places.items()}})


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # a byte that was not UTF-8 came in as half a surrogate pair
        return False
    return True


def _conversation(
    name: str, rows: Sequence[Mapping[str, str]], report: Report, agents: Collection[str]
) -> Transcript | None:
    """Return the conversation of some rows, or None when one of them is broken: half of it would mislead."""
    if broken := next((row for row in rows if "broken" in row), None):
        reason = "not UTF-8" if broken["broken"] == "not UTF-8" else "broken row"
        report.skip(broken["where"], reason, f"{broken['broken']}, conversation {name}")
        return None
    turns: list[Said] = []
    for row in _in_time(rows):
        said = _said(row, report, agents)
        if said is None:
            report.skip(row["where"], "unknown role", f"{row['role']!r} in conversation {name}")
            return None
        turns += said
    brand = next((row["brand"] for row in rows if row.get("brand")), None)
    meta = {"source": "csv"} | ({"brand": brand} if brand else {})
    return Transcript(id=name, turns=tuple(turns), meta=meta)


def _said(row: Mapping[str, str], report: Report, agents: Collection[str]) -> list[Said] | None:
    role, where = _plain(row["role"]), row["where"]
    if role in CUSTOMER:
        return turn(where, "customer", row["text"], report, intent=row.get("intent") or None)
    if role in AGENT or row["role"] in agents or f"@{row['role'].rpartition('@')[2]}" in agents:
        return turn(where, "agent", row["text"], report)
    if role in BOT:
        return turn(where, "agent", row["text"], report, by="bot")
    if role in ASIDE:
        report.leave_out(where, f"role {role}")
        return []
    return None


def _in_time(rows: Sequence[Mapping[str, str]]) -> Sequence[Mapping[str, str]]:
    """Return the rows by their time where every one has a time that can be read, else as they stand."""
    times = [_seconds(row.get("time", "")) for row in rows]
    if any(time is None for time in times):
        return rows
    return [row for _, _, row in sorted(zip(times, range(len(rows)), rows, strict=True), key=lambda item: item[:2])]


def _seconds(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
