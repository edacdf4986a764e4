"""The server that runs on a project: it says where it listens, and command lines hand their jobs to it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from frontdesk.bot.errors import ChannelError, KnowledgeError, StoreError
from frontdesk.bot.project import Project

START_SECONDS = 60.0
"""How long a server may take from keeping the knowledge base to answering."""


def reached_at(host: str, port: int) -> str:
    """Return the address at which this machine reaches a server that listens on `host`."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}"


@contextmanager
def announced(project: Project, url: str) -> Iterator[None]:
    """Say in `.frontdesk/server.json` where the server of this project is, while the block lasts."""
    path = _file(project)
    path.write_text(json.dumps({"pid": os.getpid(), "url": url}))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def hand_over(project: Project, job: str, still: Callable[[], bool]) -> dict[str, Any] | None:
    """Have the running server do a job, and return its report once it is done.

    None when no other process has the knowledge base, or none has it any more: `still` tells. Raises KnowledgeError
    when the process that has it is no server, and what the server says where it cannot do the job.
    """
    deadline = time.monotonic() + START_SECONDS
    while still():
        if answer := _asked(project, job):
            return answer
        if time.monotonic() > deadline or not _file(project).exists():
            what = "another ingest is running."
            raise KnowledgeError(what, where=str(project.state), fix="wait for it to end.")
        time.sleep(0.5)
    return None


def called(
    project: Project,
    method: str,
    path: str,
    *,
    query: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what the running server answers in JSON; raises StoreError when none is reached."""
    found = _sent(project, method, path, query, body)
    if found is None:
        fix = "stop whatever has the conversations open, or start `frontdesk serve`."
        raise StoreError("no server of this project is reached.", where=str(project.state), fix=fix)
    return found[1]


def _asked(project: Project, job: str) -> dict[str, Any] | None:
    """Return the report of a job that the server did; None when none is reached."""
    found = _sent(project, "POST", "/admin/jobs", None, {"job": job})
    return None if found is None else {**found[1]["result"], "by": found[0]}


def _sent(
    project: Project, method: str, path: str, query: Mapping[str, str] | None, body: Mapping[str, Any] | None
) -> tuple[str, dict[str, Any]] | None:
    """Return the server's address and what it answers; None when none is reached, ChannelError when it refuses."""
    import httpx

    from frontdesk.bot.app import operator_token

    try:
        url = str(json.loads(_file(project).read_text())["url"])
        headers = {"Authorization": f"Bearer {operator_token(project)}", "Accept": "application/json"}
        with httpx.Client(trust_env=False, timeout=httpx.Timeout(None, connect=5)) as client:
            answer = client.request(method, f"{url}{path}", params=query, json=body, headers=headers)
            found = answer.json()
    except (OSError, ValueError, KeyError, httpx.ConnectError, httpx.ConnectTimeout):
        return None
    except httpx.HTTPError as error:
        what = f"the server broke off: {error}."
        raise KnowledgeError(what, where=url, fix="look at its log, then run it again.") from error
    if answer.status_code != 200:
        said = found.get("error", {})
        raise ChannelError(str(said.get("message")), where=url, fix=str(said.get("hint")), status=answer.status_code)
    return url, found


def _file(project: Project) -> Path:
    return project.state / "server.json"
