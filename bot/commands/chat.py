"""`frontdesk chat`: talk to the bot in the terminal."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from frontdesk.bot.commands.output import HERE, ProjectFolder, quiet_libraries
from frontdesk.bot.project import Project
from frontdesk.bot.types import Customer

if TYPE_CHECKING:
    from frontdesk.bot.app import Bot


def chat(
    customer: Annotated[str | None, typer.Option(help="Speak as this verified customer, e.g. C1001.")] = None,
    project: ProjectFolder = HERE,
) -> None:
    """Talk to the bot here; Ctrl-D ends it. The conversation is not kept."""
    from frontdesk.bot.app import assemble

    quiet_libraries()
    bot = assemble(Project.load(project))
    bot.warm_up()
    who = Customer(id=customer, identity="token") if customer else Customer(id="terminal")
    asyncio.run(_talk(bot, who))


async def _talk(bot: Bot, who: Customer) -> None:
    from frontdesk.bot.desk import FrontDesk
    from frontdesk.bot.store import Store
    from frontdesk.channels.terminal import talk

    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{Path(folder) / 'chat.db'}")
        settings = bot.project.settings
        desk = FrontDesk(bot.engine, store, settings.limits, workers=1)
        await desk.start()
        try:
            await talk(desk, settings.brand_id, customer=who, wait_seconds=settings.limits.wait_seconds)
        finally:
            await desk.stop()
