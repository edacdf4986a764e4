"""The doors of the server that wait for their answer: the widget, Rasa's wire and OpenAI's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from frontdesk.bot.desk import FrontDesk
from frontdesk.bot.project import Project
from frontdesk.bot.router.route import Router
from frontdesk.bot.types import now

if TYPE_CHECKING:
    from fastapi import APIRouter, FastAPI


FETCHED = frozenset({"web", "rest", "openai", "socketio"})
"""The channels of these wires: their customers fetch what is said to them."""


def mount_wires(app: FastAPI, desk: FrontDesk, project: Project, router: Router | None) -> None:
    """Mount those that the settings switch on; `router` reads what a text says, for /model/parse."""
    channels = project.settings.channels
    if channels.web.enabled:
        app.include_router(_web(desk, project))
    if channels.rasa.enabled:
        _mount_rasa(app, desk, project, router)
    if channels.openai.enabled:
        from frontdesk.channels.openai import openai_router

        settings, brand = project.settings, project.settings.brand_id
        app.include_router(openai_router(desk, settings.limits, settings.brands, brand, channels.openai.api_key))


def add_turnstile(app: FastAPI, desk: FrontDesk, project: Project) -> None:
    """Have what every channel says to a message that finds no room said before the message is read."""
    from frontdesk.bot.errors import Overloaded
    from frontdesk.channels.openai_edge import problem
    from frontdesk.channels.problems import busy
    from frontdesk.channels.rasa import refused
    from frontdesk.channels.turnstile import Turnstile

    settings = project.settings
    messages = settings.brands[settings.brand_id].messages
    pushed = ("slack", "telegram", "chatwoot", "callback")
    answers: dict[str, Any] = {f"/webhooks/{name}/webhook": busy(503) for name in pushed}
    answers["/webhooks/rest/webhook"] = refused(messages)
    answers["/api/chat"] = busy(429, messages.busy)
    answers["/v1/chat/completions"] = problem(Overloaded("too many messages wait."))
    origins = settings.channels.web.allowed_origins
    app.add_middleware(Turnstile, full=desk.admission.turn_away, answers=answers, origins=origins)


def _web(desk: FrontDesk, project: Project) -> APIRouter:
    from frontdesk.bot.app import files_of, host_secret
    from frontdesk.channels.demo import Demo
    from frontdesk.channels.web import web_router

    settings, web = project.settings, project.settings.channels.web
    return web_router(
        desk,
        settings=web,
        limits=settings.limits,
        brands=settings.brands,
        default_brand=settings.brand_id,
        host_secret=host_secret(project),
        demo=Demo(customers=web.demo_customers, questions=web.demo_questions),
        files=files_of(project),
    )


def _mount_rasa(app: FastAPI, desk: FrontDesk, project: Project, router: Router | None) -> None:
    from frontdesk.channels.rasa import rasa_router
    from frontdesk.channels.rasa_conversations import conversations_router
    from frontdesk.channels.rasa_parse import parse_router

    settings, rasa, brand = project.settings, project.settings.channels.rasa, project.settings.brand_id
    messages, origins = settings.brands[brand].messages, settings.channels.web.allowed_origins
    app.include_router(rasa_router(desk, settings.limits, brand, messages, origins))
    app.include_router(conversations_router(desk, rasa, settings.limits))
    if rasa.socketio:
        from frontdesk.channels.rasa_socketio import socket_app, socket_health

        app.include_router(socket_health())
        app.mount(
            rasa.socketio.socketio_path, socket_app(desk, rasa.socketio, settings.limits, brand, messages, origins)
        )
    if router:
        app.include_router(parse_router(lambda text: router.understand(text, now().date()), settings.limits, rasa))
