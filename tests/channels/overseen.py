"""An oversight in memory: one document, hostile where it can be, and corrections that may clash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from frontdesk.bot.errors import KnowledgeError
from frontdesk.bot.types import Citation, Route, Sentence
from frontdesk.channels.oversight import Asked, Audience, Clash, Correction, Draft, Explained, Gap, Passage, Weighed

EVIL = '<script>alert(1)</script><img src=x onerror="alert(2)">'
TEXT = f"You can return a lamp within 45 days. We pay the label. {EVIL}"
QUOTE, DROPPED = "You can return a lamp within 45 days.", "We pay the label."
ROUTE = Route(kind="knowledge", intent="return_policy", confidence=0.92, reason="<b>sure</b>")
LONG_AGO = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)


def asked(number: int, text: str) -> Asked:
    """An unanswered question of conversation c-<number>."""
    return Asked(
        conversation_id=f"c/{number}",
        message_id=f"m-{number}",
        text=text,
        asked_at=LONG_AGO + timedelta(days=number),
        reason="no_answer" if number % 2 else "asked_for_person",
    )


class FakeOversight:
    """Implements Oversight; `broken` makes it raise, `settled` keeps what was taken off the list."""

    def __init__(self) -> None:
        self.brands = {"shop": "Larkspur <Lane>", "other": "Other"}
        self.broken = False
        self.written: dict[str, Correction] = {}
        self.settled: list[tuple[str, str]] = []
        self.found = [
            Gap(questions=(asked(1, f"Do you gift-wrap? {EVIL}"), asked(2, "gift wrapping?"), asked(4, "wrap it"))),
            Gap(questions=(asked(3, "Is there a student discount?"),)),
        ]

    def job(self, brand: str) -> str:
        return "ingest"

    async def before(self, conversation_id: str, message_id: str) -> tuple[str, ...]:
        return ("Do you sell lamps?", "We do <b>.") if conversation_id == "c/1" else ()

    async def explain(self, brand: str, question: str, audience: Audience, history: tuple[str, ...]) -> Explained:
        if self.broken:
            raise KnowledgeError("the index is damaged.", fix="run `frontdesk ingest`.")
        end = len(QUOTE)
        citation = Citation(
            number=1, document_id="lamps.md", title="Lamps", url="", version="v" * 64, quote=QUOTE, start=0, end=end
        )
        passage = Passage(
            document_id="lamps.md",
            title=f"Lamps {EVIL}",
            version="v" * 64,
            url="",
            heading=(f"Lamps {EVIL}", "Returns"),
            text=TEXT,
            start=0,
            score=0.125,
            dense=0.71,
            lexical=7.5,
        )
        kept = Weighed(
            text=QUOTE,
            document_id="lamps.md",
            title="Lamps",
            version="v" * 64,
            start=0,
            end=end,
            score=1.1,
            why="",
            kept=True,
            written=False,
        )
        dropped = replace(
            kept, text=DROPPED, start=end + 1, end=end + 1 + len(DROPPED), why="3 sentences are enough", kept=False
        )
        return Explained(
            question=question,
            routes=(ROUTE,),
            history=history,
            searched=question,
            phrasings=(question, "return lamp"),
            passages=(passage,),
            considered=(kept, dropped),
            probability=0.83,
            threshold=0.4,
            conflicts=(f"Two documents disagree. {EVIL}",),
            notes=("the chat model was too slow",),
            sentences=() if "glue" in question else (Sentence(text=QUOTE, citations=(citation,)),),
        )

    async def gaps(self, brand: str, days: int) -> Sequence[Gap]:
        left = [
            tuple(q for q in gap.questions if (q.conversation_id, q.message_id) not in self.settled)
            for gap in self.found
        ]
        return [Gap(questions=questions) for questions in left if questions and brand == "shop"]

    async def settle(self, questions: Sequence[tuple[str, str]]) -> None:
        self.settled += questions

    async def conflicts(self, brand: str) -> Sequence[str]:
        return (f"lamps.md says 45 days, sale.md says 14. {EVIL}",) if brand == "shop" else ()

    async def corrections(self, brand: str) -> Sequence[Correction]:
        if brand == "other":
            raise KnowledgeError("there is no folder for corrections.", fix="add one.")
        return list(self.written.values())

    async def correction(self, brand: str, question: str) -> Correction | None:
        if brand == "other":
            raise KnowledgeError("there is no folder for corrections.", fix="add one.")
        return self.written.get(self._slug(question))

    async def correct(self, brand: str, draft: Draft) -> Correction | Clash:
        if not draft.answer:
            raise KnowledgeError("the answer is empty.", fix="write it in words.")
        slug = self._slug(draft.question)
        now = self.written.get(slug)
        if (now.version if now else "") != draft.seen:
            return Clash(now=now)
        self.written[slug] = Correction(
            slug=slug,
            question=draft.question,
            answer=draft.answer,
            document_id=f"knowledge/corrections/{slug}.md",
            version=f"v{len(draft.answer)}",
            audience=draft.audience,
            corrects=draft.corrects,
            valid_from="2026-11-21",
        )
        return self.written[slug]

    async def withdraw(self, brand: str, slug: str, seen: str) -> Clash | None:
        now = self.written.get(slug)
        if now is None or now.version != seen:
            return Clash(now=now)
        del self.written[slug]
        return None

    def _slug(self, question: str) -> str:
        return "-".join(question.lower().split())[:40]
