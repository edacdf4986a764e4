"""The archive on SQLite and on PostgreSQL: everything that was said, in order, without disturbing who writes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from frontdesk.bot.errors import StoreError
from frontdesk.bot.store import Store
from frontdesk.bot.store.archive import Written, archive
from frontdesk.bot.types import Customer, Message, Turn


def test_turns_people_and_votes_come_in_the_order_they_were_seen(store_url: str) -> None:
    who = Customer(id="ada")
    with Store(store_url) as store:
        for number, reply in ((1, "Hello."), (2, None)):
            ids: dict[str, Any] = {"id": f"c-{number}", "conversation_id": "c"}
            store.put(Message(text=f"message {number}", brand="b", channel="web", customer=who, **ids), f"c-{number}")
            (lane,) = store.claim("me", 1, 30)
            pending = store.next(lane)
            assert pending is not None
            store.close_turn(lane, pending, None if reply is None else {"text": reply}, {}, None, who)
            store.release(lane)
            store.post("c", "sentence", {"text": f"A person, {number}.", "author": "Eve"})
        store.feedback("c", "c-1", {"value": "up"})
        (past,) = archive(store_url, brand="b")
        assert list(archive(store_url, brand="other")) == []
        assert list(archive(store_url, since=datetime(2100, 1, 1, tzinfo=UTC))) == []
    said = [each.message.text if isinstance(each, Turn) else each for each in past.seen]
    first, second = (Written(text=f"A person, {number}.", author="Eve") for number in (1, 2))
    assert said == ["message 1", first, "message 2", second]
    assert past.votes == {"c-1": {"value": "up"}}


@pytest.mark.parametrize("url", ["nonsense", "oracle9://x", "sqlite:///FOLDER/none.db", "sqlite:///FOLDER/torn.db"])
def test_what_cannot_be_read_is_one_error(tmp_path: Path, url: str) -> None:
    (tmp_path / "torn.db").write_bytes(b"SQLite format 3\0" + b"x" * 5_000)
    with pytest.raises(StoreError, match="Fix:"):
        list(archive(url.replace("FOLDER", str(tmp_path))))
