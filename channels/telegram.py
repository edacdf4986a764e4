"""Telegram: updates come in by webhook or by long polling, replies go out to the chat.

Both ways in end in one place, `TelegramIntake.take`, which commits the message before anything is acknowledged.
Source: https://core.telegram.org/bots/api
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Collection, Coroutine, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response

from frontdesk.bot.config import Limits, Telegram
from frontdesk.bot.errors import ChannelError
from frontdesk.bot.types import Conversation, Customer, Event, Message, Receipt, now
from frontdesk.channels.delivery import Retry
from frontdesk.channels.desk import Desk
from frontdesk.channels.listening import Listener, patiently
from frontdesk.channels.outgoing import Doubtful, Outgoing
from frontdesk.channels.problems import read_body
from frontdesk.channels.requests import SafeRoute, dig, read_object
from frontdesk.channels.signatures import telegram_signed
from frontdesk.channels.telegram_api import TelegramApi
from frontdesk.channels.telegram_posts import posts
from frontdesk.channels.telegram_updates import Reader, Said
from frontdesk.channels.turns import collect

log = logging.getLogger(__name__)

POLL_SECONDS = 25
"""How long Telegram holds a request for updates open while there are none."""
UPDATES = ("message", "callback_query")
_CONFLICT_SECONDS = 30.0
_ALBUMS = 1000
"""The albums that are remembered by their first file."""
_TYPING_AT_ONCE = 8
"""To how many customers `typing` is shown; in a rush, or while Telegram is slow, the others do without."""
QUICK_SECONDS, TYPING_SECONDS, LONGEST_TYPING_SECONDS = 0.4, 4.0, 60.0
"""When `typing` is shown first, as a reply that is there sooner needs none; until again; and how long at most."""


class TelegramIntake:
    """Commits what customers say in updates, whichever way they came; `intents` may be linked to by /start."""

    def __init__(
        self, desk: Desk, limits: Limits, brand: str, sender: TelegramSender, intents: Collection[str] = ()
    ) -> None:
        self._desk, self._limits, self._brand, self._sender = desk, limits, brand, sender
        self._albums: OrderedDict[str, str] = OrderedDict()
        self._reader = Reader(bot=sender.api.bot, name=sender.api.name, intents=intents)

    async def take(self, update: Mapping[str, Any]) -> None:
        """Commit the message in an update, if there is one; returned means that it may be acknowledged.

        Raises StoreError, or ChannelError 503, when it must come again, and ChannelError 4xx for one never taken.
        """
        number = dig(update, "update_id")
        try:
            said = await self._reader.said(update, self._desk) if number else None
        except (Retry, Doubtful) as error:
            raise ChannelError(
                f"Telegram does not say who the bot is: {error}", status=503, code="unavailable"
            ) from None
        if said is None:
            return
        key, further = f"{self._sender.api.bot}:{number}", self._is_further(said, number)
        message = _message(said, self._brand, self._limits.text_chars, key)
        if further:
            message = replace(message, metadata={**message.metadata, "noted": True})
        receipt = await self._desk.accept(message, key)
        if not receipt.duplicate and not further:
            self._sender.acknowledge(said.chat, said.callback, self._desk, receipt)

    def _is_further(self, said: Said, number: str) -> bool:
        """Whether it is one more file of an album and has no words: the album's first is answered for all of them."""
        album = str(said.extra.get("album") or "")
        if not album:
            return False
        first = self._albums.setdefault(f"{said.conversation_id} {album}", number)
        while len(self._albums) > _ALBUMS:
            self._albums.popitem(last=False)
        return first != number and said.wordless


def telegram_router(intake: TelegramIntake, settings: Telegram, limits: Limits) -> APIRouter:
    """Return the routes under /webhooks/telegram; without a secret token every update is refused."""
    router = APIRouter(prefix="/webhooks/telegram", route_class=SafeRoute)
    secret = settings.secret_token.get_secret_value() if settings.secret_token else ""

    @router.get("/")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @router.post("/webhook")
    async def webhook(request: Request) -> Response:
        if not telegram_signed(secret, request.headers.get("x-telegram-bot-api-secret-token")):
            raise ChannelError("The Telegram secret token is wrong.", status=401, code="bad_signature")
        await intake.take(read_object(await read_body(request, limits.body_bytes)))
        return Response(status_code=200)

    return router


class TelegramPolling:
    """Fetches updates, for a bot without a public address: one update is confirmed once the inbox has it.

    An offset confirms everything before it, so it is sent only after the commit. What was committed and not confirmed
    when the process died comes again and is known by its key.
    """

    def __init__(self, api: TelegramApi, intake: TelegramIntake, pause: float = 1.0) -> None:
        self._api, self._intake = api, intake
        self._offset: int | None = None
        self.listener = Listener("Telegram", self._fetch, pause)

    async def _fetch(self) -> None:
        """Fetch once and commit what came, in order; raises Retry."""
        asked = {"timeout": POLL_SECONDS, "allowed_updates": UPDATES}
        if self._offset is not None:
            asked["offset"] = self._offset
        status, answer = await self._api.call("getUpdates", asked, seconds=POLL_SECONDS + 10)
        if answer.get("ok") is not True:
            raise _refused(status, dig(answer, "description"))
        updates = answer.get("result")
        # All is confirmed now. After a quiet week the next id may be a lower one, which an old offset would hide.
        self._offset = None
        for update in updates if isinstance(updates, list) else []:
            await self._commit(update)

    async def _commit(self, update: Any) -> None:
        number = dig(update, "update_id")
        if not number.isdecimal():
            return log.error("Telegram sent an update without a number")
        try:
            await patiently(partial(self._intake.take, update))
        except ChannelError as error:
            if error.status >= 500:
                raise
            log.warning("update %s is passed over: %s", number, error)
        self._offset = int(number) + 1
        return None


