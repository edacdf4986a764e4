"""What operators see and correct of the knowledge: joins the pages of /admin with the bot's parts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from frontdesk.adapters.graphs import user_cache
from frontdesk.bot.engine import documents_first
from frontdesk.bot.types import Route, now
from frontdesk.channels.oversight import (
    Asked,
    Audience,
    Clash,
    Correction,
    Draft,
    Explained,
    Gap,
    Passage,
    Weighed,
)
from frontdesk.finetune.redact import NameTagger, brand_redactor
from frontdesk.knowledge import corrections as files
from frontdesk.knowledge.gaps import Grouper
from frontdesk.knowledge.refresh import job_name
from frontdesk.knowledge.values import Considered, Explanation, Hit, Question, Scope

if TYPE_CHECKING:
    from frontdesk.bot.app import Bot
    from frontdesk.bot.store import Store
    from frontdesk.bot.store.gaps import Unanswered
    from frontdesk.finetune.redact import Finding, Redactor


def explain(
    bot: Bot, brand: str, question: str, audience: Audience = "customers", history: tuple[str, ...] = ()
) -> Explained:
    """Answer a question from a brand's documents and say how; blocking. They must be as sure as the router wants."""
    routes = routed(bot, brand, question)
    route = routes[0] if len(routes) == 1 else None
    asked = Question(
        text=question,
        history=history,
        scope=Scope(audience=audience),
        wanted=route.wanted if route else 0.0,
        topic=route.topic if route and route.kind == "knowledge" else "",
    )
    return explained(bot.knowledge.of(brand).explain(asked), routes)


def routed(bot: Bot, brand: str, text: str) -> tuple[Route, ...]:
    """Return where a message that opens a conversation goes, the documents first where it is in doubt."""
    return tuple(documents_first(route, bot.engine.brands[brand]) for route in bot.routed(brand, text))


def explained(found: Explanation, routes: tuple[Route, ...] = ()) -> Explained:
    """Return an explanation as it is shown."""
    return Explained(
        question=found.question.text,
        routes=routes,
        history=found.question.history,
        searched=found.searched,
        phrasings=found.phrasings,
        passages=tuple(_passage(hit) for hit in found.hits),
        considered=tuple(_weighed(one) for one in found.considered),
        probability=found.probability,
        threshold=found.threshold,
        conflicts=found.conflicts,
        notes=found.notes,
        sentences=found.sentences,
    )


def _passage(hit: Hit) -> Passage:
    document = hit.document
    return Passage(
        document_id=document.id,
        title=document.title,
        version=document.version,
        url=document.url,
        heading=hit.heading,
        text=hit.text,
        start=hit.passage.start,
        score=hit.score,
        dense=hit.dense,
        lexical=hit.lexical,
    )


def _weighed(one: Considered) -> Weighed:
    return Weighed(**asdict(one), kept=one.kept)


