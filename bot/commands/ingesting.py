"""A running server's ingests, in a process of their own: the interpreter that answers is not the one that reads files.

The child inherits the server's right to ingest, so that nobody else begins one, whichever of the two ends first. It
says in lines of JSON when a base is searchable, and at last what it did or what was wrong.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from frontdesk.bot.errors import FrontdeskError, KnowledgeError
from frontdesk.bot.project import Project

if TYPE_CHECKING:
    from frontdesk.knowledge.bases import KnowledgeBases


class ChildIngest:
    """Has a child process ingest, and takes up what it made as soon as that can be searched; one at a time."""

    def __init__(self, folder: Path, bases: KnowledgeBases) -> None:
        self._folder, self._bases = folder, bases
        self._busy, self._child = threading.Lock(), None  # type: threading.Lock, subprocess.Popen[str] | None

    def __call__(self, only: str | None = None) -> Mapping[str, Any]:
        """Ingest every base, or one by its name; return `told` of the reports. Blocking; raises KnowledgeError."""
        if not self._busy.acquire(blocking=False):
            raise KnowledgeError("another ingest is running.", where=str(self._folder), fix="wait for it to end.")
        try:
            return self._ingested(only)
        finally:
            self._child = None
            self._busy.release()

    @property
    def running(self) -> bool:
        """Whether a child is at work."""
        return self._child is not None

    def stop(self) -> None:
        """Break off what is under way; nothing of it has changed then."""
        if self._child:
            self._child.terminate()

    def _ingested(self, only: str | None) -> Mapping[str, Any]:
        from frontdesk.knowledge.refresh import behind, stand_back

        rights = self._bases.rights()
        job = json.dumps({"folder": str(self._folder), "only": only, "rights": rights})
        command = [sys.executable, "-m", __name__, job]
        last: dict[str, Any] = {}
        options: dict[str, Any] = {"pass_fds": tuple(rights.values()), "start_new_session": True}  # no Ctrl-C of ours
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options) as child:
            self._child = child
            stand_back(child.pid)
            for line in child.stdout or ():
                last = json.loads(line)
                if "searchable" in last:
                    behind(partial(self._bases.take_up, last["searchable"]))
        if done := last.get("done"):
            if done["embedded"]:  # the sentences, after what was searchable already
                behind(partial(self._bases.take_up, only))
            return dict(done)
        broken = {"what": f"the ingest broke off (exit code {child.returncode}).", "where": str(self._folder)}
        raise KnowledgeError(**{**broken, "fix": "see what the log says, then run it again.", **last.get("error", {})})


def main(job: str) -> None:
    """Be the child: ingest, and say how far it is."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as out:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no line of ours
        _say(out, _worked(json.loads(job), out))


def _worked(asked: Mapping[str, Any], out: IO[str]) -> Mapping[str, Any]:
    """Ingest, and return the last line: what was done, or what was wrong."""
    from frontdesk.bot.app import knowledge_of
    from frontdesk.bot.commands.output import quiet_libraries
    from frontdesk.knowledge.bases import told
    from frontdesk.knowledge.values import IngestReport

    quiet_libraries()
    try:
        project = Project.load(asked["folder"])
        bases = knowledge_of(project)
        bases.inherit(asked["rights"])
        reports: dict[str, IngestReport] = {}
        for name in [asked["only"]] if asked["only"] else bases.bases:
            reports |= bases.ingest(project.folder, partial(_step, out, name), name)
        return {"done": told(reports)}
    except FrontdeskError as error:
        return {"error": {"what": error.what, "where": error.where, "fix": error.fix}}


def _step(out: IO[str], name: str, what: str, done: int, of: int) -> None:
    from frontdesk.knowledge.index import SEARCHABLE

    if what == SEARCHABLE:
        _say(out, {"searchable": name})


def _say(out: IO[str], line: Mapping[str, Any]) -> None:
    print(json.dumps(line, default=str), file=out, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
