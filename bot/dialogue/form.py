"""One turn of an account task: values are taken and validated, the next is asked for, a change is read back and done.

The form follows Rasa's (https://rasa.com/docs/rasa/forms): `validate_FORM` sees the candidates as the last events, sets
slots and perhaps `requested_slot`; `action_ask_SLOT` or `utter_ask_SLOT` asks.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from frontdesk.bot.config import Action
from frontdesk.bot.dialogue.acting import Acting
from frontdesk.bot.dialogue.calls import LEFT, Rejected, Said
from frontdesk.bot.dialogue.changes import YES_LASTS, Ledger, answer_in, beyond, key_of
from frontdesk.bot.dialogue.continuing import given, upset
from frontdesk.bot.dialogue.tasks import BESIDE, CONFIRMATION, MISSES, OVER, PENDING, REQUESTED, Task
from frontdesk.bot.dialogue.undo import UNDO, UNDOABLE, Made, undo_button, with_made, without
from frontdesk.bot.dialogue.values import choice_in, corrected, known_slots, left, looks_like, slots_in, telling, whole
from frontdesk.bot.errors import ModelError
from frontdesk.bot.types import Button, Trigger

MISSED = 3
"""Questions without an answer after which a person takes over."""
_ALL = re.compile(r"\b(?:all|which)\b", re.IGNORECASE)


@dataclass(kw_only=True)
class Form(Acting):
    """Plays one message of the task `intent`; `task` is that task where it was open before the message.

    `begun` tells whether a change may have been made; once `over` is set, by whoever waits for the form, none is.
    `trigger` is the kind of the reason for which a person is needed, where that is not the policy; `told` is what the
    customer wrote before the form could begin.
    """

    ledger: Ledger
    intent: str
    action: Action
    required: tuple[str, ...]
    task: Task | None = None
    begun: bool = False
    over: threading.Event = field(default_factory=threading.Event)
    trigger: Trigger | None = None
    told: str = ""

    def play(self, *, resumes: bool) -> None:
        """Play the message; `resumes` when it was about something else and what was asked is only repeated."""
        waits = self.task.confirmation if self.task else None
        answer = answer_in(self.at.message.text, str((waits or {}).get("key", ""))) if not resumes else ""
        asked = self.brand.slots.get(self.task.requested) if self.task else None
        chosen = asked and choice_in(self.at.message.text, asked)
        if self.task and ((answer == "leave" and not chosen) or (waits and answer == "no")):
            self._end(self.brand.messages.unchanged if waits else self.brand.messages.dropped)
            return
        known = dict(self.at.slots)
        taken = self._take(resumes) if not (waits and answer) else {}
        if waits and answer == "yes" and self._counts(waits):
            self._execute(waits)
            return
        found = self._found(taken)
        self._keep_left(known, taken)
        missed = bool(self.task and not found and not resumes and not (waits and answer))
        if self.loop == "":
            self._end("")
        elif missed and (cues := upset(self.at.message.text, self.brand)):
            self.person, self.trigger = f"{self.intent}: angry ({', '.join(cues)})", "anger"
        elif not self.person:
            self.say(self.brand.messages.yes_or_no if waits and not (taken or resumes or answer) else "")
            self._go_on(missed=missed and not waits)

    # Values

    def _found(self, taken: Mapping[str, Any]) -> bool:
        """Validate what was taken; returns whether any of it was accepted, left or added to."""
        before = dict(self.changes)
        self._validate(taken)
        kept = any(value is None or self.at.slots.get(name) is not None for name, value in taken.items())
        added = {name: value for name, value in self.changes.items() if value is not None and name != REQUESTED}
        return kept or any(value != before.get(name) for name, value in added.items())

    def _keep_left(self, known: Mapping[str, Any], taken: Mapping[str, Any]) -> None:
        """Leave what the customer left in this task, though the form's own `extract_` finds it again: it is asked for.

        `known` are the values before this message, `taken` what it gives or, as None, leaves.
        """
        before = (self.at.conversation.slots.get(LEFT) or {}) if self.task else {}
        new = {name: known[name] for name, value in taken.items() if value is None and known.get(name) is not None}
        gone = {name: value for name, value in before.items() if taken.get(name) is None} | new
        again = [name for name, value in gone.items() if self.at.slots.get(name) == value]
        self.at.slots.update(dict.fromkeys(again))
        self.changes |= dict.fromkeys(again) | ({LEFT: gone or None} if gone != before else {})

    def _take(self, resumes: bool) -> dict[str, Any]:
        """Take the values of the message; returns what is new among the task's slots, None for a value that was left.

        After something else was answered, only what a value looks like counts.
        """
        text, slots = self.at.message.text, self.at.slots
        payload = text.startswith("/")
        found: dict[str, Any] = dict(given("" if payload else text, self.at.route, self.brand))
        if not payload and not resumes:
            full = slots_in(text, self.brand) | known_slots(self.at.route.slots, self.brand)
            answers = self._answers(text, full)  # a postcode is no order number without its prefix
            found = self._left(text) | answers | (full if answers else found)
        new = {name: value for name, value in found.items() if value != slots.get(name)}
        slots.update(new)
        self.changes |= new
        return {name: value for name, value in new.items() if name in self.required}

    def _left(self, text: str) -> dict[str, Any]:
        """The values that the customer leaves: "the other order"; in a question, "which" and "all" leave every one."""
        gone = left(text, self.brand.slots, self.brand)
        if _ALL.search(text) and not self.action.read_back:
            gone = list(self.brand.slots)
        return {name: None for name in gone if self.at.slots.get(name) is not None}

    def _answers(self, text: str, found: Mapping[str, Any]) -> dict[str, Any]:
        """What the message is as a correction, as a choice, or as the whole answer to what was asked."""
        if self.task is None:
            return {}
        filled = [name for name in self.required if self.at.slots.get(name) is not None]
        slot = self.brand.slots.get(self.task.requested)
        awaited = bool(slot and slot.text and self.at.slots.get(self.task.requested) is None)
        if corrections := corrected(text, filled, self.brand, named=awaited):
            return corrections
        chosen = {name: value for name in self.required if (value := choice_in(text, self.brand.slots[name]))}
        if slot and slot.text and not found and (value := whole(text, slot)):
            chosen |= {self.task.requested: value}
        free = {name: slot for name in filled if (slot := self.brand.slots[name]).text and self.task.confirmation}
        again = {name: whole(text, slot) for name, slot in free.items() if telling(slot) and looks_like(text, slot)}
        return chosen | dict(list(again.items())[-1:])

    def _validate(self, taken: Mapping[str, Any]) -> None:
        """Have the form's own action validate what was taken, at the beginning also what was known before."""
        validate = f"validate_{self.action.form_of(self.intent)}"
        if not self.runner.has(validate):
            return
        candidates = {name: value for name, value in taken.items() if value is not None}
        if self.task is None:
            candidates |= {name: value for name in self.required if (value := self.at.slots.get(name)) is not None}
        heard = self.at.message
        if self.told:
            self.at.message = replace(heard, text=f"{self.told}\n{heard.text}")
        try:
            self.run(validate, candidates)
        except Rejected:
            self.at.slots.update(dict.fromkeys(taken))
            self.changes |= dict.fromkeys(taken)
        finally:
            self.at.message = heard

    # Questions

    def _go_on(self, *, missed: bool) -> None:
        """Ask for the next slot; where none is missing, answer, or read back what would be changed."""
        if slot := self._next():
            self._ask(slot, missed)
        elif self.action.read_back:
            self._read_back()
        else:
            self._answer()

    def _next(self, not_needed: Collection[str] = ()) -> str:
        """The slot to ask for: the one that a validation requests, else the first of the form without a value."""
        if REQUESTED in self.changes:
            return str(self.changes.pop(REQUESTED) or "")
        return next((name for name in self._missing() if name not in not_needed), "")

    def _missing(self) -> list[str]:
        """The slots of the form that have no value."""
        return [name for name in self.required if self.at.slots.get(name) in (None, "")]

    def _ask(self, slot: str, missed: bool) -> None:
        misses = int(self.at.conversation.slots.get(MISSES) or 0) + 1 if missed else 0
        if misses >= MISSED:
            self.person = f"{slot} was asked for {misses} times without an answer"
            return
        if misses and not self.said:
            self.say(self.brand.messages.again)
        self._question(slot)
        if self.loop == "":
            self._end("")
        else:
            self.changes |= {PENDING: self.intent, REQUESTED: slot, CONFIRMATION: None, MISSES: misses or None}

    def _question(self, slot: str) -> None:
        """Ask in the way that comes first: an action, a response, the slot's question, the brand's."""
        form, declared, before = self.action.form_of(self.intent), self.brand.slots.get(slot), len(self.said)
        asking = next((a for a in (f"action_ask_{form}_{slot}", f"action_ask_{slot}") if self.runner.has(a)), "")
        if asking:
            self.run(asking)
        if len(self.said) > before:
            return
        utter = next((u for u in (f"utter_ask_{form}_{slot}", f"utter_ask_{slot}") if u in self.brand.responses), "")
        text = (declared.ask if declared else "") or self.brand.messages.ask_slot.format(slot=slot.replace("_", " "))
        values = declared.values.items() if declared else ()
        buttons = tuple(Button(title=title, payload=f'/inform{{"{slot}":"{value}"}}') for value, title in values)
        self.said.append(Said(text="" if utter else text, response=utter, buttons=buttons, configured=True))

    # Reading

    def _answer(self) -> None:
        """Run the action: what it says is the answer, unless it only asks which of several is meant."""
        before = len(self.said)
        try:
            self.run(self.action.action)
        except Rejected:
            self._end("")
            return
        told = self.said[before:]
        self._end("")
        if any(one.buttons for one in told) and not any(one.record for one in told):
            self.changes |= {PENDING: self.intent}

    # Changing

    def _read_back(self) -> None:
        """Say what would be changed and wait for a yes; hand over what the bot may not change alone."""
        first, not_needed = len(self.said), self._missing()
        if not self._told_back() or self.loop == "":
            self._end("")
            return
        if self.person:
            return
        if slot := self._next(not_needed):
            self._ask(slot, missed=False)
            return
        facts = {name: value for one in self.said[first:] for name, value in one.policy.items()}
        if reason := beyond(self.action, facts):
            self.person, self.said = f"{self.intent}: {reason}", self.said[:first]
            return
        if len(self.said) == first:
            raise ModelError("the read-back said nothing.", where=self.action.read_back, fix="say what will change.")
        self._wait_for_yes()

    def _told_back(self) -> bool:
        """Run or render the read-back; False when its action rejects to run."""
        if self.action.read_back in self.brand.responses:
            self.said.append(Said(text="", response=self.action.read_back))
            return True
        try:
            self.run(self.action.read_back)
        except Rejected:
            return False
        return True

    def _wait_for_yes(self) -> None:
        messages, values = self.brand.messages, {n: v for n, v in self.at.slots.items() if v is not None}
        key = key_of(self.at.conversation.id, self.at.message.id, self.intent, values)
        yes = Button(title=messages.affirm_button, payload=f'/affirm{{"change":"{key}"}}')
        no = Button(title=messages.deny_button, payload=f'/deny{{"change":"{key}"}}')
        self.said[-1] = replace(self.said[-1], buttons=(yes, no))
        asked = {"key": key, "values": values, "customer": self.at.fixed.get("customer_id"), "at": time.time()}
        self.changes |= {PENDING: self.intent, REQUESTED: None, CONFIRMATION: asked, MISSES: None}

    def _counts(self, waits: Mapping[str, Any]) -> bool:
        """Whether a yes still counts: not too late, and from the customer who was asked."""
        late = time.time() - float(waits.get("at", 0)) > YES_LASTS
        return not late and waits.get("customer") == self.at.fixed.get("customer_id")

    def _execute(self, waits: Mapping[str, Any]) -> None:
        """Make the change once under its key, and report what came of it.

        What an earlier try of this turn did is reported from the ledger, not done again.
        """
        key = str(waits["key"])
        self.begun = True
        begun = self.ledger.begin(key)
        if self.over.is_set():
            raise ModelError("the change came too late to begin.", where=self.action.action, fix="see the store.")
        if begun.results is not None:
            self.ran = self.action.action
            for result in begun.results:
                self.apply(result)
        elif begun.fresh or self.action.repeatable:
            self._change(key, waits["values"])
        else:
            self.person = f"{self.intent}: it is not known whether the change was made"
            self.say(self.brand.messages.uncertain)
        made = self.loop != "" and not self.person
        self._end("" if self.said or self.person else self.brand.messages.done)
        if made and self.action.undo:
            self._may_be_undone(waits)

    def undo(self, made: Made) -> None:
        """Take back a change that was made, once; the action is the one that undoes it."""
        key = key_of(self.at.conversation.id, "", UNDO, {"undo_key": made["key"]})
        self._execute({"key": key, "values": {**made["values"], "undo_key": made["key"]}})
        self.changes[UNDOABLE] = without(self.at.conversation.slots, str(made["key"])) or None

    def _may_be_undone(self, waits: Mapping[str, Any]) -> None:
        """Offer below the report to take the change back, and remember which it was."""
        button = undo_button(str(waits["key"]), self.brand)
        self.said[-1] = replace(self.said[-1], buttons=(*self.said[-1].buttons, button))
        known = {**self.at.conversation.slots, **self.changes}
        self.changes[UNDOABLE] = with_made(known, self.intent, waits, self.brand)

    def _change(self, key: str, values: Mapping[str, Any]) -> None:
        self.at.slots = {**values, "idempotency_key": key}
        try:
            self.ledger.finish(key, tuple(self.run(self.action.action)))
        except Rejected:
            self.ledger.finish(key, ())
            self.person = f"{self.intent}: {self.action.action} rejects the change"

    def _end(self, text: str) -> None:
        """Say a last word, and forget the task and what was asked for it alone."""
        self.say(text)
        beside = (*(self.at.conversation.slots.get(BESIDE) or ()), *(self.changes.get(BESIDE) or ()))
        gone = {name for name, slot in self.brand.slots.items() if not slot.kept} | set(beside)
        self.changes = {**self.changes, **OVER, **dict.fromkeys(gone)}
