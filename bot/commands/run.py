"""`frontdesk run actions`: the project's actions as an action server, for a Rasa assistant."""

from __future__ import annotations

from typing import Annotated

import typer

from frontdesk.bot.commands.output import HERE, ProjectFolder
from frontdesk.bot.errors import ConfigError
from frontdesk.bot.project import Project

app = typer.Typer(no_args_is_help=True, help="Run a part of the bot by itself.")
_OWN = frozenset({"127.0.0.1", "::1", "localhost"})


@app.callback()
def _group() -> None:
    """Keep `actions` a command of the group, though it is the only one."""


@app.command("actions")
def actions(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 5055,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    project: ProjectFolder = HERE,
) -> None:
    """Serve actions/ over rasa-sdk's protocol: POST /webhook, GET /actions; guarded by channels.actions.token."""
    import uvicorn

    from frontdesk.bot.commands.acting import served, token_of
    from frontdesk.bot.dialogue.actions import Actions
    from frontdesk.channels.action_server import alone

    loaded = Project.load(project)
    if token_of(loaded) is None and host not in _OWN:
        fix = "set channels.actions.token, or listen on 127.0.0.1."
        raise ConfigError("the actions would be open to the network without a token.", where=host, fix=fix)
    found = Actions(loaded.folder).load()
    print(f"frontdesk: {len(found.names)} actions at http://{host}:{port}/webhook")
    server = alone(served(found, loaded))
    uvicorn.run(server, host=host, port=port, log_level="warning", access_log=False, server_header=False)