def _refused(status: int, words: str) -> Retry:
    if status == 409 and "webhook" in words:
        fix = "delete the webhook (docs/telegram.md says how), or set channels.telegram.secret_token to use it"
        return Retry(_CONFLICT_SECONDS, f"this bot's messages go to a webhook, so they cannot be fetched: {fix}")
    if status == 409:
        return Retry(_CONFLICT_SECONDS, "another program fetches this bot's messages with the same token: stop one")
    return Retry(_CONFLICT_SECONDS, f"getUpdates was refused: {words or status}")


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
    """Sends replies and a person's messages with sendMessage; in a group as a reply to what was asked."""

    name = "telegram"

    def __init__(
        self, settings: Telegram, typing_seconds: float = TYPING_SECONDS, quick: float = QUICK_SECONDS
    ) -> None:
        self.api, self._typing_seconds, self._quick = TelegramApi(settings), typing_seconds, quick
        self._presses: set[asyncio.Task[None]] = set()
        self._typings: set[asyncio.Task[None]] = set()

    @property
    def outgoing(self) -> Outgoing:
        """What was sent, and how it went."""
        return self.api.outgoing

    async def send(self, event: Event, conversation: Conversation) -> None:
        """Deliver a `done` event or a person's `sentence`; raises Retry when Telegram does not take it now."""
        chat = _chat(conversation.id)
        if chat is None:
            return self.outgoing.drop(f"event {event.id} of {conversation.id} names no chat")
        last = conversation.turns[-1].message.metadata if conversation.turns else {}
        where = {**last, **(event.data.get("metadata") or {})}
        parts = [{"chat_id": chat} | _topic(where) | post for post in posts(event.data)]
        if parts:
            parts[0] |= _answering(where)
        return await self.outgoing.send_parts(event, parts, self._send)

    def acknowledge(self, chat: str, callback: str, desk: Desk, receipt: Receipt) -> None:
        """Let a pressed button stop waiting, and show `typing` until the reply is there; failures are only logged."""
        if callback:
            _begin(self._hint("answerCallbackQuery", {"callback_query_id": callback}), self._presses)
        if len(self._typings) < _TYPING_AT_ONCE:
            _begin(self._typing(chat, desk, receipt), self._typings)

    async def fetch(self, source: str) -> bytes:
        """Return a file that a customer sent, by Telegram's id of it; raises ChannelError."""
        return await self.api.file(source)

    async def close(self) -> None:
        """Leave off typing, let the pressed buttons be told, and close the connections."""
        for task in self._typings:
            task.cancel()
        await asyncio.gather(*self._typings, *self._presses, return_exceptions=True)
        await self.outgoing.close()

    async def _typing(self, chat: str, desk: Desk, receipt: Receipt) -> None:
        """Show `typing` again and again (each lasts five seconds), unless a person has the conversation."""
        reply = asyncio.create_task(_replied(desk, receipt))
        try:
            await asyncio.wait({reply}, timeout=self._quick)
            known = None if reply.done() else await desk.conversation(receipt.conversation_id)
            if known and known.state != "bot":
                return
            while not reply.done():
                await self._hint("sendChatAction", {"chat_id": chat, "action": "typing"})
                await asyncio.wait({reply}, timeout=self._typing_seconds)
        finally:
            reply.cancel()
            await asyncio.gather(reply, return_exceptions=True)

    async def _send(self, body: Mapping[str, Any]) -> None:
        status, answer = await self.api.call("sendMessage", body)
        if answer.get("ok") is not True:
            self.outgoing.drop(dig(answer, "description") or f"status {status}")

    async def _hint(self, method: str, body: Mapping[str, Any]) -> None:
        try:
            await self.api.call(method, body)
        except (Retry, Doubtful) as error:
            log.info("Telegram %s was not taken: %s", method, error)


def _begin(work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


async def _replied(desk: Desk, receipt: Receipt) -> None:
    """Return when the message is answered, or after the longest time that `typing` is shown."""
    async for _ in collect(desk, receipt, LONGEST_TYPING_SECONDS):
        pass


def _chat(conversation_id: str) -> int | None:
    """The conversation's id begins with the chat's: every event has it, whoever wrote it."""
    number = conversation_id.removeprefix("telegram:").partition(":")[0]
    return int(number) if number.lstrip("-").isdecimal() else None


def _topic(where: Mapping[str, Any]) -> dict[str, Any]:
    number = str(where.get("topic") or "")
    return {"message_thread_id": int(number)} if number.isdecimal() else {}


def _answering(where: Mapping[str, Any]) -> dict[str, Any]:
    """In a group, say whom a reply is for."""
    number = str(where.get("message_id") or "")
    if not number.isdecimal():
        return {}
    return {"reply_parameters": {"message_id": int(number), "allow_sending_without_reply": True}}
