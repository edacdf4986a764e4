"""How well a customer is known: by a signed token, by the channel, or by a challenge that was passed here.

A passed challenge opens one record of one customer, or all of theirs, in this conversation, for a while. What is said
never tells whether a record exists: a wrong value, an unknown one and one that was tried too often sound the same.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from frontdesk.bot.config import Action, Brand
from frontdesk.bot.dialogue.calls import CHALLENGE_FORM, Rejected
from frontdesk.bot.dialogue.form import Form
from frontdesk.bot.dialogue.tasks import CONFIRMATION, MISSES, PENDING, REQUESTED
from frontdesk.bot.dialogue.values import canonical, left, slots_in
from frontdesk.bot.types import Conversation, Identity, Message, Route

LEVEL: Mapping[Identity, int] = {"anonymous": 0, "channel": 1, "challenge": 2, "token": 3}
PASSED = "challenge"
"""The slot that remembers a passed challenge."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """The customer that an action may act for, None for nobody in particular, and what alone may be seen of theirs."""

    id: str | None
    scope: Mapping[str, str] = field(default_factory=dict)


def known_as(
    message: Message, conversation: Conversation, route: Route, brand: Brand, needed: Identity
) -> Known | None:
    """Return as whom the message may be answered where `needed` is the least identity, or None."""
    customer = message.customer
    if LEVEL[customer.identity] >= LEVEL[needed]:
        return Known(id=None if customer.identity == "anonymous" else customer.id)
    passed = conversation.slots.get(PASSED)
    if LEVEL[needed] > LEVEL["challenge"] or not brand.challenge or not isinstance(passed, Mapping):
        return None
    mine = passed.get("visitor") == customer.id and message.channel in brand.challenge.channels
    if not mine or float(passed.get("until", 0)) <= time.time():
        return None
    opens, value = brand.challenge.opens, str(passed["value"])
    if not opens:
        return Known(id=str(passed["customer_id"]))
    named = slots_in(message.text, brand, bare=True).get(opens) or route.slots.get(opens) or value
    other = canonical(str(named), brand.slots[opens]) != canonical(value, brand.slots[opens])
    if other or left(message.text, [opens], brand):
        return None
    return Known(id=str(passed["customer_id"]), scope={opens: value})


def may_prove(message: Message, brand: Brand, needed: Identity) -> bool:
    """Whether the challenge can make this customer known well enough, on the channel they write from."""
    can = LEVEL[needed] <= LEVEL["challenge"]
    return brand.challenge is not None and can and message.channel in brand.challenge.channels


def challenge_of(brand: Brand) -> Action:
    """Return the challenge as an action with a form."""
    assert brand.challenge is not None
    return Action(action=brand.challenge.action, slots=brand.challenge.slots, identity="anonymous", form=CHALLENGE_FORM)


@dataclass(kw_only=True)
class Proof(Form):
    """The challenge as a form in front of a task: `passed` is who the customer proved to be."""

    passed: Known | None = None

    def _question(self, slot: str) -> None:
        if self.task is None:
            self.say(self.brand.messages.challenge)
        super()._question(slot)

    def _answer(self) -> None:
        """Check the values, unless they were tried too often; a failure forgets them all and begins again."""
        assert self.brand.challenge is not None
        values = {name: str(self.at.slots[name]) for name in self.required}
        here, elsewhere = self._tries(values)
        if here > self.brand.challenge.attempts:
            self._end(self.brand.messages.challenge_closed)
        elif elsewhere <= self.brand.challenge.value_attempts and (found := self._checked()):
            self._pass(found, str(self.at.slots.get(self.brand.challenge.opens, "")))
        else:
            again = {PENDING: self.intent, REQUESTED: self.required[0], CONFIRMATION: None, MISSES: None}
            self.at.slots.update(dict.fromkeys(values))
            self.changes |= dict.fromkeys(values) | again
            self.say(self.brand.messages.challenge_failed)
            super()._question(self.required[0])

    def _tries(self, values: Mapping[str, str]) -> tuple[int, int]:
        """Count this try; returns how many this conversation made, and the most that any of the values saw."""
        assert self.brand.challenge is not None
        since = time.time() - 60 * self.brand.challenge.window_minutes
        message, brand = self.at.message, self.at.message.brand
        subjects = [f"{brand}/{name}/{canonical(value, self.brand.slots[name])}" for name, value in values.items()]
        here = self.ledger.tried(f"{brand}/conversation/{message.conversation_id}", message.id, since)
        attempt = f"{message.conversation_id}/{message.id}"
        return here, max(self.ledger.tried(subject, attempt, since) for subject in subjects)

    def _checked(self) -> str:
        """Return the customer id that the challenge's action sets; its words are not passed on."""
        before = len(self.said)
        try:
            self.run(self.action.action)
        except Rejected:
            return ""
        del self.said[before:]
        found: Any = self.changes.pop("customer_id", None)
        self.at.slots.pop("customer_id", None)
        return found if isinstance(found, str) else ""

    def _pass(self, customer_id: str, value: str) -> None:
        """Remember who it is and forget the proof; what was said of the task itself stays for it."""
        assert self.brand.challenge is not None
        until = time.time() + 60 * self.brand.challenge.lasts_minutes
        seen = {"customer_id": customer_id, "value": value, "visitor": self.at.message.customer.id, "until": until}
        own = [name for name in self.brand.slots if name not in self.required and self.at.slots.get(name) is not None]
        kept = {name: self.at.slots[name] for name in own}
        self._end("")
        scope = {self.brand.challenge.opens: value} if self.brand.challenge.opens else {}
        self.changes |= {PASSED: seen, **kept, **scope}
        self.passed = Known(id=customer_id, scope=scope)
