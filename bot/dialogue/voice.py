"""The voice answers what is routine: drawn from the model, checked, filled; else an approved reply."""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Protocol

from frontdesk.bot.config import Brand
from frontdesk.bot.dialogue.values import slots_in
from frontdesk.bot.errors import ModelError
from frontdesk.bot.guards.acts import missing_acts
from frontdesk.bot.guards.firewall import PLACEHOLDER, filled, violations
from frontdesk.bot.text import said, sentences
from frontdesk.bot.types import Conversation, Effect, Message, Route, Sentence, Support

CANDIDATES = 6
"""How many replies are drawn together: the greedy one and sampled ones."""
THREADS = 8
"""Replies that may be drawn at once; a voice on a server is waited for, one in this process shares the cores."""

log = logging.getLogger(__name__)


class Speaker(Protocol):
    """A model that writes replies with placeholders; the same seed gives the same reply, 0 is greedy."""

    def candidates(self, voice: str, intent: str, text: str, *, seeds: Sequence[int]) -> tuple[list[str], str]:
        """Return (one reply per seed, "" where there is none, the voice's version); raises ModelError."""
        ...


class VoiceAnswerer:
    """Writes routine replies in the brand's voice."""

    def __init__(self, speaker: Speaker, brands: Mapping[str, Brand]) -> None:
        self.speaker, self.brands = speaker, brands
        self._thread = ThreadPoolExecutor(THREADS, thread_name_prefix="frontdesk-voice")

    async def answer(self, message: Message, conversation: Conversation, route: Route) -> AsyncIterator[Sentence]:
        """Yield the sentences of one reply; nothing when neither voice nor approved reply will do."""
        brand = self.brands[message.brand]
        known = known_values(brand, message, conversation)
        loop = asyncio.get_running_loop()  # threads of its own: a queue for the voice keeps nobody else waiting
        work = partial(copy_context().run, self._template, brand, message, route, known)
        template, version = await loop.run_in_executor(self._thread, work)
        parts = sentences(template)
        for number, part in enumerate(brief(parts, brand.acts.get(route.intent, ())) if route.text else parts):
            support = Support(kind="profile") if PLACEHOLDER.search(part) else Support()
            effect = Effect(voice=version) if number == 0 else Effect()
            yield Sentence(text=filled(part, known), support=support, effect=effect)

    def _template(self, brand: Brand, message: Message, route: Route, known: Mapping[str, str]) -> tuple[str, str]:
        """Return (reply, who wrote it): the first acceptable candidate, greedy one first, else an approved reply."""
        first = zlib.crc32(message.text.encode("utf-8", "replace"))
        seeds = (0, *(first + number for number in range(1, CANDIDATES)))
        try:
            drawn, version = self.speaker.candidates(brand.voice, route.intent, message.text, seeds=seeds)
        except ModelError as error:
            log.warning("the voice is silent, an approved reply answers: %s", error)
            drawn, version = [], ""
        for template in drawn:
            if acceptable(template, brand, message, route, known):
                return template, version
        approved = [t for t in brand.replies.get(route.intent, ()) if not violations(t, known, message.text)]
        return (approved[first % len(approved)], "approved") if approved else ("", "")


def brief(parts: Sequence[str], required: Sequence[str]) -> Sequence[str]:
    """Return a reply as it is said beside an answer: without the last sentences that only offer the help that comes."""
    acts = [act for act in required if act != "offer_help"]
    last = len(parts)
    while last > 1 and not missing_acts(parts[last - 1], ["offer_help"]) and _needless(parts, last - 1, acts):
        last -= 1
    return parts[:last]


def _needless(parts: Sequence[str], place: int, acts: Sequence[str]) -> bool:
    """Whether the sentences before a place do all that is required."""
    return not missing_acts(" ".join(parts[:place]), acts)


def acceptable(template: str, brand: Brand, message: Message, route: Route, known: Mapping[str, str]) -> bool:
    """Whether a drawn reply states no fact of its own, says nothing to be avoided and does what its intent requires."""
    if not template or violations(template, known, message.text) or said(brand.avoid, template):
        return False
    return not missing_acts(template, brand.acts.get(route.intent, ()))


def known_values(brand: Brand, message: Message, conversation: Conversation) -> dict[str, str]:
    """The values code may put into placeholders: the profile, remembered slots, the customer's own name."""
    slots = {k: v for k, v in conversation.slots.items() if isinstance(v, str)}
    name = message.customer.attributes.get("name", "") if message.customer.verified else ""
    here = slots_in(message.text, brand)
    return {"brand": brand.name, **brand.profile, **slots, **here, "customer_name": name.split(" ")[0]}
