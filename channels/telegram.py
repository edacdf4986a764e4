"""Telegram: updates come in by webhook, replies go out to the chat.

Plain httpx: four methods of the Bot API are used, and neither aiogram nor python-telegram-bot stores an update before
it acknowledges it. Source: https://core.telegram.org/bots/api
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from frontdesk.bot.config import Limits, Telegram
from frontdesk.bot.errors import ChannelError
from frontdesk.bot.types import Conversation, Customer, Event, Message, now
from frontdesk.channels.delivery import Retry
from frontdesk.channels.desk import Desk
from frontdesk.channels.outgoing import Doubtful, Outgoing
from frontdesk.channels.problems import read_body
from frontdesk.channels.requests import SafeRoute, clean, dig, read_object
from frontdesk.channels.signatures import telegram_signed
from frontdesk.channels.telegram_posts import posts, pressed

log = logging.getLogger(__name__)

GREETING = "Hello"
"""What someone says who opens the chat with /start."""
_FILES = ("photo", "document", "voice", "audio", "video", "video_note", "sticker", "location", "contact")
_OPERATOR_SECONDS = 300.0


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a customer wrote or pressed in a private chat."""

    chat: str
    user: str
    text: str
    callback: str = ""
    locale: str = ""
    date: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def conversation_id(self) -> str:
        """A chat is one conversation."""
        return f"telegram:{self.chat}"


def telegram_router(desk: Desk, settings: Telegram, limits: Limits, brand: str, sender: TelegramSender) -> APIRouter:
    """Return the routes under /webhooks/telegram; `sender` shows the customer that the message has arrived."""
    router = APIRouter(prefix="/webhooks/telegram", route_class=SafeRoute)
    secret = settings.secret_token.get_secret_value()
    bot = settings.bot_token.get_secret_value().partition(":")[0]

    @router.get("/")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @router.post("/webhook")
    async def webhook(request: Request) -> Response:
        if not telegram_signed(secret, request.headers.get("x-telegram-bot-api-secret-token")):
            raise ChannelError("The Telegram secret token is wrong.", status=401, code="bad_signature")
        update = read_object(await read_body(request, limits.body_bytes))
        said, number = await _said(update, desk), dig(update, "update_id")
        if said and number:
            key = f"{bot}:{number}"
            receipt = await desk.accept(_message(said, brand, limits.text_chars, key), key)
            if not receipt.duplicate:
                sender.acknowledge(said.chat, said.callback)
        return Response(status_code=200)

    return router


async def _said(update: Mapping[str, Any], desk: Desk) -> Said | None:
    """Return what a customer said to us, or None for everything else: edits, groups, other bots, service messages."""
    query = update.get("callback_query")
    if isinstance(query, dict):
        return await _pressed(query, desk)
    message = update.get("message")
    if not isinstance(message, dict) or not _private(message) or _from_bot(message):
        return None
    text = _typed(message)
    return _place(message, message, text) if text else None


async def _pressed(query: Mapping[str, Any], desk: Desk) -> Said | None:
    message, data = query.get("message"), dig(query, "data").strip()
    if not isinstance(message, dict) or not data or not _private(message):
        return None
    said = _place(query, message, data, callback=dig(query, "id"))
    button = pressed(data, await desk.conversation(said.conversation_id)) if said else None
    title = button.title if button else _title(message, data)
    if said is None:
        return None
    # A short id whose reply is gone still has its title under the message: the words are as good as a payload.
    text = button.payload if button else title if data.startswith("#") and title else data
    return Said(
        chat=said.chat,
        user=said.user,
        text=text,
        callback=said.callback,
        locale=said.locale,
        date=said.date,
        extra={"title": title} if title else {},
    )


def _place(who: Mapping[str, Any], message: Mapping[str, Any], text: str, callback: str = "") -> Said | None:
    chat, user = dig(message, "chat", "id"), dig(who, "from", "id")
    if not chat or not user:
        return None
    date = "" if callback else dig(message, "date")
    return Said(chat=chat, user=user, text=text, callback=callback, date=date, locale=dig(who, "from", "language_code"))


