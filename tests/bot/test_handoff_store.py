"""Stays with people on SQLite and on PostgreSQL, where many reach for the same conversation at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import Connection, delete, update

from frontdesk.bot.store import Store, handoffs, relays, tables
from frontdesk.bot.types import Event, Handoff
from tests.bot.test_store import answer, message, put

WORDS = {"text": "Back to the assistant.", "author": "Assistant"}


def test_of_many_at_once_one_has_it_and_what_comes_twice_is_written_once(store_url: str) -> None:
    with Store(store_url) as store, ThreadPoolExecutor(8) as pool:
        put(store, message(0))
        answer(store, state="waiting")

        def claim(name: str) -> Handoff:
            return store.do(partial(handoffs.claim, conversation_id="c", agent=name), "c")

        def write(agent: str) -> Event | None:
            writing = partial(handoffs.write, conversation_id="c", agent=agent, text="Hi.", via="slack", key="T:C:1")
            return store.do(writing, "c")

        (holder,) = {held.agent for held in pool.map(claim, [f"agent {n}" for n in range(8)])}
        found = store.conversation("c")
        assert found is not None and found.handoff is not None
        assert (found.handoff.agent, found.state) == (holder, "human")
        assert [deed.action for deed in store.look(partial(handoffs.deeds, limit=9))] == ["claimed"]
        assert len([one for one in pool.map(write, [holder] * 8) if one]) == 1
        assert store.do(partial(handoffs.end, conversation_id="c", agent=holder, outcome="resolved", words=WORDS), "c")
        assert not store.do(partial(handoffs.end, conversation_id="c", agent=holder, outcome="idle", words=WORDS), "c")


def test_a_target_is_told_from_where_it_was_left(store_url: str) -> None:
    with Store(store_url) as store:
        put(store, message(0))
        answer(store, state="waiting")
        due = partial(relays.due, targets=["slack", "webhook"])
        assert [(one.target, one.address) for one in store.look(due)] == [("slack", ""), ("webhook", "")]
        slack, webhook = store.look(due)
        at = store.last_position("c")
        store.do(partial(relays.told, relay=slack, address="C:1", position=at), "c")
        store.do(partial(relays.failed, relay=webhook, delay=3600.0), "c")
        assert store.look(due) == []
        assert store.look(partial(relays.conversation_at, target="slack", address="C:1")) == "c"
        assert store.look(partial(relays.conversation_at, target="webhook", address="C:1")) is None
        store.post("c", "sentence", {"text": "Hello.", "author": "Ana"})
        assert [(one.target, one.address, one.position) for one in store.look(due)] == [("slack", "C:1", at)]


def test_a_conversation_that_is_forgotten_while_it_waits_leaves_no_place_in_the_queue(store_url: str) -> None:
    with Store(store_url) as store:
        put(store, message(0, "old"))
        answer(store, state="waiting")
        note = partial(handoffs.note, conversation_id="old", agent="Ana", text="Called twice.")
        store.do(note, "old")
        relay = store.look(partial(relays.due, targets=["slack"]))[0]
        store.do(partial(relays.told, relay=relay, address="C:1", position=store.last_position("old")), "old")
        assert len(store.look(handoffs.unended)) == 1
        assert store.forget_before(datetime.now(UTC) + timedelta(seconds=1)) == 1
        assert store.look(handoffs.unended) == []
        assert store.look(partial(handoffs.notes_of, conversation_id="old")) == []
        assert store.look(partial(relays.conversation_at, target="slack", address="C:1")) is None
        put(store, message(0, "new"))
        answer(store, state="waiting")
        found = store.conversation("new")
        assert found is not None and found.ahead == 0


def test_what_was_held_before_there_were_stays_can_be_taken_and_answered(store_url: str) -> None:
    with Store(store_url) as store:
        for state, name in (("waiting", "c"), ("human", "d")):
            put(store, message(0, name))
            answer(store, state="waiting")
            store.do(lambda connection: connection.execute(delete(tables.handoffs)), name)
            held = partial(_set_state, name=name, state=state)
            store.do(held, name)
            assert store.do(partial(handoffs.claim, conversation_id=name, agent="Ana"), name).agent == "Ana"
            assert store.do(partial(handoffs.write, conversation_id=name, agent="Ana", text="Hi."), name)
            found = store.conversation(name)
            assert found is not None and found.handoff is not None
            assert (found.state, found.handoff.agent) == ("human", "Ana")


def _set_state(connection: Connection, name: str, state: str) -> None:
    changing = update(tables.conversations).where(tables.conversations.c.id == name)
    connection.execute(changing.values(state=state))
