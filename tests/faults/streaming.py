"""A process that answers a local Slack slowly, in streams, over a real store, until it is killed or may end."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from pydantic import SecretStr

from frontdesk.bot.config import Brand, Limits, Slack
from frontdesk.bot.delivery import Delivery
from frontdesk.bot.desk import FrontDesk
from frontdesk.bot.engine import Engine, Send
from frontdesk.bot.store import Store
from frontdesk.bot.store.places import StoredPlaces
from frontdesk.bot.types import Conversation, Message, Reply, Route, Sentence
from frontdesk.channels.slack import SlackIntake, SlackSender
from frontdesk.channels.slack_socket import SlackSocket
from frontdesk.channels.slack_stream import SlackStreams

SENTENCES = 4


def whole(text: str) -> str:
    """Return what is answered to a message."""
    return " ".join(_sentence(text, number) for number in range(SENTENCES))


def _sentence(text: str, number: int) -> str:
    return f"{text}, sentence {number}."


class Slow:
    """Stands in for the engine: some sentences, each after a pause of at least `least` seconds."""

    brands: Mapping[str, Brand] = {"shop": Brand(name="Shop")}

    def __init__(self, least: float = 0.0) -> None:
        self._least = least

    async def respond(self, message: Message, conversation: Conversation, send: Send) -> Reply:
        said = []
        for number in range(SENTENCES):
            await asyncio.sleep(self._least + random.random() / 5)
            said.append(await send(Sentence(text=_sentence(message.text, number))))
        route = Route(kind="voice", intent="greet", confidence=1.0, reason="test")
        return Reply(text=whole(message.text), routes=(route,), sentences=tuple(said))


async def answer(store_url: str, slack_url: str, end: str) -> None:
    """Serve until the file `end` is there and nothing is left to answer or to send."""
    desk = FrontDesk(cast(Engine, Slow()), Store(store_url), Limits(), workers=8)
    slack = Slack(bot_token=SecretStr("xoxb-local"), app_token=SecretStr("xapp-local"), api_url=f"{slack_url}/api/")
    sender = SlackSender(slack)
    sender.streams = SlackStreams(desk, sender.api, slack.bot_token, StoredPlaces(desk.store), quick=0.02)
    intake, delivery = (
        SlackIntake(desk, Limits(), "shop", slack, sender=sender),
        Delivery(desk.store, {"slack": sender}),
    )
    await desk.start()
    await delivery.start()
    await SlackSocket(slack, sender.api, intake, Limits()).listener.start()
    while not (Path(end).exists() and await _idle(desk.store)):
        await asyncio.sleep(0.05)
    await delivery.stop()
    await sender.close()
    await desk.stop()


async def _idle(store: Store) -> bool:
    counts = await store.call(store.counts)
    return counts["pending"] + counts["unsent"] == 0


if __name__ == "__main__":
    asyncio.run(answer(*sys.argv[1:4]))
