"""Intercom: conversations with their first message (`source`) and its `conversation_parts`.

Shape: developers.intercom.com/docs/references/rest-api/api.intercom.io/conversations (retrieve a conversation;
the parts come only there, a list of conversations has none), models conversation, conversation_source,
conversation_part and conversation_part_author.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from frontdesk.finetune.transcripts.model import Said, Transcript
from frontdesk.finetune.transcripts.records import Record, dicts, dig, records, sample
from frontdesk.finetune.transcripts.report import Report
from frontdesk.finetune.transcripts.talk import from_html, turn

WRAPPERS = ("conversations",)
CUSTOMERS = frozenset({"user", "lead", "contact", "visitor"})
AGENTS = frozenset({"admin", "team", "teammate"})
SAID = frozenset({"comment", "open", "close", "quick_reply"})
"""Part types whose body the other side sees."""
AUTOMATED = ("automated", "campaigns_initiated", "operator_initiated")
"""How a first message is delivered that no person wrote to this customer."""


class IntercomReader:
    """Users, leads and contacts are customers; admins and teams answer, bots are told apart."""

    name = "intercom"

    def sniff(self, head: bytes, path: Path) -> bool:
        """Conversations have parts, or at least say what they are."""
        row = sample(head, WRAPPERS)
        return "conversation_parts" in row or (row.get("type") == "conversation" and "source" in row)

    def read(self, path: Path, report: Report, agents: Collection[str] = ()) -> Iterator[tuple[str, Transcript]]:
        """Yield the conversations; notes and events are left out."""
        for where, row in records(path, report, WRAPPERS):
            parts = row.get("conversation_parts")
            listed = dicts(parts.get("conversation_parts") if isinstance(parts, dict) else parts)
            source = row.get("source")
            first = _said(where, source, report) if isinstance(source, dict) else []
            rest = [said for part in listed for said in _part(where, part, report)]
            meta = {"source": self.name, "channel": str(dig(row, "source", "type") or "")}
            yield where, Transcript(id=f"intercom-{row.get('id', where)}", turns=(*first, *rest), meta=meta)


def _part(where: str, part: Record, report: Report) -> list[Said]:
    kind = part.get("part_type")
    if kind == "note":
        report.leave_out(where, "private note")
        return []
    if kind not in SAID:
        if part.get("body"):
            report.leave_out(where, f"part of type {kind}")
        return []
    if kind != "comment" and not part.get("body"):
        return []
    return _said(where, part, report)


def _said(where: str, part: Record, report: Report) -> list[Said]:
    """Return the turn of a message; who wrote it is told by its author's type."""
    if part.get("redacted"):
        report.leave_out(where, "redacted")
        return []
    who, text = dig(part, "author", "type"), from_html(part.get("body"))
    if who in CUSTOMERS:
        return turn(where, "customer", text, report)
    if who == "bot" or dig(part, "author", "from_ai_agent") or part.get("delivered_as") in AUTOMATED:
        return turn(where, "agent", text, report, by="bot")
    if who in AGENTS:
        return turn(where, "agent", text, report, by="person")
    report.leave_out(where, f"author of type {who}")
    return []
