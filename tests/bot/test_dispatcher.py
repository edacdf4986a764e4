"""The dispatcher: strict order in a conversation, many at once, and no message blocks, is lost or is answered twice."""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from frontdesk.bot.errors import ModelError, StoreError
from frontdesk.bot.store import Dispatcher, Store, Turnwork
from frontdesk.bot.store.dispatcher import STARTS
from frontdesk.bot.types import Customer, Message, Turn

Until = Callable[[], bool]


def message(number: int, conversation: str = "c") -> Message:
    return Message(
        text=f"{number}",
        conversation_id=conversation,
        brand="lumen",
        channel="web",
        customer=Customer(id="ada"),
        id=f"{conversation}-{number}",
    )


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with Store(store_url) as opened:
        yield opened


def put(store: Store, *messages: Message) -> None:
    for each in messages:
        store.put(each, each.id)


async def echo(work: Turnwork) -> None:
    await work.commit(0, "sentence", {"text": work.message.text})
    await work.close({"text": work.message.text}, state="bot")


def run(
    store: Store, handle: Callable[[Turnwork], Awaitable[None]], until: Until | None = None, **options: Any
) -> None:
    """Dispatch until nothing is pending, or until told."""

    async def dispatch() -> None:
        dispatcher = Dispatcher(store, handle, **{"workers": 8, **options})
        await dispatcher.start()
        async with asyncio.timeout(60):
            while not (until() if until else store.counts()["pending"] == 0):
                await asyncio.sleep(0.02)
        await dispatcher.stop(5)

    asyncio.run(dispatch())


def turns(store: Store, conversation: str = "c") -> tuple[Turn, ...]:
    found = store.conversation(conversation, last_turns=1000)
    return found.turns if found else ()


def texts(store: Store, conversation: str = "c") -> list[str]:
    return [turn.reply.text for turn in turns(store, conversation) if turn.reply]


def test_each_conversation_is_answered_in_order_and_many_at_once(store: Store) -> None:
    dice, busy, most = random.Random(7), set[str](), 0

    async def handle(work: Turnwork) -> None:
        nonlocal most
        assert work.message.conversation_id not in busy
        busy.add(work.message.conversation_id)
        most = max(most, len(busy))
        await asyncio.sleep(dice.random() / 100)
        busy.discard(work.message.conversation_id)
        await echo(work)

    put(store, *(message(n, f"c{c}") for n in range(20) for c in range(10)))
    run(store, handle, workers=4)
    assert all(texts(store, f"c{c}") == [str(n) for n in range(20)] for c in range(10))
    assert most == 4
    assert store.counts()["working"] == 0


def test_two_dispatchers_share_the_work_and_no_message_is_answered_twice(store: Store) -> None:
    seen: dict[str, list[str]] = defaultdict(list)

    def handler(name: str) -> Callable[[Turnwork], Awaitable[None]]:
        async def handle(work: Turnwork) -> None:
            seen[name].append(work.message.id)
            await asyncio.sleep(0.002)
            await echo(work)

        return handle

    async def dispatch() -> None:
        both = [Dispatcher(store, handler(name), workers=3, owner=name) for name in ("one", "two")]
        await asyncio.gather(*(each.start() for each in both))
        while store.counts()["pending"]:
            await asyncio.sleep(0.02)
        await asyncio.gather(*(each.stop() for each in both))

    put(store, *(message(n, f"c{c}") for n in range(8) for c in range(25)))
    asyncio.run(dispatch())
    assert sorted(seen["one"] + seen["two"]) == sorted(f"c{c}-{n}" for n in range(8) for c in range(25))
    assert all(texts(store, f"c{c}") == [str(n) for n in range(8)] for c in range(25))
    assert seen["one"]
    assert seen["two"]


def test_a_conversation_that_was_damaged_keeps_no_other_waiting(store: Store) -> None:
    put(store, message(0, "damaged"), message(0, "whole"))
    put(store, message(1, "whole"))
    store.do(lambda c: c.exec_driver_sql("update conversation set slots = '{' where id = 'damaged'"), "damaged")

    async def handle(work: Turnwork) -> None:
        await work.conversation()
        await echo(work)

    run(store, handle, lambda: len(texts(store, "whole")) == 2)
    assert store.counts()["pending"] == 1


def test_whoever_follows_hears_that_a_turn_begins(store: Store) -> None:
    put(store, message(0), message(1))
    run(store, echo, typing=True)
    assert [event.kind for event in store.events("c")] == ["typing", "sentence", "done"] * 2


def test_a_message_put_while_idle_starts_at_once(store: Store) -> None:
    async def dispatch() -> list[float]:
        started: asyncio.Queue[float] = asyncio.Queue()

        async def handle(work: Turnwork) -> None:
            started.put_nowait(time.perf_counter())
            await echo(work)

        dispatcher = Dispatcher(store, handle, workers=2)
        await dispatcher.start()
        waits = []
        for n in range(20):
            await asyncio.wrap_future(store.put_async(message(n, f"c{n}"), f"e{n}"))
            committed = time.perf_counter()
            waits.append(await asyncio.wait_for(started.get(), 10) - committed)
        await dispatcher.stop()
        return waits

    waits = sorted(asyncio.run(dispatch()))
    assert waits[10] < 0.5, "woken by the commit, not by the poll"


