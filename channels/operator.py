"""The people who run the bot: tokens checked in constant time, and a session cookie that scripts cannot read.

Whoever has the operator token is an admin, under a name of their choice; agents have a token and a name of their own.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from frontdesk.bot.errors import ChannelError, ConfigError
from frontdesk.bot.people import Agent
from frontdesk.channels.origins import same_host
from frontdesk.channels.problems import read_body

COOKIE = "frontdesk_operator"
SESSION_SECONDS = 12 * 3600
FORM_BYTES = 65_536
MIN_TOKEN = 16


@dataclass(frozen=True, kw_only=True)
class Session:
    """A signed-in person; `csrf` must come back with every form, and is empty for a bearer token."""

    name: str
    csrf: str = ""
    role: Literal["agent", "admin"] = "admin"


class Operator:
    """Guards /inbox and /admin. Without a token both are closed; without `agents` only admins come in."""

    def __init__(self, token: str | None, agents: Mapping[str, Agent] | None = None) -> None:
        if token is not None and len(token) < MIN_TOKEN:
            fix = f"use at least {MIN_TOKEN} characters, for example from `openssl rand -hex 16`."
            raise ConfigError("the operator token can be guessed.", where="server.operator_token", fix=fix)
        self._token = token.encode() if token else None
        self._key = hashlib.sha256(b"frontdesk operator session\0" + (self._token or b"")).digest()
        self._agents = agents or {}

    def session(self, request: Request) -> Session:
        """Return who is asking; raises ChannelError 401, or 403 while no token is set."""
        if self._token is None:
            fix = "set server.operator_token in frontdesk.toml and start again."
            raise ChannelError("No operator token is set.", status=403, code="closed", fix=fix)
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        bearer = self.knows(given.strip()) if scheme.lower() == "bearer" else None
        session = bearer or self._read(request.cookies.get(COOKIE, ""))
        if session is None:
            fix = "sign in at /inbox/login or send the operator token as a bearer token."
            raise ChannelError("Only operators may do this.", status=401, code="operator_only", fix=fix)
        return session

    def admin(self, request: Request) -> Session:
        """Return who is asking, an admin; raises ChannelError 403 for anybody else who is signed in."""
        session = self.session(request)
        if session.role != "admin":
            raise ChannelError("Only admins may see this.", status=403, code="admin_only", fix="ask an admin.")
        return session

    def knows(self, token: str, name: str = "") -> Session | None:
        """Return who has this token: an agent, or an admin called `name`; None when nobody has."""
        given = token.encode("utf-8", "replace")
        if self._token is not None and hmac.compare_digest(given, self._token):
            return Session(name=name.strip()[:60] or "Support")
        for agent in self._agents.values():
            if hmac.compare_digest(given, agent.token.get_secret_value().encode()):
                return Session(name=agent.name, role=agent.role)
        return None

    async def form(self, request: Request) -> tuple[Session, dict[str, str]]:
        """Return session and fields of a posted form; raises ChannelError 403 when another site sent it."""
        return await self._posted(request, self.session(request))

    async def admin_form(self, request: Request) -> tuple[Session, dict[str, str]]:
        """Return session and fields of a form that only admins may post; raises ChannelError as `admin` and `form`."""
        return await self._posted(request, self.admin(request))

    async def _posted(self, request: Request, session: Session) -> tuple[Session, dict[str, str]]:
        fields = await read_form(request)
        if session.csrf and not hmac.compare_digest(fields.get("csrf", "").encode(), session.csrf.encode()):
            raise ChannelError(
                "This form is not from here.", status=403, code="foreign_form", fix="load the page again."
            )
        return session, fields

    def sign_in(self, request: Request, token: str, name: str, then: str) -> Response | None:
        """Return the redirect that sets the session cookie; None for a token that nobody has."""
        import jwt

        person = self.knows(token, name)
        if person is None:
            return None
        claims = {"sub": person.name, "exp": int(time.time()) + SESSION_SECONDS, "mark": self._mark(token)}
        value = jwt.encode(claims, self._key, algorithm="HS256")
        response = RedirectResponse(then, 303)
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, value, SESSION_SECONDS, httponly=True, samesite="strict", secure=secure)
        return response

    def _mark(self, token: str) -> str:
        """What ties a session to the token it began with: it ends when that token does."""
        return hmac.new(self._key, b"token" + token.encode("utf-8", "replace"), hashlib.sha256).hexdigest()

    def _read(self, value: str) -> Session | None:
        import jwt

        try:
            claims = jwt.decode(value, self._key, algorithms=["HS256"], options={"require": ["sub", "exp", "mark"]})
        except jwt.PyJWTError:
            return None
        csrf = hmac.new(self._key, b"csrf" + value.encode(), hashlib.sha256).hexdigest()
        agents = {self._mark(one.token.get_secret_value()): one for one in self._agents.values()}
        if self._token is not None and claims["mark"] == self._mark(self._token.decode()):
            return Session(name=str(claims["sub"]), csrf=csrf)
        agent = agents.get(str(claims["mark"]))
        return Session(name=agent.name, csrf=csrf, role=agent.role) if agent else None


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a URL-encoded form from our own pages; raises ChannelError for any other."""
    origin = request.headers.get("origin", "")
    if origin and not same_host(origin, request):
        raise ChannelError("This form is from another site.", status=403, code="foreign_form")
    raw = await read_body(request, FORM_BYTES)
    try:
        return {key: values[-1] for key, values in parse_qs(raw.decode(), max_num_fields=20).items()}
    except ValueError:
        raise ChannelError("The form cannot be read.", code="invalid_form") from None
