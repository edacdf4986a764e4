"""Which conversations are usable, and what each is made into: turns of one speaker joined, endless ones refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from frontdesk.bot.router.languages import foreign
from frontdesk.finetune.transcripts.model import Said, Transcript
from frontdesk.finetune.transcripts.report import Report
from frontdesk.finetune.transcripts.seen import Seen

LONGEST = 8_000
"""Characters of one turn; a longer one is a document, not something said."""


@dataclass(kw_only=True)
class Checks:
    """The checks of one reading; it remembers what it has seen."""

    brand: str | None = None
    languages: frozenset[str] = frozenset()
    seen: Seen

    def usable(self, where: str, transcript: Transcript, report: Report) -> Transcript | None:
        """Return the conversation ready to learn from, or None; `report` knows why."""
        joined = list(_joined(transcript.turns, report))
        if reason := self._objection(transcript, joined):
            report.skip(where, reason)
            return None
        return transcript.model_copy(update={"turns": tuple(joined)})

    def _objection(self, transcript: Transcript, turns: list[Said]) -> str:
        roles = {turn.role for turn in turns}
        brand = transcript.meta.get("brand")
        if missing := [role for role in ("customer", "agent") if role not in roles]:
            return f"no {missing[0]} turn"
        if any(len(turn.text) > LONGEST for turn in turns):
            return f"turn over {LONGEST:,} characters"
        if self.brand and brand is not None and brand != self.brand:
            return f"brand {brand}"
        for role in ("customer", "agent"):
            text = " ".join(turn.text for turn in turns if turn.role == role)
            if language := foreign(text, self.languages):
                return f"language {language}"
        if not self.seen.add(transcript.id, turns[0].text, turns[-1].text):
            return "duplicate"
        return ""


def _joined(turns: tuple[Said, ...], report: Report) -> Iterator[Said]:
    """Yield the turns with neighbours of one speaker made one, a line each; their intent is kept where it agrees."""
    last: Said | None = None
    for turn in turns:
        if last and (last.role, last.by, last.vote) == (turn.role, turn.by, turn.vote):
            report.turns["joined to the turn before (same speaker)"] += 1
            intents = {said.intent for said in (last, turn) if said.intent}
            last = last.model_copy(
                update={"text": f"{last.text}\n{turn.text}", "intent": intents.pop() if len(intents) == 1 else None}
            )
            continue
        if last:
            yield last
        last = turn
    if last:
        yield last
