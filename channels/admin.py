"""The admin page: is the bot well, which versions serve, and the jobs that must run where the index is held."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from frontdesk.bot.errors import ChannelError, FrontdeskError
from frontdesk.bot.people import Agent
from frontdesk.channels.admin_frame import framed
from frontdesk.channels.inbox import HEADERS, for_people
from frontdesk.channels.inbox_pages import csrf
from frontdesk.channels.knowledge_pages import KnowledgePages, knowledge_routes
from frontdesk.channels.operator import FORM_BYTES, Operator, Session
from frontdesk.channels.oversight import Oversight
from frontdesk.channels.pages import Html, el, page
from frontdesk.channels.problems import parse, read_body
from frontdesk.channels.review_pages import ReviewPages, review_routes
from frontdesk.channels.reviewing import Review

WAIT_SECONDS = 60
"""How long a correction waits for another job before it is said to be read in later."""
log = logging.getLogger(__name__)
Report = Mapping[str, Any]
Ask = Callable[[], Awaitable[Report]]


class JobBody(BaseModel):
    """The body of POST /admin/jobs."""

    model_config = ConfigDict(extra="forbid")
    job: str = Field(max_length=60)


@dataclass(frozen=True, kw_only=True)
class Admin:
    """The handlers of /admin; one job runs at a time."""

    operator: Operator
    health: Ask
    jobs: Mapping[str, Ask]
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def show(self, request: Request) -> Response:
        """GET /admin: health and jobs."""
        session = self.operator.admin(request)
        return page(_page(await self.health(), sorted(self.jobs), session), HEADERS)

    async def run(self, request: Request) -> Response:
        """POST /admin/jobs: run one job to its end; JSON `{"job"}` with a bearer token, or the page's form."""
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            session, fields = await self.operator.admin_form(request)
            result = await self.work(fields.get("job", ""))
            return page(_page(await self.health(), sorted(self.jobs), session, result), HEADERS)
        if self.operator.admin(request).csrf:
            fix = "send JSON with the operator token as a bearer token."
            raise ChannelError("A cookie is not enough here.", status=403, code="bearer_only", fix=fix)
        body = parse(JobBody, await read_body(request, FORM_BYTES))
        return JSONResponse({"job": body.job, "result": dict(await self.work(body.job))})

    async def work(self, name: str) -> Report:
        """Run a job to its end and return its report; ChannelError 404 or 409 when there is none, or another runs."""
        if name not in self.jobs:
            fix = f"the jobs are {', '.join(sorted(self.jobs)) or 'none'}."
            raise ChannelError("There is no such job.", status=404, code="unknown_job", fix=fix)
        if self.lock.locked():
            raise ChannelError("Another job is running.", status=409, code="busy", fix="wait for it to end.")
        async with self.lock:
            return await self.jobs[name]()

    async def read_in(self, job: str, document_id: str) -> str:
        """Run an ingest as soon as no other job runs; return why the document was not taken up, empty when it was."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self.lock.acquire()
        except TimeoutError:
            return "another job is running; read the documents in once it has ended."
        try:
            report = await self.jobs[job]()
        except FrontdeskError as error:
            log.error("a correction was not read in: %s", error)
            return f"{error.what} {error.fix}".strip()
        finally:
            self.lock.release()
        return next((reason for path, reason in _skipped(report) if path == document_id), "")


def admin_router(
    *,
    operator_token: str | None,
    agents: Mapping[str, Agent] | None = None,
    health: Ask,
    jobs: Mapping[str, Ask],
    oversight: Oversight,
    review: Review,
) -> APIRouter:
    """Return /admin, its pages about knowledge and review, and POST /admin/jobs, closed while `operator_token` is None.

    Agents who are no admins come in to the pages about knowledge only.

    `health` returns what to show, as nested mappings; each job runs to its end and returns its report.
    """
    operator = Operator(operator_token, agents)
    admin = Admin(operator=operator, health=health, jobs=jobs)
    router = knowledge_routes(KnowledgePages(operator=operator, oversight=oversight, read_in=admin.read_in))
    router.include_router(review_routes(ReviewPages(operator=operator, review=review, run=admin.work)))
    for path, method, handler in (("/admin", "GET", admin.show), ("/admin/jobs", "POST", admin.run)):
        router.add_api_route(path, for_people(handler), methods=[method], include_in_schema=False, response_model=None)
    return router


def _page(health: Report, jobs: list[str], session: Session, result: Report | None = None) -> str:
    forms = [
        el(
            "form",
            csrf(session),
            el("input", type="hidden", name="job", value=job),
            el("button", f"Run {job}"),
            method="post",
            action="/admin/jobs",
        )
        for job in jobs
    ]
    done = el("pre", json.dumps(result, indent=2, default=str), tabindex="0") if result is not None else None
    work = el("section", el("h2", "Jobs"), forms or el("p", "None.", class_="hint"), done, class_="card")
    state = el("section", el("h2", "Health"), el("table", el("tbody", _rows(health))), class_="card")
    return framed("Admin", "/admin", [state, work], session)


def _skipped(report: object) -> Iterator[tuple[str, str]]:
    """Yield (path, reason) of every source that a report, however nested, names as left out."""
    if isinstance(report, Mapping):
        if "path" in report and "reason" in report:
            yield str(report["path"]), str(report["reason"])
        for value in report.values():
            yield from _skipped(value)
    elif isinstance(report, list | tuple):
        for value in report:
            yield from _skipped(value)


def _rows(report: Report, above: str = "") -> list[Html]:
    rows: list[Html] = []
    for key, value in report.items():
        name = f"{above}{key}"
        if isinstance(value, Mapping):
            rows += _rows(value, f"{name} · ")
        else:
            rows.append(el("tr", el("th", name, scope="row"), el("td", str(value))))
    return rows
