"""What an event or a button press of Slack says to us, whichever wire it came over."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from frontdesk.bot.config import Slack
from frontdesk.channels.desk import Desk
from frontdesk.channels.requests import clean, dig
from frontdesk.channels.sent_files import MOST, sent_file
from frontdesk.channels.slack_posts import FEEDBACK

log = logging.getLogger(__name__)

GREETING = "Hello"
"""What someone says who only calls the bot by its name."""
FILE = "file"
"""What a file is called; the words of a message that has no others are `[file]`."""
_REFERENCE = re.compile(r"<([^<>|]*)(?:\|([^<>]*))?>")
_SUBTYPES = frozenset({"", "file_share"})


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a person did in Slack: wrote or pressed something, somewhere, in a thread or not."""

    team: str
    channel: str
    user: str
    text: str
    key: str
    """What makes this turn unique within the workspace."""
    thread: str = ""
    direct: bool = False
    ts: str = ""
    title: str = ""
    """What stood on the button that was pressed."""
    file: str = ""
    """The kind of what came with the message."""
    files: tuple[Mapping[str, Any], ...] = ()
    """What is remembered of each file, see sent_files."""
    guest: bool = False
    """Whether people from outside the workspace read along, or wrote it (Slack Connect)."""
    threaded: bool = False
    """Whether a direct channel is one of threads, as those of Slack's assistants are."""

    @property
    def customer_id(self) -> str:
        """The person who said it."""
        return f"slack:{self.team}:{self.user}"

    @property
    def conversation_id(self) -> str:
        """A direct channel is one conversation; elsewhere, and where it has threads, each thread is one."""
        place = f"slack:{self.team}:{self.channel}"
        return place if self.direct and not self.threaded else f"{place}:{self.thread or self.ts}"

    @property
    def reply_thread(self) -> str:
        """The thread to answer in; empty in a direct channel outside any thread."""
        return self.thread if self.direct and not self.threaded else self.thread or self.ts


@dataclass(frozen=True, kw_only=True)
class Vote:
    """A press on Slack's feedback buttons."""

    conversation_id: str
    message_id: str
    value: str
    """`up` or `down`."""


async def said_in(body: Mapping[str, Any], desk: Desk, settings: Slack) -> Said | None:
    """Return what a person said to us, or None for everything else that Slack reports."""
    if body.get("type") == "app_rate_limited":
        log.error("Slack sends no more events for this minute: more than 30,000 in an hour")
    if body.get("type") == "block_actions":
        return await _placed(_pressed(body), desk, settings)
    if body.get("type") != "event_callback" or not isinstance(body.get("event"), dict):
        return None
    said, event, bot = _written(body, settings.assistant), body["event"], _bot_user(body)
    if not said or _from_machine(event, bot):
        return None
    mentioned = bool(bot) and f"<@{bot}" in dig(event, "text")
    if said.direct or mentioned or dig(event, "type") == "app_mention":
        return said
    hears = settings.place(said.channel).hears
    return said if hears == "all" or (hears == "threads" and await _goes_on(said, desk)) else None


def from_person(body: Mapping[str, Any]) -> Said | None:
    """Return what a person, no bot, wrote anywhere we can read; None for everything else."""
    if body.get("type") != "event_callback" or not isinstance(body.get("event"), dict):
        return None
    return None if _from_machine(body["event"], _bot_user(body)) else _written(body)


def vote_in(body: Mapping[str, Any]) -> Vote | None:
    """Return what a press on feedback buttons says, or None for everything else; see slack_posts.thumbs."""
    actions = body.get("actions")
    action = actions[0] if body.get("type") == "block_actions" and isinstance(actions, list) and actions else {}
    value, _, rated = dig(action, "value").partition(" ")
    conversation_id, _, message_id = rated.partition(" ")
    if dig(action, "action_id") != FEEDBACK or value not in ("up", "down") or not message_id:
        return None
    return Vote(conversation_id=conversation_id, message_id=message_id, value=value)


def opened_in(body: Mapping[str, Any], settings: Slack) -> dict[str, str] | None:
    """Return where somebody opened a conversation, as arguments of setSuggestedPrompts; None for everything else.

    `assistant_thread_started` is of apps with the side panel (assistant_view); in those that Slack has made since 2026
    (agent_view) it is the opening of the messages tab. That the person looks at another channel changes nothing.
    """
    event = body.get("event") if body.get("type") == "event_callback" else None
    if dig(event, "type") == "assistant_thread_started":
        thread = dig(event, "assistant_thread", "thread_ts")
        at = {"channel_id": dig(event, "assistant_thread", "channel_id"), "thread_ts": thread}
        return at if all(at.values()) else None
    opened = settings.assistant and dig(event, "type") == "app_home_opened" and dig(event, "tab") == "messages"
    return {"channel_id": dig(event, "channel")} if opened and dig(event, "channel") else None


