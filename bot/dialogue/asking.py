"""What an answerer is asked: its part of a message, and what that part leans on."""

from __future__ import annotations

from dataclasses import replace

from frontdesk.bot.config import Brand
from frontdesk.bot.router.parts import REFERS
from frontdesk.bot.types import Conversation, Message, Reply, Route, Turn


def asked(message: Message, conversation: Conversation, route: Route, brand: Brand) -> Message:
    """Return the part of the message that a route is about, a pressed button put back into words.

    The words of a button: the question that was unclear, else its title.
    """
    if route.text or not message.text.startswith("/"):
        return replace(message, text=route.text) if route.text else message
    before = conversation.turns[-1] if conversation.turns else None
    routes = before.reply.routes if before and before.reply else ()
    unclear = next((route for route in routes if route.kind == "clarify"), None)
    if before and unclear and not before.message.text.startswith("/"):
        return replace(message, text=unclear.text or before.message.text)
    return replace(message, text=brand.titles.get(route.intent, route.intent.replace("_", " ")))


def led_to(message: Message, conversation: Conversation, so_far: Reply) -> Conversation:
    """Return the conversation that a part of a message points back to, the parts before it and their answer a turn.

    `so_far` is the reply up to that part, whose route is its last. "What is the board made of and how do I oil it": the
    second question leans on the first; "and how much is express?" leans on nothing.
    """
    *before, last = so_far.routes
    asked_before = " ".join(one.text for one in before if one.text and one.kind != "voice")
    if not asked_before or not REFERS.search(last.text):
        return conversation
    turn = Turn(message=replace(message, text=asked_before, id=f"{message.id}, before"), reply=so_far)
    return replace(conversation, turns=(*conversation.turns, turn))
