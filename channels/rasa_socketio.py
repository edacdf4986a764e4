"""Rasa's socket.io channel, for the web widgets that people made for Rasa.

The events are those of Rasa open source 3.6, `rasa/core/channels/socketio.py`. Unlike the REST wire it can push: what a
person writes later, and an answer that took long, arrive while the page is open. Nothing proves who writes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, cast
from urllib.parse import parse_qs
from uuid import uuid4

import jwt
from fastapi import APIRouter
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from frontdesk.bot.config import Limits, Messages, RasaSocket
from frontdesk.bot.errors import ChannelError, MissingExtra, Overloaded, StoreError
from frontdesk.bot.types import Customer, Message
from frontdesk.channels.desk import Desk
from frontdesk.channels.origins import from_host
from frontdesk.channels.rasa import LONGEST_ID, RasaMessage, paragraphs, said_in
from frontdesk.channels.requests import clean

log = logging.getLogger(__name__)
CHANNEL = "socketio"
AGAIN_SECONDS = 1.0
"""Until a client's conversation is looked at again when the store failed."""


def socket_app(
    desk: Desk, settings: RasaSocket, limits: Limits, brand: str, messages: Messages, origins: Sequence[str] = ()
) -> ASGIApp:
    """Return the app to mount at `settings.socketio_path`; pages of `origins` may connect. Raises MissingExtra."""
    try:
        import socketio
    except ImportError:
        raise MissingExtra("python-socketio", "rasa") from None
    options: dict[str, Any] = {"async_mode": "asgi", "max_http_buffer_size": limits.body_bytes}
    server = socketio.AsyncServer(cors_allowed_origins=_allowed(frozenset(origins)), **options)
    rooms = Rooms(server, desk, settings, brand, messages)
    space = settings.namespace or "/"
    server.on("connect", rooms.connect, namespace=space)
    server.on("disconnect", rooms.disconnect, namespace=space)
    server.on("session_request", rooms.session_request, namespace=space)
    server.on(settings.user_message_evt, rooms.uttered, namespace=space)
    return _known_only(socketio.ASGIApp(server, socketio_path=""), server)


def _allowed(origins: frozenset[str]) -> Callable[[str, Mapping[str, Any]], bool]:
    """Return which pages may connect: those of the origins, and the server's own."""

    def allowed(origin: str, environ: Mapping[str, Any]) -> bool:
        return origin in origins or from_host(origin, environ.get("HTTP_HOST", ""))

    return allowed


def socket_health() -> APIRouter:
    """Return GET /webhooks/socketio/, by which Rasa's users see whether the channel is open."""
    router = APIRouter(prefix=f"/webhooks/{CHANNEL}")

    @router.get("/")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    return router


