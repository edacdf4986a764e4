"""Past messages put to the present bot, each after what was really said before it, and what it answers otherwise.

The history is the recorded one, so that one change does not bring about the next. Account actions are not run: a
change must not happen twice, and records are no longer what they were; of those messages only the route is compared.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from frontdesk.bot.config import Brand
from frontdesk.bot.engine import Engine, changes, moved_to
from frontdesk.bot.store.archive import Past, Written
from frontdesk.bot.types import Conversation, Customer, Message, Reply, Route, Sentence, State, Turn

What = Literal["route", "citations", "words"]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A message as it was asked: the conversation before it, and what was answered.

    `whole` is False where only the words of the answer are known.
    """

    message: Message
    before: Conversation
    reply: Reply
    whole: bool = True


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A past message, the present reply to it, and what is different."""

    asked: Asked
    now: Reply
    changed: tuple[What, ...]


def asked_in(past: Past) -> Iterator[Asked]:
    """Yield the messages of a stored conversation that the bot answered by itself, in order."""
    whole = past.conversation
    turns: list[Turn] = []
    slots: dict[str, Any] = {}
    state: State = "bot"
    for each in past.seen:
        if isinstance(each, Written):
            state = "human"
            continue
        if each.reply is None:
            state = "human"
        elif state != "waiting":
            state = "bot"  # whoever had the conversation has given it back
            kept = {name: value for name, value in slots.items() if value is not None}
            before = Conversation(
                id=whole.id,
                brand=whole.brand,
                channel=whole.channel,
                customer=each.message.customer,
                turns=tuple(turns),
                slots=kept,
            )
            yield Asked(message=each.message, before=before, reply=each.reply)
        if each.reply:
            slots |= changes(each.reply)
            state = moved_to(each.reply) or state
        turns.append(each)


def asked_in_row(row: Mapping[str, Any], brands: Mapping[str, Brand], default_brand: str) -> Iterator[Asked]:
    """Yield the messages of an exported conversation that the bot answered; who asked is not in an export."""
    brand = str((row.get("meta") or {}).get("brand") or default_brand)
    who = Customer(id="visitor")
    before = Conversation(id=str(row.get("id", "")), brand=brand, channel="replay", customer=who)
    said: list[Mapping[str, Any]] = list(row.get("turns") or ())
    for number, (one, answer) in enumerate(zip(said, [*said[1:], {}], strict=True)):
        if one.get("role") != "customer":
            continue
        message = Message(
            text=str(one.get("text", "")),
            conversation_id=before.id,
            brand=brand,
            channel="replay",
            customer=who,
            id=f"{before.id}-{number}",
        )
        intent = str(one.get("intent") or "")
        kind = brands[brand].routes.get(intent) if brand in brands else None
        routes = (Route(kind=kind, intent=intent, confidence=1.0, reason="recorded"),) if kind else ()
        by_bot = answer.get("role") == "agent" and answer.get("by", "bot") == "bot"
        reply = Reply(text=str(answer.get("text", "")), routes=routes) if by_bot else None
        if reply and not any(turn.reply is None for turn in before.turns):
            yield Asked(message=message, before=before, reply=reply, whole=False)
        before = replace(before, turns=(*before.turns, Turn(message=message, reply=reply)))


async def replayed(asked: Sequence[Asked], engine: Engine) -> AsyncIterator[Compared]:
    """Answer each message anew and compare."""
    quiet = copy.copy(engine)
    quiet.answerers = {**engine.answerers, "account": _Unread()}
    for one in asked:
        now = await quiet.respond(one.message, one.before, _keep)
        yield Compared(asked=one, now=now, changed=tuple(differences(one, now)))


def differences(asked: Asked, now: Reply) -> Iterator[What]:
    """Yield what is different in the present reply."""
    then = asked.reply
    if (asked.whole or then.routes) and _routes(then) != _routes(now):
        yield "route"
    if any(route.kind == "account" for route in (*then.routes, *now.routes)):
        return
    if asked.whole and _documents(then) != _documents(now):
        yield "citations"
    if _words(then.text) != _words(now.text):
        yield "words"


def route_of(reply: Reply) -> str:
    """Return where a reply's message went, in words."""
    return " + ".join(f"{kind} ({intent})" if intent else kind for kind, intent in _routes(reply)) or "unknown"


def _routes(reply: Reply) -> list[tuple[str, str]]:
    return [(route.kind, route.intent) for route in reply.routes]


def _documents(reply: Reply) -> frozenset[str]:
    return frozenset(citation.document_id for citation in reply.citations)


def _words(text: str) -> str:
    return " ".join(text.split())


async def _keep(sentence: Sentence) -> Sentence:
    return sentence


class _Unread:
    """Stands for the account: nothing is read, nothing is changed."""

    async def answer(self, message: Message, conversation: Conversation, route: Route) -> AsyncIterator[Sentence]:
        yield Sentence(text="[The account is not read in a replay.]")
