"""rasa-sdk custom actions, run in process: the one module that imports rasa_sdk."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from frontdesk.bot.dialogue.calls import Rejected, Result
from frontdesk.bot.errors import ConfigError, MissingExtra, ModelError


class Actions:
    """The project's `actions/` package behind rasa-sdk's ActionExecutor."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self._actions: dict[str, Any] = {}

    def load(self) -> Actions:
        """Import `actions/`; raises ConfigError naming the folder when that fails, MissingExtra without rasa-sdk."""
        try:
            from rasa_sdk import Action
            from rasa_sdk.executor import ActionExecutor
        except ImportError:
            raise MissingExtra("rasa-sdk", "rasa") from None
        executor = ActionExecutor()
        for module in _modules(self.project / "actions"):
            for value in vars(module).values():
                own = isinstance(value, type) and value.__module__ == module.__name__ and issubclass(value, Action)
                if own and not inspect.isabstract(value) and not value.__name__.startswith("_"):
                    executor.register_action(value)
        self._actions = executor.actions
        return self

    @property
    def names(self) -> frozenset[str]:
        """The names of the actions that can be run."""
        return frozenset(self._actions)

    def has(self, name: str) -> bool:
        """Whether there is an action of this name."""
        return name in self._actions

    def run(self, call: Mapping[str, Any]) -> Result:
        """Run one action to its end on the calling thread; raises Rejected, or ModelError when it fails.

        The actions find the project's folder in the slot `project_dir`, whatever the caller put there.
        """
        from rasa_sdk.executor import ActionExecutor
        from rasa_sdk.interfaces import ActionExecutionRejection

        name, tracker = str(call.get("next_action")), call["tracker"]
        slots = {**(tracker.get("slots") or {}), "project_dir": str(self.project)}
        executor = ActionExecutor()  # one for each call: it keeps the domain of the last
        executor.actions = self._actions
        try:
            result = asyncio.run(executor.run({**call, "tracker": {**tracker, "slots": slots}}))
        except ActionExecutionRejection:
            raise Rejected(name) from None
        except Exception as error:
            raise ModelError(f"the action failed: {type(error).__name__}", where=name, fix="see the log.") from error
        return {"events": result.events, "responses": result.responses} if result else {}


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
