"""`frontdesk ingest`: documents into the knowledge base."""

from __future__ import annotations

from dataclasses import asdict

from frontdesk.bot.commands.output import HERE, Json, ProjectFolder, emit, progress, quiet_libraries
from frontdesk.bot.project import Project


def ingest(project: ProjectFolder = HERE, as_json: Json = False) -> None:
    """Read the project's documents; only what changed is read again, what is gone is removed."""
    from frontdesk.bot.app import knowledge_of

    quiet_libraries()
    loaded = Project.load(project)
    knowledge = knowledge_of(loaded)
    with progress(as_json) as step:
        report = knowledge.ingest(loaded.folder, step)
    left_out = "".join(f"\n  skipped {skipped.path}: {skipped.reason}" for skipped in report.skipped)
    emit(
        asdict(report),
        as_json,
        f"{report.added} added, {report.changed} changed, {report.unchanged} unchanged, {report.removed} removed; "
        f"{report.passages} passages in {report.seconds:.1f} s.{left_out}",
    )
