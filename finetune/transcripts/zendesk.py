"""Zendesk: tickets with their comments.

The account's JSON export (one ticket a line, its `comments` within), and the `tickets` of the incremental ticket
export when their comments were added. Shapes: support.zendesk.com/hc/en-us/articles/4408886165402 (exporting data),
developer.zendesk.com/api-reference/ticketing/ticket-management/incremental_exports and
developer.zendesk.com/api-reference/ticketing/tickets/ticket_comments.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from frontdesk.bot.types import Role
from frontdesk.finetune.transcripts.model import Said, Transcript
from frontdesk.finetune.transcripts.records import Record, dicts, dig, records, sample
from frontdesk.finetune.transcripts.report import Report
from frontdesk.finetune.transcripts.talk import from_html, turn

WRAPPERS = ("tickets",)
SYSTEM = -1
"""The author id of what Zendesk itself writes."""
AUTOMATIC = frozenset({"rule", "system"})
"""The `via.channel` of triggers and automations."""


class ZendeskReader:
    """The requester is the customer; who else writes publicly answers for the brand, or of them only `agents`."""

    name = "zendesk"

    def sniff(self, head: bytes, path: Path) -> bool:
        """Tickets have a requester."""
        row = sample(head, WRAPPERS)
        return "requester_id" in row or ("requester" in row and "comments" in row)

    def read(self, path: Path, report: Report, agents: Collection[str] = ()) -> Iterator[tuple[str, Transcript]]:
        """Yield the tickets; private notes are left out, a ticket without comments is skipped."""
        for where, ticket in records(path, report, WRAPPERS):
            if ticket.get("status") == "deleted":
                report.skip(where, "deleted ticket")
                continue
            if not isinstance(ticket.get("comments"), list):
                report.skip(where, "ticket without comments", "the incremental export has none: add them by ticket")
                continue
            if brand := ticket.get("brand_id"):
                report.notes[f"tickets of Zendesk brand {brand}"] += 1
            turns = [
                said for comment in dicts(ticket["comments"]) for said in _said(where, comment, ticket, report, agents)
            ]
            meta = {"source": self.name, "channel": str(dig(ticket, "via", "channel") or "")}
            yield where, Transcript(id=f"zendesk-{ticket.get('id', where)}", turns=tuple(turns), meta=meta)


def _said(where: str, comment: Record, ticket: Record, report: Report, agents: Collection[str]) -> list[Said]:
    if comment.get("public") is False:
        report.leave_out(where, "private note")
        return []
    if comment.get("type") == "VoiceComment":
        report.leave_out(where, "call")
        return []
    text = comment.get("plain_body") or comment.get("body") or from_html(comment.get("html_body"))
    if (role := _role(comment, ticket)) == "customer":
        return turn(where, role, text, report)
    if agents and str(comment.get("author_id")) not in agents:
        report.leave_out(where, "author is neither the requester nor an agent")
        return []
    automatic = comment.get("author_id") == SYSTEM or dig(comment, "via", "channel") in AUTOMATIC
    return turn(where, role, text, report, by="bot" if automatic else "person")


def _role(comment: Record, ticket: Record) -> Role:
    requester = ticket.get("requester_id") or dig(ticket, "requester", "id")
    known = dig(comment, "author", "role") == "end-user"
    return "customer" if known or comment.get("author_id") == requester else "agent"
