"""What an action is told and what it answers: rasa-sdk's action call and its result, in process and over HTTP.

The wire is https://rasa.com/docs/action-server: tracker, domain, events and responses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from frontdesk.bot.config import Brand
from frontdesk.bot.errors import ModelError
from frontdesk.bot.types import Button, Conversation, Message, Route

VERSION = "3.21.1"
"""The version of rasa-sdk whose wire is spoken."""

CHALLENGE_FORM = "challenge_form"
"""The form in which a customer proves who they are; `validate_challenge_form` may check and find its slots."""

LEFT = "left_values"
"""The slot that holds, while a task is open, the values of its form that the customer left: "no, the other order"."""

Result = Mapping[str, Any]
"""`{"events": [...], "responses": [...]}` as it comes from an action."""


class Rejected(Exception):
    """An action refused to run (ActionExecutionRejection): it is as if it had not been asked."""


class Runner(Protocol):
    """What runs actions: the project's own package, or a team's action server."""

    @property
    def names(self) -> frozenset[str]:
        """The names of the actions."""
        ...

    def has(self, name: str) -> bool:
        """Whether there is an action of this name."""
        ...

    def run(self, call: Mapping[str, Any]) -> Result:
        """Run one action to its end; raises Rejected, or ModelError when it fails, hangs or answers too much."""
        ...


@dataclass(frozen=True, kw_only=True)
class Said:
    """One response of an action: text or the name of a response, buttons, and the facts behind it.

    `record` holds table, id, fields and read_at; `policy` the raw facts that decide what may be done alone.
    """

    text: str
    response: str = ""
    buttons: tuple[Button, ...] = ()
    shown: tuple[Mapping[str, Any], ...] = ()
    """What is shown beside words: each an image, attachment, elements or custom, by its name."""
    record: Mapping[str, Any] | None = None
    policy: Mapping[str, Any] = field(default_factory=dict)
    configured: bool = False
    """Whether the words are the brand's settings, not an action's."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """What fills the placeholders of `response` besides the slots."""


@dataclass(kw_only=True)
class Situation:
    """Where a conversation stands as its actions see it; events and slots grow while they run."""

    brand: Brand
    message: Message
    conversation: Conversation
    route: Route
    slots: dict[str, Any]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Slots that no action may set: who the customer is."""
    loop: str = ""
    """The form that is being filled."""
    latest_action: str | None = None
    events: list[dict[str, Any]] = field(default_factory=list)

    def call(self, name: str, candidates: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the call of an action; `candidates` are values to validate, the last events as in Rasa."""
        fresh = [{"event": "slot", "timestamp": None, "name": k, "value": v} for k, v in (candidates or {}).items()]
        known = dict.fromkeys(self.brand.slots) | self.slots | dict(candidates or {}) | dict(self.fixed)
        return {
            "next_action": name,
            "sender_id": self.conversation.id,
            "tracker": {
                "sender_id": self.conversation.id,
                "slots": known,
                "latest_message": latest_message(self.message, self.route),
                "latest_input_channel": self.message.channel,
                "events": [*self._before(), *heard(self.message, self.route), *self.events, *fresh],
                "paused": self.conversation.state != "bot",
                "followup_action": None,
                "active_loop": {"name": self.loop} if self.loop else {},
                "latest_action_name": self.latest_action or "action_listen",
            },
            "domain": domain(self.brand),
            "version": VERSION,
        }

    def _before(self) -> list[dict[str, Any]]:
        """The earlier turns, then the values they left behind: an action can tell which one was taken back."""
        slots = {**(self.conversation.slots.get(LEFT) or {}), **self.conversation.slots}
        known = [name for name in self.brand.slots if slots.get(name) is not None]
        left = [{"event": "slot", "timestamp": None, "name": name, "value": slots[name]} for name in known]
        return [*history(self.conversation), *left]


def latest_message(message: Message, route: Route) -> dict[str, Any]:
    """Return what was understood of a message, in Rasa's shape."""
    intent = {"name": route.intent, "confidence": route.confidence}
    entities = [{"entity": name, "value": value} for name, value in route.slots.items()]
    return {"text": message.text, "intent": intent, "entities": entities, "intent_ranking": [intent], "metadata": {}}


def heard(message: Message, route: Route) -> list[dict[str, Any]]:
    """Return the events of a message."""
    said = {"event": "user", "text": message.text, "timestamp": message.sent_at.timestamp(), "message_id": message.id}
    understood = latest_message(message, route)
    return [{**said, "input_channel": message.channel, "parse_data": understood, "metadata": {}}]


def history(conversation: Conversation) -> list[dict[str, Any]]:
    """Return the earlier turns as events."""
    events: list[dict[str, Any]] = []
    for turn in conversation.turns:
        routes = turn.reply.routes if turn.reply else ()
        events += heard(turn.message, routes[0] if routes else _UNKNOWN)
        if turn.reply:
            at = turn.message.sent_at.timestamp()
            events.append({"event": "bot", "text": turn.reply.text, "data": {}, "metadata": {}, "timestamp": at})
    return events


_UNKNOWN = Route(kind="clarify", intent="", confidence=0.0, reason="")


def domain(brand: Brand) -> dict[str, Any]:
    """Return the brand's settings as Rasa's domain."""
    forms = {
        action.form_of(intent): {"required_slots": list(action.slots)}
        for intent, action in brand.actions.items()
        if action.slots
    }
    if brand.challenge:
        forms[CHALLENGE_FORM] = {"required_slots": list(brand.challenge.slots)}
    names = {a for action in brand.actions.values() for a in (action.action, action.read_back, action.undo) if a}
    return {
        "config": {"store_entities_as_slots": True},
        "session_config": {"session_expiration_time": 60, "carry_over_slots_to_new_session": True},
        "intents": sorted(brand.routes),
        "entities": sorted(brand.slots),
        "slots": {name: {"type": "any", "mappings": [{"type": "custom"}]} for name in brand.slots},
        "responses": {name: [{"text": text} for text in texts] for name, texts in brand.responses.items()},
        "actions": sorted(names - brand.responses.keys()),
        "forms": forms,
        "e2e_actions": [],
    }


def events_of(result: Result) -> list[dict[str, Any]]:
    """Return the events of a result; raises ModelError when it has not the shape of one."""
    return _rows(result, "events")


def said_of(result: Result) -> list[Said]:
    """Return the responses of a result; raises ModelError when it has not the shape of one."""
    return [_said(response) for response in _rows(result, "responses")]


def _rows(result: Result, key: str) -> list[dict[str, Any]]:
    rows = result.get(key) or []
    if not isinstance(rows, Sequence) or not all(isinstance(row, dict) for row in rows):
        raise ModelError(f"the action's {key} are not a list of objects.", fix="answer as rasa-sdk does.")
    return list(rows)


def _said(response: Mapping[str, Any]) -> Said:
    custom = response.get("custom")
    custom = custom if isinstance(custom, dict) else {}
    record, policy = custom.get("record"), custom.get("policy")
    name = response.get("response") or response.get("template") or ""
    return Said(
        text=str(response.get("text") or ""),
        response=str(name),
        buttons=tuple(_buttons(response.get("buttons"))),
        shown=_shown(response, custom),
        record=record if isinstance(record, dict) else None,
        policy=policy if isinstance(policy, dict) else {},
        values={key: value for key, value in response.items() if key not in _SHAPE},
    )


def _buttons(rows: Any) -> list[Button]:
    kept = [row for row in rows or () if isinstance(row, dict) and row.get("title")]
    return [Button(title=str(row["title"]), payload=str(row.get("payload") or row["title"])) for row in kept]


def _shown(response: Mapping[str, Any], custom: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return what a response shows beside words; `record` and `policy` in its custom JSON are for us."""
    theirs = {key: value for key, value in custom.items() if key not in ("record", "policy")}
    parts = {name: response.get(name) for name in ("image", "attachment", "elements")} | {"custom": theirs}
    return tuple({name: value} for name, value in parts.items() if value and isinstance(value, _SHOWN[name]))


_SHOWN = {"image": str, "attachment": str | dict, "elements": list, "custom": dict}
_SHAPE = frozenset({"text", "buttons", "elements", "custom", "template", "response", "image", "attachment"})