def test_a_failing_turn_is_tried_again_in_order(store: Store) -> None:
    tries: list[tuple[str, int]] = []

    async def handle(work: Turnwork) -> None:
        tries.append((work.message.text, work.attempt))
        if tries == [("0", 1)]:
            raise ModelError("out of memory")
        await echo(work)

    put(store, message(0), message(1))
    run(store, handle)
    assert tries == [("0", 1), ("0", 2), ("1", 1)]
    assert texts(store) == ["0", "1"]


def test_a_poisoned_message_is_given_up_and_the_next_is_answered(store: Store) -> None:
    given: list[str] = []

    async def handle(work: Turnwork) -> None:
        if work.message.text == "0":
            await work.commit(0, "sentence", {"text": "half an answer"})
            raise ValueError("poison")
        await echo(work)

    async def give_up(work: Turnwork, error: Exception) -> None:
        given.append(f"{work.message.text} after {work.attempt}: {error}")
        await work.close({"text": "sorry"}, state="waiting")

    put(store, message(0), message(1))
    run(store, handle, give_up=give_up)
    assert given == ["0 after 3: poison"]
    assert texts(store) == ["sorry", "1"]
    assert [event.data["text"] for event in store.events("c")] == ["half an answer", "sorry", "1", "1"]


async def _raises(work: Turnwork, error: Exception) -> None:
    raise error


async def _leaves_open(work: Turnwork, error: Exception | None = None) -> None:
    return None


@pytest.mark.parametrize("give_up", [_raises, _leaves_open])
def test_when_giving_up_fails_too_the_customer_gets_an_apology_and_a_person(store: Store, give_up: Any) -> None:
    put(store, message(0))
    run(store, _leaves_open, give_up=give_up)
    assert texts(store) == ["Something went wrong on our side. I've passed your message to a colleague."]
    assert [found.state for found in store.waiting()] == ["waiting"]
    assert turns(store)[0].reply is not None
    assert "without closing" in str(turns(store)[0].reply)


def test_a_message_that_kills_the_process_every_time_is_given_up(store: Store) -> None:
    put(store, message(0))
    for _ in range(STARTS):
        assert store.claim("a process that dies", 1, -1)
    run(store, echo)
    assert texts(store) == ["Something went wrong on our side. I've passed your message to a colleague."]


def test_a_database_that_fails_for_a_moment_is_no_fault_of_the_message(store: Store) -> None:
    tries: list[int] = []

    async def handle(work: Turnwork) -> None:
        tries.append(work.attempt)
        if len(tries) < 3:
            raise StoreError("the connection broke")
        await echo(work)

    put(store, message(0))
    run(store, handle)
    assert tries == [1, 1, 1]
    assert texts(store) == ["0"]


def test_the_lease_is_kept_while_the_event_loop_is_blocked(store: Store) -> None:
    async def handle(work: Turnwork) -> None:
        time.sleep(1.2)  # what no handler should do
        await echo(work)

    async def rival() -> None:
        dispatcher = Dispatcher(store, handle, workers=1, lease_seconds=0.6)
        await dispatcher.start()
        claimed = asyncio.to_thread(_try_to_take, store)
        assert await claimed == []
        while store.counts()["pending"]:
            await asyncio.sleep(0.02)
        await dispatcher.stop()

    put(store, message(0))
    asyncio.run(rival())
    assert texts(store) == ["0"]


def _try_to_take(store: Store) -> list[Any]:
    while not store.counts()["working"]:
        time.sleep(0.01)
    taken = []
    for _ in range(12):
        time.sleep(0.1)
        taken += store.claim("rival", 1, 30)
    return taken


def test_stopping_lets_turns_finish_and_leaves_the_rest_to_the_next_start(store: Store) -> None:
    begun: list[str] = []

    async def slow(work: Turnwork) -> None:
        begun.append(work.message.id)
        await asyncio.sleep(0.3 if work.message.conversation_id == "quick" else 60)
        await echo(work)

    async def start_and_stop() -> None:
        dispatcher = Dispatcher(store, slow, workers=4)
        await dispatcher.start()
        while len(begun) < 2:
            await asyncio.sleep(0.01)
        await dispatcher.stop(grace=2)

    put(store, message(0, "quick"), message(1, "quick"), message(0, "slow"))
    asyncio.run(start_and_stop())
    assert (texts(store, "quick"), texts(store, "slow")) == (["0"], [])
    assert store.counts()["working"] == 0
    run(store, echo)
    assert (texts(store, "quick"), texts(store, "slow")) == (["0", "1"], ["0"])
