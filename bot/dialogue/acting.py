"""Running actions for a turn: what they said and did is taken in, and those that follow them are run."""

from __future__ import annotations

import logging
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from frontdesk.bot.account_config import OURS
from frontdesk.bot.config import Brand
from frontdesk.bot.dialogue.calls import Result, Runner, Said, Situation, events_of, said_of
from frontdesk.bot.dialogue.tasks import BESIDE, REQUESTED

FOLLOWUPS = 5
"""The most actions that may follow one another."""
_SLOT = re.compile(r"\{(\w+)\}")

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Acting:
    """Runs actions in a situation. `said` and `changes` (slots to remember, None to forget) are what came of it.

    `person` is why a person is needed; `loop` the form that an action started, empty when one ended it.
    """

    runner: Runner
    at: Situation
    said: list[Said] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)
    person: str = ""
    ran: str | None = None
    loop: str | None = None

    @property
    def brand(self) -> Brand:
        """The brand that is asked."""
        return self.at.brand

    def run(self, name: str, candidates: Mapping[str, Any] | None = None) -> list[Result]:
        """Run an action and those that follow it; returns their results. Raises Rejected or ModelError."""
        results: list[Result] = []
        for _ in range(FOLLOWUPS + 1):
            results.append(self.runner.run(self.at.call(name, candidates)))
            self.ran = self.at.latest_action = name
            name, candidates = self.apply(results[-1]), None
            if not name:
                return results
        log.warning("more than %d actions follow one another; %s is not run", FOLLOWUPS, name)
        return results

    def apply(self, result: Result) -> str:
        """Take in what an action said and did; returns the action that follows, or nothing."""
        self.said += said_of(result)
        follows = ""
        for event in events_of(result):
            self.at.events.append(event)
            follows = self._happened(event) or follows
        if follows in self.brand.responses:
            self.said.append(Said(text="", response=follows))
            return ""
        return follows

    def _happened(self, event: Mapping[str, Any]) -> str:
        """Honour one event; returns the action that it asks for, or nothing. A `bot` event is only kept, as in Rasa."""
        kind, name = event.get("event"), event.get("name")
        if kind == "slot" and isinstance(name, str):
            self._set(name, event.get("value"))
        elif kind in ("reset_slots", "restart"):
            self.at.slots = dict.fromkeys({*self.at.slots, *self.brand.slots})
            self.changes |= self.at.slots
        elif kind in ("active_loop", "form"):
            self.loop = str(name or "")
        elif kind == "pause":
            self.person = str(self.at.slots.get("handoff_reason") or f"{self.ran or 'an action'} asks for a person")
        elif kind == "resume":
            self.person = ""
        return str(name) if kind == "followup" and name and name != "action_listen" else ""

    def _set(self, name: str, value: Any) -> None:
        if name in self.at.fixed or name in OURS:
            return
        self.changes[name] = value
        if name == REQUESTED:
            return
        self.at.slots[name] = value
        if name not in self.brand.slots:
            beside = {*(self.at.conversation.slots.get(BESIDE) or ()), *(self.changes.get(BESIDE) or ()), name}
            self.changes[BESIDE] = sorted(beside)

    def say(self, text: str) -> None:
        """Say a text of our own."""
        if text:
            self.said.append(Said(text=text, configured=True))


def rendered(said: Said, brand: Brand, slots: Mapping[str, Any], seed: str) -> str:
    """Return the words of a response: its own, or a text of the brand's with the slots' values filled in."""
    texts = brand.responses.get(said.response, ())
    if said.response and not texts:
        log.warning("an action names the response %s, which no [brands.*.responses] has", said.response)
    text = texts[zlib.crc32(seed.encode("utf-8", "replace")) % len(texts)] if texts else ""
    known = {**slots, **said.values}
    filled = _SLOT.sub(lambda match: str(known[match[1]]) if known.get(match[1]) is not None else "", text)
    return " ".join(part for part in (filled, said.text) if part)
