"""Where on its platform a reply stands, so that one that was shown while it was made is finished there after a crash.

Every function takes a connection and runs inside one transaction.
"""

from __future__ import annotations

import time
from functools import partial

from sqlalchemy import Connection, select, update

from frontdesk.bot.store.inbox import INSERT
from frontdesk.bot.store.store import Store
from frontdesk.bot.store.tables import placed


def claim(connection: Connection, conversation_id: str, message_id: str, place: str) -> tuple[str, float]:
    """Note `place` unless there is one already; return which stands now, and for how many seconds."""
    values = {"conversation_id": conversation_id, "message_id": message_id, "place": place, "created_at": time.time()}
    adding = INSERT[connection.dialect.name](placed).values(**values)
    connection.execute(adding.on_conflict_do_nothing(index_elements=["conversation_id", "message_id"]))
    of = placed.c.conversation_id == conversation_id, placed.c.message_id == message_id
    row = connection.execute(select(placed.c.place, placed.c.created_at).where(*of)).one()
    return row.place, max(0.0, time.time() - row.created_at)


def move(connection: Connection, conversation_id: str, message_id: str, before: str, place: str) -> bool:
    """Note `place` where `before` stands; whether it did."""
    of = placed.c.conversation_id == conversation_id, placed.c.message_id == message_id, placed.c.place == before
    return connection.execute(update(placed).where(*of).values(place=place)).rowcount == 1


class StoredPlaces:
    """The places in a store, for a channel to ask."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def claim(self, conversation_id: str, message_id: str, place: str) -> tuple[str, float]:
        """See `claim`."""
        claiming = partial(claim, conversation_id=conversation_id, message_id=message_id, place=place)
        return await self._store.call(self._store.do, claiming, conversation_id)

    async def move(self, conversation_id: str, message_id: str, before: str, place: str) -> bool:
        """See `move`."""
        moving = partial(move, conversation_id=conversation_id, message_id=message_id, before=before, place=place)
        return await self._store.call(self._store.do, moving, conversation_id)
