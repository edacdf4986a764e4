"""One message of one account intent: its form is played, and what is said of it is true of this customer."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from frontdesk.bot.account_config import OURS
from frontdesk.bot.config import Action
from frontdesk.bot.dialogue.acting import rendered
from frontdesk.bot.dialogue.calls import Said, Situation
from frontdesk.bot.dialogue.carried import told_by, uncarried, unfounded
from frontdesk.bot.dialogue.clarify import person_button
from frontdesk.bot.dialogue.form import Form
from frontdesk.bot.dialogue.identity import Known, Proof, challenge_of, known_as, may_prove
from frontdesk.bot.dialogue.tasks import NEXT, OVER, PENDING, RESUME, Task, open_task, opened_with
from frontdesk.bot.dialogue.undo import UNDO, undoable
from frontdesk.bot.dialogue.values import known_slots
from frontdesk.bot.errors import ModelError
from frontdesk.bot.guards.support import figures
from frontdesk.bot.handoff import handing
from frontdesk.bot.text import sentences
from frontdesk.bot.types import Button, Conversation, Effect, Message, Route, Sentence, Support, Trigger

if TYPE_CHECKING:
    from frontdesk.bot.dialogue.account import AccountAnswerer

CONFIGURED = Support(kind="profile", source="frontdesk.toml")
HEARD = Support(kind="profile", source="the customer's own words")

log = logging.getLogger(__name__)


class AccountTurn:
    """One message of one account intent: what was said, what is remembered, why a person is needed."""

    def __init__(self, account: AccountAnswerer, message: Message, conversation: Conversation, route: Route) -> None:
        self.account, self.message, self.conversation, self.route = account, message, conversation, route
        self.brand = account.brands[message.brand]
        self.before = open_task(conversation, self.brand)
        self.resumes = route.intent == RESUME and self.before is not None
        self.intent = self.before.intent if self.before and self.resumes else route.intent
        self.said: list[tuple[str, Said]] = []
        self.changes: dict[str, Any] = {}
        self.person, self.ran = "", ""
        self.trigger: Trigger | None = None
        self.buttons: tuple[Button, ...] = ()
        self.form: Form | None = None
        self.known: Known | None = None
        self.over = threading.Event()
        self.doing = self.intent
        self.made: list[Sentence] | None = None  # what is said of a change that was made, whatever fails after it

    def play(self) -> None:
        """Play the message; blocks while actions run. Raises ModelError."""
        task = self.before if self.before and self.before.intent == self.intent else None
        if NEXT in self.route.slots:
            self.changes[NEXT] = self.route.slots[NEXT]
        if self.before and not task:
            self.changes |= OVER
            self._say(self.brand.messages.unchanged if self.before.confirmation else "")
        if self.intent == UNDO:
            self._undo()
        else:
            self._task(self.intent, task, self.resumes)
        while not self.person and not self._asks() and (waiting := self._waiting()):
            (intent, values), *rest = waiting
            self.changes |= {NEXT: json.dumps(rest) if rest else None, **known_slots(values, self.brand)}
            if intent in self.brand.actions:
                self._task(intent, None, True)

    def _asks(self) -> bool:
        """Whether a task waits for the customer after this message."""
        return self.changes.get(PENDING, self.conversation.slots.get(PENDING)) is not None

    def _waiting(self) -> list[tuple[str, dict[str, str]]]:
        """What else the customer asked for, in this message or before it."""
        told = self.changes.get(NEXT, self.route.slots.get(NEXT) or self.conversation.slots.get(NEXT))
        try:
            found = json.loads(told) if isinstance(told, str) else []
        except (ValueError, RecursionError):
            return []
        rows = found if isinstance(found, list) else []
        whole = [row for row in rows if isinstance(row, list) and len(row) == 2 and isinstance(row[1], dict)]
        return [(str(intent), {name: str(value) for name, value in values.items()}) for intent, values in whole]

    def _task(self, intent: str, task: Task | None, resumes: bool) -> None:
        """Play one intent for who the customer is known to be; ask for proof, or refuse politely, else."""
        self.doing, action, told = intent, self.brand.actions[intent], ""
        self.known = known_as(self.message, self.conversation, self.route, self.brand, action.identity)
        if self.known is None and may_prove(self.message, self.brand, action.identity):
            proof = Proof(**self._parts(intent, challenge_of(self.brand), task))
            self._play(proof, resumes)
            self.known, task, resumes = proof.passed, None, True
            told = opened_with(self.conversation, intent)
        elif self.known is None:
            self._say(self.brand.messages.verify)
            self.buttons = (person_button(self.brand),)
        if self.known is not None:
            self.form = Form(**self._parts(intent, action, task), told=told)
            self._play(self.form, resumes)

    def _undo(self) -> None:
        """Take a change back for the customer who had it made, as long as that may be; else offer a person."""
        found = undoable(self.route, self.conversation.slots, self.brand)
        if found:
            made, action = found
            values = {name: str(value) for name, value in made["values"].items()}
            route = replace(self.route, slots=values)
            self.known = known_as(self.message, self.conversation, route, self.brand, action.identity)
        if not found or self.known is None or self.known.id != made["customer"]:
            self._say(self.brand.messages.undo_over)
            self.buttons = (person_button(self.brand),)
            return
        self.doing = str(made["intent"])
        undoing = action.model_copy(update={"action": action.undo, "undo": ""})
        self.form = Form(**self._parts(self.doing, undoing, None))
        self.form.undo(made)
        self._told(self.form)

    def _parts(self, intent: str, action: Action, task: Task | None) -> dict[str, Any]:
        """What a form is made of; what was remembered in this turn counts already."""
        known = {**self.conversation.slots, **self.changes}
        slots = {name: v for name, v in known.items() if name not in {*OURS, *OVER} and v is not None}
        fixed = {"customer_id": self.known.id, **self.known.scope} if self.known else {}
        at = Situation(
            brand=self.brand,
            message=self.message,
            conversation=self.conversation,
            route=self.route,
            slots={**slots, **(self.known.scope if self.known else {})},
            fixed=fixed,
            loop=action.form_of(intent) if action.slots else "",
        )
        parts = {
            "runner": self.account.actions,
            "ledger": self.account.ledger,
            "over": self.over,
            "at": at,
            "task": task,
        }
        return {**parts, "intent": intent, "action": action, "required": action.slots}

    def _play(self, form: Form, resumes: bool) -> None:
        form.play(resumes=resumes)
        self._told(form)

    def _told(self, form: Form) -> None:
        """Take in what a form said and did, once it is known to be true of this customer."""
        for one in form.said:
            self._owned(form.action, one)
        self._reported(form)
        carried = self._carried(form.said)
        for one in form.said:
            seed = f"{self.message.id}{one.response}"
            text = rendered(one, self.brand, {**form.at.slots, **form.at.fixed}, seed)
            self.said.append((text, self._true(text, one, carried, form.action)))
        self.changes |= form.changes
        self.person, self.ran = self.person or form.person, form.ran or self.ran
        self.trigger = self.trigger or form.trigger
        if form.begun:
            self.made = self.sentences()
        other = next((i for i, a in self.brand.actions.items() if form.loop and a.form_of(i) == form.loop), None)
        if other and other != form.intent and not self.person:
            self._task(other, None, True)

    def _owned(self, action: Action, one: Said) -> None:
        """Refuse a record that is not the known customer's, where the action or a passed challenge says how to tell."""
        if one.record is None or self.known is None:
            return
        fields = one.record.get("fields")
        told = {**(fields if isinstance(fields, dict) else {}), **one.record}
        owner = self._owner(action)
        wrong = owner and told.get(owner) != self.known.id
        for name, value in self.known.scope.items():
            wrong = wrong or value not in (told.get(name), told.get("id"))
        if wrong:
            what = "the action answered with a record that is not this customer's."
            raise ModelError(what, where=action.action, fix="see what it returns for this customer.")

    def _owner(self, action: Action) -> str:
        """The field that says whose a record is; nobody in particular owns nothing."""
        return action.owner or (self.account.owner if self.known and self.known.id else "")

    def _reported(self, form: Form) -> None:
        """Refuse the report of a change that names no record, where records say whose they are: "done" is no proof."""
        if form.begun and not form.person and self._owner(form.action) and not any(one.record for one in form.said):
            what = "the change was reported without its record."
            raise ModelError(what, where=form.action.action, fix="give what it says its record: docs/actions.md.")

    def _carried(self, said: Sequence[Said]) -> str:
        """What may be named: the records that were told, what the customer wrote, and who they are."""
        customer = self.message.customer
        own = (customer.id, *customer.attributes.values(), self.known.id or "" if self.known else "")
        return " ".join((told_by(one.record for one in said if one.record), *own, *self._heard()))

    def _true(self, text: str, one: Said, carried: str, action: Action) -> Said:
        """What an action said, without buttons that nothing carries; refuses words that name what nothing carries."""
        if one.configured and not one.response:
            return one
        known = self.account.words_of(self.brand)
        if uncarried(text, carried, known):
            what = "the action names what no record of this customer's has."
            raise ModelError(what, where=action.action, fix="give what it says its record: docs/actions.md.")
        kept = tuple(button for button in one.buttons if not unfounded(_shown(button), carried, known))
        shown = tuple(part for part in one.shown if not unfounded("\n".join(_values(part)), carried, known))
        if lost := len(one.buttons) + len(one.shown) - len(kept) - len(shown):
            log.warning("%s: %d buttons, pictures or others name what no record has", action.action, lost)
        return replace(one, buttons=kept, shown=shown)

    def _say(self, text: str) -> None:
        if text:
            self.said.append((text, Said(text=text, configured=True)))

    # What is sent

    def sentences(self) -> list[Sentence]:
        """Return what is said; buttons and slots ride on the last sentence, a person's coming on one of its own."""
        parts = [(text, one) for words, one in self.said for text in _parts(words, one)]
        buttons = (*(button for _, one in self.said for button in one.buttons), *self.buttons)
        told = [Sentence(text=text, support=self._support(text, one)) for text, one in parts]
        shown = tuple(part for _, one in self.said for part in one.shown)
        effect = Effect(action=self.ran or None, buttons=buttons, shown=shown, slots=self.changes)
        if self.person and told and told[-1].text == self.brand.messages.uncertain:
            return [*told[:-1], self._handed(told[-1].text, effect, self.person)]
        if self.person:
            messages = self.brand.messages
            words = messages.person_decides if self.trigger is None else messages.handoff
            return [*told, self._handed(words, effect, self.person)]
        return [*told[:-1], *(Sentence(text=last.text, support=last.support, effect=effect) for last in told[-1:])]

    def broken_off(self, error: Exception) -> list[Sentence]:
        """Return what is said when something failed after a change was begun; a person looks. Else raises the error."""
        late = isinstance(error, TimeoutError)
        if self.made is not None:
            log.error("%s failed after a change was made", self.doing, exc_info=error)
            return self._all_but(f"{self.doing} {'took too long' if late else 'failed'} after {self.intent} was done")
        if self.form is None or not self.form.begun:
            raise self._late() if late else error from None
        log.error("a change of %s has an unknown end", self.intent, exc_info=error)
        reason = f"{self.intent}: it is not known whether the change was made"
        return [self._handed(self.brand.messages.uncertain, Effect(), reason)]

    def _all_but(self, reason: str) -> list[Sentence]:
        """What is said of a change that was made, and that a person sees to what failed after it."""
        if self.made and self.made[-1].effect.state:
            return self.made
        told = [replace(one, effect=replace(one.effect, buttons=())) for one in self.made or ()]
        return [*told, self._handed(self.brand.messages.apology, Effect(), reason)]

    def _late(self) -> ModelError:
        """The error of actions that took too long."""
        where = self.brand.actions[self.doing].action
        return ModelError("the action took too long.", where=where, fix="see why it hangs.")

    def _handed(self, text: str, effect: Effect, reason: str) -> Sentence:
        slots = {**effect.slots, **OVER, NEXT: None, "handoff_reason": None}
        passed = Effect(action=effect.action, slots=slots, state="waiting", reason=reason, trigger=self.trigger)
        return Sentence(text=handing(text, self.brand), support=CONFIGURED, effect=passed)

    def _support(self, text: str, one: Said) -> Support:
        """What carries a sentence: settings, the record that has its figures, or what the customer said; else none."""
        if one.configured and not one.response:
            return CONFIGURED
        own, heard = figures(text), figures(" ".join(self._heard()))
        if one.record is not None and own <= heard | figures(json.dumps(one.record, default=str, ensure_ascii=False)):
            source = f"{one.record.get('table')}/{one.record.get('id')}"
            return Support(kind="record", source=source, read_at=str(one.record.get("read_at") or ""))
        template = figures(" ".join(self.brand.responses.get(one.response, ())))
        return HEARD if own and own <= heard | template else Support()

    def _heard(self) -> list[str]:
        earlier = (turn.message.text for turn in self.conversation.turns)
        return [self.message.text, *self.route.slots.values(), *earlier]


def _shown(button: Button) -> str:
    """What a button may tell: its title and its payload; the key of a change that is read back is our own."""
    ours = button.payload.startswith(("/affirm", "/deny", f"/{UNDO}"))
    return button.title if ours else f"{button.title} {button.payload}"


def _values(value: Any) -> Iterator[str]:
    """Yield the texts and figures in a JSON value."""
    if isinstance(value, str | int | float):
        yield str(value)
    for inner in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _values(inner)


def _parts(words: str, one: Said) -> list[str]:
    """The sentences of what an action said; a text of the settings stays whole."""
    return [words] if one.configured and not one.response else sentences(words)
