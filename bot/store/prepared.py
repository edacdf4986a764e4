"""Conversations that begin with something remembered: what tests set up before the first message."""

from __future__ import annotations

import time
from functools import partial

from sqlalchemy import Connection

from frontdesk.bot.store import codec
from frontdesk.bot.store.inbox import INSERT
from frontdesk.bot.store.store import Store
from frontdesk.bot.store.tables import conversations
from frontdesk.bot.types import Conversation


def begin(store: Store, conversation: Conversation) -> None:
    """Store a conversation without turns: its slots and state wait for the first message. One that is there stays."""
    store._write(partial(_begin, conversation=conversation))


def _begin(connection: Connection, conversation: Conversation) -> None:
    adding = INSERT[connection.dialect.name](conversations).values(
        id=conversation.id,
        brand=conversation.brand,
        channel=conversation.channel,
        customer=codec.dumps(conversation.customer),
        slots=codec.dumps(conversation.slots),
        state=conversation.state,
        updated_at=time.time(),
    )
    connection.execute(adding.on_conflict_do_nothing())
