"""`frontdesk train`: the router from nlu.yml."""

from __future__ import annotations

from dataclasses import asdict

from frontdesk.bot.commands.output import HERE, Json, ProjectFolder, emit, progress, quiet_libraries
from frontdesk.bot.config import Project


def train(project: ProjectFolder = HERE, as_json: Json = False) -> None:
    """Train the router on the examples of nlu.yml; its thresholds are fitted to router.max_error."""
    from frontdesk.bot.app import encoder_of
    from frontdesk.bot.router.train import train_router

    quiet_libraries()
    loaded = Project.load(project)
    with progress(as_json) as step:
        report = train_router(
            loaded.nlu,
            encoder_of(loaded.settings.models),
            max_error=loaded.settings.router.max_error,
            out=loaded.state / "router",
            progress=step,
        )
    emit(asdict(report), as_json)
