"""The settings: every table of `frontdesk.toml`; bot/project.py reads the file.

Tables are frozen and strict about their keys; `repr` masks secrets.
"""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from frontdesk.bot.account_config import RESERVED, ActionEndpoint, Challenge, Table
from frontdesk.bot.account_config import Action as Action
from frontdesk.bot.account_config import Slot as Slot
from frontdesk.bot.channel_config import Channels as Channels
from frontdesk.bot.channel_config import DemoCustomer as DemoCustomer
from frontdesk.bot.channel_config import OpenAIWire as OpenAIWire
from frontdesk.bot.channel_config import RasaCallback as RasaCallback
from frontdesk.bot.channel_config import RasaRest as RasaRest
from frontdesk.bot.channel_config import RasaSocket as RasaSocket
from frontdesk.bot.channel_config import Slack as Slack
from frontdesk.bot.channel_config import SlackPlace as SlackPlace
from frontdesk.bot.channel_config import Telegram as Telegram
from frontdesk.bot.channel_config import Web as Web
from frontdesk.bot.errors import ConfigError
from frontdesk.bot.people import WITHOUT_PEOPLE, Agent, Desks, HandoffRules
from frontdesk.bot.types import Kind

FILE = "frontdesk.toml"
# fmt: off
ACTS = frozenset([
    "greet", "farewell", "thank", "welcome_thanks", "apologise", "offer_person", "offer_help", "disclose_bot",
    "ask_order_number", "will_wait", "explain_again", "give_hours", "give_contact",
])
# fmt: on
"""What a reply can be required to do; bot/guards/acts.py recognises each."""


class Messages(Table):
    """What the bot says when code, not a model, decides the words."""

    clarify: str = "I want to be sure I get this right. Which of these is closest?"
    clarify_again: str = "I'm still not sure what you need. Would you like to talk to a person?"
    abstain: str = "I don't have that in my documents, and I'd rather not guess. I can bring in a person if you like."
    handoff: str = "I'm passing this to a colleague, who will answer you here."
    waiting: str = "A colleague has your messages and will answer you here."
    affirm_button: str = "Yes, please"
    deny_button: str = "No"
    yes_or_no: str = "I only do it after a clear yes."
    unchanged: str = "All right, I've changed nothing."
    dropped: str = "All right, let's leave that."
    again: str = "I didn't quite get that."
    done: str = "That's done."
    uncertain: str = "I can't tell yet whether that went through, so I won't try it twice. A colleague checks it."
    person_decides: str = "That's not mine to decide, so I'm passing it to a colleague, who will answer you here."
    challenge: str = "Before I open an order I have to check that it's yours."
    challenge_failed: str = "I can't match that. Please check what you wrote, or ask for a person."
    challenge_closed: str = "I can't check any more for now. Please sign in, or ask for a person."
    verify: str = "I can only talk about orders once you are signed in. Please sign in, or ask for a person."
    ask_slot: str = "Could you tell me your {slot}?"
    """Asks for a slot that has no question of its own; `{slot}` is its name."""
    files: str = "I can't open pictures or other files yet, so I go by what you write."
    apology: str = "Something went wrong on our side. I've passed your message to a colleague."
    busy: str = "Very many people are writing at the moment. Please send that again in a few seconds."
    person_button: str = "Talk to a person"
    helped: str = "Did that help?"
    """Asked as [brands.NAME.helped] says; what is pressed counts as a thumb on the answer."""
    helped_button: str = "Yes, it did"
    not_helped_button: str = "No, it didn't"
    helped_thanks: str = "Thank you, that's good to know."
    not_helped: str = "I'm sorry it didn't. Say it in other words and I look again, or talk to a person."
    undo_button: str = "Undo this"
    undo_over: str = "I can't undo that here any more. One of our people can look at it with you."
    queue: str = "You are number {place} in the queue."
    """Added while people are there and others wait before; empty: nothing is said of it."""
    away: str = "Our people are away and back {opening}. I've kept your messages; a colleague answers you here then."
    """Said outside the hours; `{opening}` is as `tomorrow at 08:00 (CET)`."""
    away_long: str = "Our people are away for now. I've kept your messages; a colleague answers you here later."
    """Said outside the hours where no opening is near."""
    slow: str = (
        "Nobody could take this yet; it takes longer than I'd like. Shall I leave it with them, or go on myself?"
    )
    silent: str = "{agent} hasn't answered for a while, so I've asked whoever is free. Shall I leave it with them?"
    leave_button: str = "Leave it with a person"
    left: str = "All right. It stays with a person, and you will read the answer here."
    resolved: str = "I'm the assistant again. If anything is still open, write to me, or ask for a person."
    no_people: str = "There is nobody I can pass you to in this chat. I'm an assistant and help as far as I can."
    assistant: str = "Assistant"
    """The name over what the bot says by itself while people have the conversation."""
    back: str = "I'm here again. What can I do for you?"
    back_button: str = "Go on with the assistant"


