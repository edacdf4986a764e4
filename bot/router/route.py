"""Where a message goes: payloads first, then the trained model on its parts, and doubt as an outcome of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from frontdesk.bot.router.bars import Stakes
from frontdesk.bot.router.doubt import Doubt, asked_first, evidence
from frontdesk.bot.router.entities import Entities
from frontdesk.bot.router.features import clean
from frontdesk.bot.router.judge import EVEN, Judge, Judged
from frontdesk.bot.router.languages import OTHER_LANGUAGE, foreign
from frontdesk.bot.router.manner import anger, asks
from frontdesk.bot.router.model import Model
from frontdesk.bot.router.nlu import OUT_OF_SCOPE, Entity
from frontdesk.bot.router.parts import REFERS, parts
from frontdesk.bot.router.versions import RouterVersions, Serving
from frontdesk.bot.types import Conversation, Encoder, Kind, Message, Route

HUMAN = "human_agent"
"""The intent of a handoff that the customer did not put into words."""

_PAYLOAD = re.compile(r"/([^\s{}@/]+)(?:@[\d.]+)?\s*(?=(\{)?)")
_FOLLOW_UP = re.compile(
    r"^(and|or|but|also|what about|how about|even|only|same)\b|\b(it|that|this|those|these|them|they|one|ones)\b",
    re.IGNORECASE,
)
_ORDINAL = re.compile(
    r"(?:(?:i mean|i meant|it'?s|yes|well|the|number|option|choice|#|no\.?)[\s,]*)*"
    r"(?:(?P<n1>first|1st|1|one)|(?P<n2>second|2nd|2|two)|(?P<n3>third|3rd|3|three)|(?P<last>last))"
    r"(?: (?:one|option|choice))?(?:[\s,]*please)?[\s.!)]*",
    re.IGNORECASE,
)
"""One of the buttons just offered, named by its place."""
_SHORT = 8
PAYLOAD = "RegexMessageHandler"
"""Rasa's name of what reads a payload."""
NO_ENTITIES = Entities()
LONGEST = 4000
"""Characters in which several requests are looked for."""
_LAST_SAID = 3
"""How many earlier messages of a customer are looked at for anger."""


def load_router(
    folder: Path,
    encoder: Encoder,
    routes: Mapping[str, Kind],
    titles: Mapping[str, str],
) -> Router:
    """Return the router served from `folder`; raises ModelError when absent, altered or of another encoder."""
    return Router(routes=routes, titles=titles, serving=Serving(RouterVersions(folder), encoder).now, encoder=encoder)


@dataclass(frozen=True, kw_only=True)
class Understood:
    """What a text says on its own: the intents, the likeliest first, and the entities."""

    text: str
    ranking: tuple[tuple[str, float], ...]
    entities: tuple[Entity, ...]


