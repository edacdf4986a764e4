"""Being an action server: a Rasa assistant calls this project's actions, over rasa-sdk's wire.

What rasa-sdk's own server lacks: a token, no CORS, caps on the compressed and on the inflated size, and no request in
an error. Who has the token may act for any customer: it is for the assistant's server, never for a browser.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import zlib
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from frontdesk.bot.errors import ChannelError, ModelError
from frontdesk.channels.problems import read_body
from frontdesk.channels.requests import SafeRoute, read_object

INFLATED_BYTES = 10_485_760
"""The most that a compressed call may come to."""
SECONDS = 30.0
"""The longest that an action may take."""
THREADS = 16
"""How many actions run at once; one that hangs keeps its thread, and nobody else's."""
DOMAINS = 16
"""How many assistants' domains are remembered by their digest."""

ActionRoutes = APIRouter
"""What is mounted; named here, so that the wiring need not know the web framework."""

log = logging.getLogger(__name__)
Found = TypeVar("Found")


class Refused(Exception):
    """An action rejects to run (rasa-sdk's ActionExecutionRejection)."""


class Executor(Protocol):
    """What runs the actions."""

    @property
    def names(self) -> Collection[str]:
        """The names of the actions; may block, and raise ModelError."""
        ...

    def run(self, call: Mapping[str, Any]) -> Mapping[str, Any]:
        """Run an action; blocks. Raises Refused, or ModelError when it fails."""
        ...


def action_router(executor: Executor, *, token: str | None, body_bytes: int) -> APIRouter:
    """Return `POST /webhook`, `GET /actions` and `GET /health`; without a token anybody who reaches them may call."""
    router = APIRouter(route_class=SafeRoute)
    domains: OrderedDict[str, Any] = OrderedDict()
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="frontdesk-served-action")

    async def names() -> Collection[str]:
        try:
            return await _beside(pool, lambda: executor.names)
        except TimeoutError:
            raise ModelError("the actions are not listed in time.", fix="see the action server.") from None

    @router.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/actions")
    async def actions(request: Request) -> list[dict[str, str]]:
        _let_in(request, token)
        return [{"name": name} for name in sorted(await names())]

    @router.post("/webhook")
    async def webhook(request: Request) -> Response:
        _let_in(request, token)
        call = read_object(_inflated(await read_body(request, body_bytes), request))
        name = str(call.get("next_action") or "")
        if name not in await names():
            return _problem(404, f"No registered action found for name '{name[:200]}'.", name)
        digest = str(call.get("domain_digest") or "")
        if call.get("domain") is None:
            call["domain"] = domains.get(digest)
        if call["domain"] is None:
            return _problem(449, "Missing domain context: send the request again with the domain.", name)
        _remember(domains, digest, call["domain"])
        return await _ran(executor, pool, call, name)

    return router


def alone(routes: ActionRoutes) -> FastAPI:
    """Return a server of nothing but these routes."""
    server = FastAPI(title="frontdesk actions", docs_url=None, redoc_url=None, openapi_url=None)
    server.include_router(routes)
    return server


async def _beside(pool: ThreadPoolExecutor, work: Callable[[], Found]) -> Found:
    """Do what blocks in a thread of the pool; raises TimeoutError, or ChannelError 503 when no thread came free."""
    job = pool.submit(work)
    try:
        return await asyncio.wait_for(asyncio.wrap_future(job), SECONDS)
    except TimeoutError:
        if job.cancel():
            raise ChannelError("Every action is busy.", status=503, code="busy", fix="send it again later.") from None
        raise


async def _ran(executor: Executor, pool: ThreadPoolExecutor, call: Mapping[str, Any], name: str) -> Response:
    """Run the action in a thread; what goes wrong in it is named by its kind alone."""
    try:
        _check(call)
        return JSONResponse(await _beside(pool, lambda: executor.run(call)))
    except Refused:
        return _problem(400, f"Custom action '{name}' rejected execution.", name)
    except TimeoutError:
        return _problem(500, "The action took too long.", name)
    except (ModelError, TypeError, ValueError) as error:
        log.error("action %s failed: %s", name, type(error).__name__)
        return _problem(500, "The action failed; its server's log says why.", name)


def _check(call: Mapping[str, Any]) -> None:
    tracker = call.get("tracker")
    if not isinstance(tracker, Mapping) or not isinstance(tracker.get("slots", {}), Mapping):
        raise ChannelError("tracker is no object with slots.", code="bad_tracker", fix="send Rasa's action call.")
    if not isinstance(call["domain"], Mapping) or "sender_id" not in tracker:
        raise ChannelError("domain or sender_id is missing.", code="bad_tracker", fix="send Rasa's action call.")


def _let_in(request: Request, token: str | None) -> None:
    if token is None:
        return
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    given = request.query_params.get("token") or bearer
    if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), token.encode()):
        raise ChannelError("The token is wrong.", status=401, code="unauthorized", fix="send ?token=.")


def _inflated(body: bytes, request: Request) -> bytes:
    """Return the body as it was before compression; raises ChannelError 413 at the cap, before it is all unpacked."""
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding == "identity":
        return body
    if encoding != "deflate":
        raise ChannelError("This encoding is not read.", status=415, code="bad_encoding", fix="send deflate, or none.")
    unpacking = zlib.decompressobj()
    try:
        plain = unpacking.decompress(body, INFLATED_BYTES)
    except zlib.error:
        raise ChannelError("The body is not deflated.", code="bad_encoding", fix="compress with zlib.") from None
    if unpacking.unconsumed_tail or not unpacking.eof:
        status = 413 if unpacking.unconsumed_tail else 400
        raise ChannelError("The body is too large, or cut off.", status=status, code="too_large", fix="send less.")
    return plain


def _remember(domains: OrderedDict[str, Any], digest: str, domain: Any) -> None:
    if digest:
        domains[digest] = domain
        domains.move_to_end(digest)
        while len(domains) > DOMAINS:
            domains.popitem(last=False)


def _problem(status: int, error: str, name: str) -> Response:
    return JSONResponse({"error": error, "action_name": name[:200]}, status)