def _private(message: Mapping[str, Any]) -> bool:
    return dig(message, "chat", "type") == "private"


def _from_bot(message: Mapping[str, Any]) -> bool:
    return isinstance(message.get("from"), dict) and bool(message["from"].get("is_bot"))


def _typed(message: Mapping[str, Any]) -> str:
    """Return the words of a message; a file without a caption is named, so that it is not met with silence."""
    words = clean(dig(message, "text") or dig(message, "caption")).strip()
    if words == "/start" or words.startswith("/start "):
        return GREETING
    return words or next((f"[{kind}]" for kind in _FILES if message.get(kind)), "")


def _title(message: Mapping[str, Any], data: str) -> str:
    """Return the title of the pressed button, as it stands under the message."""
    markup = message.get("reply_markup")
    rows = markup.get("inline_keyboard") if isinstance(markup, dict) else None
    buttons = [b for row in rows if isinstance(row, list) for b in row] if isinstance(rows, list) else []
    return next((dig(b, "text").strip() for b in buttons if dig(b, "callback_data") == data), "")


def _message(said: Said, brand: str, limit: int, key: str) -> Message:
    return Message(
        text=said.text[:limit],
        conversation_id=said.conversation_id,
        brand=brand,
        channel="telegram",
        customer=Customer(id=f"telegram:{said.user}", identity="channel"),
        id=f"telegram:{key}",
        locale=said.locale[:35],
        sent_at=_time(said.date),
        metadata={"chat_id": said.chat, **said.extra},
    )


def _time(date: str) -> datetime:
    try:
        return datetime.fromtimestamp(int(date), UTC)
    except (ValueError, OverflowError, OSError):
        return now()


class TelegramSender:
    """Sends replies and a person's messages with sendMessage."""

    name = "telegram"

    def __init__(self, settings: Telegram) -> None:
        self._api, self._token = settings.api_url.rstrip("/"), settings.bot_token
        self._tasks: set[asyncio.Task[None]] = set()
        self.outgoing = Outgoing("Telegram")

    async def send(self, event: Event, conversation: Conversation) -> None:
        """Deliver a `done` event or a person's `sentence`; raises Retry when Telegram does not take it now."""
        chat = _chat(conversation.id)
        if chat is None:
            return self.outgoing.drop(f"event {event.id} of {conversation.id} names no chat")
        return await self.outgoing.send_parts(
            event, [{"chat_id": chat} | post for post in posts(event.data)], self._send
        )

    def acknowledge(self, chat: str, callback: str) -> None:
        """Show `typing` once, and let a pressed button stop waiting; in the background, failures are only logged."""
        calls = [("sendChatAction", {"chat_id": chat, "action": "typing"})]
        if callback:
            calls.insert(0, ("answerCallbackQuery", {"callback_query_id": callback}))
        for method, body in calls:
            task = asyncio.create_task(self._hint(method, body))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait for what is under way and close the connections."""
        await asyncio.gather(*self._tasks)
        await self.outgoing.close()

    async def _send(self, body: Mapping[str, Any]) -> None:
        status, answer = await self._call("sendMessage", body)
        if answer.get("ok") is True:
            return
        words = dig(answer, "description") or f"status {status}"
        if status in {401, 404}:
            log.error("Telegram refuses channels.telegram.bot_token (%s); replies wait until it is mended", words)
            raise Retry(_OPERATOR_SECONDS, f"Telegram: {words}")
        self.outgoing.drop(words)

    async def _hint(self, method: str, body: Mapping[str, Any]) -> None:
        try:
            await self._call(method, body)
        except (Retry, Doubtful) as error:
            log.info("Telegram %s was not taken: %s", method, error)

    async def _call(self, method: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        return await self.outgoing.call(f"{self._api}/bot{self._token.get_secret_value()}/{method}", body)


def _chat(conversation_id: str) -> int | None:
    """The conversation's id is the chat's: every event has it, whoever wrote it."""
    number = conversation_id.removeprefix("telegram:")
    return int(number) if number.lstrip("-").isdecimal() else None
