"""A process that listens to a local Telegram and a local Slack over a real store, until it is killed or may end."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import cast

from pydantic import SecretStr

from frontdesk.bot.config import Limits, Slack, Telegram
from frontdesk.bot.desk import FrontDesk
from frontdesk.bot.engine import Engine
from frontdesk.bot.store import Store
from frontdesk.channels.slack import SlackIntake, SlackSender
from frontdesk.channels.slack_socket import SlackSocket
from frontdesk.channels.telegram import TelegramIntake, TelegramPolling, TelegramSender
from tests.channels.test_served import Scripted
from tests.faults.forking import main


async def listen(store_url: str, telegram_url: str, slack_url: str, end: str) -> None:
    desk = FrontDesk(cast(Engine, Scripted()), Store(store_url), Limits(), workers=2)
    sender = TelegramSender(Telegram(bot_token=SecretStr("4242:local-bot-token"), api_url=telegram_url))
    polling = TelegramPolling(sender.api, TelegramIntake(desk, Limits(), "shop", sender))
    on_slack = Slack(bot_token=SecretStr("xoxb-local"), app_token=SecretStr("xapp-local"), api_url=f"{slack_url}/api/")
    socket = SlackSocket(on_slack, SlackSender(on_slack).api, SlackIntake(desk, Limits(), "shop", on_slack), Limits())
    await desk.start()
    await polling.listener.start()
    await socket.listener.start()
    while not (Path(end).exists() and (await desk.store.call(desk.store.counts))["pending"] == 0):
        await asyncio.sleep(0.05)
    await desk.stop()


def work(*arguments: str) -> None:
    """Listen."""
    asyncio.run(listen(*arguments))


if __name__ == "__main__":
    main(work, sys.argv[1:])
