"""Policy questions about the customer's own case: the record is told first, then the policy with its source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from frontdesk.bot.config import Action, Brand
from frontdesk.bot.dialogue.continuing import given
from frontdesk.bot.dialogue.identity import known_as
from frontdesk.bot.dialogue.values import slots_in
from frontdesk.bot.types import Conversation, Message, Route

_THAT_ONE = re.compile(r"\b(?:it|them|this|that|these|those|my|mine)\b", re.IGNORECASE)
"""Words with which a customer speaks of the record that was talked about."""


def with_cases(
    routes: tuple[Route, ...], message: Message, conversation: Conversation, brand: Brand
) -> tuple[Route, ...]:
    """Return the routes, and before a policy question about a record of a known customer's own, that record's action.

    Who is not known well enough hears the policy alone.
    """
    return tuple(
        one
        for route in routes
        for one in (*_case(route, message, conversation, brand), _in_general(route, message, brand))
    )


def _in_general(route: Route, message: Message, brand: Brand) -> Route:
    """The policy question without the number of a record, which no document knows: "can I return my order?"."""
    if route.kind != "knowledge" or not any(route.intent in action.beside for action in brand.actions.values()):
        return route
    text = route.text or message.text
    for name, value in slots_in(text, brand, bare=True).items():
        thing = name.removesuffix("_id").replace("_", " ")
        numbered = rf"(?:\b(?:my|the|this|that)\s+)?(?:\b{thing}\s+)?(?:(?:number|no\.?|nr\.?|#)\s*)?{re.escape(value)}"
        text = re.sub(numbered, f"my {thing}", text, flags=re.IGNORECASE)
    return route if text == (route.text or message.text) else replace(route, text=text)


def _case(route: Route, message: Message, conversation: Conversation, brand: Brand) -> Iterator[Route]:
    for intent, action in brand.actions.items():
        if route.kind != "knowledge" or route.intent not in action.beside:
            continue
        known = known_as(message, conversation, route, brand, action.identity)
        if known and _is_about(action, route, message, conversation, brand):
            reason = f"a question about {route.intent} in the customer's own case"
            yield Route(kind="account", intent=intent, confidence=route.confidence, reason=reason, slots=route.slots)


def _is_about(action: Action, route: Route, message: Message, conversation: Conversation, brand: Brand) -> bool:
    """Whether a message names the record that an action needs, or speaks of the one that is remembered."""
    text = route.text or message.text
    named = given(text, route, brand)
    remembered = conversation.slots if _THAT_ONE.search(text) else {}
    return bool(action.slots) and all(named.get(name) or remembered.get(name) for name in action.slots)
