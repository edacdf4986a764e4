"""`frontdesk channels`: whether the platforms would serve us, and what to paste to set up a Slack app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from frontdesk.bot.commands.output import HERE, Json, ProjectFolder, emit, quiet_libraries
from frontdesk.bot.config import Channels
from frontdesk.bot.errors import ConfigError
from frontdesk.bot.project import Project

if TYPE_CHECKING:
    from frontdesk.channels.checks import Finding

app = typer.Typer(no_args_is_help=True, help="Check the platforms the bot is connected to, and set up a Slack app.")


@app.command("check")
def check(project: ProjectFolder = HERE, as_json: Json = False) -> None:
    """Try every token with its platform and say what is wrong; exit code 1 when something is."""
    import asyncio

    quiet_libraries()
    found = asyncio.run(_findings(Project.load(project).settings.channels))
    lines = "\n".join(f"{'ok  ' if one.ok else 'FAIL'} {one.about:<20} {one.says}" for one in found)
    results = {one.about: {"ok": one.ok, "says": one.says} for one in found}
    emit(results, as_json, lines or "neither [channels.slack] nor [channels.telegram] is in frontdesk.toml")
    if not all(one.ok for one in found):
        raise typer.Exit(1)


async def _findings(channels: Channels) -> list[Finding]:
    from frontdesk.channels.checks import slack_findings, telegram_findings

    slack = await slack_findings(channels.slack) if channels.slack else []
    return slack + (await telegram_findings(channels.telegram) if channels.telegram else [])


@app.command("manifest")
def show_manifest(
    url: Annotated[str, typer.Option(help="The server's public https address; without it, for Socket Mode.")] = "",
    name: Annotated[str, typer.Option(help="What the app is called; default the brand's name.")] = "",
    assistant: Annotated[bool, typer.Option(help="As one of Slack's assistants, which take a paid plan.")] = False,
    project: ProjectFolder = HERE,
    as_json: Json = False,
) -> None:
    """Print the manifest of a Slack app, to paste at api.slack.com/apps (Create New App, From a manifest)."""
    import json

    import yaml

    from frontdesk.channels.slack_manifest import manifest

    if url and (urlsplit(url).scheme != "https" or not urlsplit(url).hostname):
        raise ConfigError("Slack calls https addresses only.", where="--url", fix="write https://bot.example, say.")
    settings = Project.load(project).settings
    slack = settings.channels.slack
    made = manifest(
        name or settings.brand(None).name,
        url,
        assistant=assistant or bool(slack and slack.assistant),
        prompts=slack.prompts if slack else (),
    )
    print(json.dumps(made, indent=2, ensure_ascii=False) if as_json else yaml.safe_dump(made, sort_keys=False).rstrip())