class KnowledgeOversight:
    """The oversight of a running bot: its knowledge bases, and the questions in its store."""

    def __init__(self, bot: Bot, store: Store) -> None:
        settings = bot.project.settings
        names = {settings.brand_id: settings.brand(None), **settings.brands}
        self.brands: Mapping[str, str] = {key: brand.name for key, brand in names.items()}
        self._bot, self._store, self._grouper = bot, store, Grouper(bot.encoder)
        tagger = NameTagger(user_cache())
        self._maskers = {key: Masker(brand_redactor(brand, tagger)) for key, brand in names.items()}

    def job(self, brand: str) -> str:
        """Return the name of the job that reads the brand's documents in."""
        return job_name(self._bot.knowledge.only(brand))

    async def before(self, conversation_id: str, message_id: str) -> tuple[str, ...]:
        """Return what was said in a conversation before a message, oldest first."""
        found = await self._store.call(self._store.conversation, conversation_id)
        turns = found.turns if found else ()
        at = next((at for at, turn in enumerate(turns) if turn.message.id == message_id), 0)
        pairs = ((turn.message.text, turn.reply.text if turn.reply else "") for turn in turns[:at])
        return tuple(text for pair in pairs for text in pair if text)

    async def explain(self, brand: str, question: str, audience: Audience, history: tuple[str, ...]) -> Explained:
        """Answer a question and say how."""
        return await asyncio.to_thread(explain, self._bot, brand, question, audience, history)

    async def gaps(self, brand: str, days: int) -> Sequence[Gap]:
        """Return what nobody could answer, grouped, personal data masked."""
        found = await self._store.call(self._store.unanswered, now() - timedelta(days=days))
        return await asyncio.to_thread(self._grouped, brand, [one for one in found if one.brand == brand])

    def _grouped(self, brand: str, found: Sequence[Unanswered]) -> list[Gap]:
        texts = [one.text for one in found]
        shown = self._maskers[brand].masked(texts)
        asked = [
            Asked(
                conversation_id=one.conversation_id,
                message_id=one.message_id,
                text=text,
                asked_at=one.asked_at,
                reason=one.reason,
            )
            for one, text in zip(found, shown, strict=True)
        ]
        clean = [text == before for text, before in zip(shown, texts, strict=True)]
        groups = (sorted(group, key=lambda at: not clean[at]) for group in self._grouper.groups(texts))
        gaps = [Gap(questions=tuple(asked[at] for at in group)) for group in groups]
        return sorted(gaps, key=lambda gap: (len(gap.questions), gap.last), reverse=True)

    async def settle(self, questions: Sequence[tuple[str, str]]) -> None:
        """Take questions off the list."""
        await self._store.call(self._store.settle, questions)

    async def conflicts(self, brand: str) -> Sequence[str]:
        """Return a sentence for each pair of documents that disagree."""
        return await asyncio.to_thread(self._bot.knowledge.of(brand).conflicts)

    async def corrections(self, brand: str) -> Sequence[Correction]:
        """Return every correction of the brand's knowledge base."""
        return [_correction(one) for one in await asyncio.to_thread(self._written(brand).all)]

    async def correction(self, brand: str, question: str) -> Correction | None:
        """Return the correction of this very question."""
        found = await asyncio.to_thread(self._written(brand).one, files.slug_of(question))
        return _correction(found) if found else None

    async def correct(self, brand: str, draft: Draft) -> Correction | Clash:
        """Write a correction into the project."""
        made = await asyncio.to_thread(self._written(brand).save, **asdict(draft))
        return _clash(made) if isinstance(made, files.Changed) else _correction(made)

    async def withdraw(self, brand: str, slug: str, seen: str) -> Clash | None:
        """Delete a correction from the project."""
        changed = await asyncio.to_thread(self._written(brand).remove, slug, seen)
        return _clash(changed) if changed else None

    def _written(self, brand: str) -> files.Corrections:
        return files.Corrections(self._bot.project.folder, self._bot.knowledge.of(brand).settings.sources)


class Masker:
    """Takes personal data out of texts, save places, which questions turn on; remembers what it masked last."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._known: dict[str, str] = {}

    def masked(self, texts: Sequence[str]) -> list[str]:
        """Return the texts with `[customer name]` and the like for what is personal."""
        known = self._known
        new = [text for text in dict.fromkeys(texts) if text not in known]
        found = zip(new, self._redactor.redact_many(new), strict=True)
        made = {text: _masked(text, redacted.findings) for text, redacted in found}
        shown = [made[text] if text in made else known[text] for text in texts]
        self._known = dict(zip(texts, shown, strict=True))
        return shown


def _masked(text: str, findings: Sequence[Finding]) -> str:
    for found in reversed(findings):
        if found.kind != "place":
            text = f"{text[: found.start]}[{found.kind.replace('_', ' ')}]{text[found.end :]}"
    return text


def _correction(one: files.Correction) -> Correction:
    return Correction(**asdict(one))


def _clash(changed: files.Changed) -> Clash:
    return Clash(now=_correction(changed.now) if changed.now else None)
