"""A reply that grows in Slack while it is made, and is whole in one place whatever breaks meanwhile.

Slack has no key that makes a post unrepeatable, but a message that stands can be written over. So a stream begins
empty, where it stands is remembered before any word goes into it, and the outbox ends it: a stream that has every word
for certain is stopped, any other is stopped and then written over with the whole reply. After a crash the reply is
finished where it stands. Only an empty message can be left over, where the answer to the beginning was lost.

Sources: https://docs.slack.dev/reference/methods/chat.startStream, slackapi/python-slack-sdk#1859 (streams that end
by themselves are completed by chat.update).
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import SecretStr

from frontdesk.bot.text import joined
from frontdesk.bot.types import Event, Message, Receipt
from frontdesk.channels.delivery import Retry
from frontdesk.channels.desk import Desk
from frontdesk.channels.footnotes import marked
from frontdesk.channels.requests import dig
from frontdesk.channels.slack_api import SlackApi
from frontdesk.channels.slack_posts import markdown

log = logging.getLogger(__name__)

OPENING, WHOLE = "opening", "whole"
"""What stands for a reply whose stream is being begun, and for one that is posted in one go."""
QUICK_SECONDS = 0.4
"""A reply that is done this soon after its first sentence is posted whole: one call instead of three."""
STATUS = "is typing…"
_LONGEST = 11_000
"""Characters in one stream; Slack takes 12,000 of Markdown."""
_LIFE_SECONDS, _OPENING_SECONDS, _LOOK_SECONDS = 600.0, 20.0, 2.0
_REMEMBERED = 2_000


class Places(Protocol):
    """Remembers where each reply stands: the time stamp of its message, OPENING or WHOLE."""

    async def claim(self, conversation_id: str, message_id: str, place: str) -> tuple[str, float]:
        """Note `place` unless there is one already; return which stands now, and for how many seconds."""
        ...

    async def move(self, conversation_id: str, message_id: str, before: str, place: str) -> bool:
        """Note `place` where `before` stands; whether it did."""
        ...


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A reply that stands in a stream: `text` is every word in it, None where that is not certain."""

    ts: str
    text: str | None = None


@dataclass(kw_only=True)
class _Live:
    """A reply in the making: what was said of it, and what Slack has for certain."""

    message: Message
    said: list[str] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    ts: str = ""
    text: str = ""
    broken: bool = False
    task: asyncio.Task[None] | None = None


