"""The handoff: `bot -> waiting -> human -> bot`, decided by code, always with a visible message.

Whoever falls silent as a person lets it wait again (`human -> waiting`); see bot/staff.py for the clock.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from frontdesk.bot.config import Brand
from frontdesk.bot.dialogue.voice import known_values
from frontdesk.bot.guards.firewall import filled, violations
from frontdesk.bot.guards.safety import INTENT
from frontdesk.bot.hours import next_opening, open_at, spoken
from frontdesk.bot.text import said, sentences
from frontdesk.bot.types import Button, Conversation, Effect, Message, Reply, Route, Sentence, now

HUMAN = "human_agent"
"""The intent of a wish for a person."""
BACK, LEAVE = "/back_to_bot", "/leave_it"
"""What the buttons send with which a waiting customer goes on with the bot, or lets it wait."""
ANYONE = f"/{HUMAN}"
"""What the button sends that asks for a person."""


# What brings a person in


def held(message: Message, conversation: Conversation, brand: Brand) -> Route | None:
    """The route of a message that a person will answer, or that asks for one without doubt; None for any other."""
    if conversation.state == "bot":
        return _asked_for(message, brand)
    pressed = message.text.strip()
    if conversation.state == "waiting" and pressed == BACK:
        return Route(kind="handoff", intent="back_to_bot", confidence=1.0, reason="the customer goes on with the bot")
    if conversation.state == "waiting" and pressed == LEAVE:
        return Route(kind="handoff", intent="leave_it", confidence=1.0, reason="the customer lets it wait")
    who = "a person has" if conversation.state == "human" else "a person was asked into"
    return Route(kind="handoff", intent=HUMAN, confidence=1.0, reason=f"{who} this conversation")


def _asked_for(message: Message, brand: Brand) -> Route | None:
    """The route of a message that asks for a person in words that leave no doubt, before anything is understood."""
    phrases = said(brand.handoff.keywords, message.text)
    how = "pressed the button" if message.text.strip() == ANYONE else f"says {phrases[0]!r}" if phrases else ""
    return Route(kind="handoff", intent=HUMAN, confidence=1.0, reason=how, trigger="asked") if how else None


def triggered(routes: Sequence[Route], brand: Brand) -> tuple[Route, ...]:
    """Return the routes as the brand's triggers leave them: what is in doubt and risky goes to a person.

    A trigger that the brand has switched off asks back instead.
    """
    on = brand.handoff.triggers
    decided = [_risky(route, brand) if "risky" in on else route for route in routes]
    decided = [
        replace(route, kind="clarify", trigger=None)
        if route.trigger in ("anger", "clarify") and route.trigger not in on
        else route
        for route in decided
    ]
    if any(route.kind == "handoff" for route in decided):
        return tuple(replace(route, otherwise=None) for route in decided if route.kind != "clarify")
    return tuple(decided)


def _risky(route: Route, brand: Brand) -> Route:
    """The route, or a person when the doubt in it is about an intent that the brand calls risky."""
    doubt = route if route.kind == "clarify" else route.otherwise
    if doubt is None or doubt.kind != "clarify":
        return route
    likeliest = doubt.alternatives[0][0] if doubt.alternatives else doubt.intent
    if likeliest not in brand.handoff.risky:
        return route
    reason = f"in doubt about {likeliest}, which is risky; {doubt.reason}"
    return replace(doubt, kind="handoff", intent=likeliest, reason=reason, trigger="risky", otherwise=None)


def fresh(conversation: Conversation) -> Conversation:
    """Return the conversation without the turns before people gave it back: they trigger nothing any more."""
    handoff = conversation.handoff
    if handoff is None or handoff.ended_at is None:
        return conversation
    ids = [turn.message.id for turn in conversation.turns]
    past = ids.index(handoff.last_message) + 1 if handoff.last_message in ids else 0
    return replace(conversation, turns=conversation.turns[past:])


def why(reply: Reply) -> dict[str, str]:
    """Return trigger, intent and reason of the handoff that a reply begins."""
    closing = next((each.effect for each in reply.sentences if each.effect.state == "waiting"), Effect())
    route = next((each for each in reply.routes if each.kind == "handoff"), None)
    last = reply.routes[-1] if reply.routes else None
    if closing.reason or (route is None and last and last.kind == "account"):
        trigger = closing.trigger or "policy"
        return {"trigger": trigger, "intent": last.intent if last else "", "reason": closing.reason}
    if route is None:
        return {"trigger": "failure", "intent": last.intent if last else "", "reason": "the bot could not answer"}
    safety = "safety" if route.intent.startswith(INTENT) else "routed"
    found = route.trigger or ("asked" if route.intent == HUMAN else safety)
    return {"trigger": found, "intent": route.intent, "reason": route.reason}


# What is said


class HandoffAnswerer:
    """Says that a person takes over, when, and how many wait, and moves the conversation to `waiting`."""

    def __init__(self, brands: Mapping[str, Brand], clock: Callable[[], datetime] = now) -> None:
        self.brands, self.clock = brands, clock

    async def answer(self, message: Message, conversation: Conversation, route: Route) -> AsyncIterator[Sentence]:
        """Yield the intent's approved words, if any, and the handoff message; while waiting, say so."""
        brand = self.brands[message.brand]
        if conversation.state == "human":
            return
        if conversation.state == "waiting":
            for sentence in self._waiting(brand, conversation, route):
                yield sentence
            return
        if not brand.handoff.enabled:
            yield Sentence(text=brand.messages.no_people)
            return
        known = known_values(brand, message, conversation)
        approved = [t for t in brand.replies.get(route.intent, ()) if not violations(t, known, message.text)]
        for text in sentences(filled(approved[0], known) if approved else ""):
            yield Sentence(text=text)
        words = self._when(brand, brand.messages.handoff, conversation)
        yield Sentence(text=words, effect=Effect(state="waiting"))

    def _waiting(self, brand: Brand, conversation: Conversation, route: Route) -> list[Sentence]:
        if route.intent == "back_to_bot":
            return [Sentence(text=brand.messages.back, effect=Effect(state="bot"))]
        back = Effect(buttons=(Button(title=brand.messages.back_button, payload=BACK),))
        if route.intent == "leave_it":
            return [Sentence(text=brand.messages.left, effect=back)]
        return [Sentence(text=self._when(brand, brand.messages.waiting, conversation), effect=back)]

    def _when(self, brand: Brand, there: str, conversation: Conversation) -> str:
        """Return `there` and the place in the queue, or when people are back: never that they are there if not."""
        moment = self.clock()
        if open_at(brand.handoff, moment):
            place = brand.messages.queue.format(place=conversation.ahead + 1) if conversation.ahead else ""
            return f"{there} {place}".strip()
        return away(brand, moment)


