"""A conversation with the account part behind the real engine; only what a text is about is told by keywords."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from frontdesk.bot.account_config import Action, Alone, Challenge, Slot
from frontdesk.bot.config import Brand
from frontdesk.bot.dialogue.account import AccountAnswerer
from frontdesk.bot.dialogue.actions import Actions
from frontdesk.bot.dialogue.calls import Runner
from frontdesk.bot.dialogue.changes import Ledger
from frontdesk.bot.engine import Engine, changes, moved_to
from frontdesk.bot.guards import SupportCheck
from frontdesk.bot.router.entities import Entities
from frontdesk.bot.router.languages import OTHER_LANGUAGE
from frontdesk.bot.types import Conversation, Customer, Identity, Message, Reply, Route, Sentence, Support, Turn

ACTIONS = Path(__file__).parent / "desk_actions"
KEYWORDS: Mapping[str, tuple[str, str]] = {
    "how long": ("knowledge", "delivery_time"),
    "send back": ("knowledge", "return_policy"),
    "thanks": ("voice", "thanks"),
    "bye": ("voice", "goodbye"),
    "twice in doubt": ("handoff", "out_of_scope"),
    "person": ("handoff", "human_agent"),
    "move": ("account", "move"),
    "show": ("account", "show"),
    "odd": ("account", "odd"),
    "ask me": ("account", "asked"),
    "okay": ("voice", "affirm"),
    "zurück": ("clarify", OTHER_LANGUAGE),
}
BRAND = Brand(
    name="The Desk",
    slots={
        "loan": Slot(pattern=r"LN-\d{3}", bare=r"(?<![\w-])\d{3}(?![\w-])"),
        "street": Slot(text=True, pattern=r"\d+ .+", ask="Which street?", kept=False, called=("street", "address")),
        "kind": Slot(values={"gift": "A gift", "own": "For myself"}, ask="What is it for?", kept=False),
        "note": Slot(text=True, ask="What shall the note say?", kept=False),
        "email": Slot(ask="Which e-mail address?", kept=False),
    },
    actions={
        "move": Action(
            action="action_move",
            slots=("loan", "street"),
            read_back="action_read_back_move",
            owner="customer_id",
            alone=Alone(at_most={"cost": 100}, only={"state": ("out",)}),
        ),
        "asked": Action(action="action_said", slots=("kind",)),
        "show": Action(action="action_show", slots=("loan",), identity="challenge", owner="customer_id"),
        "odd": Action(action="action_odd", slots=("note",), owner="customer_id"),
    },
    responses={"utter_hello": ("Hello from {place}.",), "utter_ask_note": ("And the note?",)},
    challenge=Challenge(action="action_verify", slots=("loan", "email"), opens="loan"),
)


class Keywords:
    """Routes by the first keyword in a text; nothing else is known."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand
        self.entities = Entities(patterns={name: slot.pattern for name, slot in brand.slots.items() if not slot.text})

    def route(self, message: Message, conversation: Conversation) -> tuple[Route, ...]:
        """Return the route of a payload or a keyword, one for each part; else a clarification."""
        parts = message.text.split(";")
        found = [self._routed(part, message) for part in parts]
        return (
            tuple(replace(route, text=part) for route, part in zip(found, parts, strict=True))
            if parts[1:]
            else (found[0],)
        )

    def _routed(self, text: str, message: Message) -> Route:
        name, slots = "", {}
        if text.startswith("/"):
            name, _, rest = text[1:].partition("{")
            slots = {k: str(v) for k, v in json.loads("{" + rest).items()} if rest else {}
        name = name or next((intent for intent in self.brand.actions if "_" in intent and intent in text), "")
        found = next((one for word, one in KEYWORDS.items() if word in text.casefold() or one[1] == name), None)
        kind, intent = found or ("account" if name in self.brand.actions else "clarify", name or "unknown")
        entities = {one.name: one.value for one in self.entities.find(text, message.sent_at.date())}
        trigger = "clarify" if intent == "out_of_scope" else None
        values = {**entities, **slots}
        return Route(kind=kind, intent=intent, confidence=1.0, reason="", slots=values, trigger=trigger)  # type: ignore[arg-type]


class Fixed:
    """Answers every route with one sentence."""

    async def answer(self, message: Message, conversation: Conversation, route: Route) -> Any:
        """Yield the sentence."""
        yield Sentence(text=f"About {route.intent}.", support=Support(kind="profile"))


class Talk:
    """One customer's conversation; `say` returns the reply and keeps what it changes."""

    def __init__(
        self,
        actions: Runner,
        *,
        customer: Customer | None = None,
        brand: Brand = BRAND,
        channel: str = "web",
        ledger: Ledger | None = None,
        conversation_id: str = "talk",
    ) -> None:
        self.account = AccountAnswerer(actions, {"b": brand}, ledger)
        self.customer, self.channel = customer or Customer(id="C1", identity="token"), channel
        others = {kind: Fixed() for kind in ("voice", "knowledge", "clarify", "handoff")}
        answerers: Any = {**others, "account": self.account}
        routers = {"b": Keywords(brand)}
        self.engine = Engine(brands={"b": brand}, routers=routers, answerers=answerers, checks=(SupportCheck(),))
        self.conversation = Conversation(id=conversation_id, brand="b", customer=self.customer)
        self.count = 0

    def say(self, text: str, *, keep: bool = True) -> Reply:
        """Return the reply to a text; with `keep` false the turn is lost, as when the server dies before its end."""
        who = self.customer
        number = f"m{self.count}"
        message = Message(
            text=text, conversation_id=self.conversation.id, brand="b", channel=self.channel, customer=who, id=number
        )

        async def sent(sentence: Sentence) -> Sentence:
            return sentence

        reply = asyncio.run(self.engine.respond(message, self.conversation, sent))
        if keep:
            self.count += 1
            slots = {**self.conversation.slots, **changes(reply)}
            self.conversation = replace(
                self.conversation,
                turns=(*self.conversation.turns, Turn(message=message, reply=reply)),
                slots={name: value for name, value in slots.items() if value is not None},
                state=moved_to(reply) or self.conversation.state,
            )
        return reply

    @property
    def slots(self) -> Mapping[str, Any]:
        """What is remembered."""
        return self.conversation.slots


def desk(folder: Path) -> Actions:
    """Return the lending desk's actions in a project of their own."""
    shutil.copytree(ACTIONS, folder / "actions", ignore=shutil.ignore_patterns("__pycache__"))
    return Actions(folder).load()


def visitor(identity: Identity = "anonymous") -> Customer:
    """Return somebody who is not signed in."""
    return Customer(id="visitor-1", identity=identity)


def book(folder: Path) -> list[dict[str, Any]]:
    """Return the changes that were made."""
    path = folder / "book.json"
    found: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    return found
