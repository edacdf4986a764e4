"""A bot project on disk: its folder, its state, and its `frontdesk.toml`, read once.

Secrets stand in the file only as `${ENV}`. Unknown keys are refused with the nearest valid name.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from frontdesk.bot.config import FILE, Settings
from frontdesk.bot.errors import ConfigError

_ENV = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SECRET_KEYS = re.compile(r"(secret|token|password|api_key)$")


@dataclass(frozen=True, kw_only=True)
class Project:
    """A bot project on disk: a folder with `frontdesk.toml`, and its state in `.frontdesk/`."""

    folder: Path
    settings: Settings

    @classmethod
    def load(cls, folder: Path | str = ".") -> Project:
        """Read the project in `folder`; raises ConfigError naming the file, the key and the fix."""
        root = Path(folder).resolve()
        return cls(folder=root, settings=read_settings(root / FILE))

    @cached_property
    def state(self) -> Path:
        """The folder of everything the project makes for itself; created private on first use."""
        path = self.folder / ".frontdesk"
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    @property
    def nlu(self) -> Path:
        """The example messages per intent."""
        return self.folder / "nlu.yml"

    @property
    def store_url(self) -> str:
        """The SQLAlchemy URL of conversations and inbox."""
        configured = self.settings.store.url
        return configured.get_secret_value() if configured else f"sqlite:///{self.state / 'frontdesk.db'}"


def read_settings(path: Path) -> Settings:
    """Parse and check one `frontdesk.toml`."""
    if not path.is_file():
        raise ConfigError(
            f"no {FILE} here.", where=str(path.parent), fix="run `frontdesk init FOLDER`, then work in it."
        )
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"not valid TOML: {error}", where=str(path), fix="correct that line.") from None
    try:
        return Settings.model_validate(_filled(data, "", path))
    except ValidationError as error:
        raise ConfigError(_explain(error), where=str(path), fix="see docs/settings.md for every key.") from None


def _filled(value: Any, key: str, path: Path) -> Any:
    """Return `value` with every `${ENV}` replaced; secrets given literally are refused."""
    if isinstance(value, dict):
        return {k: _filled(v, f"{key}.{k}" if key else k, path) for k, v in value.items()}
    if isinstance(value, list):
        return [_filled(v, key, path) for v in value]
    if not isinstance(value, str):
        return value
    if (_is_secret(key) and not _ENV.fullmatch(value)) or _has_password(value):
        raise ConfigError(
            f"{key} is written out in the file.", where=str(path), fix=f'use {key.rsplit(".", 1)[-1]} = "${{NAME}}".'
        )
    return _ENV.sub(lambda match: _environment(match.group(1), key, path), value)


def _has_password(value: str) -> bool:
    return bool(re.match(r"[a-z0-9+]+://[^/\s:@]+:[^/\s@{]+@", value))


def _is_secret(key: str) -> bool:
    return not key.startswith("brands.") and bool(_SECRET_KEYS.search(key))


def _environment(name: str, key: str, path: Path) -> str:
    value = os.environ.get(name, "")
    if not value.strip():  # an empty one would make a source of the whole folder, or a key that fits nothing
        raise ConfigError(
            f"{key} needs the environment variable {name}.", where=str(path), fix=f"export {name}=... and start again."
        )
    return value


def _explain(error: ValidationError) -> str:
    return "; ".join(_one(problem) for problem in error.errors())


def _one(problem: ErrorDetails) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] != "extra_forbidden":
        return f"{where}: {problem['msg'].removeprefix('Value error, ')}" if where else str(problem["msg"])
    near = difflib.get_close_matches(str(problem["loc"][-1]), sorted(_names(Settings)), n=1)
    return f"unknown key {where}" + (f" (did you mean {near[0]!r}?)" if near else "")


def _names(table: type[BaseModel], seen: frozenset[type] = frozenset()) -> set[str]:
    """Every key name in a table and the tables inside it."""
    names = set(table.model_fields)
    for value in table.model_fields.values():
        for inner in _tables_in(value.annotation):
            if inner not in seen:
                names |= _names(inner, seen | {table})
    return names


def _tables_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [table for part in getattr(annotation, "__args__", ()) for table in _tables_in(part)]
