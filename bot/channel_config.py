"""The settings of the channels: every table under `[channels]` of `frontdesk.toml`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from pydantic import Field, SecretStr, model_validator

from frontdesk.bot.account_config import ActionServer, Table
from frontdesk.bot.errors import ConfigError

_SLACK_WHO = r"^([USW][A-Z0-9]{2,20})?$"


class DemoCustomer(Table):
    """A made-up customer one can be on the demo page."""

    id: str
    name: str
    story: str = ""
    email: str = ""


class Web(Table):
    """The web widget. `host_secret` verifies the host site's signed customer tokens."""

    allowed_origins: tuple[str, ...] = ()
    host_secret: SecretStr | None = None
    enabled: bool = True
    demo: bool = False
    """Whether anybody may be a demo customer on the page at /; never for a real shop."""
    demo_customers: tuple[DemoCustomer, ...] = ()
    demo_questions: tuple[str, ...] = ()
    file_megabytes: int = Field(default=5, ge=0, le=50)
    """The largest picture or PDF that a customer may attach; 0 for none."""
    files_per_day: int = Field(default=20, ge=0)
    """How many of them a signed-in customer, or else a conversation and an address, may attach; 0 for no limit."""
    messages_per_minute: int = Field(default=30, ge=0)
    """How many messages one visitor may send; 0 for no limit."""
    messages_per_day: int = Field(default=500, ge=0)
    conversations_per_hour: int = Field(default=120, ge=0)
    """How many conversations may begin from one address of the network; 0 for no limit."""


class SlackPlace(Table):
    """How the bot behaves in one channel of Slack; what stands not here is as for the workspace."""

    audience: Literal["customers", "staff"] | None = None
    hears: Literal["mentions", "threads", "all"] | None = None
    only_when_sure: bool | None = None
    handoff_to: str | None = Field(default=None, pattern=_SLACK_WHO)


class Slack(Table):
    """Slack: events by webhook (`signing_secret`), by Socket Mode (`app_token`), or both; see docs/slack.md."""

    bot_token: SecretStr
    signing_secret: SecretStr | None = None
    """Opens the webhook: it proves that a request is Slack's."""
    app_token: SecretStr | None = None
    """Opens Socket Mode: we call Slack, so that no public address is needed (`xapp-...`)."""
    api_url: str = "https://slack.com/api/"
    lost_answer: Literal["repeat", "leave"] = "repeat"
    """Whether a reply whose acceptance is not known is sent once more: it may be read twice, else it may be missing."""
    audience: Literal["customers", "staff"] = "customers"
    """Who writes in this workspace: `staff` is answered from internal documents too, guests from outside never are."""
    hears: Literal["mentions", "threads", "all"] = "threads"
    """In channels: only mentions; also the person who called it, as long as they go on in the thread; or everything."""
    only_when_sure: bool = False
    """In channels: say nothing where it would ask back or has no answer."""
    handoff_to: str = Field(default="", pattern=_SLACK_WHO)
    """The member (U...) or group (S...) that is named in the thread when a person is asked for."""
    assistant: bool = False
    """Whether the app is one of Slack's assistants (paid plans): direct messages are answered in threads."""
    prompts: tuple[str, ...] = Field(default=(), max_length=4)
    """Questions that are suggested where somebody opens a conversation with the assistant."""
    streaming: bool = True
    """Show replies in threads while they are made, where the workspace takes it; else they are posted whole."""
    feedback: bool = True
    """Put thumbs below the bot's replies."""
    places: dict[str, SlackPlace] = Field(default_factory=dict)
    """Channels, by their id (C...), that differ from the rest of the workspace."""

    def place(self, channel: str) -> SlackPlace:
        """Return how the bot behaves in a channel, with nothing left open."""
        own = self.places.get(channel, SlackPlace()).model_dump(exclude_none=True)
        given = {name: getattr(self, name) for name in SlackPlace.model_fields}
        return SlackPlace(**{**given, **own})

    @model_validator(mode="after")
    def _has_a_way_in(self) -> Slack:
        if self.signing_secret is None and self.app_token is None:
            raise ValueError("give signing_secret (webhook) or app_token (Socket Mode)")
        return self


