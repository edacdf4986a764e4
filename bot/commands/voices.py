"""`frontdesk voices`: what is registered, what is served, and what the gate says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from frontdesk.bot.commands import gating
from frontdesk.bot.commands.output import HERE, Json, ProjectFolder, emit, quiet_libraries
from frontdesk.bot.errors import ConfigError, ModelError
from frontdesk.bot.project import Project

if TYPE_CHECKING:
    from frontdesk.adapters.registry import Voice, VoiceRegistry

app = typer.Typer(no_args_is_help=True, help="List, show, compare, promote and roll back voices.")

VoiceId = Annotated[str, typer.Argument(help="Name and version, e.g. warm@2; the name alone is its served version.")]


@app.command("list")
def list_voices(project: ProjectFolder = HERE, as_json: Json = False) -> None:
    """List every voice and version; the served one is marked with *."""
    registry = _registry(project)
    rows = [row for name in registry.names() for row in _rows(registry, name)]
    lines = "\n".join(f"{'*' if row['served'] else ' '} {row['voice']:<12} {row['state']}" for row in rows)
    emit({"voices": rows}, as_json, lines or "No voices yet: run `frontdesk tune TRANSCRIPTS --voice NAME`.")


@app.command()
def show(voice: VoiceId, project: ProjectFolder = HERE, as_json: Json = False) -> None:
    """Show where a version comes from, its figures and what the gate said."""
    registry = _registry(project)
    chosen = _load(registry, voice)
    word = registry.acceptance(chosen.folder)
    manifest = chosen.manifest.model_dump(mode="json", exclude={"curve", "files"})
    data = {**manifest, "lineage": gating.lineage(registry, chosen), "gate": gating.as_data(word) if word else None}
    rows = [f"{key:<16} {value}" for key, value in data.items() if key not in ("gate", "metrics", "flags", "libraries")]
    rows += [f"  {key:<22} {value}" for part in ("metrics", "flags") for key, value in manifest[part].items()]
    rows.append(gating.lines(word) if word else _state(registry, chosen.folder))
    emit(data, as_json, "\n".join(rows))


@app.command()
def diff(
    one: VoiceId,
    other: VoiceId,
    messages: Annotated[int, typer.Option("--messages", "-n", min=0, max=200, help="Held-out messages to answer.")] = 6,
    project: ProjectFolder = HERE,
    as_json: Json = False,
) -> None:
    """Compare two versions: what differs in their making, and what both say to the same held-out messages."""
    quiet_libraries()
    from frontdesk.bot.app import voices_of
    from frontdesk.finetune.exam import read_exam

    voices = voices_of(Project.load(project))
    both = [_load(voices.registry, voice) for voice in (one, other)]
    differs = _differences(*both)
    asked = [(pair.intent, pair.message) for pair in read_exam(voices.registry, both[0].manifest.name).held_out]
    asked = asked[:: max(1, len(asked) // messages)][:messages] if messages else []
    replies = [voices.replies(voice, asked, seed=0) for voice in both]
    samples = [
        {"message": message, both[0].id: first, both[1].id: second}
        for (_, message), first, second in zip(asked, *replies, strict=True)
    ]
    rows = [f"{key:<28} {before} -> {after}" for key, (before, after) in differs.items()]
    rows += ["\n".join(f"{key + ':':<12} {text}" for key, text in sample.items()) + "\n" for sample in samples]
    emit({"differs": differs, "samples": samples}, as_json, "\n".join(rows) or "They do not differ.")


@app.command()
def promote(voice: VoiceId, project: ProjectFolder = HERE, as_json: Json = False) -> None:
    """Put a version through the gate; if it passes, serve it from the next reply on. Exit code 1 if it does not."""
    quiet_libraries()
    from frontdesk.bot.app import voices_of

    name, version = _named(voice)
    loaded = Project.load(project)
    voices = voices_of(loaded)
    verdict, report = gating.examined(loaded, voices, name, version, quiet=as_json)
    data = {"voice": f"{name}@{version}", **gating.as_data(verdict.word), "report": str(report) if report else None}
    after = f"\nReport: {report}" if report else ""
    if verdict.word.passed:
        voices.registry.promote(name, version, verdict.word)
        after += f"\n{name}@{version} is served from the next reply on."
    emit(data, as_json, gating.lines(verdict.word) + after)
    if not verdict.word.passed:
        raise typer.Exit(1)


@app.command()
def rollback(
    name: Annotated[str, typer.Argument(help="The voice's name.")], project: ProjectFolder = HERE, as_json: Json = False
) -> None:
    """Serve the version that was served before."""
    served = _registry(project).rollback(name)
    emit({"served": served.id}, as_json, f"{served.id} is served from the next reply on.")


def _rows(registry: VoiceRegistry, name: str) -> list[dict[str, Any]]:
    try:
        served = registry.served(name)[1]
    except ModelError:
        served = None
    return [
        {
            "voice": f"{name}@{version}",
            "served": folder == served,
            "state": _state(registry, folder),
            "folder": str(folder),
        }
        for version, folder in registry.versions(name).items()
    ]


def _state(registry: VoiceRegistry, folder: Any) -> str:
    if folder.parent.parent == registry.shipped:
        return "shipped"
    return registry.objection(folder) or "accepted by the gate"


def _differences(one: Voice, other: Voice) -> dict[str, tuple[Any, Any]]:
    """What differs between two manifests; nested tables by dotted keys."""
    before, after = _flat(one), _flat(other)
    keys = sorted(set(before) | set(after))
    return {key: (before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)}


def _flat(voice: Voice) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in voice.manifest.model_dump(mode="json", exclude={"curve", "files", "name", "version"}).items():
        flat |= {f"{key}.{inner}": v for inner, v in value.items()} if isinstance(value, dict) else {key: value}
    return flat


def _load(registry: VoiceRegistry, voice: str) -> Voice:
    name, _, version = voice.partition("@")
    return registry.load(*_named(voice)) if version else registry.load(name)


def _named(voice: str) -> tuple[str, int]:
    name, _, version = voice.partition("@")
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        raise ConfigError(f"{voice!r} names no version.", fix="write it as warm@2; see `frontdesk voices list`.")
    return name, int(version)


def _registry(project: ProjectFolder) -> VoiceRegistry:
    from frontdesk.bot.app import registry_of

    return registry_of(Project.load(project))
