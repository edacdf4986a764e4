"""The widget's page, shown in an iframe from our own origin, and its static files."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from frontdesk.bot.config import Brand
from frontdesk.bot.errors import ChannelError
from frontdesk.channels.origins import HINT, same_host
from frontdesk.channels.pages import document, page, policy, static_file


def frame_routes(
    brands: Mapping[str, Brand], default_brand: str, origins: frozenset[str], route: type[APIRoute]
) -> APIRouter:
    """Return GET /widget.js, /widget/NAME and /frame?brand=&origin= (the page that may embed it)."""
    router = APIRouter(route_class=route)

    @router.get("/widget.js", include_in_schema=False)
    async def launcher(request: Request) -> Response:
        return static_file("widget.js", request)

    @router.get("/widget/{name}", include_in_schema=False)
    async def asset(name: str, request: Request) -> Response:
        return static_file(name, request)

    @router.get("/frame", include_in_schema=False)
    async def frame(request: Request, brand: str = "", origin: str = "") -> Response:
        return _frame(request, brand or default_brand, origin, brands, origins)

    return router


def _frame(
    request: Request, brand_id: str, origin: str, brands: Mapping[str, Brand], origins: frozenset[str]
) -> Response:
    if brand_id not in brands:
        raise ChannelError("There is no such brand here.", status=404, code="unknown_brand")
    if origin and origin not in origins and not same_host(origin, request):
        raise ChannelError("This page may not embed the bot.", status=403, code="origin_not_allowed", fix=HINT)
    brand = brands[brand_id]
    html = document(
        f"{brand.name}: chat",
        [],
        styles=["frame.css"],
        scripts=["frame.js"],
        data_brand=brand_id,
        data_name=brand.name,
        data_person=brand.messages.person_button,
        data_parent=origin,
    )
    return page(html, policy(["'self'", *sorted(origins)]))
