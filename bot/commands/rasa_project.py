"""A Rasa 3.x project as it lies on disk: its YAML files merged, and what follows each intent.

Formats: https://rasa.com/docs/rasa/training-data-format, /domain, /rules, /forms.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from frontdesk.bot.errors import ConfigError

_LISTS = ("nlu", "intents", "entities", "actions", "rules", "stories")
_TABLES = ("responses", "slots", "forms")
_NOT_OURS = frozenset({"models", "tests", "venv", ".venv", "results", "node_modules"})
_LISTEN = frozenset(
    {"action_listen", "action_restart", "action_back", "action_session_start", "action_default_fallback"}
)


@dataclass(kw_only=True)
class RasaProject:
    """The merged files; `defined` are the custom actions that the project's own Python defines."""

    folder: Path
    lists: dict[str, list[Any]] = field(default_factory=lambda: {key: [] for key in _LISTS})
    tables: dict[str, dict[str, Any]] = field(default_factory=lambda: {key: {} for key in _TABLES})
    unread: list[str] = field(default_factory=list)

    @property
    def defined(self) -> frozenset[str]:
        """The custom actions in actions/, by the constant that their `name` returns; the code is not run."""
        return frozenset(name for tree in self._code("*.py") for name in _names(tree))

    @property
    def named(self) -> frozenset[str]:
        """The responses that the project's own Python names."""
        nodes = (node for tree in self._code("**/*.py") for node in ast.walk(tree))
        said = {str(node.value) for node in nodes if isinstance(node, ast.Constant)}
        return frozenset(said) & self.tables["responses"].keys()

    def _code(self, below: str) -> Iterator[ast.Module]:
        for path in sorted(self.folder.glob(f"actions/{below}")):
            with suppress(SyntaxError, UnicodeDecodeError, ValueError):
                yield ast.parse(path.read_text(encoding="utf-8"))

    @property
    def intents(self) -> list[str]:
        """Every intent with examples, in order."""
        return list(dict.fromkeys(str(item["intent"]) for item in self.lists["nlu"] if "intent" in item))

    def texts(self, response: str) -> list[str]:
        """The texts of a response that may be said to anybody: those under a condition or of one channel may not."""
        found = self.tables["responses"].get(response) or []
        plain = [one for one in found if isinstance(one, dict) and not {"condition", "channel"} & one.keys()]
        return [str(one["text"]) for one in plain if one.get("text")]

    def followed_by(self, intent: str) -> list[str]:
        """What a rule runs after an intent; without a rule, what all stories agree on."""
        for key in ("rules", "stories"):
            told = [steps for item in self.lists[key] for steps in _after(item, intent)]
            if told and (key == "rules" or all(steps == told[0] for steps in told)):
                return told[0]
        return []

    @property
    def followed(self) -> frozenset[str]:
        """What any rule or story runs; of a retrieval intent, with each answer under it."""
        steps = (step for key in ("rules", "stories") for item in self.lists[key] for step in _steps(item))
        run = {str(step["action"]) for step in steps if isinstance(step, dict) and "action" in step}
        return frozenset(run | {name for name in self.tables["responses"] if name.split("/")[0] in run})

    def submitted_by(self, form: str) -> list[str]:
        """What runs when a form is filled: the actions of the rule whose condition is that form's loop."""
        for rule in self.lists["rules"]:
            if any(isinstance(c, dict) and c.get("active_loop") == form for c in rule.get("condition") or []):
                return [str(s["action"]) for s in rule.get("steps") or [] if "action" in s and s["action"] != form]
        return []


def read_rasa(folder: Path) -> RasaProject:
    """Read every YAML file of a Rasa project; raises ConfigError without any, or for one that is not YAML."""
    found = RasaProject(folder=folder)
    for path in sorted((*folder.rglob("*.yml"), *folder.rglob("*.yaml"))):
        parts = path.relative_to(folder).parts
        if _NOT_OURS & set(parts) or any(part.startswith(".") for part in parts):
            continue
        try:
            data = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
            raise ConfigError(
                f"not valid YAML: {str(error).splitlines()[0]}.", where=str(path), fix="correct it."
            ) from None
        _take(found, "/".join(parts), data)
    if not found.intents:
        fix = "name the folder that holds domain.yml and data/nlu.yml."
        raise ConfigError("no intents with examples here.", where=str(folder), fix=fix)
    return found


def _take(found: RasaProject, name: str, data: Any) -> None:
    """Merge one file; a file with none of Rasa's keys that matter here is noted."""
    if not isinstance(data, Mapping) or not data.keys() & {*_LISTS, *_TABLES}:
        found.unread.append(name)
        return
    for key in _LISTS:
        found.lists[key] += [item for item in data.get(key) or [] if isinstance(item, dict | str)]
    for key in _TABLES:
        found.tables[key] |= data.get(key) or {}
    found.lists["nlu"] = [item for item in found.lists["nlu"] if isinstance(item, dict)]


def _steps(item: Any) -> list[Any]:
    return item.get("steps") or [] if isinstance(item, dict) else []


def _after(item: Any, intent: str) -> Iterator[list[str]]:
    """Yield the actions that follow each time an intent is said in a rule or story."""
    steps = _steps(item)
    for place, step in enumerate(steps):
        if not isinstance(step, dict) or str(step.get("intent")) not in (intent, intent.split("/")[0]):
            continue
        actions: list[str] = []
        for later in steps[place + 1 :]:
            if not isinstance(later, dict) or "intent" in later or "user" in later:
                break
            if "action" in later and later["action"] not in _LISTEN:
                actions.append(str(later["action"]))
        yield list(dict.fromkeys(actions))


def _names(tree: ast.Module) -> Iterator[str]:
    """Yield what the `name` methods of a module return, read without running it."""
    named = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "name"]
    for one in (one for node in named for one in ast.walk(node)):
        if isinstance(one, ast.Return) and isinstance(one.value, ast.Constant) and isinstance(one.value.value, str):
            yield one.value.value
