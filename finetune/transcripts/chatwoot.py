"""Chatwoot: messages, within their conversations or as one list.

Shapes: developers.chatwoot.com/api-reference/messages (`payload` of messages, `message_type` 0 to 3), the webhook's
(chatwoot.com/docs/product/others/webhook-events: `message_type` incoming, outgoing, ...) and conversations with their
`messages`. The codes are those of `enum message_type` in chatwoot/chatwoot, app/models/message.rb.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from frontdesk.finetune.transcripts.model import Said, Transcript
from frontdesk.finetune.transcripts.records import Record, dicts, dig, records, sample
from frontdesk.finetune.transcripts.report import Report
from frontdesk.finetune.transcripts.shelf import Shelf
from frontdesk.finetune.transcripts.talk import turn

WRAPPERS = ("data.payload", "payload")
KINDS = {0: "incoming", 1: "outgoing", 2: "activity", 3: "template"}
BOTS = frozenset({"agent_bot", "AgentBot", "captain_assistant", "Captain::Assistant"})


class ChatwootReader:
    """Incoming is the customer, outgoing who answers; templates and bots' messages are told apart."""

    name = "chatwoot"

    def sniff(self, head: bytes, path: Path) -> bool:
        """Messages have a message type, conversations an inbox."""
        row = sample(head, WRAPPERS)
        return "message_type" in row or (isinstance(row.get("messages"), list) and "inbox_id" in row)

    def read(self, path: Path, report: Report, agents: Collection[str] = ()) -> Iterator[tuple[str, Transcript]]:
        """Yield the conversations; single messages are gathered by their conversation first, on disk."""
        with closing(Shelf()) as shelf:
            for where, row in records(path, report, WRAPPERS):
                if isinstance(row.get("messages"), list):
                    yield where, _conversation(where, row.get("id", where), dicts(row["messages"]), report)
                elif "message_type" in row and row.get("conversation_id", dig(row, "conversation", "id")) is not None:
                    number = row.get("conversation_id", dig(row, "conversation", "id"))
                    shelf.put(str(number), {**row, "where": where})
                else:
                    report.skip(where, "broken row", "neither a conversation with messages nor a message of one")
            for number, messages in shelf.groups():
                yield messages[0]["where"], _conversation(messages[0]["where"], number, messages, report)


def _conversation(where: str, number: object, messages: Sequence[Record], report: Report) -> Transcript:
    if inbox := next((message["inbox_id"] for message in messages if message.get("inbox_id")), None):
        report.notes[f"conversations of Chatwoot inbox {inbox}"] += 1
    times = [message.get("created_at") for message in messages]
    if all(isinstance(time, int | float) for time in times) or all(isinstance(time, str) for time in times):
        messages = sorted(messages, key=lambda message: message["created_at"])
    turns = [said for message in messages for said in _said(where, message, report)]
    return Transcript(id=f"chatwoot-{number}", turns=tuple(turns), meta={"source": "chatwoot"})


def _said(where: str, message: Record, report: Report) -> list[Said]:
    code = message.get("message_type")
    kind = KINDS.get(code, "") if isinstance(code, int) else str(code)
    if message.get("private"):
        report.leave_out(where, "private note")
    elif dig(message, "content_attributes", "deleted"):
        report.leave_out(where, "deleted message")
    elif kind == "incoming":
        return turn(where, "customer", message.get("content"), report)
    elif kind in ("outgoing", "template"):
        sender = {message.get("sender_type"), dig(message, "sender", "type")}
        bot = kind == "template" or bool(sender & BOTS)
        return turn(where, "agent", message.get("content"), report, by="bot" if bot else "person")
    elif kind != "activity":
        report.leave_out(where, f"message type {code!r}")
    return []
