"""A question in the middle of a task: asked to be told something, it is no request, though it sounds like one."""

from __future__ import annotations

import re
from dataclasses import replace

from frontdesk.bot.config import Brand
from frontdesk.bot.router.manner import asks, requests
from frontdesk.bot.types import Message, Route

_LEAD = re.compile(
    r"(?:(?:hi|hello|hey|ok(?:ay)?|so|and|but|also|or|well|oh|um+|hm+|wait|sorry|please|just|if|first)\b[\s,.!:-]*)*"
    r"(?P<said>[^?.:!]{1,40}?[,.:!–-]+\s+)?(?:(?:and|but|so|or|if|just)\b[\s,]*)*",
    re.IGNORECASE,
)
"""What may stand before a question: "by the way," and its like."""
_WONDERS = re.compile(
    r"(?:who|whom|whose|what|when|where|which|why|how|wh(?:at|ere|en|o)'?s|is|are|was|were|do|does|did|has|have|"
    r"(?:will|would|should|shall|must) (?:i|it|this|that|they|there|the|my|your)|"
    r"(?:can|could|would) you (?:please )?(?:tell|explain|say|remind)|"
    r"(?:can|could|may|might) (?!you\b)(?!.*(?:\b(?:my|mine|it|this|these|those|them|too|also|instead|as well|"
    r"another|other|else|the(?! \w+ (?:of|on|for) an?\b))\b|\d))|"
    r"(?:tell|remind) me|(?:i(?:'d| would)? (?:just )?(?:like|want|need|have) to know|i wonder|i'?m wondering)|"
    r"any idea)\b",
    re.IGNORECASE,
)
"""How a question begins that wants to be told something; "can I return it, too?" wants it done."""


def _wonders(text: str) -> bool:
    """Whether a message is a question that only wants to be told, behind a few words that want nothing themselves."""
    lead = _LEAD.match(text)
    wants = lead and lead["said"] and requests(text[: lead.end()])
    begins = {0, lead.end()} if lead and not wants else {0}
    return asks(text) and any(_WONDERS.match(text, at) for at in begins)


def asked_beside(route: Route, message: Message, brand: Brand) -> Route:
    """Return the route; where it would begin or go on with a change, but the message only asks, the documents'.

    So "is there a fee if I send things back?", asked in the middle of a task, begins no return.
    """
    text, action = route.text or message.text, brand.actions.get(route.intent)
    if route.kind != "account" or action is None or not action.read_back or text.startswith("/"):
        return route
    if not _wonders(text) or "knowledge" not in brand.routes.values():
        return route
    near = (intent for intent, _ in route.alternatives if brand.routes.get(intent) == "knowledge")
    reason = f"only asks about {route.intent} in the middle of a task; {route.reason}"
    return replace(route, kind="knowledge", intent=next(near, route.intent), reason=reason, otherwise=None)
