"""Clarify: offer the likeliest intents as buttons, and a person."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from frontdesk.bot.config import Brand
from frontdesk.bot.dialogue.languages import sorry
from frontdesk.bot.router.languages import OTHER_LANGUAGE
from frontdesk.bot.router.nlu import OUT_OF_SCOPE
from frontdesk.bot.types import Button, Conversation, Effect, Message, Route, Sentence

CHOICES = 3


class ClarifyAnswerer:
    """Asks which of the likeliest intents is meant, in the brand's words."""

    def __init__(self, brands: Mapping[str, Brand]) -> None:
        self.brands = brands

    async def answer(self, message: Message, conversation: Conversation, route: Route) -> AsyncIterator[Sentence]:
        """Yield one question with its buttons; the last button is always a person.

        What is out of scope is like nothing we know, so no intent is offered for it; who writes another language
        hears so in theirs.
        """
        brand = self.brands[message.brand]
        if route.intent == OTHER_LANGUAGE:
            text = sorry(route.slots.get("language", ""), brand.languages)
            yield Sentence(text=text, effect=Effect(buttons=(person_button(brand),)))
            return
        known = () if route.intent == OUT_OF_SCOPE else route.alternatives
        likely = [intent for intent, _ in known if intent in brand.titles][:CHOICES]
        buttons = tuple(Button(title=brand.titles[intent], payload=f"/{intent}") for intent in likely)
        text = brand.messages.clarify if buttons else brand.messages.clarify_again
        yield Sentence(text=text, effect=Effect(buttons=(*buttons, person_button(brand))))


def person_button(brand: Brand) -> Button:
    """The button that always leads to a person."""
    return Button(title=brand.messages.person_button, payload="/human_agent")
