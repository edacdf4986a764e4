"""What customers attached, opened by a person of the inbox."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from fastapi import APIRouter, Request, Response

from frontdesk.bot.people import Agent
from frontdesk.channels.desk import Desk
from frontdesk.channels.files import Files, file_response
from frontdesk.channels.inbox import for_people
from frontdesk.channels.operator import Operator
from frontdesk.channels.sent_files import Holder, opened


def inbox_files_router(
    files: Files,
    desk: Desk,
    *,
    operator_token: str | None,
    agents: Mapping[str, Agent] | None = None,
    holders: Mapping[str, Holder] | None = None,
) -> APIRouter:
    """Return GET /inbox/file?conversation=&id=, behind the session of whoever answers.

    `holders` are the channels whose platform keeps what customers sent on it.
    """
    operator = Operator(operator_token, agents)

    async def show(request: Request) -> Response:
        operator.session(request)
        place, file_id = (request.query_params.get(name, "") for name in ("conversation", "id"))
        conversation = await desk.conversation(place)
        holder = (holders or {}).get(conversation.channel) if conversation else None
        if conversation and holder:
            return file_response(*await opened(holder, conversation, file_id))
        return file_response(*await asyncio.to_thread(files.open, place, file_id))

    router = APIRouter()
    router.add_api_route("/inbox/file", for_people(show), methods=["GET"], include_in_schema=False, response_model=None)
    return router
