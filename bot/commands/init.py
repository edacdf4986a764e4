"""`frontdesk init`: make a bot project from the demo brand."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from frontdesk.bot.commands.output import Json, emit
from frontdesk.bot.errors import ConfigError

TEMPLATE = Path(__file__).parent.parent / "template"


def init(
    folder: Annotated[Path, typer.Argument(help="Where to make the project.")] = Path(),
    as_json: Json = False,
) -> None:
    """Make a bot project: settings, examples, documents, actions and transcripts of the demo brand to start from."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError("this is a file.", where=str(folder), fix="name a folder that is empty or new.")
    names = [*(p.name for p in TEMPLATE.iterdir()), ".gitignore"]
    taken = [name for name in names if (folder / name).exists()]
    if taken:
        raise ConfigError(
            f"{', '.join(sorted(taken))} already here.", where=str(folder), fix="name a folder that is empty or new."
        )
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(TEMPLATE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "orders.db"))
    (folder / ".gitignore").write_text(".frontdesk/\norders.db\n__pycache__/\n")
    made = sorted(p.name for p in folder.iterdir())
    emit(
        {"folder": str(folder), "made": made},
        as_json,
        f"Made a bot project in {folder}: {', '.join(made)}.\n"
        f"Next: cd {folder}, then `frontdesk ingest`, `frontdesk train`, `frontdesk serve`.",
    )
