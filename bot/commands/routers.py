"""`frontdesk routers`: which routers were trained, which is served, and what the gate says of each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from frontdesk.bot.commands.output import HERE, Json, ProjectFolder, emit, quiet_libraries
from frontdesk.bot.commands.train import Force, gate_lines
from frontdesk.bot.errors import ModelError
from frontdesk.bot.project import Project

if TYPE_CHECKING:
    from frontdesk.bot.router.versions import RouterVersions, Version

app = typer.Typer(no_args_is_help=True, help="List, show, compare, promote and roll back routers.")

Number = Annotated[int, typer.Argument(min=1, help="The router's version, e.g. 2.")]
SHOWN = 20
"""Examples that `diff` prints of each kind; --json has them all."""


@app.command("list")
def list_routers(project: ProjectFolder = HERE, as_json: Json = False) -> None:
    """List every router; the served one is marked with *."""
    versions = _versions(project)
    rows = [_row(versions, number) for number in versions.numbers()]
    lines = [f"{'*' if row['served'] else ' '} {row['router']:>4}  {row['made']}  {row['state']}" for row in rows]
    emit({"routers": rows}, as_json, "\n".join(lines) or "No router yet: run `frontdesk train`.")


@app.command()
def show(
    router: Annotated[int | None, typer.Argument(min=1, help="The router's version; default the served one.")] = None,
    project: ProjectFolder = HERE,
    as_json: Json = False,
) -> None:
    """Show what a router was trained on, its figures and what the gate said."""
    versions = _versions(project)
    chosen = versions.load(router)
    verdict = versions.verdict(chosen.number)
    manifest = chosen.manifest.model_dump(mode="json", exclude={"files", "labels"})
    word = verdict.model_dump(mode="json") | {"passed": verdict.passed} if verdict else None
    data = {**manifest, "served": chosen.number == versions.current(), "gate": word}
    rows = [f"{key:<16} {value}" for key, value in data.items() if key not in ("gate", "metrics", "calibration")]
    rows += [f"  {key:<22} {value}" for part in ("metrics", "calibration") for key, value in manifest[part].items()]
    emit(data, as_json, "\n".join([*rows, gate_lines(verdict) if verdict else "not examined"]))


@app.command()
def diff(one: Number, other: Number, project: ProjectFolder = HERE, as_json: Json = False) -> None:
    """Compare two routers: their examples and figures, and which held-out examples they judge differently."""
    versions = _versions(project)
    before, after = (versions.load(number) for number in (one, other))
    data = _differences(before, after)
    emit(data, as_json, "\n".join(_difference_lines(data)) or "They do not differ.")


@app.command()
def promote(router: Number, force: Force = False, project: ProjectFolder = HERE, as_json: Json = False) -> None:
    """Put a router through the gate; if it passes, serve it from the next message on. Exit code 1 if it does not."""
    quiet_libraries()
    from frontdesk.bot.app import encoder_of
    from frontdesk.bot.router.gate import examine

    loaded = Project.load(project)
    versions = _versions(project)
    verdict = examine(versions, versions.load(router), encoder_of(loaded.settings.models))
    verdict = verdict.model_copy(update={"forced": force and not verdict.passed})
    versions.record(verdict)
    if verdict.served:
        versions.promote(verdict)
    after = f"\nRouter {router} is {'served from the next message on' if verdict.served else 'not served'}."
    gate = verdict.model_dump(mode="json") | {"passed": verdict.passed}
    emit({"router": router, "served": verdict.served, "gate": gate}, as_json, gate_lines(verdict) + after)
    if not verdict.served:
        raise typer.Exit(1)


@app.command()
def rollback(project: ProjectFolder = HERE, as_json: Json = False) -> None:
    """Serve the router that was served before."""
    served = _versions(project).rollback()
    line = f"Router {served.number} is served from the next message on."
    emit({"served": served.number}, as_json, line)


def _row(versions: RouterVersions, number: int) -> dict[str, Any]:
    try:
        manifest = versions.load(number).manifest
        made = f"{manifest.created:%Y-%m-%d %H:%M}  {manifest.metrics['examples']} examples"
    except ModelError as error:
        return {
            "router": number,
            "served": number == versions.current(),
            "made": "",
            "state": f"unusable: {error.what}",
        }
    verdict = versions.verdict(number)
    state = "not examined" if verdict is None else "accepted by the gate" if verdict.passed else "refused by the gate"
    forced = ", served by force" if verdict and verdict.forced else ""
    served = number == versions.current()
    return {"router": number, "served": served, "made": made, "state": state + forced}


def _differences(one: Version, other: Version) -> dict[str, Any]:
    """What differs between two routers, with the examples added, removed, relabelled or judged otherwise."""
    before, after = ({row.text: row for row in version.examples()} for version in (one, other))
    both = [(before[text], after[text]) for text in before if text in after]
    figures = {
        key: [one.manifest.metrics.get(key), value]
        for key, value in other.manifest.metrics.items()
        if one.manifest.metrics.get(key) != value
    }
    changed = [(a, b) for a, b in both if a.intent == b.intent and a.said and b.said and a.said != b.said]
    return {
        "figures": figures,
        "added": [{"text": row.text, "intent": row.intent} for text, row in after.items() if text not in before],
        "removed": [{"text": row.text, "intent": row.intent} for text, row in before.items() if text not in after],
        "relabelled": [{"text": a.text, "from": a.intent, "to": b.intent} for a, b in both if a.intent != b.intent],
        "judged_otherwise": [{"text": a.text, "intent": a.intent, "from": a.said, "to": b.said} for a, b in changed],
    }


def _difference_lines(data: dict[str, Any]) -> list[str]:
    lines = [f"{key:<22} {before} -> {after}" for key, (before, after) in data["figures"].items()]
    for part in ("added", "removed", "relabelled", "judged_otherwise"):
        rows = data[part]
        lines += [f"{part.replace('_', ' ')}: {len(rows)}"] if rows else []
        lines += [f"  {_example(row)}" for row in rows[:SHOWN]]
        lines += [f"  and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
    return lines


def _example(row: dict[str, str]) -> str:
    if "from" not in row:
        return f"{row['text']}  ({row['intent']})"
    right = f", examples say {row['intent']}" if "intent" in row else ""
    return f"{row['text']}  ({row['from']} -> {row['to']}{right})"


def _versions(project: Path) -> RouterVersions:
    from frontdesk.bot.router.versions import RouterVersions

    return RouterVersions(Project.load(project).state / "router")
