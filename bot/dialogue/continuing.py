"""Whether a message goes on with the task that is open, or with something else; and what follows a message's tasks."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from frontdesk.bot.config import Brand
from frontdesk.bot.dialogue.asides import asked_beside
from frontdesk.bot.dialogue.changes import answer_in
from frontdesk.bot.dialogue.tasks import NEXT, RESUME, Task, open_task
from frontdesk.bot.dialogue.values import choice_in, corrected, known_slots, left, looks_like, slots_in, telling
from frontdesk.bot.handoff import HUMAN
from frontdesk.bot.router.languages import OTHER_LANGUAGE
from frontdesk.bot.router.manner import anger, asks
from frontdesk.bot.types import Conversation, Message, Route

_FAREWELLS = frozenset({"goodbye", "bye", "farewell"})
"""Intents with which a customer leaves, an open task too."""
INFORM = "inform"
"""Rasa's name of a payload that only gives values: `/inform{"order_id": "LL-10423"}`."""
_UNSURE = Route(kind="clarify", intent="", confidence=0.0, reason="nothing is known of it")
_WORD = re.compile(r"[^\W_]+")
_FEW = 4
"""Words beside a value up to which a message is only the answer to a question."""
_FILLING = frozenset(
    re.findall(
        r"\w+",
        "a an and be can could d for from have here hi i id in is it its just like ll m mean meant mine my nr no "
        "number of ok okay one only or please rather s so sorry sure thank thanks that the then think this to um use "
        "ve was with would yes you",
    )
)
"""Words beside a value that ask for nothing."""


def continued(
    message: Message, conversation: Conversation, brand: Brand, routes: tuple[Route, ...]
) -> tuple[Route, ...]:
    """Return the routes of a message where a task may be open: the task's, the router's, or those and the task again.

    A question is answered and the task's own repeated; another account intent or a person ends the task, and so does
    anger: nobody who is angry is asked the same again.
    """
    task = open_task(conversation, brand)
    if task is None:
        return one_by_one(routes, brand)
    # a pleasantry beside the answer to a task's question is no request
    routes = tuple(route for route in routes if not (route.kind == "voice" and route.text)) or routes
    routes = tuple(asked_beside(route, message, brand) for route in routes)
    first = routes[0]
    doubts = [replace(route, kind="clarify") if route.trigger == "clarify" else route for route in routes]
    if goes_on(message, task, brand, doubts):
        text = message.text if message.text.startswith("/") else ""
        on = Route(kind="account", intent=task.intent, confidence=1.0, reason=f"answers what {task.intent} asked for")
        return (replace(on, slots=first.slots, text=text),)
    kinds = {route.kind for route in routes}
    if not kinds & {"handoff", "account"} and (cues := upset(message.text, brand)):
        reason = f"angry ({', '.join(cues)}) in the middle of {task.intent}"
        person = Route(kind="handoff", intent=HUMAN, confidence=1.0, reason=reason, trigger="anger")
        return (*(replace(route, otherwise=None) for route in routes if route.kind == "knowledge"), person)
    if kinds & {"handoff", "account"} or any(route.intent in _FAREWELLS for route in routes):
        return one_by_one(routes, brand)
    again = Route(
        kind="account", intent=RESUME, confidence=1.0, reason=f"goes on with {task.intent}", text=message.text
    )
    return (*routes, again)


def answers(message: Message, conversation: Conversation, brand: Brand) -> bool:
    """Whether a message plainly answers what an open task asked: by its shape, or in the words of the question."""
    task, text = open_task(conversation, brand), message.text
    if task is None or text.startswith("/"):
        return False
    if answer_in(text, task.key) or gives_only(text, task, brand, _UNSURE) or repeats(text, task, brand):
        return True
    slot = brand.slots.get(task.requested)
    return (slot is None or telling(slot)) and looks_wanted(text, task, brand)


