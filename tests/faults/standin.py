"""A server with every channel over the real store, desk and delivery; only the engine is a stand-in of a fixed pace.

As a process: `python -m tests.faults.standin FOLDER PORT SECONDS`, with the settings in FOLDER/frontdesk.toml.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import uvicorn
from fastapi import FastAPI

from frontdesk.bot.commands.lifespan import Running
from frontdesk.bot.commands.platforms import platforms_of
from frontdesk.bot.commands.retention import Retention
from frontdesk.bot.commands.server import CONNECTION_SECONDS, Server
from frontdesk.bot.commands.serving import OWN_TRACES_ONLY, mount_health
from frontdesk.bot.commands.wires import FETCHED, add_turnstile, mount_wires
from frontdesk.bot.config import Brand
from frontdesk.bot.desk import FrontDesk
from frontdesk.bot.engine import Engine, Send
from frontdesk.bot.project import Project
from frontdesk.bot.store import Store
from frontdesk.bot.types import Conversation, Message, Reply, Route, Sentence
from frontdesk.channels.fakes.fake_slack import FakeSlack
from frontdesk.channels.fakes.fake_telegram import FakeTelegram
from tests.faults.forking import main

ROUTE = Route(kind="voice", intent="echo", confidence=1.0, reason="stand-in")
SETTINGS = """
[brands.shop]
name = "Shop"
[store]
workers = {workers}
[limits]
queue = {queue}
queue_per_conversation = {each}
[channels.web]
messages_per_minute = 0
messages_per_day = 0
conversations_per_hour = 0
{channels}
"""
PLATFORMS = """
[channels.slack]
bot_token = "${FD_SLACK}"
signing_secret = "${FD_SIGNING}"
api_url = "SLACK/api/"
[channels.telegram]
bot_token = "${FD_TELEGRAM}"
secret_token = "${FD_SECRET}"
api_url = "TELEGRAM"
"""
SECRETS = {
    "FD_SLACK": FakeSlack().bot_token,
    "FD_SIGNING": FakeSlack().signing_secret,
    "FD_TELEGRAM": FakeTelegram().bot_token,
    "FD_SECRET": FakeTelegram().secret_token,
}
"""The environment that the settings of `platforms` need."""


@dataclass(kw_only=True)
class StandIn:
    """Says what it was told, after as long as a model would take."""

    seconds: float = 0.0
    brands: Mapping[str, Brand] = field(default_factory=lambda: {"shop": Brand(name="Shop")})

    async def respond(self, message: Message, conversation: Conversation, send: Send) -> Reply:
        """Wait, then echo; `slow` is a question that takes a hundred times as long."""
        await asyncio.sleep(self.seconds * (100 if message.text == "slow" else 1))
        said = await send(Sentence(text=f"You said: {message.text}"))
        return Reply(text=said.text, routes=(ROUTE,), sentences=(said,), voice="warm@1")

    def sorry(self, message: Message, error: Exception) -> Reply:
        """Never needed."""
        raise AssertionError(f"{message.id} was given up: {error!r}")


def platforms(slack_url: str, telegram_url: str) -> str:
    """Return the settings of a local Slack and a local Telegram, both by webhook."""
    return PLATFORMS.replace("SLACK/", f"{slack_url}/", 1).replace('"TELEGRAM"', f'"{telegram_url}"')


def project_in(folder: Path, *, workers: int = 8, queue: int = 200, each: int = 20, channels: str = "") -> Project:
    """Write the settings of a stand-in into a folder and return its project."""
    folder.mkdir(exist_ok=True)
    (folder / "frontdesk.toml").write_text(SETTINGS.format(workers=workers, queue=queue, each=each, channels=channels))
    return Project.load(folder)


def app_of(project: Project, engine: Any, *, deliver: bool = True) -> FastAPI:
    """Return the server's app around an engine, wired as the product wires it; `deliver` replies, or leave them."""
    settings = project.settings
    store = Store(project.store_url, FETCHED)
    desk = FrontDesk(cast(Engine, engine), store, settings.limits, workers=settings.store.workers)
    platforms = platforms_of(project)
    ways = [platform.ways(desk) for platform in platforms.values()]
    senders = {name: platform.sender for name, platform in platforms.items() if deliver}
    running = Running(desk, senders, [way.listener for way in ways if way.listener], [Retention(project, store)])
    app = FastAPI(lifespan=running.lifespan, telemetry=OWN_TRACES_ONLY)
    app.state.drain, app.state.desk = running.drain, desk
    for webhook in [way.webhook for way in ways if way.webhook]:
        app.include_router(webhook)
    mount_wires(app, desk, project, None)
    add_turnstile(app, desk, project)
    mount_health(app, store)
    return app


def serve(folder: str, port: int | str, seconds: float | str) -> None:
    """Serve until told to end."""
    app = app_of(Project.load(folder), StandIn(seconds=float(seconds)))
    options: dict[str, Any] = {"log_level": "warning", "access_log": False}
    config = uvicorn.Config(app, port=int(port), timeout_graceful_shutdown=CONNECTION_SECONDS, **options)
    Server(config, app.state.drain).run()


if __name__ == "__main__":
    main(serve, sys.argv[1:])