async def _placed(said: Said | None, desk: Desk, settings: Slack) -> Said | None:
    """Return a press in the conversation it belongs to: that of its thread, where a direct channel has threads."""
    if said is None or not said.direct:
        return said
    inside = replace(said, threaded=True)
    known = said.thread and await desk.conversation(inside.conversation_id)
    return inside if settings.assistant or known else said


def _written(body: Mapping[str, Any], assistant: bool = False) -> Said | None:
    """Return the message in an event.

    Its key is (team, channel, ts) and not the event id: one mention arrives as `app_mention` and as `message`, with
    two event ids, and must be one turn. Redeliveries have the same ts, so it covers them too.
    """
    event = body["event"]
    team, channel, user, ts = dig(body, "team_id"), dig(event, "channel"), dig(event, "user"), dig(event, "ts")
    known = dig(event, "type") in {"message", "app_mention"} and dig(event, "subtype") in _SUBTYPES
    if not (known and team and channel and user and ts):
        return None
    return Said(
        team=team,
        channel=channel,
        user=user,
        text=readable(dig(event, "text")) or (f"[{FILE}]" if event.get("files") else GREETING),
        key=f"{team}:{channel}:{ts}",
        thread=dig(event, "thread_ts"),
        direct=channel.startswith("D") or event.get("channel_type") == "im",
        ts=ts,
        file=FILE if event.get("files") else "",
        files=_files(event.get("files")),
        threaded=assistant or isinstance(event.get("assistant_thread"), dict),
        guest=body.get("is_ext_shared_channel") is True
        or _foreign(dig(event, "user_team") or dig(event, "team"), team),
    )


def _pressed(body: Mapping[str, Any]) -> Said | None:
    """Return the button press in a block_actions payload; its key is (user, message, action, time of the press)."""
    actions = body.get("actions")
    action = actions[0] if isinstance(actions, list) and actions else {}
    team, channel, user = dig(body, "team", "id"), dig(body, "channel", "id"), dig(body, "user", "id")
    ts, value, pressed = dig(body, "message", "ts"), dig(action, "value").strip(), dig(action, "action_ts")
    if not (team and channel and user and ts and value and pressed) or dig(action, "action_id") == FEEDBACK:
        return None
    return Said(
        team=team,
        channel=channel,
        user=user,
        text=value,
        key=f"{team}:{user}:{ts}:{dig(action, 'action_id')}:{pressed}",
        thread=dig(body, "message", "thread_ts"),
        direct=channel.startswith("D"),
        ts=ts,
        title=dig(action, "text", "text"),
        guest=_foreign(dig(body, "user", "team_id"), team),
    )


def _from_machine(event: Mapping[str, Any], bot: str) -> bool:
    """Whether a bot wrote it, ours or another: two bots would answer each other for ever."""
    return bool(event.get("bot_id") or event.get("bot_profile")) or dig(event, "user") == bot


async def _goes_on(said: Said, desk: Desk) -> bool:
    """Whether a thread's own customer goes on without naming us; what others say there is not for us."""
    conversation = await desk.conversation(said.conversation_id) if said.thread else None
    return bool(conversation and conversation.customer and conversation.customer.id == said.customer_id)


def _files(rows: Any) -> tuple[Mapping[str, Any], ...]:
    """Return what is remembered of the files of a message; those that Slack keeps to itself have no address."""
    known = [(dig(row, "url_private"), row) for row in rows] if isinstance(rows, list) else []
    kept = [
        sent_file(url, dig(row, "name"), dig(row, "mimetype") or FILE, dig(row, "size")) for url, row in known if url
    ]
    return tuple(kept[:MOST])


def _foreign(user_team: str, team: str) -> bool:
    return user_team not in ("", team)


def _bot_user(body: Mapping[str, Any]) -> str:
    authorizations = body.get("authorizations")
    return dig(authorizations[0], "user_id") if isinstance(authorizations, list) and authorizations else ""


def readable(text: str) -> str:
    """Return what the person typed: mentions gone, links and channels as words, escapes undone."""
    words = _REFERENCE.sub(_reference, text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return clean(words).strip()


def _reference(match: re.Match[str]) -> str:
    target, label = match[1], match[2]
    if target.startswith(("@", "!")):
        return ""
    return f"#{label or target[1:]}" if target.startswith("#") else label or target
