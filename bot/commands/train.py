"""`frontdesk train`: the router from nlu.yml, up to the gate."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from frontdesk.bot.commands.output import HERE, Json, ProjectFolder, emit, progress, quiet_libraries, rows_of
from frontdesk.bot.project import Project

if TYPE_CHECKING:
    from frontdesk.bot.router.train import TrainReport
    from frontdesk.bot.router.versions import Verdict

Force = Annotated[bool, typer.Option("--force", help="Serve the router even if the gate refuses it.")]


def train(project: ProjectFolder = HERE, force: Force = False, as_json: Json = False) -> None:
    """Train the router on the examples of nlu.yml; its thresholds are fitted to router.max_error.

    It is compared with the served router on texts that neither has learned from. Exit code 1 when the gate refuses it.
    """
    from frontdesk.bot.app import encoder_of
    from frontdesk.bot.router.nlu import read_nlu
    from frontdesk.bot.router.train import train_router
    from frontdesk.finetune.router_encoder import tuner

    quiet_libraries()
    loaded = Project.load(project)
    encoder = encoder_of(loaded.settings.models)
    with progress(as_json) as step:
        report = train_router(
            loaded.nlu,
            encoder,
            max_error=loaded.settings.router.max_error,
            out=loaded.state / "router",
            tuner=tuner(encoder),
            progress=step,
            force=force,
        )
    routed = {intent for brand in loaded.settings.brands.values() for intent in brand.routes}
    lost = sorted({row.intent for row in read_nlu(loaded.nlu).rows} - routed)
    unrouted = [f"{intent} has no route in frontdesk.toml, so it is always clarified" for intent in lost]
    emit(_told(report, unrouted), as_json, _lines(report, unrouted))
    if not report.verdict.served:
        raise typer.Exit(1)


def _told(report: TrainReport, unrouted: list[str]) -> dict[str, Any]:
    verdict = report.verdict
    gate = verdict.model_dump(mode="json") | {"passed": verdict.passed}
    figures = {key: value for key, value in asdict(report).items() if key != "verdict"}
    return {**figures, "warnings": [*report.warnings, *unrouted], "gate": gate, "served": verdict.served}


def _lines(report: TrainReport, unrouted: list[str]) -> str:
    told = _told(report, unrouted)
    figures = {key: value for key, value in told.items() if key not in ("warnings", "gate", "served")}
    warned = [f"warning: {warning}" for warning in told["warnings"]]
    after = "is served from the next message on." if report.verdict.served else "is not served."
    return "\n".join([rows_of(figures), *warned, gate_lines(report.verdict), f"Router {report.version} {after}"])


def gate_lines(verdict: Verdict) -> str:
    """Return the gate's word as a table for people."""
    width = max(len(finding.check) for finding in verdict.findings)
    rows = [
        f"  {'passed' if one.passed else 'FAILED'}  {one.check:<{width}}  {one.found}"
        + (f"  (allowed: {one.allowed})" if one.allowed else "")
        for one in verdict.findings
    ]
    against = f" against router {verdict.against}" if verdict.against else ""
    word = "accepts" if verdict.passed else "refuses"
    forced = ["  It was served by force."] if verdict.forced else []
    return "\n".join([f"The gate {word} router {verdict.version}{against}:", *rows, *forced])
