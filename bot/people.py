"""The settings about people: when they are there, what brings them in, who they are, how they hear of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, time
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator, model_validator

from frontdesk.bot.account_config import Table

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(rf"({'|'.join(DAYS)})(?:-({'|'.join(DAYS)}))? (\d\d:\d\d)-(\d\d:\d\d)", re.IGNORECASE)
Span = tuple[int, time, time]
"""A weekday (Monday is 0) and the local times from which and until which people are there."""

WITHOUT_PEOPLE: Mapping[str, str] = {
    "clarify_again": "I'm still not sure what you need. Could you say it another way?",
    "abstain": "I don't have that in my documents, and I'd rather not guess.",
    "not_helped": "I'm sorry it didn't. Say it in other words and I look again.",
    "undo_over": "I can't undo that here any more.",
    "verify": "I can only talk about orders once you are signed in. Please sign in and ask me again.",
    "apology": "Something went wrong on our side. Please try again in a little while.",
}
"""What a brand without people says instead of its defaults, which offer one."""


class HandoffRules(Table):
    """When and how people take over. A wish for a person, an action that asks for one and a failure always count."""

    enabled: bool = True
    """Off: nobody is offered, and who asks for a person hears `messages.no_people`."""
    triggers: tuple[Literal["anger", "clarify", "risky"], ...] = ("anger", "clarify", "risky")
    """What else brings a person in: anger, a second question back in a row, doubt about an intent in `risky`."""
    keywords: tuple[str, ...] = (
        "talk to a person",
        "talk to a human",
        "talk to an agent",
        "speak to a person",
        "speak to a human",
        "speak to an agent",
        "speak to someone",
    )
    """Phrases that lead to a person wherever they stand in a message, before anything else is understood."""
    risky: tuple[str, ...] = ()
    """Intents about which the bot does not ask back when it is unsure: a person looks at once."""
    timezone: str = "UTC"
    """The time zone of `hours`, as `Europe/Paris`."""
    hours: tuple[str, ...] = ()
    """When people are there, as `Mon-Fri 08:00-18:00`; empty for always."""
    closed: tuple[date, ...] = ()
    """Days on which nobody is there."""
    wait_minutes: float = Field(default=5.0, gt=0)
    """After this long without a person, the customer hears so and may go on with the bot."""
    silence_minutes: float = Field(default=15.0, gt=0)
    """After this long without an answer of the person who has it, a conversation waits for anyone again."""
    idle_hours: float = Field(default=24.0, gt=0)
    """After this long without a word of the customer, an answered conversation goes back to the bot."""
    canned: dict[str, str] = Field(default_factory=dict)
    """Replies that people pick in the inbox, by name; placeholders are filled from the profile."""

    @field_validator("timezone")
    @classmethod
    def _a_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"no time zone {value!r}; write it as Europe/Paris") from None
        return value

    @field_validator("hours")
    @classmethod
    def _readable(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            spans_of(text)
        return value

    @property
    def spans(self) -> tuple[Span, ...]:
        """When people are there, in order within each day."""
        return tuple(sorted(span for text in self.hours for span in spans_of(text)))


def spans_of(text: str) -> list[Span]:
    """Return the spans of a text like `Mon-Fri 08:00-18:00`; raises ValueError when it cannot be read."""
    match = _SPAN.fullmatch(text.strip())
    if not match:
        raise ValueError(f"cannot read {text!r}; write it as Mon-Fri 08:00-18:00 or Sat 09:00-13:00")
    first, last, opens, closes = match[1].lower(), (match[2] or match[1]).lower(), match[3], match[4]
    begins = time.fromisoformat(opens)
    ends = time.max if closes == "24:00" else time.fromisoformat(closes)
    if ends <= begins or DAYS.index(last) < DAYS.index(first):
        raise ValueError(f"{text!r} ends before it begins; write what goes over an end as two entries")
    return [(day, begins, ends) for day in range(DAYS.index(first), DAYS.index(last) + 1)]


class Agent(Table):
    """A person who signs in to the inbox with a token of their own."""

    name: str = Field(min_length=1, max_length=60)
    """What customers see."""
    token: SecretStr
    """At least 16 characters, as `${ENV}`."""
    role: Literal["agent", "admin"] = "agent"
    """`agent`: the inbox, the knowledge and its corrections; `admin`: everything, the audit log included."""
    slack: str = ""
    """Their member id in Slack (`U...`), where conversations go to a Slack channel."""

    @model_validator(mode="after")
    def _hard_to_guess(self) -> Agent:
        if len(self.token.get_secret_value()) < 16:
            raise ValueError("token: use at least 16 characters, for example from `openssl rand -hex 16`")
        return self


class SlackDesk(Table):
    """Conversations that wait open a thread in a Slack channel; what is written there reaches the customer."""

    channel: str = Field(min_length=2)
    """The channel's id (`C...`); the app of [channels.slack] must be in it."""


class WebhookDesk(Table):
    """Conversations that wait are posted to an address, signed as Standard Webhooks; answers come back the same way."""

    url: str = Field(pattern=r"^https?://[^\s]+$")
    secret: SecretStr
    """Signs both ways, at least 16 characters; `whsec_` and base64 as the standard writes it, or any text."""


class MailDesk(Table):
    """A mail for every conversation that waits. Answers by mail are not read: people answer in the inbox."""

    to: tuple[str, ...] = Field(min_length=1)
    sender: str
    host: str = "127.0.0.1"
    port: int = Field(default=25, ge=1, le=65535)
    user: str = ""
    password: SecretStr | None = None
    starttls: bool = False


class Desks(Table):
    """Where people work besides the inbox: each hears of every conversation that waits; see docs/inbox.md."""

    inbox_url: str = ""
    """Where the inbox is for people, as https://bot.example: it stands in what they are told."""
    slack: SlackDesk | None = None
    webhook: WebhookDesk | None = None
    mail: MailDesk | None = None