class SlackStreams:
    """Shows replies while they are made, in threads: first that the bot is typing, then sentence by sentence."""

    def __init__(
        self, desk: Desk, api: SlackApi, token: SecretStr, places: Places, quick: float = QUICK_SECONDS
    ) -> None:
        self._desk, self._api, self._token, self._places, self._quick = desk, api, token, places, quick
        self._live: OrderedDict[str, _Live] = OrderedDict()
        self._refusing: set[str] = set()

    def begin(self, message: Message, receipt: Receipt) -> None:
        """Follow what is said to a message that was just taken, in the background."""
        live = _Live(message=message)
        live.task = asyncio.create_task(self._shown(live, receipt.position), name=f"frontdesk-slack {message.id}")
        self._live[message.id] = live
        while len(self._live) > _REMEMBERED:
            self._live.popitem(last=False)

    async def ended(self, event: Event) -> Shown | None:
        """Return where the reply of a `done` event stands, None for nowhere: then it is for the caller to post.

        Raises Retry while another process may be beginning its stream.
        """
        live = self._live.get(event.message_id)
        if live and live.task:
            await asyncio.wait({live.task}, timeout=_OPENING_SECONDS)
            if live.task.done() and not live.task.cancelled():
                return Shown(ts=live.ts, text=None if live.broken else live.text) if live.ts else None
        return await self._remembered(event)

    async def close(self) -> None:
        """Leave off; what is not finished is ended by the outbox."""
        tasks = [live.task for live in self._live.values() if live.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _remembered(self, event: Event) -> Shown | None:
        of = event.conversation_id, event.message_id
        place, seconds = await self._places.claim(*of, WHOLE)
        if place == OPENING and (seconds < _OPENING_SECONDS or not await self._places.move(*of, OPENING, WHOLE)):
            raise Retry(_LOOK_SECONDS, "the reply's stream is being begun")
        return None if place in (OPENING, WHOLE) else Shown(ts=place)

    async def _shown(self, live: _Live, position: int) -> None:
        try:
            async with asyncio.timeout(_LIFE_SECONDS), asyncio.TaskGroup() as group:
                group.create_task(self._follow(live, position))
                group.create_task(self._type(live))
                group.create_task(self._write(live))
        except TimeoutError:
            live.broken = True
        except ExceptionGroup as errors:
            live.broken = True
            log.warning("a reply is not shown while it is made: %s", errors.exceptions[0])

    async def _follow(self, live: _Live, position: int) -> None:
        """Hear what is committed for the message, until it is done or the server stops."""
        events = self._desk.events(live.message.conversation_id, position)
        try:
            async for event in events:
                if event.message_id == live.message.id and event.kind == "sentence":
                    live.said.append(marked(event.data))
                    live.news.set()
                if event.message_id == live.message.id and event.kind == "done":
                    break
        finally:
            live.done.set()
            live.news.set()
            close = getattr(events, "aclose", None)
            if close:
                await close()

    async def _type(self, live: _Live) -> None:
        """Say that the bot is typing, unless a person has the conversation; take it back where nothing comes."""
        conversation = await self._desk.conversation(live.message.conversation_id)
        if conversation and conversation.state != "bot":
            return
        said = await self._status(live, STATUS)
        await live.done.wait()
        if said and not live.said:
            await self._status(live, "")

    async def _write(self, live: _Live) -> None:
        """Show what is said, once a reply takes its time."""
        await live.news.wait()
        if await _soon(live.done, self._quick):
            return
        while not live.broken:
            live.news.clear()
            await self._append(live)
            if live.done.is_set():
                return
            await live.news.wait()

    async def _append(self, live: _Live) -> None:
        """Append all that was said and is not there yet; what is not certain to be there breaks the stream."""
        text = joined(live.said)
        if text == live.text or not (live.ts or await self._start(live)):
            return
        body = {**_at(live), "ts": live.ts, "markdown_text": markdown(text[len(live.text) :])}
        answer = await self._api.tried("chat.appendStream", self._token, body) if len(text) <= _LONGEST else {}
        live.broken = answer.get("ok") is not True
        live.text = live.text if live.broken else text

    async def _start(self, live: _Live) -> bool:
        """Begin an empty stream and remember where it stands; whether there is one to write into."""
        of, where = (live.message.conversation_id, live.message.id), live.message.metadata
        channel = str(where["channel"])
        if channel in self._refusing or (await self._places.claim(*of, OPENING))[0] != OPENING:
            live.broken = True
            return False
        body = {**_at(live), "thread_ts": where["thread_ts"], "recipient_user_id": where["user"]}
        answer = await self._api.tried("chat.startStream", self._token, {**body, "recipient_team_id": where["team"]})
        ts = dig(answer, "ts") if answer.get("ok") is True else ""
        if not ts:
            self._refused(channel, answer)
        kept = await self._places.move(*of, OPENING, ts or WHOLE)
        live.ts = ts if kept else ""
        live.broken = not live.ts
        return bool(live.ts)

    def _refused(self, channel: str, answer: Mapping[str, Any]) -> None:
        """Remember that there is no streaming in a channel, unless Slack was only busy or did not answer."""
        error = dig(answer, "error")
        if answer.get("doubtful"):
            self._api.outgoing.counts["ambiguous"] += 1
        elif error:
            self._refusing.add(channel)
            log.info("Slack shows no growing replies in %s (%s); they are posted whole", channel, error)

    async def _status(self, live: _Live, status: str) -> bool:
        where = live.message.metadata
        body = {"channel_id": where["channel"], "thread_ts": where["thread_ts"], "status": status}
        return (await self._api.tried("assistant.threads.setStatus", self._token, body)).get("ok") is True


def _at(live: _Live) -> dict[str, Any]:
    return {"channel": live.message.metadata["channel"]}


async def _soon(event: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True
