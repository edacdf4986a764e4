"""`frontdesk serve`: the HTTP server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from frontdesk.bot.commands.output import HERE, ProjectFolder, quiet_libraries
from frontdesk.bot.project import Project

SWITCH_SECONDS = 0.0005
"""How long a thread keeps the interpreter while others want it; with Python's 5 ms an ingest makes each answer wait
hundreds of times."""


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default server.host.")] = None,
    port: Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Default server.port.")] = None,
    channels: Annotated[str, typer.Option(help="Only these, as web,slack; default all that are set up.")] = "",
    project: ProjectFolder = HERE,
) -> None:
    """Serve the widget, the channels and the inbox; prints the address."""
    import logging
    import sys

    import uvicorn

    from frontdesk.bot.app import assemble, operator_token
    from frontdesk.bot.commands.running import announced, reached_at
    from frontdesk.bot.commands.server import CONNECTION_SECONDS, Server, leave
    from frontdesk.bot.commands.serving import create_app
    from frontdesk.bot.store import Store

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    quiet_libraries()
    loaded = _with_channels(Project.load(project), [name.strip() for name in channels.split(",") if name.strip()])
    logging.getLogger().setLevel(loaded.settings.log_level.upper())
    with Store(loaded.store_url):  # a store that cannot be opened is one line here, not a traceback later
        pass
    bot = assemble(loaded)
    bot.warm_up()
    sys.setswitchinterval(SWITCH_SECONDS)
    address, number = host or loaded.settings.server.host, port or loaded.settings.server.port
    shown = f"http://{'localhost' if address in {'127.0.0.1', '0.0.0.0', '::1'} else address}:{number}"
    print(f"frontdesk: open {shown}/ (inbox for people: {shown}/inbox, operator token {_told(loaded, operator_token)})")
    with announced(loaded, reached_at(address, number)):
        app = create_app(bot)
        config = uvicorn.Config(
            app,
            host=address,
            port=number,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=CONNECTION_SECONDS,
            server_header=False,
        )
        server = Server(config, app.state.drain)
        server.run()
    if server.started:
        leave()


def _with_channels(project: Project, names: list[str]) -> Project:
    """Return the project with only the channels that are named; with all for none."""
    if not names:
        return project
    settings = project.settings.model_copy(update={"channels": project.settings.channels.only(names)})
    return Project(folder=project.folder, settings=settings)


def _told(project: Project, token: Callable[[Project], str]) -> str:
    """The token the project made for itself is shown; one from the environment is known to whoever set it."""
    return token(project) if project.settings.server.operator_token is None else "from the environment"
