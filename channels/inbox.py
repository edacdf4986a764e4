"""The inbox: where a person sees who waits, reads what was said with its routes and sources, and answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from frontdesk.bot.errors import ChannelError
from frontdesk.bot.types import Conversation
from frontdesk.channels.admin_frame import TABS
from frontdesk.channels.desk import Desk
from frontdesk.channels.inbox_pages import conversation_page, list_page, login_page
from frontdesk.channels.operator import COOKIE, Operator, read_form
from frontdesk.channels.pages import page, policy
from frontdesk.channels.problems import answered
from frontdesk.channels.requests import clean
from frontdesk.channels.shapes import transcript

MAX_CHARS = 8000
HEADERS = policy(form_action="'self'") | {"Referrer-Policy": "same-origin"}
OWN = ("/inbox", "/inbox/conversation", *TABS)
"""The pages that signing in may lead to."""
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, kw_only=True)
class Inbox:
    """The handlers of the inbox over one desk."""

    desk: Desk
    operator: Operator

    async def waiting(self, request: Request) -> Response:
        """GET /inbox: the conversations that wait for, or are with, a person."""
        session = self.operator.session(request)
        return page(list_page(await self.desk.waiting(), session), HEADERS)

    async def show(self, request: Request) -> Response:
        """GET /inbox/conversation?id=: one conversation and the box to answer in."""
        session = self.operator.session(request)
        conversation = await self._conversation(request.query_params.get("id", ""))
        seen = await transcript(self.desk, conversation)
        return page(conversation_page(conversation, seen, session), HEADERS)

    async def version(self, request: Request) -> Response:
        """GET /inbox/version?id=: a text that changes when the page should be loaded again."""
        self.operator.session(request)
        if "id" in request.query_params:
            conversation = await self._conversation(request.query_params["id"])
            seen = f"{await self.desk.position(conversation.id)}.{len(conversation.turns)}.{conversation.state}"
        else:
            seen = "|".join(f"{c.id}.{len(c.turns)}.{c.state}" for c in await self.desk.waiting())
        return JSONResponse({"version": seen}, headers={"Cache-Control": "no-store"})

    async def reply(self, request: Request) -> Response:
        """POST /inbox/reply: write to the customer; the conversation is then with a person."""
        session, fields = await self.operator.form(request)
        conversation = await self._conversation(fields.get("id", ""))
        text = clean(fields.get("text", "").replace("\r\n", "\n")).strip()
        if not text or len(text) > MAX_CHARS:
            raise ChannelError("The answer is empty or too long.", code="invalid_text", fix="go back and write it.")
        await self.desk.post(conversation.id, text, session.name)
        return _to(conversation.id)

    async def hand_back(self, request: Request) -> Response:
        """POST /inbox/back: give the conversation to the bot again."""
        _, fields = await self.operator.form(request)
        conversation = await self._conversation(fields.get("id", ""))
        await self.desk.hand_back(conversation.id)
        return RedirectResponse("/inbox", 303)

    async def login(self, request: Request) -> Response:
        """GET /inbox/login: ask for the token."""
        return page(login_page(_then(request.query_params.get("then", ""))), HEADERS)

    async def sign_in(self, request: Request) -> Response:
        """POST /inbox/login: check the token, begin a session."""
        fields = await read_form(request)
        then = _then(fields.get("then", ""))
        if not self.operator.knows(fields.get("token", "")):
            return page(login_page(then, "That is not the operator token."), HEADERS, 401)
        return self.operator.sign_in(request, clean(fields.get("name", "")), then)

    async def sign_out(self, request: Request) -> Response:
        """POST /inbox/logout: end the session of this browser."""
        await self.operator.form(request)
        response = RedirectResponse("/inbox/login", 303)
        response.delete_cookie(COOKIE)
        return response

    async def _conversation(self, conversation_id: str) -> Conversation:
        conversation = await self.desk.conversation(conversation_id) if conversation_id.isprintable() else None
        if conversation is None:
            raise ChannelError("There is no such conversation.", status=404, code="unknown_conversation")
        return conversation


def inbox_router(desk: Desk, *, operator_token: str | None) -> APIRouter:
    """Return /inbox, closed while `operator_token` is None; raises ConfigError for a token one can guess."""
    inbox = Inbox(desk=desk, operator=Operator(operator_token))
    router = APIRouter()
    for path, method, handler in (
        ("/inbox", "GET", inbox.waiting),
        ("/inbox/conversation", "GET", inbox.show),
        ("/inbox/version", "GET", inbox.version),
        ("/inbox/reply", "POST", inbox.reply),
        ("/inbox/back", "POST", inbox.hand_back),
        ("/inbox/login", "GET", inbox.login),
        ("/inbox/login", "POST", inbox.sign_in),
        ("/inbox/logout", "POST", inbox.sign_out),
    ):
        router.add_api_route(path, for_people(handler), methods=[method], include_in_schema=False, response_model=None)
    return router


def for_people(handler: Handler) -> Handler:
    """Answer our errors; a browser without a session is sent to the sign-in page instead."""

    async def handled(request: Request) -> Response:
        response = await answered(handler(request))
        asks_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
        if response.status_code == 401 and asks_page:
            then = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse("/inbox/login?" + urlencode({"then": then}), 303)
        return response

    return handled


def _then(address: str) -> str:
    """Return where to go after signing in: only to our own operator pages."""
    own = address.partition("?")[0] in OWN
    return address if own and address.isascii() and address.isprintable() and "\\" not in address else "/inbox"


def _to(conversation_id: str) -> Response:
    return RedirectResponse("/inbox/conversation?id=" + quote(conversation_id, safe=""), 303)