def upset(text: str, brand: Brand) -> tuple[str, ...]:
    """Return the cues that the writer of a message is angry, where that brings a person; empty for none."""
    brings = brand.handoff.enabled and "anger" in brand.handoff.triggers
    return anger(text) if brings and not text.startswith("/") else ()


def one_by_one(routes: tuple[Route, ...], brand: Brand) -> tuple[Route, ...]:
    """Return the routes with one task that may ask back; the account intents after it wait until it is over.

    Beside its question nothing else is asked back: what was in doubt in the same message is told to the task, for facts
    are often given in sentences of their own.
    """
    if any(_asks_back(route, brand) for route in routes):
        routes = _told_together(routes, brand)
    asks_back = [_asks_back(route, brand) for route in routes]
    if True not in asks_back:
        return routes
    place = asks_back.index(True)
    later = [route for route in routes[place + 1 :] if route.kind == "account"]
    if not later:
        return routes
    waiting = json.dumps([[route.intent, dict(route.slots)] for route in later])
    first = replace(routes[place], slots={**routes[place].slots, NEXT: waiting})
    return (*routes[:place], first, *(route for route in routes[place + 1 :] if route not in later))


def _told_together(routes: tuple[Route, ...], brand: Brand) -> tuple[Route, ...]:
    """The routes with the first task that asks back told what else is about it: what is in doubt, and its own intent.

    "Return the rug. It is order 7" is one request; "cancel order 7 and cancel order 8" are two.
    """
    tasks = [route for route in routes if _asks_back(route, brand)]
    whole_ones = (one for one in tasks if not any(_part_of(one, other, brand) for other in tasks))
    task = next(whole_ones, tasks[0])

    def same(route: Route) -> bool:
        doubt = route.kind == "clarify" or route.trigger == "clarify"
        agrees = all(task.slots.get(name, value) == value for name, value in route.slots.items())
        own = route.intent == task.intent or _part_of(route, task, brand)
        return route is not task and (doubt or (own and agrees))

    others = [route for route in routes if route is not task and not same(route)]
    about = [route for route in routes if route is task or same(route)]
    text = "\n".join(route.text for route in about if route.text) if others else ""
    slots = {name: value for route in (*reversed(about), task) for name, value in route.slots.items()}
    whole = replace(task, text=text, slots=slots)
    return tuple(whole if route is task else route for route in routes if route is task or route in others)


def _part_of(route: Route, other: Route, brand: Brand) -> bool:
    """Whether a short sentence that sounds like a request only tells what another asks for anyway: "use card 9779"."""
    one, whole = brand.actions.get(route.intent), brand.actions.get(other.intent)
    if one is None or whole is None or one is whole or route.kind != "account" or not route.text:
        return False
    told = [word for word in _words(route.text) if word not in _FILLING]
    own_words = any(brand.slots[name].text for name in one.slots)
    return own_words and len(told) <= _FEW and set(one.slots) < set(whole.slots)


def _asks_back(route: Route, brand: Brand) -> bool:
    action = brand.actions.get(route.intent) if route.kind == "account" else None
    return action is not None and bool(action.slots or action.read_back)


def goes_on(message: Message, task: Task, brand: Brand, routes: Sequence[Route]) -> bool:
    """Whether a message is about the open task: an answer, a yes or no, a correction, or nothing else that is sure."""
    text, first = message.text, routes[0]
    answer = answer_in(text, task.key)
    if text.startswith("/"):
        return first.intent in (task.intent, INFORM) or bool(task.confirmation and answer)
    if answer or gives_only(text, task, brand, first):
        return True
    question, kinds = asks(text), {route.kind for route in routes}
    wanted = looks_wanted(text, task, brand)
    if _words_of_their_own(wanted, task, brand) and (upset(text, brand) or any(r.intent == HUMAN for r in routes)):
        return False  # "let me speak to somebody" has the shape of a town
    if wanted:
        return not question
    if "handoff" in kinds:
        return False
    if repeats(text, task, brand):
        return True
    if corrected(text, task.slots, brand) or left(text, task.slots, brand):
        return not question or first.intent == task.intent
    free = task.requested in brand.slots and brand.slots[task.requested].text and not question
    proves = brand.challenge is not None and task.requested in brand.challenge.slots
    return (free and (proves or kinds <= {"clarify", "knowledge"} or _for_the_same(routes, text, task, brand))) or (
        len(routes) == 1 and _unsure_or_same(first, task, question)
    )


