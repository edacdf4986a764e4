"""Rasa's HTTP API over conversations: trackers, their events, and what is not made here. Shapes: Rasa open source 3.6.

Open only to who sends the token, or a bearer JWT whose role is `admin`, or `user` for the conversation of that name.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from frontdesk.bot.config import Limits, RasaRest
from frontdesk.bot.errors import ChannelError, FrontdeskError, Overloaded
from frontdesk.bot.types import Conversation, Customer, Message, Reply, Turn
from frontdesk.channels.desk import Desk
from frontdesk.channels.problems import RETRY_SECONDS, read_body
from frontdesk.channels.requests import dig, read_object
from frontdesk.channels.turns import LAST, collect

VERSION, OLDEST = "3.6.20", "3.5.0"
"""The version of Rasa whose wire this is, and the oldest one whose models it would read."""
CHANNELS = ("rest", "socketio", "callback")
NOT_MADE = (
    ("POST", "/conversations/{id}/trigger_intent"),
    ("POST", "/conversations/{id}/predict"),
    ("POST", "/conversations/{id}/execute"),
    ("GET", "/conversations/{id}/story"),
    ("PUT", "/conversations/{id}/tracker/events"),
    ("PUT", "/model"),
    ("DELETE", "/model"),
    ("POST", "/model/train"),
    ("POST", "/model/test/stories"),
    ("POST", "/model/test/intents"),
    ("POST", "/model/predict"),
    ("GET", "/domain"),
)
_REASONS = {400: "BadRequest", 401: "NotAuthenticated", 403: "NotAuthorized", 404: "NotFound", 501: "NotImplemented"}


class RasaRoute(APIRoute):
    """A route that answers every error in Rasa's shape."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler."""
        handler = super().get_route_handler()

        async def safe(request: Request) -> Response:
            try:
                return await handler(request)
            except ChannelError as error:
                return failure(error.status, error.what, error.fix)
            except ClientDisconnect:
                return failure(400, "the request ended before its body was complete.")
            except FrontdeskError as error:
                words = "too many messages wait." if isinstance(error, Overloaded) else "the store cannot be reached."
                return failure(503, words, "send it again in a few seconds.", {"Retry-After": str(RETRY_SECONDS)})

        return safe