class Router:
    """Decides the routes of each message of one brand; safe to share between threads.

    `serving` returns the model to judge the next message with; `languages` are those that the brand answers in.
    `soothing` are the voice intents whose replies say sorry.
    """

    def __init__(
        self,
        *,
        routes: Mapping[str, Kind],
        titles: Mapping[str, str],
        serving: Callable[[], Model],
        encoder: Encoder,
        languages: Collection[str] = ("en",),
        entities: Entities = NO_ENTITIES,
        stakes: Stakes = EVEN,
        soothing: Collection[str] = (),
    ) -> None:
        self._entities, self._soothing = entities, frozenset(soothing)
        self._languages, self._named = frozenset(languages), frozenset(titles)
        self._stakes = stakes
        self._judge = Judge(routes=routes, serving=serving, encoder=encoder, stakes=stakes)
        self._titles = {title.casefold(): intent for intent, title in titles.items()}

    def route(self, message: Message, conversation: Conversation) -> tuple[Route, ...]:
        """Return the route of each thing the customer asks, in order. Never empty, never raises on any text."""
        text = clean(message.text)
        if given := self._given(text) or self._pointed(text, conversation):
            return (self._once(given, conversation),)
        if language := foreign(text, self._languages):
            return (self._once(_in_another(language), conversation),)
        asked = self._requests(message.text, text)
        routes = [self._settled(one, text, conversation) for one in asked]
        return arranged([self._filled(route, route.text or text, message.sent_at.date()) for route in routes])

    def understand(self, text: str, today: date) -> Understood:
        """Return the intents and entities of a text, outside of any conversation; routes play no part."""
        read = clean(text)
        if given := self._given(read):
            slots = [Entity(name=k, value=v, start=0, end=len(text), extractor=PAYLOAD) for k, v in given.slots.items()]
            return Understood(text=text, ranking=((given.intent, 1.0),), entities=tuple(slots))
        (judged,) = self._judge([read])
        ranking = judged.ranked
        if judged.route.intent == OUT_OF_SCOPE:
            ranking = ((OUT_OF_SCOPE, round(judged.route.confidence, 4)), *ranking)
        return Understood(text=text, ranking=ranking, entities=self._entities.find(text[:LONGEST], today))

    def _filled(self, route: Route, text: str, today: date) -> Route:
        """The route with the first value of each entity in its part as a slot."""
        found = {one.name: one.value for one in reversed(self._entities.find(text, today))}
        return replace(route, slots={**found, **route.slots}) if found else route

    def _requests(self, raw: str, text: str) -> list[Judged]:
        """The parts of a message, in order; one of pleasantries alone is not parted."""
        found = parts(raw[:LONGEST], self._judge)
        kinds = {one.route.kind for one in found}
        if len(found) > 1 and kinds <= {"voice", "clarify"}:
            (whole,) = self._judge([text])
            return [whole] if whole.route.kind == "voice" or kinds == {"voice"} else found
        return self._whole(self._soothed(self._said(found)), text)

    def _said(self, found: list[Judged]) -> list[Judged]:
        """The parts with no more for the voice than what is to be made up for, or has a title; else the first of it."""
        spoken = [one for one in found if one.route.kind == "voice"]
        telling = [one for one in spoken if one.route.intent in self._soothing | self._named] or spoken[:1]
        return [one for one in found if one not in spoken or one in telling]

    def _whole(self, found: list[Judged], text: str) -> list[Judged]:
        """The parts; a single request that points back to what is for the voice is read with all of the message."""
        asked = [one for one in found if one.route.kind != "voice"]
        if len(found) < 2 or len(asked) > 1 or not REFERS.search(asked[0].text):
            return found
        (whole,) = self._judge([text])
        kept = whole.route.kind == asked[0].route.kind
        return [whole if one is asked[0] and kept else one for one in found]

    def _soothed(self, found: list[Judged]) -> list[Judged]:
        """The parts, and before an angry request that nothing else makes up for, a word that does."""
        if not self._soothing or any(one.route.kind in ("voice", "handoff", "clarify") for one in found):
            return found
        angry = next((one for one in found if anger(one.text)), None)
        if angry is None:
            return found
        intent = next((name for name, _ in angry.ranked if name in self._soothing), "")
        said = Route(kind="voice", intent=intent, confidence=1.0, reason=f"angry ({', '.join(anger(angry.text))})")
        return [replace(angry, route=said), *found] if intent else found

    def _settled(self, judged: Judged, text: str, conversation: Conversation) -> Route:
        """The route of one request; where the model is unsure, what else could tell is tried in turn."""
        part = "" if judged.text == text else judged.text
        route = replace(judged.route, text=part)
        if route.kind == "clarify" and not part:
            if language := foreign(text, self._languages, lost=True):
                return self._once(_in_another(language), conversation)
            route = self._with_context(text, conversation) or route
        cues = anger(judged.text)
        if cues and (route.kind == "clarify" or (route.kind == "voice" and _angry_before(conversation))):
            reason = f"angry ({', '.join(cues)}); {route.reason}"
            return replace(route, kind="handoff", intent=HUMAN, reason=reason, trigger="anger")
        return self._known_first(judged, self._once(route, conversation)) if self._doubtful(judged, route) else route

    def _once(self, route: Route, conversation: Conversation) -> Route:
        return not_twice(route, conversation, self._named)

    def _doubtful(self, judged: Judged, route: Route) -> bool:
        """Whether a route is in doubt: one that asks back, and the voice for what may be a question of fact."""
        if route.kind == "voice" and not judged.sure:
            return asks(judged.text) and self._judge.known(judged.ranked) > self._stakes.error
        return route.kind == "clarify" or (route.kind == "handoff" and route.intent == OUT_OF_SCOPE)

    def _known_first(self, judged: Judged, route: Route) -> Route:
        """Where the documents may answer what is in doubt they are asked before the customer is.

        What is no question may also be told to an open task: the engine asks the documents when nothing else takes it.
        """
        routes, asked = self._judge.routes, asks(judged.text)
        known = next((name for name, _ in judged.ranked if routes.get(name) == "knowledge"), "")
        if not known or self._stakes.keyed(judged.text):  # no document knows a customer's record
            return route
        if route.kind != "voice":
            doubt = Doubt.shipped()
            wanted = doubt.wanted(*evidence(judged.ranked, judged.outside, routes))
            if wanted > doubt.reach:
                return route
            route = replace(route, wanted=wanted)
        return asked_first(route, known) if asked else route

    def likeliest(self, texts: Sequence[str], among: Collection[str]) -> list[str]:
        """Return, per text, the likeliest intent of those in `among`; ValueError when the model knows none of them."""
        judged = self._judge([clean(text) for text in texts])
        found = [[name for name, _ in one.ranked if name in among] for one in judged]
        if not all(found):
            raise ValueError(f"the router knows none of {', '.join(sorted(among)) or 'no intents'}")
        return [names[0] for names in found]

    def _given(self, text: str) -> Route | None:
        """The route of a payload or of a button's title typed out; None for ordinary words."""
        if intent := self._titles.get(text.casefold()):
            return self._judge.chosen(intent, f"the title of {intent}")
        match = _PAYLOAD.match(text)
        if not match:
            return None
        slots = _slots(text[match.end() :]) if match[2] else {}
        return replace(self._judge.chosen(match[1], f"payload /{match[1]}"), slots=slots)

    def _pointed(self, text: str, conversation: Conversation) -> Route | None:
        """The route of the button that "the second one" means; None when none was just offered, or not so many."""
        reply, match = conversation.turns[-1].reply if conversation.turns else None, _ORDINAL.fullmatch(text)
        offered = [button for button in reply.buttons if button.payload != f"/{HUMAN}"] if reply else []
        place = {"n1": 0, "n2": 1, "n3": 2, "last": len(offered) - 1}[match.lastgroup or "last"] if match else -1
        found = self._given(offered[place].payload) if 0 <= place < len(offered) else None
        return replace(found, reason=f"button {place + 1} of those offered; {found.reason}") if found else None

    def _with_context(self, text: str, conversation: Conversation) -> Route | None:
        """The route of a short follow-up ("and for sale items?") read after the customer's last message, if sure."""
        before = conversation.turns[-1].message.text if conversation.turns else ""
        if not before or before.startswith("/") or len(text.split()) > _SHORT or not _FOLLOW_UP.search(text):
            return None
        (found,) = self._judge([clean(f"{before} {text}")])
        if found.route.kind in ("clarify", "voice"):
            return None
        return replace(found.route, reason=f"follow-up, {found.route.reason}")


