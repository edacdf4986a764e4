"""What each route costs on a loaded bot, for `frontdesk advise`: its own parts, timed on its own messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from frontdesk.bot.commands.oversight import routed
from frontdesk.bot.types import Conversation, Customer, Message, Route, Sentence
from frontdesk.bot.usage import ModelCall, collect
from frontdesk.finetune.advise.costs import Asked, Cost, Prices, cost, timed
from frontdesk.finetune.advise.gather import spread
from frontdesk.knowledge.values import Question

if TYPE_CHECKING:
    from frontdesk.bot.app import Bot
    from frontdesk.finetune.advise.values import Dossier, Proposal
    from frontdesk.knowledge.base import Knowledge

NOTES = {
    "voice": "the transcripts to learn from",
    "knowledge": "the person who takes over when the documents have no answer",
    "account": "the action itself: it is not run, since it may change a record",
    "handoff": "the time of the person who answers",
}


class Desk:
    """One brand's parts, as advice needs them: the documents alone, and every route to be timed."""

    def __init__(self, bot: Bot, brand: str) -> None:
        self._bot, self._brand = bot, brand
        self._chat = bot.project.settings.knowledge.chat_model
        self._calls: list[ModelCall] = []
        self.documents: Knowledge = bot.knowledge.of(brand)
        self._answering = self.documents
        if self._chat:
            self._part_the_chat_model()

    def _part_the_chat_model(self) -> None:
        """Ask the documents without the chat model, whose answers are paid for; count it when it is timed."""
        from frontdesk.bot.app import helpers_of, knowledge_of

        helpers = helpers_of(self._bot.project)
        alone, whole = (
            knowledge_of(self._bot.project, self._bot.encoder, one)
            for one in (replace(helpers, chat=None, phraser=None), helpers)
        )
        for bases in (alone, whole):
            bases.load()
        self.documents, self._answering = alone.of(self._brand), whole.of(self._brand)

    def costs(self, proposals: Sequence[Proposal], found: Sequence[Dossier], count: int) -> Iterator[Cost]:
        """Yield the cost of each route, on examples of the intents proposed for it (of any, when there are none)."""
        collect(self._calls)
        everything = [(one.intent, text) for one in found for text in one.examples]
        if not everything:
            return
        for part in (self._route, self._speak, self._look_up):
            part(everything[0])
        routing = timed(self._route, spread(everything, count))
        works = {"voice": self._speak, "knowledge": self._look_up}
        for route, note in NOTES.items():
            own = {one.intent for one in proposals if one.route == route}
            asked = spread([pair for pair in everything if pair[0] in own] or everything, count)
            work: Callable[[Asked], object] | None = works.get(route)
            self._calls.clear()
            took = timed(work, asked) if work else []
            yield cost(route, routing, took, self._prices(), note)

    def _prices(self) -> Prices:
        if not self._chat:
            return Prices()
        paid = [call for call in self._calls if call.model == self._chat.model]
        read, written = sum(call.tokens_in or 0 for call in paid), sum(call.tokens_out or 0 for call in paid)
        return Prices(tokens_in=read, tokens_out=written, price_in=self._chat.price_in, price_out=self._chat.price_out)

    def _route(self, asked: Asked) -> object:
        return routed(self._bot, self._brand, asked[1])

    def _look_up(self, asked: Asked) -> object:
        return self._answering.explain(Question(text=asked[1]))

    def _speak(self, asked: Asked) -> object:
        return asyncio.run(self._said(*asked))

    async def _said(self, intent: str, text: str) -> list[Sentence]:
        """Return what the voice says, as a customer would hear it who has said nothing before."""
        who = Customer(id="advise")
        message = Message(
            text=text, conversation_id="advise", brand=self._brand, channel="advise", customer=who, id="1"
        )
        route = Route(kind="voice", intent=intent, confidence=1.0, reason="timed")
        voice = self._bot.engine.answerers["voice"]
        conversation = Conversation(id="advise", brand=self._brand, customer=who)
        return [sentence async for sentence in voice.answer(message, conversation, route)]
