"""People who answer in Slack: a waiting conversation opens a thread in a channel, and what is written there is sent on.

`!note TEXT` stays among colleagues, `!take` takes it from another, `!done` gives it back to the bot.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from frontdesk.bot.errors import ChannelError
from frontdesk.bot.people import Agent, SlackDesk
from frontdesk.bot.types import Conversation
from frontdesk.channels.delivery import Retry
from frontdesk.channels.requests import dig
from frontdesk.channels.slack_api import SlackApi
from frontdesk.channels.slack_events import Said, from_person, readable
from frontdesk.channels.slack_posts import escape, mrkdwn
from frontdesk.channels.staff import Staff
from frontdesk.channels.staff_text import headline, inbox_link, told

HELP = "Answer in this thread. `!note …` stays among us, `!take` takes it from a colleague, `!done` gives it back."
_LATER = 30.0
LONGEST = 35_000
Find = Callable[[str, str], Awaitable[str | None]]
"""Returns the conversation that stands at an address of a target."""


class SlackThreads:
    """The target, and what reads its threads; the wiring gives it `staff` and `find`."""

    name = "slack"

    def __init__(
        self, settings: SlackDesk, api: SlackApi, token: Any, people: Mapping[str, Agent], inbox_url: str
    ) -> None:
        self.channel, self._api, self._token, self._inbox_url = settings.channel, api, token, inbox_url
        self._names = {agent.slack: agent.name for agent in people.values() if agent.slack}
        self.staff: Staff | None = None
        self.find: Find | None = None

    async def opened(self, conversation: Conversation, summary: Mapping[str, tuple[str, ...]]) -> str:
        """Open a thread with the summary; its address is the channel and the thread's time stamp."""
        link = inbox_link(self._inbox_url, conversation)
        where = f"\n<{escape(link)}|Open it in the inbox>" if link else ""
        ts = await self._post(f"*{escape(headline(conversation))}*\n{escape(told(summary))[:LONGEST]}\n_{HELP}_{where}")
        return f"{self.channel}:{ts}"

    async def said(self, conversation: Conversation, address: str, who: str, name: str, text: str, key: str) -> None:
        """Say in the thread what the customer, a colleague elsewhere or the bot said."""
        speaker = name or ("Customer" if who == "customer" else who.capitalize())
        await self._post(f"*{escape(speaker)}:* {mrkdwn(text)}"[:LONGEST], address.partition(":")[2])

    async def ended(self, conversation: Conversation, address: str) -> None:
        """Say in the thread that the bot has the conversation again."""
        await self._post("_The assistant has this conversation again._", address.partition(":")[2])

    async def take(self, body: Mapping[str, Any]) -> bool:
        """Do what a colleague wrote in a thread of the channel; whether the delivery was from that channel at all.

        A bare mention or file says nothing to the customer.
        """
        event = body.get("event")
        if dig(event, "channel") != self.channel:
            return False
        said = from_person(body)
        if said and said.thread and readable(dig(event, "text")) and self.staff and self.find:
            of = await self.find(self.name, f"{self.channel}:{said.thread}")
            if of:
                await self._answer(self.staff, of, said)
        return True

    async def _answer(self, staff: Staff, conversation_id: str, said: Said) -> None:
        agent = self._names.get(said.user, "Support")
        command, _, rest = said.text.partition(" ")
        try:
            if command == "!note" and rest.strip():
                await staff.note(conversation_id, agent, rest.strip(), via=self.name, key=said.key)
            elif command == "!take":
                await staff.claim(conversation_id, agent, force=True, via=self.name, key=said.key)
            elif command == "!done":
                await staff.give_back(conversation_id, agent, via=self.name, key=said.key)
            elif not said.text.startswith("!"):
                await staff.write(conversation_id, said.text, agent, via=self.name, key=said.key)
            else:
                await self._post(HELP, said.thread)
        except ChannelError as error:
            if error.code != "held":
                raise
            await self._post(f"_{escape(error.what)} This was not sent; write `!take` first._", said.thread)

    async def _post(self, text: str, thread: str = "") -> str:
        body = {"channel": self.channel, "text": text, "unfurl_links": False, "unfurl_media": False}
        body |= {"thread_ts": thread} if thread else {}
        answer = await self._api.call("chat.postMessage", self._token, body, "bot_token")
        if answer.get("ok") is not True:
            raise Retry(_LATER, f"Slack: {dig(answer, 'error') or 'unknown_error'} (desks.slack.channel)")
        return dig(answer, "ts")