def failure(status: int, message: str, fix: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """Return Rasa's body of an error."""
    reason = _REASONS.get(status, "ConversationError")
    said = {"version": VERSION, "status": "failure", "message": f"{message} {fix}".strip(), "reason": reason}
    return JSONResponse({**said, "details": {}, "help": None, "code": status}, status, headers=headers)


@dataclass(frozen=True, kw_only=True)
class Conversations:
    """The handlers of /conversations over one desk."""

    desk: Desk
    settings: RasaRest
    limits: Limits

    async def tracker(self, id: str, request: Request) -> Response:
        """GET /conversations/{id}/tracker: the conversation, a new one where there is none."""
        found = await self._found(request, id)
        wanted = request.query_params.get("include_events", "AFTER_RESTART")
        if wanted not in ("NONE", "APPLIED", "AFTER_RESTART", "ALL"):
            raise ChannelError("include_events is unknown.", fix="use NONE, APPLIED, AFTER_RESTART or ALL.")
        try:
            until = float(request.query_params.get("until", "inf"))
        except ValueError:
            raise ChannelError("until is no time.", fix="send seconds since 1970.") from None
        return JSONResponse(tracked(id, found, until, events=wanted != "NONE"))

    async def append(self, id: str, request: Request) -> Response:
        """POST /conversations/{id}/tracker/events: what a person says, and who holds the conversation; for admins."""
        if not admitted(request, self.settings, id):
            raise ChannelError("only admins write as a colleague.", status=403)
        found = await self._found(request, id)
        if found is None:
            raise ChannelError("there is no such conversation.", status=404)
        body = read_object(b'{"events":%s}' % await read_body(request, self.limits.body_bytes))["events"]
        events = body if isinstance(body, list) else [body]
        unknown = {dig(event, "event") or "nothing" for event in events} - {"agent", "resume"}
        if unknown or not all(dig(event, "text").strip() for event in events if dig(event, "event") == "agent"):
            raise ChannelError(
                f"{', '.join(sorted(unknown)) or 'agent'} is not taken.", fix="send agent with a text, or resume."
            )
        for event in events:
            if event["event"] == "agent":
                author = dig(event, "metadata", "author") or dig(event, "data", "author") or "agent"
                await self.desk.post(found.id, dig(event, "text")[: self.limits.text_chars], author[:100])
            else:
                await self.desk.hand_back(found.id)
        return JSONResponse(tracked(id, await self._found(request, id)))

    async def message(self, id: str, request: Request) -> Response:
        """POST /conversations/{id}/messages: note what a customer said, without an answer."""
        found = await self._found(request, id)
        if found is None:
            raise ChannelError("there is no such conversation.", status=404)
        body = read_object(await read_body(request, self.limits.body_bytes))
        if not dig(body, "text").strip() or dig(body, "sender") != "user":
            raise ChannelError("text is missing, or sender is not user.", fix='send {"text": ..., "sender": "user"}.')
        said = Message(
            text=dig(body, "text"),
            conversation_id=found.id,
            brand=found.brand,
            channel=found.channel,
            customer=found.customer or Customer(id=found.id),
            id=f"noted-{time.time_ns()}",
            metadata={"noted": True},
        )
        async for event in collect(self.desk, await self.desk.accept(said, said.id), self.limits.wait_seconds):
            if event.kind in LAST:
                break
        return JSONResponse(tracked(id, await self._found(request, id)))

    async def not_made(self, request: Request) -> Response:
        """Refuse what this server does not do."""
        admitted(request, self.settings, str(request.path_params.get("id", "")))
        raise ChannelError("this is not made here.", fix="docs/rasa.md lists what is.", status=501)

    async def _found(self, request: Request, name: str) -> Conversation | None:
        """Admit the caller and return the conversation of a sender, on whichever of Rasa's channels it is.

        Whoever may touch all of them may also name one of another channel by its whole id.
        """
        everything = admitted(request, self.settings, name)
        for id in (*(f"{channel}:{name}" for channel in CHANNELS), *([name] if everything else [])):
            if found := await self.desk.conversation(id):
                return found
        return None


def admitted(request: Request, settings: RasaRest, name: str = "") -> bool:
    """Return whether this caller may touch all conversations; raises ChannelError 401, or 403 if not even that one."""
    token, key = settings.token, settings.jwt_secret
    sent = request.query_params.get("token", "").encode("utf-8", "replace")
    if token and hmac.compare_digest(sent, token.get_secret_value().encode()):
        return True
    scheme, _, signed = request.headers.get("authorization", "").partition(" ")
    if not key or scheme.lower() != "bearer":
        raise ChannelError("the token is missing or wrong.", fix="send ?token= or a bearer token.", status=401)
    try:
        user = jwt.decode(signed.strip(), key.get_secret_value(), ["HS256", "HS384", "HS512"]).get("user")
    except jwt.PyJWTError:
        raise ChannelError("the bearer token is wrong or has expired.", status=401) from None
    role, own = dig(user, "role"), bool(name) and dig(user, "username") == name
    if role != "admin" and not (role == "user" and own):
        raise ChannelError("this is another user's, or for admins only.", status=403)
    return role == "admin"


def conversations_router(desk: Desk, settings: RasaRest, limits: Limits) -> APIRouter:
    """Return /conversations, /status and /version; all but the last need a token that the settings name."""
    handlers = Conversations(desk=desk, settings=settings, limits=limits)
    router = APIRouter(route_class=RasaRoute)

    async def status(request: Request) -> Response:
        admitted(request, settings)
        return JSONResponse({"model_file": "", "model_id": "frontdesk", "num_active_training_jobs": 0})

    async def version() -> dict[str, str]:
        return {"version": VERSION, "minimum_compatible_version": OLDEST}

    routes: list[tuple[str, str, Callable[..., Any]]] = [
        ("GET", "/version", version),
        ("GET", "/status", status),
        ("GET", "/conversations/{id}/tracker", handlers.tracker),
        ("POST", "/conversations/{id}/tracker/events", handlers.append),
        ("POST", "/conversations/{id}/messages", handlers.message),
        *((method, path, handlers.not_made) for method, path in NOT_MADE),
    ]
    for method, path, handler in routes:
        router.add_api_route(path, handler, methods=[method], response_model=None)
    return router


def tracked(
    name: str, found: Conversation | None, until: float = float("inf"), *, events: bool = True
) -> dict[str, Any]:
    """Return a conversation as Rasa's tracker; `until` leaves out what is later, in seconds since 1970."""
    told = (
        [event for turn in found.turns for event in _events(turn, found) if event["timestamp"] <= until]
        if found
        else []
    )
    asked = [event for event in told if event["event"] == "user"]
    return {
        "sender_id": name,
        "conversation_id": name,
        "slots": dict(found.slots) if found else {},
        "latest_message": asked[-1]["parse_data"] if asked else {"intent": {}, "entities": [], "text": None},
        "latest_event_time": told[-1]["timestamp"] if told else None,
        "followup_action": None,
        "paused": bool(found and found.state != "bot"),
        "events": told if events else None,
        "latest_input_channel": found.channel if found else None,
        "active_loop": {},
        "latest_action": {"action_name": "action_listen"} if told else {},
        "latest_action_name": "action_listen" if told else None,
    }


def _events(turn: Turn, found: Conversation) -> Iterator[dict[str, Any]]:
    """Yield a turn as Rasa's events: what the customer said, and what was answered."""
    message, reply = turn.message, turn.reply
    at = message.sent_at.timestamp()
    routes = reply.routes if reply else ()
    intent = (
        {"name": routes[0].intent, "confidence": routes[0].confidence} if routes else {"name": None, "confidence": 0.0}
    )
    parsed = {"text": message.text, "intent": intent, "entities": [], "intent_ranking": [intent]}
    said = {"text": message.text, "parse_data": parsed, "input_channel": found.channel, "message_id": message.id}
    yield {"event": "user", "timestamp": at, **said, "metadata": dict(message.metadata)}
    if reply and reply.text:
        buttons = [{"title": button.title, "payload": button.payload} for button in reply.buttons]
        cited = [{"title": one.title, "url": one.url, "quote": one.quote} for one in reply.citations]
        data = {"elements": None, "quick_replies": None, "buttons": buttons or None, "attachment": None, "image": None}
        yield {
            "event": "bot",
            "timestamp": at,
            "text": reply.text,
            "data": {**data, "custom": None, **_shown(reply)},
            "metadata": {"citations": cited},
        }
    yield {"event": "action", "timestamp": at, "name": "action_listen", "policy": None, "confidence": None}


def _shown(reply: Reply) -> dict[str, Any]:
    """Return what the actions showed beside words, the last of each kind."""
    return {name: value for one in reply.sentences for part in one.effect.shown for name, value in part.items()}
