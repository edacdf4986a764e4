"""The HTTP server around one bot: every channel, the operators' pages and their jobs, health."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from fastapi.telemetry import TelemetryConfig

from frontdesk.bot.app import Bot, files_of, operator_token
from frontdesk.bot.commands.acting import served
from frontdesk.bot.commands.desks import mount_desks
from frontdesk.bot.commands.ingesting import ChildIngest
from frontdesk.bot.commands.lifespan import Running
from frontdesk.bot.commands.observing import observing
from frontdesk.bot.commands.oversight import KnowledgeOversight
from frontdesk.bot.commands.platforms import files_router, platforms_of
from frontdesk.bot.commands.retention import Retention
from frontdesk.bot.commands.reviewing import Reviewer
from frontdesk.bot.commands.wires import FETCHED, add_turnstile, mount_wires
from frontdesk.bot.desk import FrontDesk
from frontdesk.bot.errors import ChannelError, ConfigError, KnowledgeError, StoreError
from frontdesk.bot.guards.masking import hide, install, secrets_in
from frontdesk.bot.observed import Meters, ObservedEngine
from frontdesk.bot.store import Store
from frontdesk.channels.admin import admin_router
from frontdesk.channels.inbox import inbox_router
from frontdesk.knowledge.refresh import Refresher

OWN_TRACES_ONLY: TelemetryConfig = {"tracing": False, "logs": False, "operation_spans": False}
"""FastAPI's own spans hold whole addresses, `?token=` with them, and its log events hold whole exceptions."""


def create_app(bot: Bot) -> FastAPI:
    """Return the HTTP server of one bot: its desk starts and stops with the server."""
    project, settings = bot.project, bot.project.settings
    install()
    hide(*secrets_in(settings))
    store = Store(project.store_url, FETCHED)
    if bot.account:
        bot.account.ledger = store.ledger
    meters = Meters()
    engine = ObservedEngine(bot.engine, meters)
    desk = FrontDesk(engine, store, settings.limits, workers=settings.store.workers)
    platforms = platforms_of(project)
    ways = [platform.ways(desk) for platform in platforms.values()]
    listeners = [way.listener for way in ways if way.listener]
    senders = {name: platform.sender for name, platform in platforms.items()}
    refresher = Refresher(bot.knowledge, ChildIngest(project.folder, bot.knowledge), settings.knowledge.refresh_minutes)
    retention = Retention(project, store)
    running = Running(desk, senders, listeners, [refresher, retention])
    app = FastAPI(
        title="frontdesk", docs_url=None, redoc_url=None, lifespan=running.lifespan, telemetry=OWN_TRACES_ONLY
    )
    app.state.drain = running.drain
    for webhook in [way.webhook for way in ways if way.webhook]:
        app.include_router(webhook)
    mount_wires(app, desk, project, bot.routers.get(settings.brand_id))
    add_turnstile(app, desk, project)
    mount_desks(app, desk, project)
    _mount_operator(app, desk, bot, refresher, retention)
    app.include_router(files_router(files_of(project), desk, platforms, operator_token(project), settings.agents))
    app.include_router(observing(project, desk, meters, operator_token(project)))
    mount_health(app, store)
    if project.settings.channels.actions and bot.account:
        app.include_router(served(bot.account.actions, project))
    return app


def _mount_operator(app: FastAPI, desk: FrontDesk, bot: Bot, refresher: Refresher, retention: Retention) -> None:
    """Mount /inbox and /admin behind the operator token."""
    token, oversight = operator_token(bot.project), KnowledgeOversight(bot, desk.store)
    agents = bot.project.settings.agents

    async def health() -> dict[str, Any]:
        counts = await desk.store.call(desk.store.counts)
        registry = bot.voices.registry
        voices = {name: f"{b.voice}@{registry.current(b.voice)}" for name, b in bot.engine.brands.items()}
        return {"conversations": dict(counts), "voices": voices, "encoder": {"name": bot.encoder.fingerprint}}

    app.include_router(inbox_router(desk, staff=desk.staff, operator_token=token, agents=agents))
    review = Reviewer(bot.project, desk.store, bot.encoder)
    jobs = _ingests(refresher) | {
        "train": partial(_in_thread, "train_failed", review.train),
        "forget": partial(_in_thread, "forget_failed", retention.run),
    }
    pages = admin_router(
        operator_token=token, agents=agents, health=health, jobs=jobs, oversight=oversight, review=review
    )
    app.include_router(pages)


async def _in_thread(code: str, job: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    """Run a job that blocks; what is wrong is told to the operator who asked."""
    try:
        return await asyncio.to_thread(job)
    except ConfigError as error:
        raise ChannelError(error.what, status=409, code=code, fix=error.fix) from error


def _ingests(refresher: Refresher) -> dict[str, Callable[[], Awaitable[Mapping[str, Any]]]]:
    """Return the jobs that ingest, by name; what is wrong with a source is told to the operator who asked."""

    async def ingest(only: str | None) -> Mapping[str, Any]:
        try:
            return await asyncio.to_thread(refresher.ingest, only)
        except KnowledgeError as error:
            what = f"{error.where}: {error.what}" if error.where else error.what
            raise ChannelError(what, status=409, code="ingest_failed", fix=error.fix) from error

    return {name: partial(ingest, only) for name, only in refresher.jobs.items()}


def mount_health(app: FastAPI, store: Store) -> None:
    """Mount /health/live (the process answers) and /health/ready (the store answers too)."""

    @app.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/health/ready", response_model=None)
    def ready() -> Any:
        try:
            return JSONResponse({"status": "ok", **store.counts()})
        except StoreError as error:
            return JSONResponse({"status": "unavailable", "reason": error.what}, status_code=503)
