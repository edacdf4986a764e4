"""What customers attached, opened by a person of the inbox."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from fastapi import APIRouter, Request, Response

from frontdesk.bot.people import Agent
from frontdesk.channels.files import Files, file_response
from frontdesk.channels.inbox import for_people
from frontdesk.channels.operator import Operator


def inbox_files_router(
    files: Files, *, operator_token: str | None, agents: Mapping[str, Agent] | None = None
) -> APIRouter:
    """Return GET /inbox/file?conversation=&id=, behind the session of whoever answers."""
    operator = Operator(operator_token, agents)

    async def show(request: Request) -> Response:
        operator.session(request)
        asked = request.query_params
        file, data = await asyncio.to_thread(files.open, asked.get("conversation", ""), asked.get("id", ""))
        return file_response(file, data)

    router = APIRouter()
    router.add_api_route("/inbox/file", for_people(show), methods=["GET"], include_in_schema=False, response_model=None)
    return router
