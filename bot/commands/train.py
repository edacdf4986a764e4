"""`frontdesk train`: the router from nlu.yml."""

from __future__ import annotations

from dataclasses import asdict

from frontdesk.bot.commands.output import HERE, Json, ProjectFolder, emit, progress, quiet_libraries
from frontdesk.bot.project import Project


def train(project: ProjectFolder = HERE, as_json: Json = False) -> None:
    """Train the router on the examples of nlu.yml; its thresholds are fitted to router.max_error."""
    from frontdesk.bot.app import encoder_of
    from frontdesk.bot.router.nlu import read_nlu
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
    routed = {intent for brand in loaded.settings.brands.values() for intent in brand.routes}
    lost = sorted({row.intent for row in read_nlu(loaded.nlu).rows} - routed)
    unrouted = [f"{intent} has no route in frontdesk.toml, so it is always clarified" for intent in lost]
    emit({**asdict(report), "warnings": [*report.warnings, *unrouted]}, as_json)
