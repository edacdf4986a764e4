"""What commands print: JSON for machines, a table for people, a progress bar for whoever waits."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from frontdesk.bot.errors import ConfigError

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ProjectFolder = Annotated[Path, typer.Option("--project", "-p", help="The bot project's folder.")]

HERE = Path()


def emit(data: Mapping[str, Any], as_json: bool, line: str = "") -> None:
    """Print `data` as JSON, or `line`, or one `key value` row per entry."""
    if as_json:
        print(json.dumps(data, ensure_ascii=False, default=str))
    elif line:
        print(line)
    else:
        print(rows_of(data))


def rows_of(data: Mapping[str, Any]) -> str:
    """Return one `key value` row per entry."""
    width = max((len(key) for key in data), default=0)
    return "\n".join(f"{key:<{width}}  {_plain(value)}" for key, value in data.items())


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(_plain(v) for v in value)
    return str(value)


@contextmanager
def progress(quiet: bool = False) -> Iterator[Callable[[str, int, int], None]]:
    """Yield `step(what, done, total)`, drawn as one bar on the error stream."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<28.28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bar:
        task = bar.add_task("", total=None)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)


def read_rows(path: Path, *needed: str) -> list[dict[str, Any]]:
    """Read a JSONL file of objects that have the keys `needed`; ConfigError names file and line."""
    if not path.is_file():
        raise ConfigError("no such file.", where=str(path), fix="name a JSONL file.")
    rows = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if line.strip():
            rows.append(_row(line, f"{path}:{number}", needed))
    if not rows:
        raise ConfigError("the file holds no row.", where=str(path), fix="write one JSON object a line.")
    return rows


def _row(line: bytes, where: str, needed: tuple[str, ...]) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"not JSON: {error}", where=where, fix="write one JSON object a line.") from None
    missing = [key for key in needed if not isinstance(row, dict) or key not in row]
    if missing:
        raise ConfigError(f"lacks {', '.join(missing)}.", where=where, fix=f"each row needs {', '.join(needed)}.")
    return dict(row)


def quiet_libraries() -> None:
    """Keep vendors' chatter off the terminal and their thread pools from spinning; call it before they load."""
    warnings.filterwarnings("ignore", module=r"(transformers|peft|torch|chromadb)\b")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # pools that spin on shared cores cost ten times
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    for name in ("chromadb", "transformers", "httpx", "rasa_sdk", "sanic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("bm25s").disabled = True  # it sets its own level to DEBUG when imported
