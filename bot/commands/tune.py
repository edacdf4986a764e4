"""`frontdesk tune`: a voice from support transcripts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from frontdesk.bot.commands.output import HERE, Json, ProjectFolder, emit, progress, quiet_libraries
from frontdesk.bot.config import Brand, Project


def tune(
    name: Annotated[str, typer.Argument(help="The voice's name, e.g. warm.")],
    transcripts: Annotated[
        list[Path] | None, typer.Option("--transcripts", "-t", help="JSONL files or folders; default transcripts/.")
    ] = None,
    brand: Annotated[str | None, typer.Option(help="The brand whose placeholders and routes apply.")] = None,
    epochs: Annotated[int, typer.Option(min=1, max=100)] = 3,
    rank: Annotated[int, typer.Option(min=1, max=256, help="Rank of the LoRA matrices.")] = 16,
    seed: int = 0,
    project: ProjectFolder = HERE,
    as_json: Json = False,
) -> None:
    """Train a voice on transcripts and register it as the next version; the first version is served at once."""
    from frontdesk.bot.app import objection_of, voices_of
    from frontdesk.finetune.dataset import build_dataset
    from frontdesk.finetune.transcripts import pairs, read_transcripts
    from frontdesk.finetune.tune import Recipe
    from frontdesk.finetune.tune import tune as train_voice

    quiet_libraries()
    loaded = Project.load(project)
    chosen: Brand = loaded.settings.brand(brand)
    reading = read_transcripts(transcripts or [loaded.folder / "transcripts"])
    data = build_dataset(pairs(reading.transcripts), objection=objection_of(chosen), seed=seed)
    registry = voices_of(loaded).registry
    served = name in registry.names()
    with progress(as_json) as step:
        recipe = Recipe(epochs=epochs, rank=rank, seed=seed)
        voice = train_voice(name, data, registry, base=loaded.settings.models.base, recipe=recipe, progress=step)
    if not served:
        registry.promote(name, voice.manifest.version)
    skipped = "".join(f"\n  skipped {where}: {why}" for where, why in reading.skipped[:20])
    dropped = ", ".join(f"{count} {why}" for why, count in sorted(data.dropped.items())) or "none"
    after = "It is served now." if not served else f"Serve it with `frontdesk voices promote {voice.id}`."
    emit(
        {
            "voice": voice.id,
            "served": not served,
            "pairs": len(data.train),
            "dropped": data.dropped,
            "skipped": reading.skipped,
            "metrics": voice.manifest.metrics,
        },
        as_json,
        f"{voice.id}: trained on {len(data.train)} pairs ({dropped} dropped), held-out loss "
        f"{voice.manifest.metrics['held_out_loss_before']} -> {voice.manifest.metrics['held_out_loss']} "
        f"in {voice.manifest.metrics['seconds']} s. {after}{skipped}",
    )