def _known_only(app: ASGIApp, server: Any) -> ASGIApp:
    """Refuse session ids that nobody has before the library does, which writes them into its log and its answer."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        asked = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        unknown = any(sid not in server.eio.sockets for sid in asked.get("sid", ()))
        if unknown and scope["type"] == "http":
            await PlainTextResponse("There is no such session.", 400)(scope, receive, send)
        elif unknown and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await app(scope, receive, send)

    return guarded


class Rooms:
    """The handlers of one namespace; each connection follows the conversation it takes part in."""

    def __init__(self, server: Any, desk: Desk, settings: RasaSocket, brand: str, messages: Messages) -> None:
        self._server, self._desk, self._settings = server, desk, settings
        self._brand, self._messages = brand, messages
        self._following: dict[str, tuple[str, asyncio.Task[None] | None]] = {}

    async def connect(self, sid: str, environ: Mapping[str, Any], auth: Any = None) -> bool:
        """Let a client in; with a `jwt_key` only one whose token is signed with it."""
        welcome = self._settings.jwt_key is None or self._signed(auth)
        if welcome:
            self._following[sid] = ("", None)
        return welcome

    async def disconnect(self, sid: str, *reason: Any) -> None:
        """Forget a client."""
        _, task = self._following.pop(sid, ("", None))
        if task:
            task.cancel()

    async def session_request(self, sid: str, data: Any = None) -> None:
        """Confirm the session that a client has, or give it one."""
        name = _text(data, "session_id") or uuid4().hex
        await self._server.emit("session_confirm", name, to=sid, namespace=self._settings.namespace or "/")
        if self._settings.session_persistence and len(name) <= LONGEST_ID:
            try:
                await self._follow(sid, name)
            except StoreError as error:
                log.warning("a conversation over socket.io is followed from its next message on: %s", error)

    async def uttered(self, sid: str, data: Any = None) -> None:
        """Commit a message; the answer comes by following the conversation."""
        sender = _text(data, "session_id") if self._settings.session_persistence else sid
        if not sender or len(sender) > LONGEST_ID:
            return log.warning("a message came over socket.io without a session_id")
        try:
            await self._follow(sid, sender)
            if not _text(data, "message").strip():
                return None  # widgets open a conversation with an empty message
            await self._desk.accept(self._message(sender, data), uuid4().hex)
        except Overloaded:
            await self._say(sid, paragraphs(sender, self._messages.busy))
        except (ChannelError, StoreError) as error:
            log.warning("a message over socket.io was not taken: %s", error)
            words = error.what if isinstance(error, ChannelError) else self._messages.apology
            await self._say(sid, paragraphs(sender, words))
        return None

    def _message(self, sender: str, data: Any) -> Message:
        metadata = data.get(self._settings.metadata_key) if isinstance(data, dict) else None
        return Message(
            text=clean(_text(data, "message")),
            conversation_id=f"{CHANNEL}:{sender}",
            brand=self._brand,
            channel=CHANNEL,
            customer=Customer(id=f"{CHANNEL}:{sender}"),
            id=uuid4().hex,
            metadata={"client": metadata if isinstance(metadata, dict) else {}},
        )

    async def _follow(self, sid: str, sender: str) -> None:
        """Send a client, while it is there, whatever is said in a conversation from now on; raises StoreError."""
        if self._follows(sid, sender):
            return
        position = await self._desk.position(f"{CHANNEL}:{sender}")
        if sid in self._following and not self._follows(sid, sender):
            if task := self._following[sid][1]:
                task.cancel()
            self._following[sid] = (sender, asyncio.create_task(self._tell(sid, sender, position)))

    def _follows(self, sid: str, sender: str) -> bool:
        name, task = self._following.get(sid, ("", None))
        return name == sender and task is not None and not task.done()

    async def _tell(self, sid: str, sender: str, position: int) -> None:
        while True:
            try:
                async with aclosing(cast(Any, self._desk.events(f"{CHANNEL}:{sender}", after=position))) as events:
                    async for event in events:
                        await self._say(sid, said_in(event, sender, self._messages, rich=True))
                        position = event.id
                return
            except StoreError as error:
                log.warning("a conversation over socket.io could not be read: %s", error)
                await asyncio.sleep(AGAIN_SECONDS)

    async def _say(self, sid: str, said: Sequence[RasaMessage]) -> None:
        for message in said:
            name, space = self._settings.bot_message_evt, self._settings.namespace or "/"
            await self._server.emit(name, bubble(message), to=sid, namespace=space)

    def _signed(self, auth: Any) -> bool:
        key = self._settings.jwt_key
        try:
            jwt.decode(_text(auth, "token"), key.get_secret_value() if key else "", [self._settings.jwt_method])
        except jwt.PyJWTError as error:
            log.warning("a socket.io client was refused: %s", type(error).__name__)
            return False
        return True


def bubble(message: RasaMessage) -> dict[str, Any]:
    """Return a message of the REST wire in the shape of this one."""
    if beside := _beside(message):
        return beside
    shown = {key: message[key] for key in ("text", "metadata") if key in message}
    buttons = message.get("buttons")
    replies = [{"content_type": "text", **button} for button in buttons or ()]
    return shown | ({"quick_replies": replies} if replies else {})


def _beside(message: RasaMessage) -> dict[str, Any]:
    """Return what is shown beside words as Rasa's socket.io sends it; custom JSON is the event itself."""
    if "image" in message:
        return {"attachment": {"type": "image", "payload": {"src": message["image"]}}}
    if "elements" in message:
        payload = {"template_type": "generic", "elements": message["elements"]}
        return {"attachment": {"type": "template", "payload": payload}}
    return {"attachment": message["attachment"]} if "attachment" in message else dict(message.get("custom") or {})


def _text(data: Any, key: str) -> str:
    value = data.get(key) if isinstance(data, dict) else None
    return value if isinstance(value, str) else ""
