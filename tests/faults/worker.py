"""A server in small, to be killed: puts its share of messages, notes each acknowledgement, answers what is waiting.

Arguments: the store's URL, the file of acknowledgements, how many messages, how many conversations.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path

from frontdesk.bot.store import Dispatcher, Store, Turnwork
from frontdesk.bot.types import Customer, Message
from tests.faults.forking import main

CLIENTS = 16


def message(number: int, conversations: int) -> Message:
    """Return message `number`; conversations take turns, so each one's texts count up."""
    turn, conversation = divmod(number, conversations)
    return Message(
        text=str(turn),
        conversation_id=f"c{conversation}",
        brand="lumen",
        channel="web",
        customer=Customer(id=f"customer {conversation}"),
        id=f"m{number}",
    )


async def answer(work: Turnwork) -> None:
    """Say two sentences; the second's wording differs each time, as a model's might."""
    said = [await work.commit(0, "sentence", {"text": f"You said {work.message.text}."})]
    await asyncio.sleep(random.random() / 100)
    said.append(await work.commit(1, "sentence", {"text": f"My number is {random.random()}."}))
    await work.close({"text": " ".join(event.data["text"] for event in said)}, state="bot")


async def send(store: Store, acknowledged: Path, numbers: list[int], conversations: int) -> None:
    """Put the messages one after another; an acknowledgement is written down only when the put has returned."""
    file = os.open(acknowledged, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for number in numbers:
        await asyncio.wrap_future(store.put_async(message(number, conversations), f"e{number}"))
        os.write(file, f"{number}\n".encode())


async def serve(url: str, acknowledged: Path, messages: int, conversations: int) -> None:
    """Send what has no acknowledgement yet, answer everything, then end."""
    done = {int(line) for line in acknowledged.read_text().splitlines()} if acknowledged.exists() else set()
    left = [number for number in range(messages) if number not in done]
    with Store(url) as store:
        dispatcher = Dispatcher(store, answer, workers=32, lease_seconds=2)
        await dispatcher.start()
        shares = [[n for n in left if n % conversations % CLIENTS == client] for client in range(CLIENTS)]
        await asyncio.gather(*(send(store, acknowledged, share, conversations) for share in shares))
        while store.counts()["pending"]:
            await asyncio.sleep(0.05)
        await dispatcher.stop()


def work(url: str, acknowledged: str, messages: int, conversations: int) -> None:
    """Serve with dice of this process alone."""
    random.seed()
    asyncio.run(serve(url, Path(acknowledged), messages, conversations))


if __name__ == "__main__":
    main(work, sys.argv[1:])
