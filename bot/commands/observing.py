"""The wiring of what is counted: the numbers in /admin, and /metrics."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from frontdesk.bot.desk import FrontDesk
from frontdesk.bot.meters import Labels, gauge
from frontdesk.bot.observed import Meters
from frontdesk.bot.project import Project
from frontdesk.bot.store.numbers import numbers, told

if TYPE_CHECKING:
    from fastapi import APIRouter


def observing(project: Project, desk: FrontDesk, meters: Meters, token: str) -> APIRouter:
    """Return /admin/numbers, its CSV and /metrics; `token` is the operator's."""
    from frontdesk.channels.metrics import metrics_router
    from frontdesk.channels.numbers import NumbersPages, numbers_routes
    from frontdesk.channels.operator import Operator

    settings = project.settings
    operator = Operator(token, settings.agents)

    async def ask(since: date, until: date, brand: str, days: int) -> Mapping[str, Any]:
        return told(await desk.store.call(numbers, desk.store, since, until, brand, days=days))

    async def scraped() -> str:
        counts = await desk.store.call(desk.store.counts)
        return "\n".join([*meters.lines(), *_gauges(counts)]) + "\n"

    names = {key: brand.name for key, brand in settings.brands.items()}
    router = numbers_routes(NumbersPages(operator=operator, ask=ask, brands=names))
    router.include_router(metrics_router(scraped, None if settings.server.open_metrics else operator))
    return router


def _gauges(counts: Mapping[str, int]) -> list[str]:
    states: dict[Labels, float] = {(("state", state),): counts[state] for state in ("waiting", "human")}
    return [
        *gauge("frontdesk_conversations", "Conversations that are kept.", {(): counts["conversations"]}),
        *gauge("frontdesk_conversations_held", "Conversations that wait for, or are with, a person.", states),
        *gauge("frontdesk_messages_pending", "Messages accepted and not answered yet.", {(): counts["pending"]}),
        *gauge("frontdesk_events_unsent", "Replies that a platform has not taken yet.", {(): counts["unsent"]}),
    ]
