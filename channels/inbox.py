"""The inbox: who waits and why, what was said with its routes and sources, and everything a person does about it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, cast
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from frontdesk.bot.errors import ChannelError
from frontdesk.bot.people import Agent
from frontdesk.bot.types import Conversation
from frontdesk.channels.admin_frame import TABS
from frontdesk.channels.desk import Desk
from frontdesk.channels.inbox_pages import login_page
from frontdesk.channels.inbox_view import Seen, address, agent_of, audit_page, conversation_page, queue_page
from frontdesk.channels.operator import COOKIE, Operator, Session, read_form
from frontdesk.channels.pages import page, policy
from frontdesk.channels.problems import answered
from frontdesk.channels.requests import clean
from frontdesk.channels.shapes import transcript
from frontdesk.channels.staff import Staff
from frontdesk.channels.stream import LIFETIME_SECONDS, frame, streaming

MAX_CHARS, NOTE_CHARS = 8000, 4000
HEADERS = policy(form_action="'self'") | {"Referrer-Policy": "same-origin"}
OWN = ("/inbox", "/inbox/conversation", "/inbox/audit", *TABS)
"""The pages that signing in may lead to."""
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, kw_only=True)
class Inbox:
    """The handlers of the inbox over one desk."""

    desk: Desk
    staff: Staff
    operator: Operator

    async def waiting(self, request: Request) -> Response:
        """GET /inbox: the conversations that wait for, or are with, a person."""
        session = self.operator.session(request)
        return page(queue_page(await self.staff.queue(), session), HEADERS)

    async def show(self, request: Request) -> Response:
        """GET /inbox/conversation?id=: one conversation; with &suggest=1 also what the bot would answer."""
        session, asked = self.operator.session(request), request.query_params
        seen = await self._seen(await self._conversation(asked.get("id", "")))
        if asked.get("suggest"):
            seen = replace(seen, suggestion=await self.staff.suggest(seen.conversation) or False)
        return page(conversation_page(seen, session), HEADERS)

    async def audit(self, request: Request) -> Response:
        """GET /inbox/audit: who did what when; for admins."""
        session = self.operator.admin(request)
        return page(audit_page(await self.staff.deeds(), session), HEADERS)

    async def events(self, request: Request) -> Response:
        """GET /inbox/events?id=: a server-sent event whenever the queue or the conversation is no longer as it was."""
        self.operator.session(request)
        asked = request.query_params.get("id", "")
        return streaming(self._versions((await self._conversation(asked)).id if asked else ""))

    async def _versions(self, conversation_id: str) -> AsyncIterator[bytes]:
        """Yield the version whenever it changes, and a comment whenever nothing did for a while."""
        known, end = "", asyncio.get_running_loop().time() + LIFETIME_SECONDS
        async with aclosing(cast(Any, self.staff.changes())) as changes:
            async for _ in changes:
                version = await self._version(conversation_id)
                yield b": still here\n\n" if version == known else frame("version", {"version": version})
                known = version
                if asyncio.get_running_loop().time() >= end:
                    return

    async def _version(self, conversation_id: str) -> str:
        queue = [(each.id, len(each.turns), each.state, agent_of(each)) for each in await self.staff.queue()]
        if not conversation_id:
            return str(hash(tuple(queue)))
        one = await self._conversation(conversation_id)
        notes, position = len(await self.staff.notes(one.id)), await self.desk.position(one.id)
        return str(hash((*queue, position, len(one.turns), one.state, agent_of(one), notes)))

    async def reply(self, request: Request) -> Response:
        """POST /inbox/reply: write to the customer, who is then with this person; 409 when another has them."""
        session, fields = await self.operator.form(request)
        conversation = await self._conversation(fields.get("id", ""))
        text = _text(fields, MAX_CHARS)
        try:
            await self.staff.write(conversation.id, text, session.name)
        except ChannelError as error:
            if error.code != "held":
                raise
            return await self._again(conversation.id, session, text, f"{error.what} Your answer was not sent.")
        return _to(conversation.id)

    async def claim(self, request: Request) -> Response:
        """POST /inbox/claim: take the conversation; with `force` from whoever has it."""
        session, fields = await self.operator.form(request)
        conversation = await self._conversation(fields.get("id", ""))
        held = await self.staff.claim(conversation.id, session.name, force=bool(fields.get("force")))
        if held.agent != session.name:
            return await self._again(conversation.id, session, "", f"{held.agent} was faster.")
        return _to(conversation.id)

    async def note(self, request: Request) -> Response:
        """POST /inbox/note: leave a note that only people read."""
        session, fields = await self.operator.form(request)
        conversation = await self._conversation(fields.get("id", ""))
        await self.staff.note(conversation.id, session.name, _text(fields, NOTE_CHARS))
        return _to(conversation.id)

    async def hand_back(self, request: Request) -> Response:
        """POST /inbox/back: give the conversation to the bot again."""
        session, fields = await self.operator.form(request)
        conversation = await self._conversation(fields.get("id", ""))
        agent = agent_of(conversation)
        if agent and agent != session.name:
            return await self._again(conversation.id, session, "", f"{agent} has this conversation.")
        await self.staff.give_back(conversation.id, session.name)
        return RedirectResponse("/inbox", 303)

    async def login(self, request: Request) -> Response:
        """GET /inbox/login: ask for the token."""
        return page(login_page(_then(request.query_params.get("then", ""))), HEADERS)

    async def sign_in(self, request: Request) -> Response:
        """POST /inbox/login: check the token, begin a session."""
        fields = await read_form(request)
        then, name = _then(fields.get("then", "")), clean(fields.get("name", ""))
        person = self.operator.knows(fields.get("token", ""), name)
        response = self.operator.sign_in(request, fields.get("token", ""), name, then)
        if response is None or person is None:
            return page(login_page(then, "Nobody has that token."), HEADERS, 401)
        await self.staff.log(person.name, "signed in", detail=person.role)
        return response

    async def sign_out(self, request: Request) -> Response:
        """POST /inbox/logout: end the session of this browser."""
        session, _ = await self.operator.form(request)
        await self.staff.log(session.name, "signed out")
        response = RedirectResponse("/inbox/login", 303)
        response.delete_cookie(COOKIE)
        return response

    async def _again(self, conversation_id: str, session: Session, draft: str, trouble: str) -> Response:
        """Show the conversation as it is now, with what was written and why it did not go."""
        seen = await self._seen(await self._conversation(conversation_id))
        return page(conversation_page(replace(seen, draft=draft, trouble=trouble), session), HEADERS, 409)

    async def _seen(self, conversation: Conversation) -> Seen:
        return Seen(
            conversation=conversation,
            transcript=await transcript(self.desk, conversation),
            queue=await self.staff.queue(),
            notes=await self.staff.notes(conversation.id),
            summary=self.staff.summary(conversation),
            canned=self.staff.canned(conversation),
        )

    async def _conversation(self, conversation_id: str) -> Conversation:
        conversation = await self.desk.conversation(conversation_id) if conversation_id.isprintable() else None
        if conversation is None:
            raise ChannelError("There is no such conversation.", status=404, code="unknown_conversation")
        return conversation


def inbox_router(
    desk: Desk, *, staff: Staff, operator_token: str | None, agents: Mapping[str, Agent] | None = None
) -> APIRouter:
    """Return /inbox, closed while `operator_token` is None; raises ConfigError for a token one can guess."""
    inbox = Inbox(desk=desk, staff=staff, operator=Operator(operator_token, agents))
    router = APIRouter()
    for path, method, handler in (
        ("/inbox", "GET", inbox.waiting),
        ("/inbox/conversation", "GET", inbox.show),
        ("/inbox/events", "GET", inbox.events),
        ("/inbox/audit", "GET", inbox.audit),
        ("/inbox/reply", "POST", inbox.reply),
        ("/inbox/claim", "POST", inbox.claim),
        ("/inbox/note", "POST", inbox.note),
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


def _text(fields: Mapping[str, str], most: int) -> str:
    """Return what was written; raises ChannelError for nothing or too much."""
    text = clean(fields.get("text", "").replace("\r\n", "\n")).strip()
    if not text or len(text) > most:
        raise ChannelError("The text is empty or too long.", code="invalid_text", fix="go back and write it.")
    return text


def _then(address: str) -> str:
    """Return where to go after signing in: only to our own operator pages."""
    own = address.partition("?")[0] in OWN
    return address if own and address.isascii() and address.isprintable() and "\\" not in address else "/inbox"


def _to(conversation_id: str) -> Response:
    return RedirectResponse(address(conversation_id), 303)
