"""The widget's page, shown in an iframe from our own origin, and its static files."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from frontdesk.bot.config import Brand, Messages
from frontdesk.bot.errors import ChannelError
from frontdesk.channels.origins import HINT, same_host
from frontdesk.channels.pages import document, page, policy, static_file


def frame_routes(
    brands: Mapping[str, Brand], default_brand: str, origins: frozenset[str], megabytes: int, route: type[APIRoute]
) -> APIRouter:
    """Return GET /widget.js, /widget/NAME and /frame?brand=&origin=&locale= (`origin` is the page that embeds it).

    `megabytes` is the largest file one may attach, 0 for none.
    """
    router = APIRouter(route_class=route)

    @router.get("/widget.js", include_in_schema=False)
    async def launcher(request: Request) -> Response:
        return static_file("widget.js", request)

    @router.get("/widget/{name}", include_in_schema=False)
    async def asset(name: str, request: Request) -> Response:
        return static_file(name, request)

    @router.get("/frame", include_in_schema=False)
    async def frame(request: Request, brand: str = "", origin: str = "") -> Response:
        name = brand or default_brand
        if name not in brands:
            raise ChannelError("There is no such brand here.", status=404, code="unknown_brand")
        if origin and origin not in origins and not same_host(origin, request):
            raise ChannelError("This page may not embed the bot.", status=403, code="origin_not_allowed", fix=HINT)
        html = _frame(name, brands[name], origin, megabytes)
        return page(html, policy(["'self'", *sorted(origins)]))

    return router


def _frame(key: str, brand: Brand, origin: str, megabytes: int) -> str:
    """Return the page; the widget has words of its own for the person button, unless the brand chose others."""
    person = brand.messages.person_button
    return document(
        f"{brand.name}: chat",
        [],
        styles=["frame.css"],
        scripts=["frame.js"],
        data_brand=key,
        data_name=brand.name,
        data_person=person if person != Messages().person_button else "",
        data_people="" if brand.handoff.enabled else "none",
        data_language=brand.languages[0],
        data_files=str(megabytes),
        data_parent=origin,
    )
