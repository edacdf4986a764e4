"""The path of a message: route, answer, check, send. It has no branch on channel or vendor."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

from frontdesk.bot.config import Brand
from frontdesk.bot.dialogue.asking import asked, led_to
from frontdesk.bot.dialogue.cases import with_cases
from frontdesk.bot.dialogue.clarify import person_button
from frontdesk.bot.dialogue.continuing import answers, continued
from frontdesk.bot.dialogue.languages import locale_of
from frontdesk.bot.dialogue.undo import taken_back
from frontdesk.bot.errors import StoreError
from frontdesk.bot.guards import Check, Context, checked
from frontdesk.bot.guards.masking import heard
from frontdesk.bot.guards.safety import Watch
from frontdesk.bot.handoff import fresh, handing, held, reachable, triggered
from frontdesk.bot.helped import pressed, question
from frontdesk.bot.router.doubt import asked_first
from frontdesk.bot.text import joined
from frontdesk.bot.types import (
    Answerer,
    Citation,
    Conversation,
    Effect,
    Kind,
    Message,
    Reply,
    Route,
    Sentence,
    State,
)
from frontdesk.bot.usage import ModelCall, collect

log = logging.getLogger(__name__)

PHRASES = Watch()
"""Tells by phrases alone what needs a person at once."""
Send = Callable[[Sentence], Awaitable[Sentence]]
"""Commits a sentence and returns it as it was sent: after a crash, the one that was committed before."""


class Router(Protocol):
    """Decides where a message goes."""

    def route(self, message: Message, conversation: Conversation) -> tuple[Route, ...]:
        """Return one route per thing the customer asks; never empty, never raises on any text."""
        ...


@dataclass(kw_only=True)
class Draft:
    """A reply in the making, and the trace of how it came about."""

    routes: tuple[Route, ...] = ()
    sentences: list[Sentence] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    calls: list[ModelCall] = field(default_factory=list)
    closing: Sentence | None = None
    """What moves the conversation to somebody: said once, and last."""
    started: float = field(default_factory=time.perf_counter)

    def reply(self) -> Reply:
        """Assemble the reply from the sentences that passed."""
        effects = [sentence.effect for sentence in self.sentences]
        return Reply(
            text=joined([_with_notes(sentence) for sentence in self.sentences]),
            routes=self.routes,
            sentences=tuple(self.sentences),
            citations=_distinct(citation for sentence in self.sentences for citation in sentence.citations),
            buttons=tuple(button for effect in effects for button in effect.buttons),
            actions=tuple(effect.action for effect in effects if effect.action),
            voice=next((effect.voice for effect in effects if effect.voice), None),
            trace=self._trace(),
        )

    def _trace(self) -> dict[str, Any]:
        calls = {"models": [asdict(call) for call in self.calls]} if self.calls else {}
        return {"notes": self.notes, "ms": round((time.perf_counter() - self.started) * 1000, 1), **calls}


class Engine:
    """Routes, answers and checks one message at a time; knows nothing of storage."""

    def __init__(
        self,
        *,
        brands: Mapping[str, Brand],
        routers: Mapping[str, Router],
        answerers: Mapping[Kind, Answerer],
        checks: Sequence[Check],
        watch: Watch = PHRASES,
    ) -> None:
        self.brands, self.routers, self.answerers, self.checks = brands, routers, answerers, checks
        self.watch = watch

    async def respond(self, message: Message, conversation: Conversation, send: Send) -> Reply:
        """Answer one message: every sentence that passes the checks is sent, then the reply is returned.

        A failure inside the path ends in an apology and a person; one of `send` is the caller's.
        """
        heard(message, conversation)
        draft, conversation, send = Draft(), fresh(conversation), self._reaching(message, send)
        collect(draft.calls)
        try:
            if unread := self._unread(message, conversation):
                draft.sentences.append(await send(unread))
                draft.routes = (_UNREAD,) if _wordless(message) else ()
            for route in await asyncio.to_thread(self._routes, message, conversation):
                async for sentence in self._answered(message, conversation, route, draft):
                    draft.sentences.append(await send(sentence))
            if draft.closing:
                draft.sentences.append(await send(draft.closing))
            elif asking := question(conversation, self.brands[message.brand], draft.routes, draft.sentences):
                draft.sentences.append(await send(asking))
        except StoreError:
            raise
        except Exception as error:
            log.exception("answering failed; handing off")
            draft.notes.append(f"failed: {type(error).__name__}")
            draft.routes = (*draft.routes, failed(error))
            draft.sentences.append(await send(self._apology(message)))
        return draft.reply()

    async def suggest(self, message: Message, conversation: Conversation) -> Reply | None:
        """Return what voice and knowledge would answer, checked as ever, for a person to send; None for nothing.

        Nothing is sent, remembered or moved, and no action runs.
        """
        draft = Draft()
        collect(draft.calls)
        brand, found = self.brands[message.brand], self.routers[message.brand].route
        routes = [documents_first(one, brand) for one in await asyncio.to_thread(found, message, conversation)]
        for route in [one for one in routes if one.kind in ("voice", "knowledge")]:
            draft.routes = (*draft.routes, replace(route, otherwise=None))
            async for sentence in self._passed(message, conversation, route, draft):
                if sentence:
                    draft.sentences.append(replace(sentence, effect=Effect(voice=sentence.effect.voice)))
        return draft.reply() if draft.sentences else None

    def _routes(self, message: Message, conversation: Conversation) -> tuple[Route, ...]:
        """Return what is pressing or settled (a person's conversation), else what the router says; of no words nothing.

        What answers an open account task goes to it, unless a phrase in it is pressing without doubt; after anything
        else that task's question is repeated.
        """
        brand = self.brands[message.brand]
        watch = PHRASES if answers(message, conversation, brand) else self.watch
        pressing = watch.route(message, conversation, brand)
        kept = pressing or held(message, conversation, brand) or pressed(message, conversation, brand)
        kept = kept or taken_back(message, conversation, brand)
        if kept:
            return (kept,)
        if _wordless(message):
            return ()
        found = self.routers[message.brand].route(message, conversation)
        routes = continued(message, conversation, brand, found)
        decided = with_cases(triggered(routes, brand), message, conversation, brand)
        return tuple(documents_first(route, brand) for route in decided)

    async def _answered(
        self, message: Message, conversation: Conversation, route: Route, draft: Draft
    ) -> AsyncIterator[Sentence]:
        """Yield what the route has to say; else what the one behind it has, or an abstention, never silence."""
        draft.routes = (*draft.routes, replace(route, otherwise=None))
        said, dropped = False, False
        async for sentence in self._passed(message, conversation, route, draft):
            dropped, said = dropped or sentence is None, said or sentence is not None
            if sentence and sentence.effect.state:
                draft.closing = draft.closing or sentence
            elif sentence and all(sentence.text != earlier.text for earlier in draft.sentences):
                yield sentence
        if not said and route.otherwise:
            draft.routes = draft.routes[:-1]
            async for sentence in self._answered(message, conversation, route.otherwise, draft):
                yield sentence
        elif (dropped and route.kind == "account") or (not said and (dropped or route.kind != "handoff")):
            draft.notes.append("nothing to say: abstained")  # half an account answer is a wrong one
            yield self._abstention(message)

    async def _passed(
        self, message: Message, conversation: Conversation, route: Route, draft: Draft
    ) -> AsyncIterator[Sentence | None]:
        """Yield every sentence that passes the checks, citations numbered on; None for one that does not."""
        brand = self.brands[message.brand]
        wanted = replace(asked(message, conversation, route, brand), locale=locale_of(message, brand))
        context = Context(message=wanted, conversation=conversation, route=route, brand=brand)
        cited = max((citation.number for sentence in draft.sentences for citation in sentence.citations), default=0)
        about = led_to(message, conversation, draft.reply()) if route.kind == "knowledge" else conversation
        async for sentence in self.answerers[route.kind].answer(context.message, about, route):
            verdict = checked(self.checks, sentence, context)
            if verdict.reason:
                draft.notes.append(verdict.reason)
            yield None if verdict.action == "reroute" else _numbered(verdict.sentence, cited)

    def _reaching(self, message: Message, send: Send) -> Send:
        """Return `send` for a brand that may have no people: what offers them is not said."""
        brand = self.brands[message.brand]

        async def reaching(sentence: Sentence) -> Sentence:
            return await send(reachable(sentence, brand))

        return reaching

    def _unread(self, message: Message, conversation: Conversation) -> Sentence | None:
        """What is said of a file that came with a message: nobody here can open it. A person may ask for it."""
        if not message.metadata.get("file") or conversation.state != "bot":
            return None
        brand = self.brands[message.brand]
        buttons = (person_button(brand),) if _wordless(message) else ()
        return Sentence(text=brand.messages.files, effect=Effect(buttons=buttons))

    def _abstention(self, message: Message) -> Sentence:
        brand = self.brands[message.brand]
        return Sentence(text=brand.messages.abstain, effect=Effect(buttons=(person_button(brand),)))

    def sorry(self, message: Message, error: Exception) -> Reply:
        """Return the apology that ends a turn nothing else could end; a person takes over."""
        draft = Draft(routes=(failed(error),), notes=[f"failed: {type(error).__name__}"])
        draft.sentences.append(reachable(self._apology(message), self.brands[message.brand]))
        return draft.reply()

    def _apology(self, message: Message) -> Sentence:
        brand = self.brands[message.brand]
        return Sentence(text=handing(brand.messages.apology, brand), effect=Effect(state="waiting"))


_UNREAD = Route(kind="clarify", intent="", confidence=1.0, reason="a file that came without words")


def _wordless(message: Message) -> bool:
    """Whether a file is all that came: its channel then writes its kind in brackets."""
    return bool(message.metadata.get("file")) and message.text == f"[{message.metadata['file']}]"


def documents_first(route: Route, brand: Brand) -> Route:
    """Return what asks the documents before what is in doubt, where they may know; else the route."""
    if not route.wanted or route.otherwise or route.trigger not in (None, "clarify"):
        return route
    known = (name for name, _ in route.alternatives if brand.routes.get(name) == "knowledge")
    return replace(asked_first(route, next(known, route.intent)), trigger=None)


def failed(error: Exception) -> Route:
    """The route of a message whose answering failed."""
    reason = f"answering failed ({type(error).__name__})"
    return Route(kind="handoff", intent="", confidence=0.0, reason=reason, trigger="failure")


def changes(reply: Reply) -> dict[str, Any]:
    """Return what `reply` makes the conversation remember; a slot set to None is to be forgotten."""
    return {key: value for sentence in reply.sentences for key, value in sentence.effect.slots.items()}


def moved_to(reply: Reply) -> State | None:
    """Return who holds the conversation once `reply` is sent; None when it moves nothing."""
    moves = [sentence.effect.state for sentence in reply.sentences if sentence.effect.state]
    return moves[-1] if moves else None


def _numbered(sentence: Sentence, cited: int) -> Sentence:
    """Return the sentence with its citations counted on from what the earlier parts of the reply cite."""
    if not cited or not sentence.citations:
        return sentence
    on = tuple(replace(citation, number=citation.number + cited) for citation in sentence.citations)
    return replace(sentence, citations=on)


def _with_notes(sentence: Sentence) -> str:
    marks = "".join(f" [{citation.number}]" for citation in sentence.citations)
    return sentence.text + marks


def _distinct(citations: Any) -> tuple[Citation, ...]:
    return tuple({citation.number: citation for citation in citations}.values())