def away(brand: Brand, moment: datetime) -> str:
    """Return when people are back; empty while they are there."""
    if open_at(brand.handoff, moment):
        return ""
    opening = next_opening(brand.handoff, moment)
    return brand.messages.away.format(opening=spoken(opening, moment)) if opening else brand.messages.away_long


def handing(text: str, brand: Brand) -> str:
    """Return the words with which a failure or a policy hands over, and outside the hours when people are back."""
    return f"{text} {away(brand, now())}".strip()


def reachable(sentence: Sentence, brand: Brand) -> Sentence:
    """Return the sentence as it may be said: where a brand has no people, none is offered and nothing waits for one."""
    effect = sentence.effect
    if brand.handoff.enabled:
        return sentence
    buttons = tuple(button for button in effect.buttons if button.payload != ANYONE)
    return replace(
        sentence, effect=replace(effect, buttons=buttons, state=None if effect.state == "waiting" else effect.state)
    )


def too_slow(brand: Brand) -> dict[str, object]:
    """What a customer hears who has waited too long: so, and the choice to leave it or to go on with the bot."""
    return _notice(brand, brand.messages.slow, choice=True)


def fell_silent(brand: Brand, agent: str) -> dict[str, object]:
    """What a customer hears whose person has fallen silent."""
    return _notice(brand, brand.messages.silent.format(agent=agent), choice=True)


def given_back(brand: Brand) -> dict[str, object]:
    """What a customer hears when people give the conversation back."""
    return _notice(brand, brand.messages.resolved)


def _notice(brand: Brand, text: str, *, choice: bool = False) -> dict[str, object]:
    offered = ((brand.messages.leave_button, LEAVE), (brand.messages.back_button, BACK)) if choice else ()
    buttons = [{"title": title, "payload": payload} for title, payload in offered]
    return {"text": text, "author": brand.messages.assistant, "buttons": buttons}
