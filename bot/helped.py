"""Asking customers whether an answer helped: what they say is a vote on that answer, and so a verified resolution.

Asked at a natural end, or below an answer where the brand wants it; never beside a question of the bot's own, a
handoff or an open task, and not again for a while. A press is a message as any other, on every channel with buttons.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from frontdesk.bot.config import Brand
from frontdesk.bot.dialogue.changes import answer_in
from frontdesk.bot.dialogue.clarify import person_button
from frontdesk.bot.dialogue.tasks import PENDING
from frontdesk.bot.types import Answerer, Button, Conversation, Effect, Message, Reply, Route, Sentence, Turn

HELPED, NOT_HELPED = "helped", "not_helped"
"""The intents of the two buttons; their payloads are these with a slash."""
_VOTES = {HELPED: "up", NOT_HELPED: "down"}


def question(
    conversation: Conversation, brand: Brand, routes: Sequence[Route], sentences: Sequence[Sentence]
) -> Sentence | None:
    """Return the question that ends this reply, or None: most replies are not asked about."""
    rules = brand.helped
    if rules.after == "never" or conversation.state != "bot" or _busy(conversation, sentences):
        return None
    if any(_asked(turn.reply) for turn in conversation.turns[-rules.every :]):
        return None
    leaving = bool(routes) and all(route.kind == "voice" and route.intent in rules.ends for route in routes)
    last = _last(conversation.turns)
    answered = _answers(routes, sentences) if not leaving else bool(last and _answered(last))
    if not answered or (rules.after == "end" and not leaving):
        return None
    return Sentence(text=brand.messages.helped, effect=Effect(buttons=_buttons(brand)))


def pressed(message: Message, conversation: Conversation, brand: Brand) -> Route | None:
    """Return the route of a message that says whether it helped, by button or, right after the question, in words."""
    text = message.text.strip()
    intent = text.removeprefix("/") if text.startswith("/") else ""
    if intent not in _VOTES:
        last = conversation.turns[-1].reply if conversation.turns else None
        said = {button.title.casefold(): button.payload[1:] for button in _buttons(brand)}.get(text.casefold())
        plainly = {"yes": HELPED, "no": NOT_HELPED}.get(answer_in(text))
        intent = (said or plainly or "") if _asked(last) else ""
    if intent not in _VOTES or conversation.state != "bot":
        return None
    return Route(kind="voice", intent=intent, confidence=1.0, reason="says whether it helped")


def vote(conversation: Conversation, reply: Reply) -> tuple[str, str] | None:
    """Return (message id, "up" or "down"): the vote that this reply thanks for, on the answer that was asked about."""
    cast = [_VOTES[route.intent] for route in reply.routes if route.kind == "voice" and route.intent in _VOTES]
    asked = next((n for n, turn in reversed(list(enumerate(conversation.turns))) if _asked(turn.reply)), None)
    if not cast or asked is None:
        return None
    about = _last(conversation.turns[: asked + 1])
    return (about.message.id, cast[0]) if about else None


def told(reply: Reply) -> str:
    """Return what a reply says besides asking whether it helped, or thanking for the answer: what may be learned."""
    if any(route.kind == "voice" and route.intent in _VOTES for route in reply.routes):
        return ""
    asking = next((one.text for one in reply.sentences[-1:] if _offers(one.effect.buttons)), "")
    return reply.text.removesuffix(asking).rstrip()


class HelpedAnswerer:
    """Thanks for a yes, offers a person after a no; every other voice route is left as it is."""

    def __init__(self, voice: Answerer, brands: Mapping[str, Brand]) -> None:
        self.voice, self.brands = voice, brands

    async def answer(self, message: Message, conversation: Conversation, route: Route) -> AsyncIterator[Sentence]:
        """Yield the brand's words for what was pressed, or what the voice says."""
        brand = self.brands[message.brand]
        if route.intent == HELPED:
            yield Sentence(text=brand.messages.helped_thanks)
        elif route.intent == NOT_HELPED:
            yield Sentence(text=brand.messages.not_helped, effect=Effect(buttons=(person_button(brand),)))
        else:
            async for sentence in self.voice.answer(message, conversation, route):
                yield sentence


def _buttons(brand: Brand) -> tuple[Button, Button]:
    return (
        Button(title=brand.messages.helped_button, payload=f"/{HELPED}"),
        Button(title=brand.messages.not_helped_button, payload=f"/{NOT_HELPED}"),
    )


def _asked(reply: Reply | None) -> bool:
    return reply is not None and _offers(reply.buttons)


def _offers(buttons: Sequence[Button]) -> bool:
    return any(button.payload == f"/{HELPED}" for button in buttons)


def _busy(conversation: Conversation, sentences: Sequence[Sentence]) -> bool:
    """Whether the bot asks something else, hands over, or has a task open."""
    effects = [sentence.effect for sentence in sentences]
    slots = {**conversation.slots, **{key: value for effect in effects for key, value in effect.slots.items()}}
    return bool(slots.get(PENDING)) or any(effect.buttons or effect.state for effect in effects)


def _last(turns: Sequence[Turn]) -> Turn | None:
    """Return the last turn in which more than small talk was answered."""
    return next((t for t in reversed(turns) if t.reply and any(r.kind != "voice" for r in t.reply.routes)), None)


def _answered(turn: Turn) -> bool:
    return turn.reply is not None and _answers(turn.reply.routes, turn.reply.sentences)


def _answers(routes: Sequence[Route], sentences: Sequence[Sentence]) -> bool:
    """Whether it was an answer: by documents or the record alone, and all of it carried by something."""
    kinds = {route.kind for route in routes} - {"voice"}
    carried = any(one.citations or one.support.kind == "record" for one in sentences)
    return bool(kinds) and kinds <= {"knowledge", "account"} and carried
