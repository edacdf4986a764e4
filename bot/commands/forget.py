"""`frontdesk forget`: what is kept no longer is deleted, by the running server where there is one."""

from __future__ import annotations

from typing import Any

from frontdesk.bot.commands.output import HERE, Json, ProjectFolder, emit, quiet_libraries
from frontdesk.bot.project import Project


def forget(project: ProjectFolder = HERE, as_json: Json = False) -> None:
    """Delete what is older than store.keep_days: conversations, deliveries, votes, attached files."""
    quiet_libraries()
    found = _forgotten(Project.load(project))
    text = f"deleted what was written before {found['before']}: {found['conversations']} conversations"
    emit(found, as_json, f"{text}, {found['files']} attached files")


def _forgotten(project: Project) -> dict[str, Any]:
    from frontdesk.bot.commands.retention import Retention
    from frontdesk.bot.commands.running import called
    from frontdesk.bot.store import Store, StoreInUse

    try:
        with Store(project.store_url) as store:
            return Retention(project, store).run()
    except StoreInUse:
        answer = called(project, "POST", "/admin/jobs", body={"job": "forget"})
        return dict(answer["result"])
