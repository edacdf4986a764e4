"""The operator's pages about knowledge: how an answer came about, what nobody could answer, what was corrected."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from frontdesk.bot.errors import ChannelError, FrontdeskError, KnowledgeError
from frontdesk.channels.explain_page import Seen, explain_page
from frontdesk.channels.gaps_page import corrections_page, gaps_page
from frontdesk.channels.inbox import HEADERS, for_people
from frontdesk.channels.operator import Operator
from frontdesk.channels.oversight import Asked, Audience, Clash, Correction, Draft, Gap, Oversight
from frontdesk.channels.pages import page
from frontdesk.channels.requests import clean

QUESTION_CHARS = 2_000
DAYS = (7, 30, 90)
ReadIn = Callable[[str, str], Awaitable[str]]
"""Runs a job that reads documents in; returns why the named document was not taken up, empty when it was."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class KnowledgePages:
    """The handlers; one form, one deed, then a page that can be loaded again."""

    operator: Operator
    oversight: Oversight
    read_in: ReadIn

    async def explain(self, request: Request) -> Response:
        """GET /admin/explain?question=&brand=&audience=: the answer, how it came about, and the box to correct it."""
        session, asked = self.operator.session(request), request.query_params
        place = asked.get("conversation", ""), asked.get("message", "")
        seen = await self._seen(asked.get("brand", ""), asked.get("question", ""), asked.get("audience", ""), place)
        return page(explain_page(replace(seen, done=asked.get("done", "")), session), HEADERS)

    async def gaps(self, request: Request) -> Response:
        """GET /admin/gaps?brand=&days=: the questions nobody could answer, and the documents that disagree."""
        session = self.operator.session(request)
        brand, days = self._brand(request.query_params.get("brand", "")), _days(request.query_params.get("days", ""))
        found, conflicts = await self.oversight.gaps(brand, days), await self.oversight.conflicts(brand)
        shown = gaps_page(found, conflicts, brand=brand, brands=self.oversight.brands, days=days, session=session)
        return page(shown, HEADERS)

    async def settle(self, request: Request) -> Response:
        """POST /admin/gaps/done: take a gap, as it was shown, off the list."""
        _, fields = await self.operator.form(request)
        brand, days = self._brand(fields.get("brand", "")), _days(fields.get("days", ""))
        await self._settle(brand, days, fields)
        return _to("/admin/gaps", brand=brand, days=str(days))

    async def corrections(self, request: Request) -> Response:
        """GET /admin/corrections?brand=: every correction."""
        session, brand = self.operator.session(request), self._brand(request.query_params.get("brand", ""))
        found, trouble = [], ""
        try:
            found = list(await self.oversight.corrections(brand))
        except KnowledgeError as error:
            trouble = _told(error)
        shown = corrections_page(found, brand=brand, brands=self.oversight.brands, trouble=trouble, session=session)
        return page(shown, HEADERS)

    async def correct(self, request: Request) -> Response:
        """POST /admin/corrections: write the right answer, read it in, show what is answered now."""
        session, fields = await self.operator.form(request)
        brand, draft = self._brand(fields.get("brand", "")), _draft(fields)
        try:
            made = await self.oversight.correct(brand, draft)
        except KnowledgeError as error:
            seen = await self._seen(brand, draft.question, draft.audience)
            return page(explain_page(replace(seen, draft=draft, trouble=_told(error)), session), HEADERS, 422)
        if isinstance(made, Clash):
            version = made.now.version if made.now else ""
            seen = replace(await self._seen(brand, draft.question, draft.audience), correction=made.now, clash=True)
            return page(explain_page(replace(seen, draft=replace(draft, seen=version)), session), HEADERS, 409)
        log.info("%s corrected %s", session.name, made.document_id)
        trouble = await self.read_in(self.oversight.job(brand), made.document_id)
        if fields.get("message_id"):
            await self._settle(brand, _days(fields.get("days", "")), fields)
        if not trouble:
            where = {name: fields.get(name, "") for name in ("conversation", "message")}
            said = {"question": made.question, "audience": made.audience, "done": "corrected"}
            return _to("/admin/explain", brand=brand, **said, **where)
        seen = await self._seen(brand, made.question, made.audience)
        return page(explain_page(replace(seen, waits=f"{made.document_id}: {trouble}"), session), HEADERS)

    async def withdraw(self, request: Request) -> Response:
        """POST /admin/corrections/remove: delete a correction and take it out of the answers."""
        session, fields = await self.operator.form(request)
        brand, question = self._brand(fields.get("brand", "")), _text(fields, "question")
        clash = await self.oversight.withdraw(brand, fields.get("slug", ""), fields.get("seen", ""))
        trouble = "" if clash else await self.read_in(self.oversight.job(brand), "")
        if not clash and not trouble:
            log.info("%s withdrew the correction %s", session.name, fields.get("slug", ""))
            return _to("/admin/explain", brand=brand, question=question, audience="", done="withdrawn")
        seen = await self._seen(brand, question, "")
        return page(explain_page(replace(seen, clash=clash is not None, waits=trouble), session), HEADERS)

    async def _seen(self, brand: str, question: str, audience: str, place: tuple[str, str] = ("", "")) -> Seen:
        """Ask the question, at its place in a conversation; what is wrong with the documents is shown, not raised."""
        text = clean(question).strip()[:QUESTION_CHARS]
        seen = Seen(brand=self._brand(brand), brands=self.oversight.brands, question=text, audience=_audience(audience))
        if not text:
            return seen
        try:
            history = await self.oversight.before(*place) if all(map(str.isprintable, place)) and all(place) else ()
            found = await self.oversight.explain(seen.brand, text, seen.audience, history)
            seen = replace(seen, explained=found, place=place if history else None)
            return replace(seen, correction=await self._correction(seen))
        except FrontdeskError as error:
            return replace(seen, trouble=_told(error))

    async def _correction(self, seen: Seen) -> Correction | None:
        """Return the correction of the question, None also where there is no place for corrections."""
        try:
            return await self.oversight.correction(seen.brand, seen.question)
        except KnowledgeError:
            return None

    async def _settle(self, brand: str, days: int, fields: dict[str, str]) -> None:
        """Settle the gap that holds the named question, as far as it was asked when the page was made."""
        named = fields.get("conversation_id", ""), fields.get("message_id", "")
        until = _moment(fields.get("until", ""))
        for gap in await self.oversight.gaps(brand, days):
            if named in {_id(one) for one in gap.questions}:
                return await self.oversight.settle(_until(gap, until))
        return None

    def _brand(self, name: str) -> str:
        brands = self.oversight.brands
        if name and name not in brands:
            fix = f"the brands are {', '.join(brands)}."
            raise ChannelError("There is no such brand.", status=404, code="unknown_brand", fix=fix)
        return name or next(iter(brands))


