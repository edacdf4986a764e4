"""A question in the middle of a task: asked to be told something, it is no request, though it sounds like one."""

from __future__ import annotations

import re
from dataclasses import replace

from frontdesk.bot.config import Brand
from frontdesk.bot.router.manner import asks
from frontdesk.bot.types import Message, Route

_WONDERS = re.compile(
    r"^(?:(?:hi|hello|hey|ok(?:ay)?|so|and|but|also|or|well|oh|um+|wait|sorry|please|just|one|quick|(?:a )?question|"
    r"first|thing|another|by the way|(?:so|just so) (?:i|we) know|before (?:that|i \w+|we \w+))\b[\s,.!:-]*)*"
    r"(?:who|whom|whose|what|when|where|which|why|how|wh(?:at|ere|en|o)'?s|is|are|was|were|do|does|did|has|have|"
    r"(?:will|would|should|shall|must) (?:i|it|this|that|they|there|the|my|your)|"
    r"(?:can|could|would) you (?:please )?(?:tell|explain|say|remind)|"
    r"(?:can|could|may|might) (?!you\b)(?!.*(?:\b(?:my|mine|it|this|these|those|them|too|also|instead|as well|"
    r"another|other|else|the(?! \w+ (?:of|on|for) an?\b))\b|\d))|"
    r"(?:tell|remind) me|(?:i(?:'d| would)? (?:just )?(?:like|want|need|have) to know|i wonder|i'?m wondering)|"
    r"any idea)\b",
    re.IGNORECASE,
)
"""How a message begins that wants to be told something; "can I return it, too?" wants it done."""


def asked_beside(route: Route, message: Message, brand: Brand) -> Route:
    """Return the route; where it would begin or go on with a change, but the message only asks, the documents'.

    So "is there a fee if I send things back?", asked in the middle of a task, begins no return.
    """
    text, action = route.text or message.text, brand.actions.get(route.intent)
    if route.kind != "account" or action is None or not action.read_back or text.startswith("/"):
        return route
    if not (asks(text) and _WONDERS.match(text)) or "knowledge" not in brand.routes.values():
        return route
    near = (intent for intent, _ in route.alternatives if brand.routes.get(intent) == "knowledge")
    reason = f"only asks about {route.intent} in the middle of a task; {route.reason}"
    return replace(route, kind="knowledge", intent=next(near, route.intent), reason=reason, otherwise=None)
