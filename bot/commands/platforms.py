"""The wiring of Slack and Telegram, each by the ways in that its settings open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from frontdesk.bot.delivery import Push
from frontdesk.bot.desk import FrontDesk
from frontdesk.bot.people import Agent
from frontdesk.bot.project import Project
from frontdesk.bot.store.places import StoredPlaces

if TYPE_CHECKING:
    from fastapi import APIRouter

    from frontdesk.channels.files import Files
    from frontdesk.channels.listening import Listener
    from frontdesk.channels.sent_files import Holder


class Sender(Push, Protocol):
    """A platform's sender, with connections to close."""

    async def close(self) -> None:
        """Close the connections."""
        ...


@dataclass(frozen=True, kw_only=True)
class Ways:
    """How a platform's messages come in: to a webhook of ours, by a listener that fetches them, or both."""

    webhook: APIRouter | None = None
    listener: Listener | None = None


@dataclass(frozen=True, kw_only=True)
class Platform:
    """A platform that the settings switch on; `ways` makes its ways in for a desk."""

    sender: Sender
    files: Holder | None = None
    """Who has what customers sent there."""
    ways: Callable[[FrontDesk], Ways]


def platforms_of(project: Project) -> dict[str, Platform]:
    """Return the platforms of a project by channel; nothing is connected yet. Raises MissingExtra."""
    made = {
        "slack": _slack(project),
        "telegram": _telegram(project),
        "chatwoot": _chatwoot(project),
        "callback": _callback(project),
    }
    return {name: platform for name, platform in made.items() if platform}


def files_router(
    files: Files, desk: FrontDesk, platforms: Mapping[str, Platform], token: str, agents: Mapping[str, Agent]
) -> APIRouter:
    """Return where people open what customers sent: files of our own, and what the platforms keep."""
    from frontdesk.channels.inbox_files import inbox_files_router

    holders = {name: platform.files for name, platform in platforms.items() if platform.files}
    return inbox_files_router(files, desk, operator_token=token, agents=agents, holders=holders)


def _slack(project: Project) -> Platform | None:
    settings, limits, brand = project.settings.channels.slack, project.settings.limits, project.settings.brand_id
    if settings is None:
        return None
    from frontdesk.channels.slack import SlackIntake, SlackSender, slack_router
    from frontdesk.channels.slack_socket import SlackSocket
    from frontdesk.channels.slack_stream import SlackStreams
    from frontdesk.channels.slack_threads import SlackThreads

    sender, desks = SlackSender(settings), project.settings.desks
    threads = (
        SlackThreads(desks.slack, sender.api, settings.bot_token, project.settings.agents, desks.inbox_url)
        if desks.slack
        else None
    )

    def ways(desk: FrontDesk) -> Ways:
        if threads:
            threads.staff, threads.find = desk.staff, desk.staff.conversation_at
            desk.staff.targets.append(threads)
        if settings.streaming:
            sender.streams = SlackStreams(desk, sender.api, settings.bot_token, StoredPlaces(desk.store))
        intake = SlackIntake(desk, limits, brand, settings, threads, sender)
        return Ways(
            webhook=slack_router(intake, settings, limits) if settings.signing_secret else None,
            listener=SlackSocket(settings, sender.api, intake, limits).listener if settings.app_token else None,
        )

    return Platform(sender=sender, ways=ways, files=sender)


def _chatwoot(project: Project) -> Platform | None:
    settings, limits, brand = project.settings.channels.chatwoot, project.settings.limits, project.settings.brand_id
    if settings is None:
        return None
    from frontdesk.channels.chatwoot import ChatwootIntake, ChatwootSender, chatwoot_router

    sender = ChatwootSender(settings)

    def ways(desk: FrontDesk) -> Ways:
        desk.staff.targets.append(sender)
        return Ways(webhook=chatwoot_router(ChatwootIntake(desk, desk.staff, limits, brand), settings, limits))

    return Platform(sender=sender, ways=ways)


def _telegram(project: Project) -> Platform | None:
    settings, limits, brand = project.settings.channels.telegram, project.settings.limits, project.settings.brand_id
    if settings is None:
        return None
    from frontdesk.channels.telegram import TelegramIntake, TelegramPolling, TelegramSender, telegram_router

    sender, intents = TelegramSender(settings), frozenset(project.settings.brands[brand].routes)

    def ways(desk: FrontDesk) -> Ways:
        intake = TelegramIntake(desk, limits, brand, sender, intents)
        if settings.secret_token:
            return Ways(webhook=telegram_router(intake, settings, limits))
        return Ways(listener=TelegramPolling(sender.api, intake).listener)

    return Platform(sender=sender, ways=ways, files=sender)


def _callback(project: Project) -> Platform | None:
    rasa, limits, brand = project.settings.channels.rasa, project.settings.limits, project.settings.brand_id
    if not rasa.enabled or rasa.callback is None:
        return None
    from frontdesk.channels.rasa_callback import CallbackSender, callback_router

    def ways(desk: FrontDesk) -> Ways:
        return Ways(webhook=callback_router(desk, limits, brand))

    return Platform(sender=CallbackSender(rasa.callback, project.settings.brands[brand].messages), ways=ways)