def knowledge_routes(pages: KnowledgePages) -> APIRouter:
    """Return the pages' paths."""
    router = APIRouter()
    for path, method, handler in (
        ("/admin/explain", "GET", pages.explain),
        ("/admin/gaps", "GET", pages.gaps),
        ("/admin/gaps/done", "POST", pages.settle),
        ("/admin/corrections", "GET", pages.corrections),
        ("/admin/corrections", "POST", pages.correct),
        ("/admin/corrections/remove", "POST", pages.withdraw),
    ):
        router.add_api_route(path, for_people(handler), methods=[method], include_in_schema=False, response_model=None)
    return router


def _draft(fields: dict[str, str]) -> Draft:
    """Return what was written; a question that was reworded is another correction, which replaces none."""
    question, before = _text(fields, "question"), _text(fields, "before")
    same = question.casefold().split() == before.casefold().split()
    return Draft(
        question=question,
        answer=clean(fields.get("answer", "").replace("\r\n", "\n")).strip(),
        audience=_audience(fields.get("audience", "")),
        corrects=_text(fields, "corrects"),
        seen=fields.get("seen", "") if same else "",
    )


def _until(gap: Gap, until: datetime) -> list[tuple[str, str]]:
    return [_id(one) for one in gap.questions if one.asked_at <= until]


def _id(one: Asked) -> tuple[str, str]:
    return one.conversation_id, one.message_id


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ChannelError("The form has no time.", code="invalid_form", fix="load the page again.")
    return moment


def _text(fields: dict[str, str], name: str) -> str:
    return " ".join(clean(fields.get(name, "")).split())


def _audience(name: str) -> Audience:
    return cast(Audience, name) if name in get_args(Audience) else "customers"


def _days(text: str) -> int:
    return int(text) if text in {str(days) for days in DAYS} else 30


def _told(error: FrontdeskError) -> str:
    return f"{error.what} {error.fix}".strip().capitalize() if error.fix else error.what.capitalize()


def _to(path: str, **query: str) -> Response:
    return RedirectResponse(f"{path}?{urlencode({key: value for key, value in query.items() if value})}", 303)
