"""Write docs/commands.md and docs/settings.md from the code, so that they cannot drift; a test compares them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import typer
from pydantic import BaseModel

from frontdesk.bot.commands import app
from frontdesk.bot.config import Settings

DOCS = Path(__file__).parent


def commands_page() -> str:
    """Return the reference of every command, its arguments and options."""
    group = typer.main.get_command(app)
    parts = ["# Commands\n\nMade by `make docs` from the code. Every command takes `--help`; most take `--json`.\n"]
    parts += _command(group, "frontdesk")
    return "\n".join(parts)


def _command(command: Any, path: str) -> list[str]:
    inner = getattr(command, "commands", None)
    if inner is not None:
        return [part for name, sub in inner.items() for part in _command(sub, f"{path} {name}")]
    rows = [f"## `{path}`\n\n{command.help}\n"]
    shown = [parameter for parameter in command.params if parameter.name != "help"]
    if shown:
        rows.append("| argument or option | default | meaning |\n|---|---|---|")
        rows += [_parameter(parameter) for parameter in shown]
        rows[-1] += "\n"
    return rows


def _parameter(parameter: Any) -> str:
    name = ", ".join(parameter.opts) if parameter.param_type_name == "option" else parameter.name.upper()
    default = "" if parameter.default is None or parameter.default is False else f"`{parameter.default}`"
    meaning = (getattr(parameter, "help", None) or "").replace("|", "\\|")
    return f"| `{name}` | {default} | {meaning} |"


def settings_page() -> str:
    """Return the reference of every key of frontdesk.toml."""
    head = (
        "# Settings: `frontdesk.toml`\n\nMade by `make docs` from the code. Unknown keys are refused with the nearest "
        'name. Secrets stand in the file only as `"${ENV}"`; any other text may use `${ENV}` too.\n'
    )
    return "\n".join([head, *_table(Settings, "")])


def _table(table: type[BaseModel], path: str) -> list[str]:
    title = f"## `[{path}]`" if path else "## Top level"
    head = "| key | type | default | meaning |\n|---|---|---|---|"
    rows = [f"{title}\n\n{(table.__doc__ or '').strip()}\n", head]
    inner: list[str] = []
    for name, value in table.model_fields.items():
        deeper = _deeper(value.annotation)
        if deeper:
            repeated = "NAME" if "dict" in str(value.annotation) else ""
            inner += _table(deeper, ".".join(part for part in (path, name, repeated) if part))
            continue
        rows.append(f"| `{name}` | {_type(value.annotation)} | {_default(value)} | {value.description or ''} |")
    return [*rows, "", *inner]


def _deeper(annotation: Any) -> type[BaseModel] | None:
    """Return the table that a field holds, alone or by name."""
    candidates = (annotation, *get_args(annotation))
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def _type(annotation: Any) -> str:
    shown = re.sub(r"typing\.|pydantic\.types\.|frontdesk\.bot\.\w+\.", "", str(annotation))
    shown = re.sub(r"<class '([\w.]+)'>", r"\1", shown)
    return f"`{shown}`".replace("|", "\\|")


def _default(value: Any) -> str:
    if value.is_required():
        return "required"
    default = value.get_default(call_default_factory=True)
    return "" if default in (None, (), {}, "") else f"`{default}`"


if __name__ == "__main__":
    (DOCS / "commands.md").write_text(commands_page(), encoding="utf-8")
    (DOCS / "settings.md").write_text(settings_page(), encoding="utf-8")
