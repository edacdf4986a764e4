"""The store on SQLite and on PostgreSQL: what is accepted is kept, once, in order."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from frontdesk.bot.errors import ChannelError, MissingExtra, StoreError
from frontdesk.bot.store import Lane, LeaseLost, Pending, Store, follow, handoffs
from frontdesk.bot.store.bell import KEYS
from frontdesk.bot.types import Customer, Event, Message

ADA = Customer(id="ada", identity="token", attributes={"email": "ada@example.com"})


def message(number: int = 0, conversation: str = "c", **changes: Any) -> Message:
    plain = Message(
        text=f"message {number}",
        conversation_id=conversation,
        brand="lumen",
        channel="web",
        customer=ADA,
        id=f"{conversation}-{number}",
        metadata={"thread": [1, {"ts": "17.5"}]},
    )
    return replace(plain, **changes)


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with Store(store_url) as opened:
        yield opened


def put(store: Store, *messages: Message) -> None:
    for each in messages:
        store.put(each, each.id)


def claim_one(store: Store, owner: str = "me", lease_seconds: float = 30) -> tuple[Lane, Pending]:
    (lane,) = store.claim(owner, 1, lease_seconds)
    pending = store.next(lane)
    assert pending is not None
    return lane, pending


def answer(store: Store, text: str = "hello", **changes: Any) -> Event:
    lane, pending = claim_one(store)
    arguments: dict[str, Any] = {"slots": {}, "state": "bot", "customer": ADA, **changes}
    event = store.close_turn(lane, pending, {"text": text}, **arguments)
    store.release(lane)
    return event


def test_a_message_comes_back_as_it_was_put(store: Store) -> None:
    odd = message(text="naïve 😀 \0 \ud800 \u202e", locale="fr")
    receipt = store.put(odd, "e1")
    assert (receipt.conversation_id, receipt.message_id, receipt.duplicate) == ("c", "c-0", False)
    assert claim_one(store)[1].message == odd


def test_a_repeated_event_returns_the_first_receipt_and_makes_no_second_turn(store: Store) -> None:
    store.put(message(0), "e0")
    answered = answer(store)
    first = store.put(message(1), "e1")
    again = store.put(message(2, "elsewhere"), "e1")
    assert again == replace(first, duplicate=True)
    assert first.position == answered.id
    assert store.counts()["pending"] == 1
    assert not store.put(message(3, channel="slack"), "e1").duplicate


def test_the_same_event_from_many_threads_is_stored_once(store: Store) -> None:
    with ThreadPoolExecutor(16) as threads:
        receipts = list(threads.map(lambda n: store.put(message(n, f"c{n % 4}"), f"e{n % 10}"), range(100)))
    assert sum(not receipt.duplicate for receipt in receipts) == 10
    assert store.counts()["pending"] == 10


def test_a_thousand_futures_need_no_thousand_threads(store: Store) -> None:
    futures = [store.put_async(message(n, f"c{n % 50}"), f"e{n}") for n in range(1000)]
    assert not any(future.result().duplicate for future in futures)
    assert store.counts() == {**dict.fromkeys(store.counts(), 0), "conversations": 50, "pending": 1000}


def test_one_bad_write_in_a_group_spoils_no_other(store: Store) -> None:
    with ThreadPoolExecutor(20) as threads:
        votes = [threads.submit(store.feedback, "c", "none", {"value": "up"}) for _ in range(20)]
        futures = [store.put_async(message(n), f"e{n}") for n in range(50)]
    assert all(isinstance(vote.exception(), ChannelError) for vote in votes)
    assert len([future.result() for future in futures]) == 50


def test_a_cancelled_put_stops_nothing(store: Store) -> None:
    for n in range(50):
        store.put_async(message(n), f"e{n}").cancel()
    assert not store.put(message(99), "last").duplicate


@pytest.mark.parametrize("bad", ["", "x" * 256, "a\0b", "\udc00"])
def test_ids_that_no_database_can_hold_are_refused(store: Store, bad: str) -> None:
    with pytest.raises(ChannelError, match="1 to 255 characters"):
        store.put(message(), bad)
    with pytest.raises(ChannelError, match="conversation_id"):
        store.put(message(conversation=bad), "e")
    assert store.put(message(conversation="ü" * 255, id="m"), "😀" * 255).position == 0


def test_one_worker_at_a_time_holds_a_conversation(store: Store) -> None:
    put(store, message(0, "a"), message(1, "a"), message(0, "b"))
    first, second = store.claim("one", 1, 30), store.claim("two", 5, 30)
    assert [lane.conversation_id for lane in first + second] == ["a", "b"]
    assert store.claim("three", 5, 30) == []
    store.release(first[0])
    assert [lane.conversation_id for lane in store.claim("three", 5, 30)] == ["a"]


def test_a_lapsed_lease_is_taken_over_and_its_holder_can_write_no_more(store: Store) -> None:
    put(store, message())
    old, pending = claim_one(store, "same owner", lease_seconds=-1)
    new, _ = claim_one(store, "same owner")
    assert new.fence > old.fence
    with pytest.raises(LeaseLost):
        store.commit(old, pending, 0, "sentence", {"text": "late"})
    with pytest.raises(LeaseLost):
        store.close_turn(old, pending, {"text": "late"}, {}, "bot", ADA)
    store.release(old, 60)
    assert store.commit(new, pending, 0, "sentence", {"text": "on time"}).data == {"text": "on time"}


def test_renewing_keeps_every_lease_of_the_owner(store: Store) -> None:
    put(store, message(0, "a"), message(0, "b"))
    store.claim("me", 5, -1)
    assert store.renew("me", 30) == 2
    assert store.claim("you", 5, 30) == []


def test_a_conversation_put_off_stays_in_order(store: Store) -> None:
    put(store, message(0))
    lane, _ = claim_one(store)
    store.release(lane, 60, failed=True)
    put(store, message(1))
    assert store.claim("me", 5, 30) == []
    store.release(lane)
    assert store.claim("me", 5, 30) == []


def test_attempts_are_counted_until_the_turn_is_closed(store: Store) -> None:
    put(store, message(0), message(1))
    for failures in range(3):
        lane, _ = claim_one(store)
        assert (lane.starts, lane.failures) == (failures + 1, failures)
        store.release(lane, failed=True)
    answer(store)
    lane, pending = claim_one(store)
    assert (lane.starts, lane.failures, pending.message.id) == (1, 0, "c-1")


def test_a_redone_turn_says_nothing_twice(store: Store) -> None:
    put(store, message())
    lane, pending = claim_one(store, lease_seconds=-1)
    said = store.commit(lane, pending, 0, "sentence", {"text": "first wording"})
    again, pending = claim_one(store)
    assert store.commit(again, pending, 0, "sentence", {"text": "other wording"}) == said
    store.commit(again, pending, 1, "sentence", {"text": "next"})
    done = store.close_turn(again, pending, {"text": "all"}, {}, "bot", ADA)
    assert store.close_turn(again, pending, {"text": "all, twice"}, {"x": 1}, "waiting", ADA) == done
    assert [event.data["text"] for event in store.events("c")] == ["first wording", "next", "all"]
    conversation = store.conversation("c")
    assert conversation is not None
    assert (len(conversation.turns), conversation.slots, conversation.state) == (1, {}, "bot")


def test_a_closed_turn_is_remembered(store: Store) -> None:
    put(store, message(0), message(1))
    citation = {"number": 1, "document_id": "d", "quote": "30 days", "start": 3, "end": 10}
    reply = {
        "text": "You have 30 days [1].",
        "nodes": [],
        "routes": [{"kind": "knowledge", "intent": "returns", "confidence": 0.9, "reason": "sure"}],
        "citations": [citation],
        "buttons": [{"title": "Yes", "payload": "/yes"}],
        "voice": None,
    }
    lane, pending = claim_one(store)
    private = {"trace": {"ms": 4}, "sentences": [{"text": "You have 30 days [1].", "citations": [citation]}]}
    event = store.close_turn(lane, pending, reply, {"order": "17", "name": "Ada"}, "waiting", ADA, private=private)
    store.close_turn(lane, store.next(lane) or pending, None, {"order": None}, "waiting", ADA)
    assert dict(event.data) == reply
    found = store.conversation("c")
    assert found is not None
    assert (found.brand, found.channel, found.customer, found.state) == ("lumen", "web", ADA, "waiting")
    assert found.slots == {"name": "Ada"}
    first, second = found.turns
    assert first.message == message(0, sent_at=first.message.sent_at)
    assert second.reply is None
    assert first.reply is not None
    assert first.reply.routes[0].intent == "returns"
    assert first.reply.citations == first.reply.sentences[0].citations
    assert (first.reply.citations[0].quote, first.reply.citations[0].url) == ("30 days", "")
    assert (first.reply.buttons[0].payload, first.reply.trace) == ("/yes", {"ms": 4})


def test_a_person_comes_and_goes_only_by_what_people_do(store: Store) -> None:
    put(store, message(0), message(1))
    store.do(partial(handoffs.claim, conversation_id="c", agent="Ada"), "c")
    answer(store, state="bot")
    assert [conversation.state for conversation in store.waiting()] == ["human"]
    words = {"text": "Back to the assistant.", "author": "Assistant"}
    store.do(partial(handoffs.end, conversation_id="c", agent="Ada", outcome="resolved", words=words), "c")
    answer(store, state="human")
    assert store.waiting() == []


def test_the_last_turns_are_loaded_and_the_longest_waiting_first(store: Store) -> None:
    for n in range(5):
        put(store, message(n, "b"))
        answer(store, state="waiting")
    put(store, message(0, "a"))
    answer(store, state="waiting")
    waiting = store.waiting(last_turns=2)
    assert [(found.id, [turn.message.id for turn in found.turns]) for found in waiting] == [
        ("b", ["b-3", "b-4"]),
        ("a", ["a-0"]),
    ]
    assert store.conversation("unknown") is None


def test_what_is_not_there_is_a_404(store: Store) -> None:
    put(store, message())
    for wrong in (
        lambda: store.post("unknown", "done", {}),
        lambda: store.do(partial(handoffs.claim, conversation_id="unknown", agent="Ada"), "unknown"),
        lambda: store.feedback("unknown", "c-0", {}),
        lambda: store.feedback("c", "unknown", {}),
    ):
        with pytest.raises(ChannelError) as caught:
            wrong()
        assert caught.value.status == 404
    assert store.events("unknown") == []
    assert store.last_position("unknown") == 0


def test_a_vote_on_a_reply_is_stored_and_replaced(store: Store) -> None:
    put(store, message())
    answer(store)
    store.feedback("c", "c-0", {"value": "up"})
    store.feedback("c", "c-0", {"value": "down", "comment": "wrong order"})
    posted = store.post("c", "done", {"text": "from a person"})
    store.feedback("c", posted.message_id, {"value": "up"})


def test_events_are_pushed_in_order_one_per_conversation_until_marked(store: Store) -> None:
    for n in range(2):
        for conversation in ("a", "b"):
            put(store, message(n, conversation, channel="slack", id=f"slack-{conversation}{n}"))
            answer(store, f"{conversation}{n}")
    put(store, message(0, "web"))
    answer(store, "not for slack")
    taken = store.unsent(["slack", "telegram"])
    assert [event.data["text"] for event in taken] == ["a0", "b0"]
    assert store.unsent(["slack"]) == []
    store.mark_sent(taken[0].id)
    store.postpone(taken[1].id, 0)
    assert [event.data["text"] for event in store.unsent(["slack"])] == ["b0", "a1"]
    store.post("a", "state", {"state": "human"})
    person = store.post("a", "sentence", {"text": "I'm on it.", "author": "Grace"})
    store.mark_sent(store.events("a")[1].id)
    assert store.unsent(["slack"]) == [person]


def test_a_turn_without_a_reply_is_not_pushed(store: Store) -> None:
    put(store, message())
    lane, pending = claim_one(store)
    assert store.close_turn(lane, pending, None, {}, "waiting", ADA).data == {}
    assert store.unsent(["web"]) == []


def test_everything_survives_a_restart(store_url: str) -> None:
    with Store(store_url) as store:
        put(store, message(0), message(1))
        answer(store)
        claim_one(store, lease_seconds=-1)
        store.unsent(["web"], lease_seconds=-1)
    with Store(store_url) as store:
        assert claim_one(store)[1].message.id == "c-1"
        assert [event.data["text"] for event in store.unsent(["web"])] == ["hello"]
        assert store.put(message(0), "c-0").duplicate


def test_what_is_old_and_answered_is_forgotten(store: Store) -> None:
    put(store, message(0, "old"))
    store.mark_sent(answer(store).id)
    store.feedback("old", "old-0", {"value": "up"})
    put(store, message(0, "pending"))
    later = datetime.now(UTC) + timedelta(seconds=1)
    assert store.forget_before(datetime.now(UTC) - timedelta(days=1)) == 0
    assert store.forget_before(later) == 1
    assert store.conversation("old") is None
    assert store.events("old") == []
    assert claim_one(store)[1].message.id == "pending-0"


def test_a_follower_hears_the_past_and_then_each_new_event(store: Store) -> None:
    put(store, message())
    first = answer(store)

    async def listen() -> list[Event]:
        events = follow(store, "c")
        heard = [await anext(events)]
        for n in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(events), 0.05)
            await store.call(store.post, "c", "typing", {"n": n})
            heard.append(await asyncio.wait_for(anext(events), 10))
        await events.aclose()
        return heard

    heard = asyncio.run(listen())
    assert heard == store.events("c")
    assert [event.kind for event in heard] == ["done", "typing", "typing", "typing"]
    assert store.events("c", after=first.id, limit=1) == heard[1:2]
    assert store.last_position("c") == heard[-1].id


def test_a_follower_misses_nothing_of_what_many_say_at_once(store: Store) -> None:
    put(store, message())
    answer(store)

    async def listen() -> list[int]:
        events, heard = follow(store, "c"), list[int]()
        saying = [asyncio.create_task(store.call(store.post, "c", "typing", {"n": n})) for n in range(300)]
        while len(heard) < 301:
            heard.append((await asyncio.wait_for(anext(events), 30)).id)
        await asyncio.gather(*saying)
        await events.aclose()
        return heard

    assert asyncio.run(listen()) == [event.id for event in store.events("c", limit=1000)]


def test_what_is_committed_is_handed_to_a_follower_without_a_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def listen(store: Store) -> list[str]:
        looks, look = list[Any](), store.events

        def counted(*at: Any) -> list[Event]:
            looks.append(at)
            return look(*at)

        monkeypatch.setattr(store, "events", counted)
        events = follow(store, "c")
        await anext(events)
        for n in range(3):
            await store.call(store.post, "c", "typing", {"n": n})
        heard: list[str] = [(await asyncio.wait_for(anext(events), 10)).kind for _ in range(3)]
        await events.aclose()
        assert len(looks) == 1
        return heard

    with Store(f"sqlite:///{tmp_path}/store.db") as store:
        put(store, message())
        answer(store)
        assert asyncio.run(listen(store)) == ["typing"] * 3


def test_whom_nobody_follows_any_more_takes_no_room(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/store.db")

    async def follow_many() -> None:
        kept = follow(store, "kept")
        for n in range(10 * KEYS):
            follow(store, str(n))
        assert "kept" in store.spoken._bells
        await kept.aclose()

    asyncio.run(follow_many())
    assert len(store.spoken._bells) <= 2 * KEYS


@pytest.mark.postgres
def test_a_follower_hears_what_another_process_says(postgres_url: str) -> None:
    async def listen(here: Store, there: Store) -> Event:
        events = follow(here, "c")
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0.1)
        await there.call(there.post, "c", "typing", {})
        return await asyncio.wait_for(waiting, 10)

    with Store(postgres_url) as here, Store(postgres_url) as there:
        put(here, message())
        assert asyncio.run(listen(here, there)).kind == "typing"


def test_a_second_server_on_the_same_file_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'frontdesk.db'}"
    with Store(url), pytest.raises(StoreError, match=r"stop that server, or set store\.url to PostgreSQL"):
        Store(url).open()
    Store(url).open().close()


def test_the_file_is_safe_against_loss_of_power(tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path / 'frontdesk.db'}") as store:
        put(store, message())
        assert (tmp_path / "frontdesk.db-wal").stat().st_size > 0
    assert not (tmp_path / "frontdesk.db-wal").exists()
    connection = sqlite3.connect(tmp_path / "frontdesk.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_a_full_disk_is_an_error_and_heals_without_a_restart(store_url: str, tmp_path: Path) -> None:
    if not store_url.startswith("sqlite"):
        pytest.skip("PostgreSQL's disk is not ours to fill")
    with Store(store_url) as store:
        put(store, message(0))
        database: Any = store._database
        with database._writer.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count=1")
        with pytest.raises(StoreError, match="has room"):
            store.put(message(1, text="x" * 1_000_000), "big")
        assert store.conversation("c") is not None
        with database._writer.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count=100000")
        assert not store.put(message(1, text="x" * 1_000_000), "big").duplicate


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite://", "in memory"),
        ("nonsense", "not a database"),
        ("mysql://host/name", "not a database"),
        ("sqlite:////no/such/folder/frontdesk.db", "cannot be opened"),
        ("postgresql://nobody:hunter2@127.0.0.1:1/none", "cannot be opened"),
    ],
)
def test_a_database_that_cannot_be_used_is_a_clear_error(url: str, words: str) -> None:
    with pytest.raises((StoreError, MissingExtra), match=words) as caught:
        Store(url).open()
    assert "hunter2" not in str(caught.value)


def test_a_store_that_is_not_open_says_so(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'frontdesk.db'}")
    with pytest.raises(StoreError, match="not open"):
        store.counts()
    store.open().close()
    with pytest.raises(StoreError, match="closed"):
        store.put(message(), "e")


def test_a_signed_customer_owns_the_conversation_from_the_commit_on(store: Store) -> None:
    signed = message(1, "x", customer=Customer(id="C1", identity="token"))
    store.put(message(0, "x", customer=Customer(id="visitor")), "e0")
    store.put(signed, "e1")
    found = store.conversation("x")
    assert found and found.customer and found.customer.identity == "token", "before any turn is closed"
    store.put(message(2, "x", customer=Customer(id="visitor")), "e2")
    for lane in store.claim("w", 1, 60):
        while pending := store.next(lane):
            store.close_turn(lane, pending, {"text": "ok"}, {}, "bot", pending.message.customer)
    found = store.conversation("x")
    assert found and found.customer and found.customer.id == "C1", "an anonymous message does not take it away"


def test_what_customers_fetch_does_not_wait_to_be_pushed(store_url: str) -> None:
    with Store(store_url, fetched={"web"}) as store:
        for number, channel in enumerate(("web", "slack")):
            put(store, message(number, channel, channel=channel))
            answer(store)
        assert store.counts()["unsent"] == 1
        assert [event.conversation_id for event in store.unsent(["web", "slack"])] == ["slack"]
