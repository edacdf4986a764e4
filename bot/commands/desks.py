"""The wiring of where people work besides the inbox: webhook and mail; Slack's threads come with its channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from frontdesk.bot.desk import FrontDesk
from frontdesk.bot.project import Project

if TYPE_CHECKING:
    from fastapi import FastAPI


def mount_desks(app: FastAPI, desk: FrontDesk, project: Project) -> None:
    """Have those told that the settings name, and mount the door of what they answer; raises ConfigError."""
    from frontdesk.channels.mail_desk import Mail
    from frontdesk.channels.webhook_desk import Webhook, webhook_desk_router

    desks = project.settings.desks
    if desks.webhook:
        webhook = Webhook(desks.webhook, desks.inbox_url)
        desk.staff.targets.append(webhook)
        app.include_router(webhook_desk_router(desk.staff, webhook.key))
    if desks.mail:
        desk.staff.targets.append(Mail(desks.mail, desks.inbox_url))
