"""What goes out to Slack: replies and what people write, in the thread the customer wrote in, and hints beside them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from frontdesk.bot.config import Slack
from frontdesk.bot.errors import ChannelError
from frontdesk.bot.types import Conversation, Event
from frontdesk.channels.delivery import Retry
from frontdesk.channels.outgoing import Doubtful, Outgoing
from frontdesk.channels.requests import dig
from frontdesk.channels.sent_files import fetched
from frontdesk.channels.slack_api import SlackApi
from frontdesk.channels.slack_events import opened_in
from frontdesk.channels.slack_manifest import suggested
from frontdesk.channels.slack_posts import below, markdown, mention, posts, whole, without_thumbs
from frontdesk.channels.slack_stream import Shown, SlackStreams

log = logging.getLogger(__name__)
_AGAIN_SECONDS = 2.0
_RATED = frozenset({"voice", "knowledge", "account"})
"""The kinds of answer that can be rated, here as in the widget."""


def grows(settings: Slack, where: Mapping[str, Any]) -> bool:
    """Whether the reply to a message from `where` is shown while it is made: in threads, unless it may be kept back."""
    channel = str(where.get("channel") or "")
    kept_back = not channel.startswith("D") and settings.place(channel).only_when_sure
    return settings.streaming and bool(where.get("thread_ts")) and not kept_back


class SlackSender:
    """Posts replies and a person's messages with chat.postMessage; what grew in a stream is ended there."""

    name = "slack"

    def __init__(self, settings: Slack) -> None:
        self.api = SlackApi(settings.api_url, repeats=settings.lost_answer == "repeat")
        self._token, self._settings = settings.bot_token, settings
        self.streams: SlackStreams | None = None
        """The wiring gives it, where replies grow."""
        self._hints: set[asyncio.Task[Any]] = set()

    @property
    def outgoing(self) -> Outgoing:
        """What was sent, and how it went."""
        return self.api.outgoing

    async def send(self, event: Event, conversation: Conversation) -> None:
        """Deliver a `done` event or a person's `sentence`; raises Retry when Slack does not take it now."""
        last = conversation.turns[-1].message.metadata if conversation.turns else {}
        where = {**last, **(event.data.get("metadata") or {})}
        if not where.get("channel"):
            return self.outgoing.drop(f"event {event.id} of {conversation.id} names no channel")
        if self._keeps_quiet(event, str(where["channel"])):
            return None
        place = {"channel": where["channel"], "unfurl_links": False, "unfurl_media": False}
        if where.get("thread_ts"):
            place["thread_ts"] = where["thread_ts"]
        called, rated = self._called(event, str(where["channel"])), self._rated(event)
        said = posts(event.data, called, rated)
        if await self._stands(event, where, rated):
            said = [{"text": mention(called)}] if called else []
        return await self.outgoing.send_parts(event, [place | post for post in said], self._post)

    async def fetch(self, source: str) -> bytes:
        """Return a file that somebody sent, from its address; the token goes to Slack alone. Raises ChannelError."""
        if not _of_slack(source, self._settings.api_url):
            raise ChannelError("This file is not at Slack.", status=404, code="unknown_file")
        headers = {"Authorization": f"Bearer {self._token.get_secret_value()}"}
        fix = "see with `frontdesk channels check` that the token has files:read."
        return await fetched(self.outgoing, source, headers, fix)

    def suggest(self, body: Mapping[str, Any]) -> None:
        """Suggest questions where somebody opens a conversation, in the background; failures are only logged."""
        at = opened_in(body, self._settings) if self._settings.prompts else None
        if at:
            body = {**at, "prompts": suggested(self._settings.prompts)}
            hint = self._hint("assistant.threads.setSuggestedPrompts", body)
            task = asyncio.create_task(hint, name="frontdesk-slack prompts")
            self._hints.add(task)
            task.add_done_callback(self._hints.discard)

    async def close(self) -> None:
        """Leave off what grows, wait for the hints under way and close the connections."""
        if self.streams:
            await self.streams.close()
        await asyncio.gather(*self._hints)
        await self.outgoing.close()

    def _keeps_quiet(self, event: Event, channel: str) -> bool:
        """Whether a reply that asks back or has no answer is kept back; it stands in the inbox all the same."""
        if channel.startswith("D") or not self._settings.place(channel).only_when_sure or event.kind != "done":
            return False
        kinds = {route.get("kind") for route in event.data.get("routes") or ()}
        return "clarify" in kinds or (kinds == {"knowledge"} and not event.data.get("citations"))

    def _called(self, event: Event, channel: str) -> str:
        """Return whom a reply names: who is set for the channel, where a person was asked for."""
        kinds = {route.get("kind") for route in event.data.get("routes") or ()}
        return self._settings.place(channel).handoff_to or "" if "handoff" in kinds else ""

    def _rated(self, event: Event) -> str:
        """Return what the thumbs of a reply carry; empty where it has none, as a question back or a handoff."""
        kinds = {route.get("kind") for route in event.data.get("routes") or ()}
        rated = self._settings.feedback and event.kind == "done" and kinds & _RATED
        return f"{event.conversation_id} {event.message_id}" if rated else ""

    async def _stands(self, event: Event, where: Mapping[str, Any], rated: str) -> bool:
        """Whether the reply stands, whole, in the stream it was shown in."""
        if not self.streams or event.kind != "done" or not grows(self._settings, where):
            return False
        shown = await self.streams.ended(event)
        return shown is not None and await self._finished(shown, str(where["channel"]), event.data, rated)

    async def _finished(self, shown: Shown, channel: str, reply: Mapping[str, Any], rated: str) -> bool:
        """End a stream with all of the reply in it, as often as it takes; False where it cannot be written over."""
        at, text = {"channel": channel, "ts": shown.ts}, str(reply.get("text") or "")
        if shown.text is not None and text.startswith(shown.text):
            rest = markdown(text[len(shown.text) :])
            end = {**at, "blocks": below(reply, rated)} | ({"markdown_text": rest} if rest else {})
            if await self._written("chat.stopStream", end):
                return True
        await self._written("chat.stopStream", at, counted=False)
        over = {**at, **whole(reply, rated)}
        return await self._written("chat.update", over) or await self._written("chat.update", without_thumbs(over))

    async def _written(self, method: str, body: Mapping[str, Any], *, counted: bool = True) -> bool:
        """Whether Slack took what may be repeated; raises Retry where that is not known."""
        try:
            answer = await self.api.call(method, self._token, body, "bot_token")
        except Doubtful as doubt:
            raise Retry(_AGAIN_SECONDS, f"Slack: the answer to {method} was lost ({doubt})") from None
        error = "" if answer.get("ok") is True else dig(answer, "error") or "unknown_error"
        if error == "streaming_state_conflict":
            raise Retry(_AGAIN_SECONDS, f"Slack: {error}")
        self.outgoing.counts["sent"] += counted and not error
        if error and counted:
            log.info("Slack does not take %s: %s", method, error)
        return not error

    async def _post(self, body: Mapping[str, Any]) -> None:
        answer = await self.api.call("chat.postMessage", self._token, body, "bot_token")
        if dig(answer, "error") == "invalid_blocks" and without_thumbs(body) != body:
            answer = await self.api.call("chat.postMessage", self._token, without_thumbs(body), "bot_token")
        if answer.get("ok") is not True:
            self.outgoing.drop(dig(answer, "error") or "unknown_error")

    async def _hint(self, method: str, body: Mapping[str, Any]) -> None:
        answer = await self.api.tried(method, self._token, body)
        if error := dig(answer, "error"):
            log.info("Slack does not take %s: %s", method, error)


def _of_slack(address: str, api_url: str) -> bool:
    """Whether an address is of the host of the API or below it, and encrypted where that is."""
    try:
        asked, ours = urlsplit(address), urlsplit(api_url)
        host, home = asked.hostname or "", ours.hostname or ""
        same = (asked.scheme, asked.port) == (ours.scheme, ours.port) and not asked.username
    except ValueError:
        return False
    return same and (host == home or host.endswith(f".{home}"))
