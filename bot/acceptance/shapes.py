"""The shapes of an acceptance file as they are written: Rasa Pro's end-to-end tests, and what has no equal there."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from frontdesk.bot.types import Identity, Kind, State

Text = Annotated[str, StringConstraints(min_length=1)]
Texts = Text | Annotated[tuple[Text, ...], Field(min_length=1)]


class Table(BaseModel):
    """A mapping of the file; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SlotShape(Table):
    """A slot by name, and its value where that matters."""

    name: Text
    value: Any = None


class ButtonShape(Table):
    """A button by its title, and its payload where that matters."""

    title: Text
    payload: str | None = None


class UtteredShape(Table):
    """What the bot said: a regular expression found in its text, and buttons it showed."""

    text_matches: Text | None = None
    buttons: tuple[ButtonShape, ...] = ()

    @field_validator("text_matches")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"{value!r} is not a regular expression: {error}") from None
        return value

    @model_validator(mode="after")
    def _says_something(self) -> UtteredShape:
        if self.text_matches is None and not self.buttons:
            raise ValueError("name text_matches or buttons")
        return self


class FlowsShape(Table):
    """Intents of which all, or any, are meant."""

    operator: Literal["any", "all"]
    flow_ids: Annotated[tuple[Text, ...], Field(min_length=1)]


class FlowShape(Table):
    """One intent."""

    flow_id: Text


class RouteShape(Table):
    """Where a message, or a part of it, goes."""

    kind: Kind
    intent: Text | None = None


class DatabaseShape(Table):
    """A query on one of the project's SQLite files, and the rows it must return, in order."""

    file: Text
    query: Text
    rows: tuple[tuple[Any, ...], ...]


class AssertionShape(Table):
    """One assertion: exactly one of these keys."""

    flow_started: Text | FlowsShape | None = None
    flow_completed: Text | FlowShape | None = None
    flow_cancelled: Text | FlowShape | None = None
    pattern_clarification_contains: tuple[Text, ...] | FlowsShape | None = None
    action_executed: Text | None = None
    slot_was_set: Annotated[tuple[SlotShape, ...], Field(min_length=1)] | None = None
    slot_was_not_set: Annotated[tuple[SlotShape, ...], Field(min_length=1)] | None = None
    bot_uttered: UtteredShape | None = None
    bot_did_not_utter: UtteredShape | None = None
    routed_to: Kind | RouteShape | tuple[Kind | RouteShape, ...] | None = None
    not_routed_to: Kind | RouteShape | None = None
    actions: tuple[Text, ...] | None = None
    said: Texts | None = None
    not_said: Texts | None = None
    cited: bool | Texts | None = None
    not_cited: Texts | None = None
    state: State | None = None
    database: DatabaseShape | None = None

    @model_validator(mode="after")
    def _is_one(self) -> AssertionShape:
        if len(self.model_fields_set) != 1:
            raise ValueError("begin each assertion with `- `: exactly one stands in each")
        if getattr(self, *self.model_fields_set) is None:
            raise ValueError(f"{next(iter(self.model_fields_set))} is empty")
        return self


class CustomerShape(Table):
    """Who writes."""

    id: Text
    identity: Identity = "token"
    audience: str = "customers"
    attributes: dict[str, str] = Field(default_factory=dict)


class StepShape(Table):
    """One thing that happens, and what it must bring: exactly one of user, press, person and hand_back."""

    user: Text | None = None
    press: Text | None = None
    person: Text | None = None
    hand_back: Literal[True] | None = None
    customer: Text | CustomerShape | None = None
    metadata: Text | None = None
    assertions: tuple[AssertionShape, ...] = ()

    @model_validator(mode="after")
    def _is_one(self) -> StepShape:
        if len(self.model_fields_set & {"user", "press", "person", "hand_back"}) != 1:
            raise ValueError("a step is exactly one of user, press, person, hand_back")
        return self


class CaseShape(Table):
    """One conversation."""

    test_case: Text
    brand: Text | None = None
    customer: Text | CustomerShape | None = None
    locale: str = ""
    fixtures: tuple[Text, ...] = ()
    metadata: Text | None = None
    steps: Annotated[tuple[StepShape, ...], Field(min_length=1)]


class FileShape(Table):
    """The whole file."""

    fixtures: tuple[dict[str, tuple[dict[str, Any], ...]], ...] = ()
    metadata: tuple[dict[str, dict[str, Any]], ...] = ()
    test_cases: Annotated[tuple[CaseShape, ...], Field(min_length=1)]
