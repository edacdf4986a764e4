"""The tables of the store: lanes, inbox, outbox, conversations, turns, feedback, and what people settled and reviewed.

Times are seconds since the epoch. Structured values are JSON text in ASCII, so that SQLite and PostgreSQL hold
the same bytes, NUL characters and lone surrogates included.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

ID_CHARS = 255
"""The longest conversation, event or message id."""

FETCHED = "frontdesk_fetched"
"""The option of a connection that names the channels whose customers fetch what is said to them."""

ADDED = "frontdesk_added"
"""Where a connection keeps the events that its transaction adds, to be told of once it is committed."""

_NUMBER = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData()

lanes = Table(
    "inbox_lane",
    metadata,
    Column("conversation_id", String(ID_CHARS), primary_key=True),
    Column("due_at", Double),  # null: nothing to do
    Column("owner", String(64)),
    Column("lease_until", Double),
    Column("fence", _NUMBER, nullable=False, default=0),  # grows with every claim
    Column("starts", Integer, nullable=False, default=0),  # claims since the last closed turn
    Column("failures", Integer, nullable=False, default=0),  # handler errors since the last closed turn
    Index("inbox_lane_owner", "owner"),
)
Index(
    "inbox_lane_due",
    lanes.c.due_at,
    sqlite_where=lanes.c.due_at.isnot(None),
    postgresql_where=lanes.c.due_at.isnot(None),
)

inbox = Table(
    "inbox_message",
    metadata,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("channel", String(ID_CHARS), nullable=False),
    Column("event_id", String(ID_CHARS), nullable=False),
    Column("conversation_id", String(ID_CHARS), nullable=False),
    Column("message_id", String(ID_CHARS), nullable=False),
    Column("body", Text, nullable=False),
    Column("position", _NUMBER, nullable=False),  # the outbox position when it was committed
    Column("received_at", Double, nullable=False, index=True),
    Column("closed_at", Double),
    UniqueConstraint("channel", "event_id"),
    sqlite_autoincrement=True,
)
_OPEN = inbox.c.closed_at.is_(None)
Index("inbox_message_open", inbox.c.conversation_id, inbox.c.id, sqlite_where=_OPEN, postgresql_where=_OPEN)

outbox = Table(
    "outbox_event",
    metadata,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("conversation_id", String(ID_CHARS), nullable=False),
    Column("message_id", String(ID_CHARS), nullable=False),
    Column("channel", String(ID_CHARS), nullable=False),
    Column("inbox_id", _NUMBER),  # null: an event outside a turn
    Column("seq", Integer),
    Column("kind", String(16), nullable=False),
    Column("data", Text, nullable=False),
    Column("created_at", Double, nullable=False, index=True),
    Column("send_at", Double),  # null: nothing to push, or pushed
    Column("sends", Integer, nullable=False, default=0),
    UniqueConstraint("inbox_id", "seq"),
    Index("outbox_event_conversation", "conversation_id", "id"),
    sqlite_autoincrement=True,
)
_UNSENT = outbox.c.send_at.isnot(None)
Index("outbox_event_unsent", outbox.c.conversation_id, outbox.c.id, sqlite_where=_UNSENT, postgresql_where=_UNSENT)

conversations = Table(
    "conversation",
    metadata,
    Column("id", String(ID_CHARS), primary_key=True),
    Column("brand", String(ID_CHARS), nullable=False),
    Column("channel", String(ID_CHARS), nullable=False),
    Column("customer", Text, nullable=False),
    Column("slots", Text, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("updated_at", Double, nullable=False, index=True),
)

turns = Table(
    "turn",
    metadata,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("inbox_id", _NUMBER, nullable=False, unique=True),
    Column("conversation_id", String(ID_CHARS), nullable=False),
    Column("message_id", String(ID_CHARS), nullable=False),
    Column("message", Text, nullable=False),
    Column("reply", Text),  # null: a person held the conversation
    Column("created_at", Double, nullable=False, index=True),
    Index("turn_conversation", "conversation_id", "id"),
    sqlite_autoincrement=True,
)

votes = Table(
    "feedback",
    metadata,
    Column("conversation_id", String(ID_CHARS), primary_key=True),
    Column("message_id", String(ID_CHARS), primary_key=True),
    Column("value", Text, nullable=False),
    Column("created_at", Double, nullable=False, index=True),
)

settled = Table(
    "settled_question",
    metadata,
    Column("conversation_id", String(ID_CHARS), primary_key=True),
    Column("message_id", String(ID_CHARS), primary_key=True),
    Column("settled_at", Double, nullable=False, index=True),
)
"""Unanswered questions that a person has dealt with."""

reviewed = Table(
    "reviewed_message",
    metadata,
    Column("text_key", String(64), primary_key=True),  # sha256 of the words
    Column("intent", String(ID_CHARS), nullable=False),  # empty: dismissed
    Column("text", Text, nullable=False),  # the example, without personal data; empty once it is written
    Column("decided_at", Double, nullable=False, index=True),
    Column("to_write", Boolean, nullable=False),
)
"""Messages that a person has reviewed."""

figures = Table(
    "turn_figure",
    metadata,
    Column("turn_id", _NUMBER, primary_key=True, autoincrement=False),
    Column("case_id", _NUMBER, nullable=False, index=True),  # the turn that began the case
    Column("brand", String(ID_CHARS), nullable=False),
    Column("customer", String(64), nullable=False),  # sha256; empty: nobody knows who
    Column("asked_at", Double, nullable=False, index=True),
    Column("kind", String(16), nullable=False),  # of the first route; empty: a person had the conversation
    Column("answered", Integer, nullable=False),  # what follows counts: 0 or 1
    Column("unanswered", Integer, nullable=False),
    Column("clarified", Integer, nullable=False),
    Column("solved", Integer, nullable=False),
    Column("handoff", String(60), nullable=False),  # what triggered it; empty: nothing
    Column("intent", String(ID_CHARS), nullable=False),
    Column("voice", String(ID_CHARS), nullable=False),
    Column("ms", Integer),
    Column("wait", Double),  # seconds until the first thing was said
)
"""What the numbers are made of: one row per turn, read out of it once, without words and names."""

model_uses = Table(
    "turn_model",
    metadata,
    Column("turn_id", _NUMBER, primary_key=True, autoincrement=False),
    Column("model", String(ID_CHARS), primary_key=True),
    Column("provider", String(60), primary_key=True),
    Column("calls", Integer, nullable=False),
    Column("uncounted", Integer, nullable=False),  # calls whose tokens nobody named
    Column("tokens_in", _NUMBER, nullable=False),
    Column("tokens_out", _NUMBER, nullable=False),
    Column("cost", Double, nullable=False),  # at the prices of that time
)
"""What language models read and wrote for a turn, beside its figures."""

handoffs = Table(
    "handoff",
    metadata,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("conversation_id", String(ID_CHARS), nullable=False, index=True),
    Column("brand", String(ID_CHARS), nullable=False),
    Column("channel", String(ID_CHARS), nullable=False),
    Column("trigger", String(16), nullable=False),
    Column("intent", String(ID_CHARS), nullable=False),
    Column("reason", Text, nullable=False),
    Column("opened_at", Double, nullable=False, index=True),
    Column("agent", String(ID_CHARS), nullable=False, default=""),  # empty: nobody has it
    Column("claimed_at", Double),
    Column("answered_at", Double),
    Column("spoke_at", Double),
    Column("heard_at", Double),
    Column("told_at", Double),
    Column("ended_at", Double, index=True),
    Column("outcome", String(16), nullable=False, default=""),
    Column("last_message", String(ID_CHARS), nullable=False, default=""),
    sqlite_autoincrement=True,
)
"""Stays of conversations with people; a conversation has at most one that has not ended."""
_UNENDED = handoffs.c.ended_at.is_(None)
Index("handoff_unended", handoffs.c.conversation_id, unique=True, sqlite_where=_UNENDED, postgresql_where=_UNENDED)

notes = Table(
    "handoff_note",
    metadata,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("conversation_id", String(ID_CHARS), nullable=False, index=True),
    Column("agent", String(ID_CHARS), nullable=False),
    Column("text", Text, nullable=False),
    Column("created_at", Double, nullable=False, index=True),
    sqlite_autoincrement=True,
)

audit = Table(
    "audit_entry",
    metadata,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("actor", String(ID_CHARS), nullable=False),
    Column("action", String(60), nullable=False),
    Column("conversation_id", String(ID_CHARS), nullable=False, index=True),
    Column("detail", Text, nullable=False),
    Column("created_at", Double, nullable=False, index=True),
    sqlite_autoincrement=True,
)

heard = Table(
    "handoff_heard",
    metadata,
    Column("target", String(60), primary_key=True),
    Column("event_id", String(ID_CHARS), primary_key=True),
    Column("created_at", Double, nullable=False, index=True),
)
"""What came in from where people work elsewhere, so that a repeat is known."""

relayed = Table(
    "handoff_relay",
    metadata,
    Column("handoff_id", _NUMBER, primary_key=True),
    Column("target", String(60), primary_key=True),
    Column("conversation_id", String(ID_CHARS), nullable=False),
    Column("address", String(ID_CHARS), nullable=False, index=True),  # where it stands there: a thread, say
    Column("position", _NUMBER, nullable=False),  # the outbox position up to which it was told there
    Column("failures", Integer, nullable=False, default=0),
    Column("due_at", Double),  # null: told to the end
)
"""How far each stay was told to each target."""

placed = Table(
    "placed_reply",
    metadata,
    Column("conversation_id", String(ID_CHARS), primary_key=True),
    Column("message_id", String(ID_CHARS), primary_key=True),
    Column("place", String(ID_CHARS), nullable=False),
    Column("created_at", Double, nullable=False, index=True),
)
"""Where on its platform a reply stands that was shown while it was made."""
