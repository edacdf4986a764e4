"""GET /metrics for Prometheus: the operator token as bearer token, unless the settings open it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response

from frontdesk.channels.inbox import for_people
from frontdesk.channels.operator import Operator

TYPE = "text/plain; version=0.0.4; charset=utf-8"


def metrics_router(text: Callable[[], Awaitable[str]], operator: Operator | None) -> APIRouter:
    """Return GET /metrics; without an `operator` anybody may read it."""
    router = APIRouter()

    async def metrics(request: Request) -> Response:
        if operator:
            operator.admin(request)
        return Response(await text(), media_type=TYPE, headers={"Cache-Control": "no-store"})

    router.add_api_route("/metrics", for_people(metrics), methods=["GET"], include_in_schema=False, response_model=None)
    return router
