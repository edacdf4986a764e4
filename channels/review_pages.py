"""The review queue over HTTP: a page for people, and JSON for `frontdesk review` beside a running server."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import BaseModel, ConfigDict, Field

from frontdesk.bot.errors import ChannelError, ConfigError, FrontdeskError
from frontdesk.channels.inbox import HEADERS, for_people
from frontdesk.channels.operator import FORM_BYTES, Operator
from frontdesk.channels.pages import page
from frontdesk.channels.problems import parse, read_body
from frontdesk.channels.requests import clean
from frontdesk.channels.review_page import NEW, TEXT_CHARS, TOGETHER, Shown, review_page
from frontdesk.channels.reviewing import Review

DAYS = (7, 30, 90)
KEY_CHARS = 64
log = logging.getLogger(__name__)


class Row(BaseModel):
    """One decided message."""

    model_config = ConfigDict(extra="forbid")
    key: str = Field(min_length=KEY_CHARS, max_length=KEY_CHARS, pattern="^[0-9a-f]+$")
    text: str = Field(default="", max_length=TEXT_CHARS)


class DecisionBody(BaseModel):
    """The body of POST /admin/review in JSON; no intent dismisses the rows."""

    model_config = ConfigDict(extra="forbid")
    intent: str = Field(default="", max_length=64)
    rows: list[Row] = Field(min_length=1, max_length=500)


@dataclass(frozen=True, kw_only=True)
class ReviewPages:
    """The handlers; `run` runs a job of the admin page by name, one at a time."""

    operator: Operator
    review: Review
    run: Callable[[str], Awaitable[Mapping[str, Any]]]

    async def show(self, request: Request) -> Response:
        """GET /admin/review?brand=&days=: the queue, as JSON where that is asked for."""
        session, asked = self.operator.admin(request), request.query_params
        brand, days = self._brand(asked.get("brand", "")), _days(asked.get("days", ""))
        if request.headers.get("accept", "") == "application/json":
            queue = await asyncio.to_thread(self.review.queue, brand, days)
            return JSONResponse({"groups": jsonable_encoder(queue)})
        done = asked.get("done", "")
        shown = await self._shown(brand, days)
        return page(review_page(replace(shown, done=done if done.isdecimal() else ""), session), HEADERS)

    async def decide(self, request: Request) -> Response:
        """POST /admin/review: make examples of messages, or dismiss them."""
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return await self._form(request)
        if self.operator.admin(request).csrf:
            fix = "send JSON with the operator token as a bearer token."
            raise ChannelError("A cookie is not enough here.", status=403, code="bearer_only", fix=fix)
        body = parse(DecisionBody, await read_body(request, FORM_BYTES))
        try:
            count = await asyncio.to_thread(self.review.decide, body.intent, [(row.key, row.text) for row in body.rows])
        except ConfigError as error:
            raise ChannelError(error.what, status=409, code="not_written", fix=error.fix) from error
        return JSONResponse({"decided": count})

    async def _form(self, request: Request) -> Response:
        session, fields = await self.operator.admin_form(request)
        brand, days = self._brand(fields.get("brand", "")), _days(fields.get("days", ""))
        dismissed = fields.get("decision") == "dismiss"
        named = clean(fields.get("name" if fields.get("intent") == NEW else "intent", "")).strip()
        try:
            if not dismissed and not named:
                raise ConfigError("the new intent has no name.", fix="name it, or choose one that is there.")
            count = await asyncio.to_thread(self.review.decide, "" if dismissed else named, _picked(fields))
        except ConfigError as error:
            shown = replace(await self._shown(brand, days), trouble=_told(error))
            return page(review_page(shown, session), HEADERS, 422)
        log.info("%s reviewed %d messages", session.name, count)
        return _to(brand=brand, days=str(days), done=str(count))

    async def train(self, request: Request) -> Response:
        """POST /admin/review/train: train a router on the examples, and show what the gate said of it."""
        session, fields = await self.operator.admin_form(request)
        brand, days = self._brand(fields.get("brand", "")), _days(fields.get("days", ""))
        try:
            trained = await self.run("train")
        except FrontdeskError as error:
            shown = replace(await self._shown(brand, days), trouble=_told(error))
            return page(review_page(shown, session), HEADERS, 409)
        shown = replace(await self._shown(brand, days), trained=trained)
        return page(review_page(shown, session), HEADERS)

    async def _shown(self, brand: str, days: int) -> Shown:
        queue = await asyncio.to_thread(self.review.queue, brand, days)
        examples = await asyncio.to_thread(self.review.examples)
        return Shown(queue=queue, examples=examples, brand=brand, brands=self.review.brands, days=days)

    def _brand(self, name: str) -> str:
        brands = self.review.brands
        if name and name not in brands:
            fix = f"the brands are {', '.join(brands)}."
            raise ChannelError("There is no such brand.", status=404, code="unknown_brand", fix=fix)
        return name or next(iter(brands))


def review_routes(pages: ReviewPages) -> APIRouter:
    """Return the paths of the review queue."""
    router = APIRouter()
    for path, method, handler in (
        ("/admin/review", "GET", pages.show),
        ("/admin/review", "POST", pages.decide),
        ("/admin/review/train", "POST", pages.train),
    ):
        router.add_api_route(path, for_people(handler), methods=[method], include_in_schema=False, response_model=None)
    return router


def _picked(fields: Mapping[str, str]) -> Sequence[tuple[str, str]]:
    """Return the ticked messages with their texts as they were mended; ConfigError when none is ticked."""
    ticked = [at for at in range(TOGETHER) if f"pick-{at}" in fields]
    if not ticked:
        raise ConfigError("no message is ticked.", fix="tick the messages that are meant.")
    rows = [{"key": fields[f"pick-{at}"], "text": clean(fields.get(f"text-{at}", ""))} for at in ticked]
    body = parse(DecisionBody, json.dumps({"rows": rows}).encode())
    return [(row.key, row.text) for row in body.rows]


def _days(text: str) -> int:
    return int(text) if text in {str(days) for days in DAYS} else 30


def _told(error: FrontdeskError) -> str:
    return f"{error.what[:1].upper()}{error.what[1:]} {error.fix[:1].upper()}{error.fix[1:]}".strip()


def _to(**query: str) -> Response:
    return RedirectResponse(f"/admin/review?{urlencode({key: value for key, value in query.items() if value})}", 303)
