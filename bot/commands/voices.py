"""`frontdesk voices`: what is registered, what is served."""

from __future__ import annotations

from typing import Annotated

import typer

from frontdesk.bot.commands.output import HERE, Json, ProjectFolder, emit
from frontdesk.bot.config import Project
from frontdesk.bot.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="List, promote and roll back voices.")


@app.command("list")
def list_voices(project: ProjectFolder = HERE, as_json: Json = False) -> None:
    """List every voice and version; the served one is marked with *."""
    registry = _registry(project)
    rows = [
        {"voice": f"{name}@{version}", "served": registry.current(name) == version, "folder": str(folder)}
        for name in registry.names()
        for version, folder in registry.versions(name).items()
    ]
    lines = "\n".join(f"{'*' if row['served'] else ' '} {row['voice']}" for row in rows)
    emit({"voices": rows}, as_json, lines or "No voices yet: run `frontdesk tune NAME`.")


@app.command()
def promote(
    voice: Annotated[str, typer.Argument(help="Name and version, e.g. warm@2.")],
    project: ProjectFolder = HERE,
    as_json: Json = False,
) -> None:
    """Serve this version from the next reply on."""
    name, _, version = voice.partition("@")
    if not version.isdigit():
        raise ConfigError(f"{voice!r} names no version.", fix="write it as warm@2; see `frontdesk voices list`.")
    served = _registry(project).promote(name, int(version))
    emit({"served": served.id}, as_json, f"{served.id} is served from the next reply on.")


@app.command()
def rollback(
    name: Annotated[str, typer.Argument(help="The voice's name.")], project: ProjectFolder = HERE, as_json: Json = False
) -> None:
    """Serve the version that was served before."""
    served = _registry(project).rollback(name)
    emit({"served": served.id}, as_json, f"{served.id} is served from the next reply on.")


def _registry(project: ProjectFolder):  # type: ignore[no-untyped-def]
    from frontdesk.adapters.registry import VoiceRegistry

    return VoiceRegistry(Project.load(project).state / "voices")
