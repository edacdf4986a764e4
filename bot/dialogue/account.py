"""Account: a rasa-sdk action answers from the customer's own records, once the customer is verified."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from frontdesk.bot.config import Action, Brand, Slot
from frontdesk.bot.dialogue.actions import Actions, Outcome, Said
from frontdesk.bot.dialogue.clarify import person_button
from frontdesk.bot.errors import ModelError
from frontdesk.bot.text import sentences
from frontdesk.bot.types import Conversation, Effect, Identity, Message, Route, Sentence, Support

_ANOTHER = re.compile(r"\b(?:other|another|different|all|which)\b", re.IGNORECASE)
"""Words with which a customer leaves the record that was talked about."""

PENDING = "pending_intent"
"""The slot that remembers which account question waits for a missing slot."""

TIME_LIMIT = 10.0
"""Seconds an action may take before the customer is handed to a person."""
ACTIONS_AT_ONCE = 8

CONFIGURED = Support(kind="profile", source="frontdesk.toml")
_LEVEL: Mapping[Identity, int] = {"anonymous": 0, "channel": 1, "challenge": 2, "token": 3}


class AccountAnswerer:
    """Runs the intent's action for a verified customer; asks for what is missing, refuses politely else."""

    def __init__(self, actions: Actions, brands: Mapping[str, Brand]) -> None:
        self.actions, self.brands = actions, brands
        self._pool = ThreadPoolExecutor(ACTIONS_AT_ONCE, thread_name_prefix="frontdesk-action")

    async def answer(self, message: Message, conversation: Conversation, route: Route) -> AsyncIterator[Sentence]:
        """Yield what the action said, sentence by sentence, each supported by its record."""
        brand = self.brands[message.brand]
        action = brand.actions.get(route.intent)
        if action is None:
            return
        if _LEVEL[message.customer.identity] < _LEVEL[action.identity]:
            yield Sentence(
                text=brand.messages.verify, support=CONFIGURED, effect=Effect(buttons=(person_button(brand),))
            )
            return
        remembered = {} if _ANOTHER.search(message.text) else conversation.slots
        here = slots_in(message.text, brand, bare=True)
        slots = {**remembered, **here, **known_slots(route.slots, brand)}
        missing = [name for name in action.slots if not slots.get(name)]
        if missing:
            asking = Effect(slots={PENDING: route.intent})
            yield Sentence(text=ask_for(missing[0], brand), support=CONFIGURED, effect=asking)
            return
        run = asyncio.get_running_loop().run_in_executor(self._pool, self._run, action, message, conversation, slots)
        try:
            outcome = await asyncio.wait_for(run, TIME_LIMIT)
        except TimeoutError:
            raise ModelError("the action took too long.", where=action.action, fix="see why it hangs.") from None
        for sentence in said(outcome, action.action, self._remembered(outcome, slots, brand, route.intent)):
            yield sentence

    def _run(self, action: Action, message: Message, conversation: Conversation, slots: Mapping[str, Any]) -> Outcome:
        return self.actions.run(action.action, message, conversation, {**slots, "customer_id": message.customer.id})

    def _remembered(self, outcome: Outcome, slots: Mapping[str, Any], brand: Brand, intent: str) -> dict[str, Any]:
        """The slots to keep: the brand's own, what the action set, and whether it waits for an answer."""
        kept = {name: slots[name] for name in brand.slots if slots.get(name)}
        asks = not any(s.record for s in outcome.said) and any(s.buttons for s in outcome.said)
        return {**kept, **outcome.slots, PENDING: intent if asks else None}


def resumed(message: Message, conversation: Conversation, brand: Brand) -> Route | None:
    """Return the account route that waits for the slot this message gives, or None."""
    intent = conversation.slots.get(PENDING)
    last = conversation.turns[-1].reply if conversation.turns else None
    asked_just_now = last is not None and any(route.intent == intent for route in last.routes)
    if (
        not isinstance(intent, str)
        or not asked_just_now
        or message.text.startswith("/")
        or not slots_in(message.text, brand, bare=True)
    ):
        return None
    return Route(kind="account", intent=intent, confidence=1.0, reason=f"gives what {intent} asked for")


def slots_in(text: str, brand: Brand, *, bare: bool = False) -> dict[str, str]:
    """Return the brand's slots whose pattern occurs in `text`, upper-cased; with `bare`, the shorter forms too."""
    found = {
        name: _first(slot.pattern, text) or (bare and _first(slot.bare, text)) for name, slot in brand.slots.items()
    }
    return {name: value.upper() for name, value in found.items() if value}


def _first(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.IGNORECASE) if pattern else None
    return match.group() if match else ""


def known_slots(slots: Mapping[str, str], brand: Brand) -> dict[str, str]:
    """Return those slots of a route that the brand declares, with a value that fits the whole pattern if it has one."""
    return {
        name: fit
        for name, value in slots.items()
        if name in brand.slots and (fit := _fitting(value, brand.slots[name]))
    }


def _fitting(value: str, slot: Slot) -> str:
    if not slot.pattern:
        return value
    return value.upper() if re.fullmatch(slot.pattern, value, re.IGNORECASE) else ""


def ask_for(slot: str, brand: Brand) -> str:
    """Return the question that asks for one slot."""
    declared = brand.slots.get(slot)
    return (declared.ask if declared else "") or brand.messages.ask_slot.format(slot=slot.replace("_", " "))


def said(outcome: Outcome, action: str, remembered: Mapping[str, Any]) -> list[Sentence]:
    """Turn an action's responses into sentences; buttons and slots ride on the last one."""
    parts = [(text, response) for response in outcome.said for text in sentences(response.text)]
    buttons = tuple(button for response in outcome.said for button in response.buttons)
    last = len(parts) - 1
    return [
        Sentence(
            text=text,
            support=_support(response),
            effect=Effect(action=action, buttons=buttons, slots=remembered) if number == last else Effect(),
        )
        for number, (text, response) in enumerate(parts)
    ]


def _support(response: Said) -> Support:
    if not response.record:
        return Support()
    return Support(kind="record", source=f"{response.record.get('table')}/{response.record.get('id')}")
