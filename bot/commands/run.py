"""`frontdesk run actions`: the project's actions as an action server, for a Rasa assistant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from frontdesk.bot.commands.output import HERE, ProjectFolder
from frontdesk.bot.errors import ConfigError
from frontdesk.bot.project import Project

if TYPE_CHECKING:
    from fastapi import APIRouter

    from frontdesk.bot.dialogue.actions import Actions

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
    from fastapi import FastAPI

    from frontdesk.bot.dialogue.actions import Actions

    loaded = Project.load(project)
    token = token_of(loaded)
    if token is None and host not in _OWN:
        fix = "set channels.actions.token, or listen on 127.0.0.1."
        raise ConfigError("the actions would be open to the network without a token.", where=host, fix=fix)
    found = Actions(loaded.folder).load()
    server = FastAPI(title="frontdesk actions", docs_url=None, redoc_url=None, openapi_url=None)
    server.include_router(served(found, loaded))
    print(f"frontdesk: {len(found.names)} actions at http://{host}:{port}/webhook")
    uvicorn.run(server, host=host, port=port, log_level="warning", access_log=False, server_header=False)


def token_of(project: Project) -> str | None:
    """Return the token of the action server, or None."""
    settings = project.settings.channels.actions
    return settings.token.get_secret_value() if settings else None


def served(actions: Actions, project: Project) -> APIRouter:
    """Return the routes of an action server over loaded actions."""
    from frontdesk.channels.action_server import action_router

    return action_router(_Served(actions), token=token_of(project), body_bytes=project.settings.limits.body_bytes)


class _Served:
    """The actions, their rejections in the words of the channel."""

    def __init__(self, actions: Actions) -> None:
        self._actions = actions

    @property
    def names(self) -> frozenset[str]:
        """The names of the actions."""
        return self._actions.names

    def run(self, call: Mapping[str, Any]) -> Mapping[str, Any]:
        """Run an action; raises Refused, or ModelError."""
        from frontdesk.bot.dialogue.calls import Rejected
        from frontdesk.channels.action_server import Refused

        try:
            return self._actions.run(call)
        except Rejected as error:
            raise Refused(str(error)) from None
