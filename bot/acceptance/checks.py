"""What the assertions of an acceptance file mean: each compares one played turn with what was wanted."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frontdesk.bot.acceptance.script import Check
from frontdesk.bot.acceptance.shapes import (
    ButtonShape,
    DatabaseShape,
    FlowsShape,
    RouteShape,
    SlotShape,
    UtteredShape,
)
from frontdesk.bot.dialogue.tasks import PENDING
from frontdesk.bot.engine import changes
from frontdesk.bot.types import Button, Conversation, Reply, Route

_NOTHING = Reply(text="", routes=())


@dataclass(frozen=True, kw_only=True)
class Played:
    """One step as it went: the bot's reply (None: a person holds the conversation), and the conversation around it.

    `folder` is where the project's databases lie.
    """

    reply: Reply | None
    before: Conversation
    after: Conversation
    folder: Path

    @property
    def said(self) -> Reply:
        """The reply, or an empty one."""
        return self.reply or _NOTHING

    @property
    def actions(self) -> tuple[str, ...]:
        """The account actions that ran, in order."""
        return tuple(one.effect.action for one in self.said.sentences if one.effect.action)

    @property
    def slots(self) -> Mapping[str, Any]:
        """The slots that this step set; one that it deleted is None."""
        names = {*self.before.slots, *self.after.slots}
        now = {name: self.after.slots.get(name) for name in names}
        moved = {name: value for name, value in now.items() if value != self.before.slots.get(name)}
        return {**changes(self.said), **moved}


def failure(check: Check, played: Played) -> str:
    """Return in words why a played step does not meet an assertion; empty when it does."""
    return _CHECKS[check.name](check.wanted, played)


def _flow_started(wanted: str | FlowsShape, played: Played) -> str:
    started = [route.intent for route in played.said.routes if route.kind != "clarify"]
    met = all if isinstance(wanted, FlowsShape) and wanted.operator == "all" else any
    names = wanted.flow_ids if isinstance(wanted, FlowsShape) else (wanted,)
    return "" if met(name in started for name in names) else f"began {_or_none(started)}"


def _flow_completed(wanted: Any, played: Played) -> str:
    name = str(getattr(wanted, "flow_id", wanted))
    if missing := _flow_started(name, played):
        return missing
    return f"{name} still waits for the customer" if played.after.slots.get(PENDING) == name else ""


def _flow_cancelled(wanted: Any, played: Played) -> str:
    name = str(getattr(wanted, "flow_id", wanted))
    if played.before.slots.get(PENDING) != name:
        return f"{name} was not under way"
    if played.after.slots.get(PENDING) == name:
        return f"{name} still waits for the customer"
    went_on = bool(played.said.actions) and not _flow_started(name, played)
    return f"{name} went on" if went_on else ""


def _pattern_clarification_contains(wanted: tuple[str, ...] | FlowsShape, played: Played) -> str:
    if all(route.kind != "clarify" for route in played.said.routes):
        return f"nothing was asked back; it went to {_or_none(_route(one) for one in played.said.routes)}"
    offered = [button for button in played.said.buttons if button.payload != "/human_agent"]
    names = wanted.flow_ids if isinstance(wanted, FlowsShape) else wanted
    found = [any(name in (button.payload.removeprefix("/"), button.title) for button in offered) for name in names]
    if isinstance(wanted, FlowsShape) and wanted.operator == "any":
        met = any(found)
    else:
        met = all(found) and len(offered) == len(names)
    return "" if met else f"offered {_or_none(button.payload.removeprefix('/') for button in offered)}"


def _action_executed(wanted: str, played: Played) -> str:
    return "" if wanted in played.actions else f"ran {_or_none(played.actions)}"


def _actions(wanted: tuple[str, ...], played: Played) -> str:
    return "" if wanted == played.actions else f"ran {_or_none(played.actions)}"


def _slot_was_set(wanted: tuple[SlotShape, ...], played: Played) -> str:
    for slot in wanted:
        if slot.name not in played.slots:
            return f"{slot.name} was not set"
        if "value" in slot.model_fields_set and played.slots[slot.name] != slot.value:
            return f"{slot.name} is {played.slots[slot.name]!r}"
    return ""


def _slot_was_not_set(wanted: tuple[SlotShape, ...], played: Played) -> str:
    for slot in wanted:
        value = played.slots.get(slot.name)
        if value is not None and ("value" not in slot.model_fields_set or value == slot.value):
            return f"{slot.name} was set to {value!r}"
    return ""


def _bot_uttered(wanted: UtteredShape, played: Played) -> str:
    if wanted.text_matches is not None and not re.search(wanted.text_matches, played.said.text):
        return f"said {_quoted(played.said)}"
    missing = [one.title for one in wanted.buttons if not _shown(one, played.said.buttons)]
    return f"showed the buttons {_or_none(one.title for one in played.said.buttons)}" if missing else ""


def _bot_did_not_utter(wanted: UtteredShape, played: Played) -> str:
    if wanted.text_matches is not None and (found := re.search(wanted.text_matches, played.said.text)):
        return f"said “{found.group()}”"
    shown = [one.title for one in wanted.buttons if _shown(one, played.said.buttons)]
    return f"showed the buttons {', '.join(shown)}" if shown else ""


def _shown(wanted: ButtonShape, buttons: Iterable[Button]) -> bool:
    return any(one.title == wanted.title and wanted.payload in (None, one.payload) for one in buttons)


def _routed_to(wanted: Any, played: Played) -> str:
    routes = played.said.routes
    if isinstance(wanted, tuple):
        met = len(wanted) == len(routes) and all(map(_goes, wanted, routes))
    else:
        met = any(_goes(wanted, route) for route in routes)
    return "" if met else f"went to {_or_none(_route(route) for route in routes)}"


def _not_routed_to(wanted: Any, played: Played) -> str:
    found = [_route(route) for route in played.said.routes if _goes(wanted, route)]
    return f"went to {', '.join(found)}" if found else ""


def _goes(wanted: str | RouteShape, route: Route) -> bool:
    if isinstance(wanted, str):
        return route.kind == wanted
    return route.kind == wanted.kind and wanted.intent in (None, route.intent)


def _route(route: Route) -> str:
    return f"{route.kind} ({route.intent or 'no intent'}, {route.confidence:.2f})"


def _said(wanted: str | tuple[str, ...], played: Played) -> str:
    missing = [phrase for phrase in _several(wanted) if _flat(phrase) not in _flat(played.said.text)]
    return f"“{missing[0]}” is missing from {_quoted(played.said)}" if missing else ""


def _not_said(wanted: str | tuple[str, ...], played: Played) -> str:
    found = [phrase for phrase in _several(wanted) if _flat(phrase) in _flat(played.said.text)]
    return f"“{found[0]}” stands in {_quoted(played.said)}" if found else ""


def _cited(wanted: bool | str | tuple[str, ...], played: Played) -> str:
    documents = _documents(played.said)
    met = bool(documents) is wanted if isinstance(wanted, bool) else set(_several(wanted)) <= set(documents)
    return "" if met else f"cited {_or_none(documents)}"


def _not_cited(wanted: str | tuple[str, ...], played: Played) -> str:
    found = sorted(set(_several(wanted)) & set(_documents(played.said)))
    return f"cited {', '.join(found)}" if found else ""


def _documents(reply: Reply) -> list[str]:
    return list(dict.fromkeys(citation.document_id for citation in reply.citations))


def _state(wanted: str, played: Played) -> str:
    return "" if played.after.state == wanted else f"the conversation is with {played.after.state!r}"


def _database(wanted: DatabaseShape, played: Played) -> str:
    path = (played.folder / wanted.file).resolve()
    if not path.is_relative_to(played.folder.resolve()) or not path.is_file():
        return f"there is no file {wanted.file} in the project"
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            rows = [tuple(row) for row in database.execute(wanted.query).fetchall()]
    except sqlite3.Error as error:
        return f"the query failed: {error}"
    return "" if rows == [tuple(row) for row in wanted.rows] else f"found {_or_none(str(list(row)) for row in rows)}"


def _several(wanted: str | tuple[str, ...]) -> tuple[str, ...]:
    return (wanted,) if isinstance(wanted, str) else wanted


def _flat(text: str) -> str:
    return " ".join(text.casefold().replace("’", "'").split())


def _quoted(reply: Reply) -> str:
    return f"“{' '.join(reply.text.split())}”" if reply.text else "silence"


def _or_none(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"


_CHECKS: Mapping[str, Callable[[Any, Played], str]] = {
    "flow_started": _flow_started,
    "flow_completed": _flow_completed,
    "flow_cancelled": _flow_cancelled,
    "pattern_clarification_contains": _pattern_clarification_contains,
    "action_executed": _action_executed,
    "slot_was_set": _slot_was_set,
    "slot_was_not_set": _slot_was_not_set,
    "bot_uttered": _bot_uttered,
    "bot_did_not_utter": _bot_did_not_utter,
    "routed_to": _routed_to,
    "not_routed_to": _not_routed_to,
    "actions": _actions,
    "said": _said,
    "not_said": _not_said,
    "cited": _cited,
    "not_cited": _not_cited,
    "state": _state,
    "database": _database,
}
