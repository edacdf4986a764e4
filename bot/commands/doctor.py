"""`frontdesk doctor`: whether everything a project needs is there, and what to run where it is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer

from frontdesk.bot.commands.output import HERE, Json, ProjectFolder, emit, quiet_libraries
from frontdesk.bot.errors import FrontdeskError
from frontdesk.bot.project import Project


def doctor(project: ProjectFolder = HERE, as_json: Json = False) -> None:
    """Check settings, models, router, knowledge, voices, actions and store; exit code 1 when something is wrong."""
    quiet_libraries()
    loaded: list[Project] = []
    checks: dict[str, Callable[[], str]] = {"settings": lambda: _settings(loaded, project)}
    results = {"settings": _tried(checks["settings"])}
    if loaded:
        for name, check in _checks(loaded[0]).items():
            results[name] = _tried(check)
    lines = "\n".join(f"{'ok  ' if r['ok'] else 'FAIL'} {name:<10} {r['says']}" for name, r in results.items())
    emit(results, as_json, lines)
    if not all(result["ok"] for result in results.values()):
        raise typer.Exit(1)


def _tried(check: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"ok": True, "says": check()}
    except FrontdeskError as error:
        return {"ok": False, "says": str(error)}


def _settings(loaded: list[Project], folder: Any) -> str:
    loaded.append(Project.load(folder))
    brands = loaded[0].settings.brands
    return f"{len(brands)} brand(s): {', '.join(brands)}"


def _checks(project: Project) -> dict[str, Callable[[], str]]:
    return {
        "encoder": lambda: _encoder(project),
        "router": lambda: _router(project),
        "knowledge": lambda: _knowledge(project),
        "voices": lambda: _voices(project),
        "actions": lambda: _actions(project),
        "store": lambda: _store(project),
    }


def _encoder(project: Project) -> str:
    from frontdesk.bot.app import encoder_of

    encoder = encoder_of(project.settings.models)
    encoder.encode(["hello"])
    return encoder.fingerprint


def _router(project: Project) -> str:
    from frontdesk.bot.app import encoder_of
    from frontdesk.bot.router.route import load_router

    for brand in project.settings.brands.values():
        load_router(project.state / "router", encoder_of(project.settings.models), brand.routes, brand.titles)
    return "trained"


def _knowledge(project: Project) -> str:
    from frontdesk.bot.app import knowledge_of

    bases = knowledge_of(project)
    bases.load()
    found = ", ".join(f"{name}: {base.passages} passages" for name, base in bases.bases.items())
    bases.close()
    return found


def _voices(project: Project) -> str:
    from frontdesk.bot.app import voices_of

    voices = voices_of(project)
    return ", ".join(voices.warm_up(brand.voice) for brand in project.settings.brands.values())


def _actions(project: Project) -> str:
    from frontdesk.bot.commands.acting import actions_of, check_actions

    if not any(brand.actions for brand in project.settings.brands.values()):
        return "none"
    actions = actions_of(project)
    check_actions(actions, project.settings.brands)
    return ", ".join(sorted(actions.names))


def _store(project: Project) -> str:
    from frontdesk.bot.store import Store, StoreInUse

    try:
        with Store(project.store_url) as store:
            return ", ".join(f"{count} {name}" for name, count in store.counts().items())
    except StoreInUse:
        return "in use by a running server"