class ChatModel(Table):
    """A chat model that LangChain knows, which words the answers from the passages; its sentences are checked too."""

    model: str
    provider: str = "openai"
    """LangChain's name of the provider; its package is installed with it, `langchain-openai` by `frontdesk[chat]`."""
    url: str = ""
    """The address of an OpenAI-shaped server; empty for the provider's own."""
    api_key: SecretStr | None = None
    seconds: float = Field(default=10.0, gt=0, le=60)
    """The longest an answer may take; after it the extractive one is given."""
    price_in: float = Field(default=0.0, ge=0)
    """What a million tokens read cost, in any currency; the numbers in /admin and `frontdesk advise` reckon with it."""
    price_out: float = Field(default=0.0, ge=0)
    """What a million tokens written cost."""
    count_tokens: bool = True
    """Whether a server is asked to name its tokens (`stream_options`); off for one that refuses to be asked."""


class Sources(Table):
    """What a knowledge base is made of."""

    sources: tuple[str, ...] = ("knowledge",)
    """Files, folders, pages and sitemaps (https://...), Git folders (git+https://...), relative to the project."""
    pages: int = Field(default=500, ge=1, le=100_000)
    """The most pages that one address may bring in."""

    @field_validator("sources")
    @classmethod
    def _named(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(source.strip() for source in value):
            raise ValueError("a source is empty; leave it out")
        return value


class Knowledge(Sources):
    """The knowledge base, and how it is searched and answered from."""

    passage_chars: int = Field(default=700, ge=200, le=4000)
    refresh_minutes: int = Field(default=0, ge=0)
    """How often a running server reads the sources again; 0 for only when `frontdesk ingest` is run."""
    max_error: float = Field(default=0.17, gt=0, lt=1)
    """The share of answers, among those given, that may be from a wrong document: abstention is fitted to it."""
    chat_model: ChatModel | None = None
    """Empty: answers are quoted from the documents, without a language model."""
    cross_encoder: str = ""
    """A sentence-transformers cross-encoder that reranks passages, by name or folder; empty for none."""


class Helped(Table):
    """Asking customers whether an answer helped; never beside a question of the bot, a handoff or an open task."""

    after: Literal["end", "answer", "never"] = "end"
    """`end`: when the customer thanks or leaves after an answer; `answer`: below the answer itself, too."""
    every: int = Field(default=10, ge=1, le=20)
    """It is asked at most once in so many messages of a conversation."""
    ends: tuple[str, ...] = ("thanks", "goodbye")
    """The intents with which customers come to an end."""


Concern = Literal["emergency", "self_harm", "threat", "minor", "harassment", "medical", "legal"]
"""What ends the bot's part at once: fixed words and a person. The order is that in which they are pressing."""


class Safety(Table):
    """What is said when a message needs a person at once; see docs/safety.md."""

    words: dict[Concern, str] = Field(default_factory=dict)
    """Said instead of the shipped words; a person takes over all the same."""
    ignore: tuple[Literal["minor", "harassment", "medical", "legal"], ...] = ()
    """What is this brand's everyday trade, as medical for a pharmacy."""
    allow: tuple[Literal["sexual", "hateful", "dangerous"], ...] = ()
    """What may be said all the same, since the brand's trade is about it."""


class Brand(Table):
    """One brand: how it speaks, what it may say about itself, where each intent goes."""

    name: str
    voice: str = "warm"
    profile: dict[str, str] = Field(default_factory=dict)
    """Placeholders the voice may use; each is a fact whose source is this table."""
    routes: dict[str, Kind] = Field(default_factory=dict)
    titles: dict[str, str] = Field(default_factory=dict)
    """What an intent is called on a button."""
    replies: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Approved replies per voice intent, used when the voice fails its checks."""
    acts: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """What every reply to an intent must do: apologise, offer_person, ..."""
    actions: dict[str, Action] = Field(default_factory=dict)
    slots: dict[str, Slot] = Field(default_factory=dict)
    responses: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Texts that actions name (`utter_...`), with `{slot}` for a slot's value; one of several is taken."""
    challenge: Challenge | None = None
    avoid: tuple[str, ...] = ()
    """Words and phrases that no voice of this brand may learn or say; a voice's own stand under [voices.NAME]."""
    messages: Messages = Messages()
    safety: Safety = Safety()
    helped: Helped = Helped()
    handoff: HandoffRules = HandoffRules()
    languages: tuple[str, ...] = ("en",)
    """The languages (ISO 639-1) that its voice, examples and documents are in; in others it says so."""
    knowledge: Sources | None = None
    """Sources of the brand's own knowledge base; without them it answers from [knowledge]."""

    @model_validator(mode="before")
    @classmethod
    def _offers_nobody(cls, data: Any) -> Any:
        """Where no people are, no default text offers one."""
        rules = data.get("handoff") if isinstance(data, dict) else None
        if not isinstance(rules, dict) or rules.get("enabled") is not False:
            return data
        return {**data, "messages": {**WITHOUT_PEOPLE, **data.get("messages", {})}}

    @model_validator(mode="after")
    def _hangs_together(self) -> Brand:
        """Refuse what would only fail at the first customer."""
        for intent, kind in self.routes.items():
            if kind == "account" and intent not in self.actions:
                raise ValueError(f"routes.{intent} is account, but actions.{intent} is missing")
        for intent, action in self.actions.items():
            if unknown := set(action.slots) - set(self.slots):
                raise ValueError(f"actions.{intent} needs undeclared slots: {', '.join(sorted(unknown))}")
            if action.read_back.startswith("utter_") and action.read_back not in self.responses:
                raise ValueError(f"actions.{intent}.read_back: no response {action.read_back}")
            if action.undo and not action.read_back:
                raise ValueError(f"actions.{intent}.undo: only a change, which has a read_back, can be undone")
        if taken := RESERVED & set(self.slots):
            raise ValueError(f"slots.{min(taken)}: this name is filled by code alone")
        if (proof := self.challenge) and (set(proof.slots) - set(self.slots) or proof.opens not in ("", *proof.slots)):
            raise ValueError("challenge: its slots are declared in slots, and what it opens is one of them")
        for intent, acts in self.acts.items():
            if unknown := set(acts) - set(ACTS):
                known = ", ".join(sorted(ACTS))
                raise ValueError(f"acts.{intent}: no act {', '.join(sorted(unknown))}; the acts are {known}")
        return self


class VoiceStyle(Table):
    """The do and don't of a voice."""

    prefer: tuple[str, ...] = ()
    """Words and phrases that its score looks for."""
    avoid: tuple[str, ...] = ()
    """Words and phrases that it neither learns nor says; its score looks for them too."""
    replies: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Approved replies per intent in this voice, before the brand's."""


class Server(Table):
    """Where the server listens, and the token that guards /admin and /inbox."""

    host: str = "127.0.0.1"
    port: int = Field(default=5005, ge=1, le=65535)
    operator_token: SecretStr | None = None
    open_metrics: bool = False
    """Whether anybody who reaches the server may read /metrics; else it takes the operator token."""


class Store(Table):
    """Conversations and the inbox. Default: SQLite in `.frontdesk/frontdesk.db`."""

    url: SecretStr | None = None
    """A SQLAlchemy URL; one with a password stands here as ${ENV}."""
    workers: int = Field(default=8, ge=1, le=256)
    keep_days: int = Field(default=0, ge=0)
    """What is older is deleted every night and by `frontdesk forget`; 0 keeps everything."""


class Remote(Table):
    """A server with OpenAI's chat completions at `url` speaks with the voices; see docs/remote-voices.md."""

    url: str
    server: Literal["vllm", "lorax", "openai"] = "vllm"
    """`vllm` is told to load what is promoted, `lorax` gets its path, `openai` has it under the voice's name."""
    api_key: SecretStr | None = None
    voices_path: str = ""
    """The project's `.frontdesk/voices` as the server sees it; empty when both see the same disk."""
    fallback: Literal["local", "approved"] = "local"
    """When the server fails: `local` is the voice on frontdesk-base, then approved replies; or those alone."""
    connect_seconds: float = Field(default=1.0, gt=0, le=60)
    first_token_seconds: float = Field(default=3.0, gt=0, le=60)
    idle_seconds: float = Field(default=1.5, gt=0, le=60)
    """The longest pause between two tokens."""
    total_seconds: float = Field(default=6.0, gt=0, le=60)
    """The longest a reply may take, what falls back included."""
    load_seconds: float = Field(default=60.0, gt=0, le=600)
    """The longest the server may take to load a version; meanwhile the one before speaks."""
    count_tokens: bool = True
    """Whether the server is asked to name its tokens (`stream_options`); off for one that refuses to be asked."""
    price_in: float = Field(default=0.0, ge=0)
    """What a million tokens read cost, in any currency; the numbers in /admin reckon with it."""
    price_out: float = Field(default=0.0, ge=0)
    """What a million tokens written cost."""

    @field_validator("url")
    @classmethod
    def _an_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0 or set("?#@") & set(value):
            raise ValueError("write it as http://127.0.0.1:8000/v1; a key stands in api_key")
        return value.rstrip("/")


class Models(Table):
    """Names of the models. `threads` bounds each pool: pools that spin on shared cores cost 20 times."""

    base: str = "frontdesk-base"
    encoder: str = "minilm"
    threads: int = Field(default=1, ge=1, le=64)
    remote: Remote | None = None


class Router(Table):
    """The router's error target on what it answers; thresholds are fitted to it, never typed in."""

    max_error: float = Field(default=0.05, gt=0, lt=1)
    errors: dict[Kind, float] = Field(default={"voice": 0.15, "account": 0.2})
    """For messages whose intent is in doubt, by route: the share that may belong on another; else max_error."""

    @field_validator("errors")
    @classmethod
    def _shares(cls, value: dict[Kind, float]) -> dict[Kind, float]:
        if wrong := [kind for kind, share in value.items() if not 0 < share < 1]:
            raise ValueError(f"{', '.join(wrong)}: write a share between 0 and 1")
        return value


class Limits(Table):
    """Caps on what one request may cost."""

    text_chars: int = Field(default=8000, ge=1)
    body_bytes: int = Field(default=1_048_576, ge=1024)
    wait_seconds: float = Field(default=20.0, gt=0)
    queue: int = Field(default=200, ge=1)
    """The most messages that may wait for their answer, on all channels; further ones are asked to come again."""
    queue_per_conversation: int = Field(default=20, ge=1)
    """The most of one conversation: nobody fills the queue alone."""


class Settings(Table):
    """The whole file."""

    brands: dict[str, Brand] = Field(min_length=1)
    default_brand: str = ""
    voices: dict[str, VoiceStyle] = Field(default_factory=dict)
    server: Server = Server()
    store: Store = Store()
    models: Models = Models()
    router: Router = Router()
    knowledge: Knowledge = Knowledge()
    limits: Limits = Limits()
    channels: Channels = Channels()
    action_endpoint: ActionEndpoint | None = None
    agents: dict[str, Agent] = Field(default_factory=dict)
    """Who signs in to the inbox with a token of their own; whoever has the operator token is an admin."""
    desks: Desks = Desks()
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @model_validator(mode="after")
    def _slack_desk_has_slack(self) -> Settings:
        if self.desks.slack and self.channels.slack is None:
            raise ValueError("desks.slack needs the app of [channels.slack]")
        return self

    @model_validator(mode="after")
    def _default_brand_exists(self) -> Settings:
        if self.default_brand and self.default_brand not in self.brands:
            raise ValueError(f"default_brand {self.default_brand!r} is not one of [brands]: {', '.join(self.brands)}")
        return self

    def brand(self, name: str | None) -> Brand:
        """Return a brand by its key, the default one for None; raises ConfigError naming the known ones."""
        key = name or self.brand_id
        if key not in self.brands:
            raise ConfigError(f"no brand {key!r}.", where=FILE, fix=f"use one of {', '.join(self.brands)}.")
        return self.brands[key]

    def spoken(self, brand: Brand, voice: str) -> Brand:
        """Return the brand as it speaks with a voice: the voice's approved replies before its own, avoiding both's."""
        style = self.voices.get(voice, VoiceStyle())
        own = {"replies": {**brand.replies, **style.replies}, "avoid": (*brand.avoid, *style.avoid)}
        return brand.model_copy(update={"voice": voice, **own})

    @property
    def brand_id(self) -> str:
        """The brand of a message that names none."""
        return self.default_brand or next(iter(self.brands))