def _for_the_same(routes: Sequence[Route], text: str, task: Task, brand: Brand) -> bool:
    """Whether a short message that sounds like another request only gives what this one asked for: "use PayPaal".

    That request would ask for the same, and the message names nothing else that it needs.
    """
    action = brand.actions.get(routes[0].intent)
    if len(routes) > 1 or action is None or task.requested not in action.slots:
        return False
    told = [word for word in _words(text) if word not in _FILLING]
    return len(told) <= _FEW and set(given(text, routes[0], brand)) <= {task.requested}


def _unsure_or_same(route: Route, task: Task, question: bool) -> bool:
    """Whether the router has nothing better than the task, or says that it is the task."""
    foreign = route.intent == OTHER_LANGUAGE  # told so, then asked again
    unsure = (route.kind == "clarify" and not foreign) or (route.otherwise is not None and not question)
    half_a_yes = bool(task.confirmation) and route.intent in ("affirm", "deny")
    return unsure or half_a_yes or (route.kind == "account" and route.intent == task.intent)


def gives_only(text: str, task: Task, brand: Brand, route: Route) -> bool:
    """Whether a message is a value of the task and little else: no question, few words beside it."""
    if asks(text):
        return False
    if task.requested in brand.slots and choice_in(text, brand.slots[task.requested]):
        return True
    found = {name: value for name, value in given(text, route, brand).items() if name in task.slots}
    beside = Counter(_words(text)) - Counter(word for value in found.values() for word in _words(value))
    named = {word for name in found for called in (name, *brand.slots[name].called) for word in _words(called)}
    telling = [word for word in beside.elements() if word not in _FILLING and word not in named]
    elsewhere = route.kind != "clarify" and route.intent != task.intent
    return bool(found) and (not telling or (not elsewhere and len(telling) <= _FEW))


def looks_wanted(text: str, task: Task, brand: Brand) -> bool:
    """Whether a message has the shape of the whole answer that was asked for, or of one that waits to be confirmed."""
    if task.confirmation:
        return any(looks_like(text, slot) for name in task.slots if telling(slot := brand.slots[name]))
    return task.requested in brand.slots and looks_like(text, brand.slots[task.requested])


def _words_of_their_own(wanted: bool, task: Task, brand: Brand) -> bool:
    """Whether a message is not plainly an answer: where any text may be one, the form alone can tell."""
    slot = None if task.confirmation else brand.slots.get(task.requested)
    any_text = slot is not None and slot.text and not slot.pattern
    return not any_text and not (wanted and (slot is None or telling(slot)))


def repeats(text: str, task: Task, brand: Brand) -> bool:
    """Whether a message mostly repeats what a question offered, whatever a router makes of it: "the glass one"."""
    if task.confirmation or task.requested not in brand.slots or not brand.slots[task.requested].text:
        return False
    offered = set(_words(task.question)) - _FILLING
    telling = [word for word in _words(text) if word not in _FILLING]
    again = sum(word in offered for word in telling)
    return again > 0 and 2 * again >= len(telling) + asks(text)


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text.replace("_", " "))]


def given(text: str, route: Route, brand: Brand) -> dict[str, str]:
    """Return the values that a message gives by their looks, or as entities or in a payload."""
    return {**slots_in(text, brand, bare=True), **known_slots(route.slots, brand)}
