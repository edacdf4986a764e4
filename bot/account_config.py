"""The settings of accounts: actions, the slots they need, what the bot may change alone, who must prove what.

`Table` is the base of every table of `frontdesk.toml`; the rest of them stands in bot/config.py.
"""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from frontdesk.bot.types import Identity

OURS = frozenset(
    {"pending_intent", "confirmation", "misses", "task_slots", "next_tasks", "left_values", "challenge", "undoable"}
    | {"project_dir", "idempotency_key", "undo_key"}
)
"""Slots that no action may set."""
RESERVED = OURS | {"customer_id", "requested_slot", "handoff_reason"}
"""Slots that no brand may declare: ours, and those by which an action speaks to us."""


class Table(BaseModel):
    """One table of the file: frozen, and strict about its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Alone(Table):
    """What the bot may change without a person, by the `policy` facts that the read-back gives; the rest is handed."""

    at_most: dict[str, float] = Field(default_factory=dict)
    """Facts that must be numbers from 0 to this limit."""
    only: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Facts that must have one of these values."""


class Action(Table):
    """An account intent: the rasa-sdk action that answers it, the slots it needs, who may ask; see docs/actions.md."""

    action: str
    slots: tuple[str, ...] = ()
    """The form: asked for one at a time, in this order."""
    identity: Identity = "token"
    form: str = ""
    """Its name in Rasa; `validate_NAME` checks its slots where such an action exists. Empty: `INTENT_form`."""
    read_back: str = ""
    """What reads a change back before it is confirmed: an action, or a response (`utter_...`). Empty: no change."""
    repeatable: bool = False
    """Whether the change does nothing twice under one `idempotency_key`: after a crash it is then called again."""
    owner: str = ""
    """The field of its records that must be the customer's id; a record without it, or another's, is refused."""
    alone: Alone = Alone()
    undo: str = ""
    """The action that takes a change back; a button below its report offers it. Empty: it cannot be taken back."""
    undo_minutes: int = Field(default=30, ge=1)
    """How long the customer may take it back by themselves, in the conversation in which it was made."""
    beside: tuple[str, ...] = ()
    """Knowledge intents whose cited answer it precedes, when a verified customer asks about a record of their own."""

    def form_of(self, intent: str) -> str:
        """Return the name of the form that asks for the slots."""
        return self.form or f"{intent}_form"


class Slot(Table):
    """A value remembered in a conversation: how it looks in text and how to ask for it."""

    pattern: str = ""
    """Empty: it is filled by the entities of its name in nlu.yml, and by `email` and `date`, which are known."""
    bare: str = ""
    """A shorter form, without its prefix, that counts only where an account intent is sure or has asked for it."""
    ask: str = ""
    text: bool = False
    """Whether the whole answer to its question is the value; `pattern` then says what such an answer looks like."""
    values: dict[str, str] = Field(default_factory=dict)
    """A choice: each value and what its button says."""
    called: tuple[str, ...] = ()
    """Words with which a customer names it ("the street is wrong"); empty: its own name."""
    kept: bool = True
    """Whether it is remembered when the task that asked for it is over."""

    @field_validator("pattern", "bare")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return value


class Challenge(Table):
    """How a customer who is not signed in proves who they are: values that only they know together."""

    action: str
    """Sets `customer_id` when the values belong together; what else it says is not passed on."""
    slots: tuple[str, ...] = Field(min_length=1)
    """What is asked for, such as an order number and an e-mail address."""
    opens: str = ""
    """The slot that names the one record that may be seen afterwards; empty: all records of the customer."""
    attempts: int = Field(default=3, ge=1)
    """How often one conversation may try in `window_minutes`."""
    value_attempts: int = Field(default=5, ge=1)
    """How often one value, such as an order number, may be tried in `window_minutes`, in all conversations together."""
    window_minutes: int = Field(default=60, ge=1)
    lasts_minutes: int = Field(default=30, ge=1)
    channels: tuple[str, ...] = ("web", "slack", "telegram", "terminal")
    """Where it counts. Not on `rest` or `openai`: anybody may claim to be their sender, unless a proxy guards them."""


class ActionEndpoint(Table):
    """A team's own action server (rasa-sdk), which runs the actions instead of `actions/`."""

    url: str
    """Such as `http://127.0.0.1:5055/webhook`."""
    token: SecretStr | None = None
    """Sent as `?token=` like Rasa's own."""
    seconds: float = Field(default=8.0, gt=0, le=60)
    answer_bytes: int = Field(default=1_048_576, ge=1024, le=10_485_760)

    @field_validator("url")
    @classmethod
    def _an_address(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^\s/?#@]+(?:/[^\s?#]*)?", value):
            raise ValueError("write it as http://127.0.0.1:5055/webhook; a token stands in token")
        return value if re.search(r"://[^/]+/.", value) else f"{value.rstrip('/')}/webhook"


class ActionServer(Table):
    """Being an action server for a Rasa assistant: POST /webhook and GET /actions, for whoever has the token."""

    token: SecretStr
    """Sent as `?token=` or as a bearer token; at least 16 characters, for its bearer may act for any customer."""

    @field_validator("token")
    @classmethod
    def _long(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < 16:
            raise ValueError("a token of at least 16 characters")
        return value