class Telegram(Table):
    """Telegram: updates by webhook, or by long polling without a `secret_token`; see docs/telegram.md."""

    bot_token: SecretStr
    secret_token: SecretStr | None = None
    """Opens the webhook, where it comes back with every update; without it the bot fetches its updates."""
    api_url: str = "https://api.telegram.org"
    lost_answer: Literal["repeat", "leave"] = "repeat"
    """Whether a reply whose acceptance is not known is sent once more: it may be read twice, else it may be missing."""


class RasaSocket(Table):
    """Rasa's socket.io channel, for widgets made for Rasa; the keys are those of Rasa's credentials.yml."""

    socketio_path: str = Field(default="/socket.io", pattern="^/[A-Za-z0-9._/-]+$")
    user_message_evt: str = "user_uttered"
    bot_message_evt: str = "bot_uttered"
    namespace: str = Field(default="", pattern="^(/.+)?$")
    session_persistence: bool = False
    """Whether a conversation is found again by the session's id that the widget keeps."""
    metadata_key: str = "metadata"
    jwt_key: SecretStr | None = None
    """Only clients whose token is signed with this may connect."""
    jwt_method: Literal["HS256", "HS384", "HS512"] = "HS256"


class RasaCallback(Table):
    """Rasa's callback channel: replies are posted to an address of yours."""

    url: SecretStr
    """As ${ENV} where a key is part of it."""


class RasaRest(Table):
    """Rasa's wire: REST, /model/parse and /conversations; its sender is never trusted with account data."""

    enabled: bool = True
    token: SecretStr | None = None
    """Guards /model/parse and opens /conversations, sent as `?token=` like Rasa's own."""
    jwt_secret: SecretStr | None = None
    """Guards both for bearer tokens signed with it: role `admin`, or `user` for the conversation of that name."""
    socketio: RasaSocket | None = None
    callback: RasaCallback | None = None


class OpenAIWire(Table):
    """OpenAI's chat completions under /v1; its users are never trusted with account data. See docs/openai.md."""

    enabled: bool = True
    api_key: SecretStr | None = None
    """What clients send as their key, at least 16 characters; empty: only programs on this machine may ask."""


class Chatwoot(Table):
    """Chatwoot, as its agent bot; see docs/inbox.md."""

    url: str = Field(pattern=r"^https?://[^\s]+$")
    """Where Chatwoot is, as https://app.chatwoot.com."""
    token: SecretStr
    """The agent bot's access token."""
    secret: SecretStr = Field(min_length=16)
    """What stands as `?secret=` in the webhook address that Chatwoot is given, at least 16 characters."""
    signing_secret: SecretStr | None = None
    """The agent bot's own secret in Chatwoot 4.13 and later: every request must then carry its signature, too."""


class Channels(Table):
    """Which channels are on."""

    web: Web = Web()
    rasa: RasaRest = RasaRest()
    openai: OpenAIWire = OpenAIWire()
    slack: Slack | None = None
    telegram: Telegram | None = None
    chatwoot: Chatwoot | None = None
    actions: ActionServer | None = None

    def only(self, names: Collection[str]) -> Channels:
        """Return these with all switched off that are not named; raises ConfigError for one that is not there."""
        for name in names:
            if name not in NAMES:
                raise ConfigError(f"no channel {name!r}.", where="--channels", fix=f"use some of {', '.join(NAMES)}.")
            if getattr(self, name) is None:
                fix = f"write its table, see docs/{name}.md."
                raise ConfigError(f"[channels.{name}] is missing.", where="--channels", fix=fix)
        off = {name: getattr(self, name) for name in NAMES if name not in names}
        return self.model_copy(update={name: table and _off(table) for name, table in off.items()})


NAMES = ("web", "slack", "telegram", "chatwoot", "rasa", "openai")
"""What `frontdesk serve --channels` may name."""


def _off(table: Table) -> Table | None:
    """Return a channel switched off: one that works by a table being there has none."""
    return table.model_copy(update={"enabled": False}) if "enabled" in type(table).model_fields else None
