"""`frontdesk ingest`: documents into the knowledge bases, by the running server where there is one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from frontdesk.bot.commands.output import HERE, Json, ProjectFolder, emit, progress, quiet_libraries
from frontdesk.bot.errors import FrontdeskError
from frontdesk.bot.project import Project

if TYPE_CHECKING:
    from frontdesk.knowledge.bases import KnowledgeBases


def ingest(
    brand: Annotated[str | None, typer.Option(help="Only the knowledge base this brand answers from.")] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Stay, and read local folders again when they change.")
    ] = False,
    project: ProjectFolder = HERE,
    as_json: Json = False,
) -> None:
    """Read the project's documents; only what changed is read again, what is gone is removed."""
    from frontdesk.bot.app import knowledge_of

    quiet_libraries()
    loaded = Project.load(project)
    loaded.settings.brand(brand)
    bases = knowledge_of(loaded)
    only = bases.only(brand)
    once = partial(_once, loaded, bases, only, as_json)
    if watch:
        _watch(bases.watched(loaded.folder, only), once)
    else:
        once()


def _watch(paths: Sequence[Path], once: Callable[[], None]) -> None:
    from frontdesk.knowledge.refresh import changes

    once()
    print(f"watching {', '.join(str(path) for path in paths)}; Ctrl-C ends it.", file=sys.stderr)
    for _ in changes(paths):
        try:
            once()
        except FrontdeskError as error:
            print(f"frontdesk: {error}", file=sys.stderr)


def _once(project: Project, bases: KnowledgeBases, only: str | None, as_json: bool) -> None:
    from frontdesk.bot.commands.running import hand_over
    from frontdesk.knowledge.bases import told
    from frontdesk.knowledge.refresh import job_name

    result = hand_over(project, job_name(only), bases.elsewhere)
    if result is None:
        with progress(as_json) as step:
            result = told(bases.ingest(project.folder, step, only))
    emit(result, as_json, _line(result))


def _line(result: Mapping[str, Any]) -> str:
    """Say what an ingest did, with a line for all that was left out."""
    counts = ", ".join(f"{result[name]} {name}" for name in ("added", "changed", "renamed", "unchanged", "removed"))
    by = f" by the server at {result['by']}" if "by" in result else ""
    took = f"searchable after {result['searchable_seconds']:.1f} s, complete after {result['seconds']:.1f} s"
    lines = [f"{counts}; {result['passages']} passages, {took}{by}."]
    lines += [f"  skipped {one['path']}: {one['reason']}" for one in result["skipped"]]
    lines += [f"  left out of {one['path']}: {one['reason']}" for one in result["defused"]]
    return "\n".join(lines)
