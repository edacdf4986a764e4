"""rasa-sdk custom actions, run in process: the one module that imports rasa_sdk."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frontdesk.bot.errors import ConfigError, MissingExtra, ModelError
from frontdesk.bot.types import Button, Conversation, Message


@dataclass(frozen=True, kw_only=True)
class Said:
    """One response of an action: its text, buttons and the record (table, id, fields, read_at) behind it."""

    text: str
    buttons: tuple[Button, ...] = ()
    record: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an action said and which slots it set."""

    said: tuple[Said, ...]
    slots: Mapping[str, Any]


class Actions:
    """The project's `actions/` package behind rasa-sdk's ActionExecutor."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self._executor: Any = None

    def load(self) -> Actions:
        """Import `actions/`; raises ConfigError naming the folder when that fails, MissingExtra without rasa-sdk."""
        try:
            from rasa_sdk import Action
            from rasa_sdk.executor import ActionExecutor
        except ImportError:
            raise MissingExtra("rasa-sdk", "rasa") from None
        self._executor = ActionExecutor()
        for module in _modules(self.project / "actions"):
            for value in vars(module).values():
                if isinstance(value, type) and issubclass(value, Action) and value.__module__ == module.__name__:
                    self._executor.register_action(value)
        return self

    @property
    def names(self) -> frozenset[str]:
        """The names of the actions that can be run."""
        return frozenset(self._executor.actions) if self._executor else frozenset()

    def run(self, name: str, message: Message, conversation: Conversation, slots: Mapping[str, Any]) -> Outcome:
        """Run one action to its end on the calling thread; raises ModelError when it fails.

        The customer id comes from the verified identity, never from text.
        """
        call = _call(name, message, conversation, {**slots, "project_dir": str(self.project)})
        try:
            result = asyncio.run(self._executor.run(call))
        except Exception as error:
            raise ModelError(f"the action failed: {type(error).__name__}", where=name, fix="see the log.") from error
        events = result.events if result else []
        said = tuple(_said(response) for response in (result.responses if result else []))
        return Outcome(said=said, slots={e["name"]: e.get("value") for e in events if e.get("event") == "slot"})


def _modules(folder: Path) -> list[Any]:
    """Import a project's actions under a name of its own, so that two projects never share modules."""
    if not (folder / "__init__.py").is_file():
        raise ConfigError(
            "no actions/__init__.py here.", where=str(folder), fix="create it, or drop [brands.*.actions]."
        )
    package = f"frontdesk_actions_{zlib.crc32(str(folder.resolve()).encode()):08x}"
    paths = [folder / "__init__.py", *sorted(p for p in folder.glob("*.py") if p.name != "__init__.py")]
    return [_module(package if p.name == "__init__.py" else f"{package}.{p.stem}", p) for p in paths]


def _module(name: str, path: Path) -> Any:
    if name in sys.modules:
        return sys.modules[name]
    locations = [str(path.parent)] if path.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=locations)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ConfigError(
            f"cannot be imported: {type(error).__name__}: {error}", where=str(path), fix="correct the module."
        ) from error
    return module


def _call(name: str, message: Message, conversation: Conversation, slots: Mapping[str, Any]) -> dict[str, Any]:
    """Build rasa-sdk's action call: tracker, empty domain, no history beyond the latest message."""
    latest = {"text": message.text, "intent": {}, "entities": []}
    return {
        "next_action": name,
        "sender_id": conversation.id,
        "tracker": {
            "sender_id": conversation.id,
            "slots": dict(slots),
            "latest_message": latest,
            "events": [{"event": "user", "text": message.text, "timestamp": message.sent_at.timestamp()}],
            "paused": False,
            "followup_action": None,
            "active_loop": {},
            "latest_action_name": None,
        },
        "domain": {"slots": {}, "intents": [], "entities": [], "responses": {}, "actions": [name]},
    }


def _said(response: Mapping[str, Any]) -> Said:
    buttons = tuple(
        Button(title=str(button.get("title", "")), payload=str(button.get("payload", "")))
        for button in response.get("buttons") or ()
    )
    custom = response.get("custom")
    record = custom.get("record") if isinstance(custom, dict) else None
    return Said(text=str(response.get("text") or ""), buttons=buttons, record=record)