def arranged(routes: Sequence[Route]) -> tuple[Route, ...]:
    """Return the routes in the order of the message, but what asks back last, once, and never beside a person."""
    clear = [route for route in routes if route.kind != "clarify"]
    if any(route.kind == "handoff" for route in clear):
        return tuple(replace(route, otherwise=None) for route in clear)
    return (*clear, *[route for route in routes if route.kind == "clarify"][:1])


def _in_another(language: str) -> Route:
    reason = f"written in another language: {language}"
    return Route(kind="clarify", intent=OTHER_LANGUAGE, confidence=1.0, reason=reason, slots={"language": language})


def _angry_before(conversation: Conversation) -> bool:
    return any(anger(turn.message.text) for turn in conversation.turns[-_LAST_SAID:])


def _slots(text: str) -> dict[str, str]:
    """The slots of a payload's JSON object; anything else is ignored."""
    try:
        data, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return {}
    return {str(name): str(value) for name, value in data.items() if isinstance(value, str | int | float)}


def _offered(route: Route, titled: Collection[str]) -> set[str]:
    """The intents that a clarification names; none when the message is like nothing we know."""
    return set() if route.intent == OUT_OF_SCOPE else {name for name, _ in route.alternatives if name in titled}


def not_twice(found: Route, conversation: Conversation, titled: Collection[str]) -> Route:
    """Return the route; a second clarification in a row, or the choices of an earlier one again, becomes a person.

    Only intents that have a title are offered.
    """
    if found.kind != "clarify":
        return found
    replies = [turn.reply for turn in conversation.turns if turn.reply]
    just_asked = [route for reply in replies[-1:] for route in reply.routes if route.kind == "clarify"]
    asked = [_offered(route, titled) for reply in replies for route in reply.routes if route.kind == "clarify"]
    if just_asked or _offered(found, titled) in asked:
        reason = f"asked once already; {found.reason}"
        return replace(found, kind="handoff", reason=reason, trigger="clarify")
    return found
