"""What an update of Telegram says to us: words, presses, deep links; in groups only what is meant for the bot."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from frontdesk.channels.desk import Desk
from frontdesk.channels.requests import clean, dig
from frontdesk.channels.sent_files import sent_file
from frontdesk.channels.telegram_posts import pressed

GREETING = "Hello"
"""What someone says who opens the chat with /start, or only calls the bot by its name."""
_FILES = ("photo", "document", "voice", "audio", "video", "video_note", "sticker", "location", "contact")
_PHOTO = "image/jpeg"
"""What Telegram makes of every photo."""
_GROUPS = frozenset({"group", "supergroup"})


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a customer wrote or pressed in a private chat or a group."""

    chat: str
    user: str
    text: str
    callback: str = ""
    locale: str = ""
    date: str = ""
    group: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Metadata of the message: `title` of a button, `file` and `files` that came, `start` of a deep link, its place."""

    @property
    def wordless(self) -> bool:
        """Whether a file is all there is."""
        return self.text == f"[{self.extra.get('file')}]"

    @property
    def conversation_id(self) -> str:
        """A private chat is one conversation; in a group each person has their own."""
        return f"telegram:{self.chat}:{self.user}" if self.group else f"telegram:{self.chat}"


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Reads updates for one bot. `bot` is its number, `name` asks for its username, `intents` may be linked to."""

    bot: str
    name: Callable[[], Awaitable[str]]
    intents: Collection[str] = ()

    async def said(self, update: Mapping[str, Any], desk: Desk) -> Said | None:
        """Return what a customer said to us, or None for everything else: edits, chatter, other bots, notices."""
        query = update.get("callback_query")
        if isinstance(query, dict):
            return await _pressed(query, desk)
        message = update.get("message")
        if not isinstance(message, dict) or _kind(message) == "" or _from_bot(message):
            return None
        words = clean(dig(message, "text") or dig(message, "caption")).strip()
        if _kind(message) in _GROUPS:
            addressed = await self._addressed(message, words)
            if addressed is None:
                return None
            words = addressed or ("" if _file(message) else GREETING)
        return self._written(message, words)

    async def _addressed(self, message: Mapping[str, Any], words: str) -> str | None:
        """Return a group's message without our name; None when it neither names us nor replies to us."""
        name = await self.name() if "@" in words else ""
        called = re.compile(rf"(?:^(/\w+)|(?<!\w))@{re.escape(name)}(?!\w)", re.IGNORECASE) if name else None
        if called and called.search(words):
            return called.sub(lambda match: match[1] or "", words).strip()
        answered = message.get("reply_to_message")
        if not isinstance(answered, dict) or "forum_topic_created" in answered:
            return None
        return words if dig(answered, "from", "id") == self.bot else None

    def _written(self, message: Mapping[str, Any], words: str) -> Said | None:
        extra: dict[str, Any] = {}
        command, _, linked = words.partition(" ")
        if command == "/start":
            linked = linked.strip()
            words = f"/{linked}" if linked in self.intents else GREETING
            extra = {"start": linked} if linked else {}
        file = _file(message)
        if file:
            album = dig(message, "media_group_id")
            words, extra = words or f"[{file}]", extra | {"file": file} | _kept(message, file)
            extra |= {"album": album} if album else {}
        return _place(message, message, words, extra=extra) if words else None


async def _pressed(query: Mapping[str, Any], desk: Desk) -> Said | None:
    message, data = query.get("message"), dig(query, "data").strip()
    if not isinstance(message, dict) or not data or _kind(message) == "":
        return None
    place = _place(query, message, data)
    if place is None:
        return None
    button = pressed(data, await desk.conversation(place.conversation_id))
    title = button.title if button else _title(message, data)
    # A short id whose reply is gone still has its title under the message: the words are as good as a payload.
    text = button.payload if button else title if data.startswith("#") and title else data
    extra = {"title": title} if title else {}
    return _place(query, message, text, callback=dig(query, "id"), extra=extra)


def _place(
    who: Mapping[str, Any],
    message: Mapping[str, Any],
    text: str,
    callback: str = "",
    extra: Mapping[str, Any] | None = None,
) -> Said | None:
    chat, user, group = dig(message, "chat", "id"), dig(who, "from", "id"), _kind(message) in _GROUPS
    if not chat or not user:
        return None
    where = {"message_id": dig(message, "message_id")} if group else {}
    if group and message.get("is_topic_message"):
        where["topic"] = dig(message, "message_thread_id")
    return Said(
        chat=chat,
        user=user,
        text=text,
        callback=callback,
        date="" if callback else dig(message, "date"),
        locale=dig(who, "from", "language_code"),
        group=group,
        extra={**where, **(extra or {})},
    )


def _kind(message: Mapping[str, Any]) -> str:
    """Return what kind of chat a message is in; empty for those we never answer in."""
    kind = dig(message, "chat", "type")
    return kind if kind == "private" or kind in _GROUPS else ""


def _from_bot(message: Mapping[str, Any]) -> bool:
    return isinstance(message.get("from"), dict) and bool(message["from"].get("is_bot"))


def _file(message: Mapping[str, Any]) -> str:
    """Return the kind of file that a message carries, so that it is not met with silence; empty for none."""
    return next((kind for kind in _FILES if message.get(kind) is not None), "")


def _kept(message: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return what is remembered of a file, so that a person can open it; nothing of what is no file (a place)."""
    sizes = message[kind] if isinstance(message[kind], list) else [message[kind]]
    file = sizes[-1] if sizes else None  # a photo comes in several sizes, the largest last
    if not (source := dig(file, "file_id")):
        return {}
    media = dig(file, "mime_type") or (_PHOTO if kind == "photo" else kind)
    return {"files": [sent_file(source, dig(file, "file_name") or kind, media, dig(file, "file_size"))]}


def _title(message: Mapping[str, Any], data: str) -> str:
    """Return the title of the pressed button, as it stands under the message."""
    markup = message.get("reply_markup")
    rows = markup.get("inline_keyboard") if isinstance(markup, dict) else None
    buttons = [b for row in rows if isinstance(row, list) for b in row] if isinstance(rows, list) else []
    return next((dig(b, "text").strip() for b in buttons if dig(b, "callback_data") == data), "")
