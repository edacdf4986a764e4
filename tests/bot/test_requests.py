"""What real customers write: several requests, greetings before questions, anger, other languages, doubt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from frontdesk.adapters.encoder import MiniLM
from frontdesk.adapters.graphs import user_cache
from frontdesk.bot.config import Brand
from frontdesk.bot.dialogue.languages import SORRY, locale_of, sorry
from frontdesk.bot.dialogue.values import known_slots, slots_in
from frontdesk.bot.router.bars import Stakes
from frontdesk.bot.router.languages import OTHER_LANGUAGE, foreign
from frontdesk.bot.router.manner import anger, asks
from frontdesk.bot.router.nlu import read_nlu
from frontdesk.bot.router.parts import cuts, shipped
from frontdesk.bot.router.route import Router, arranged, not_twice
from frontdesk.bot.router.train import fit
from frontdesk.bot.types import Conversation, Customer, Kind, Message, Reply, Route, Turn

TEMPLATE = Path(__file__).parents[2] / "bot" / "template"
KINDS: dict[str, Kind] = {
    **{"greeting": "voice", "thanks": "voice", "complaint": "voice", "return_policy": "knowledge"},
    **{"shipping_cost": "knowledge", "warranty": "knowledge", "order_status": "account", "cancel_order": "handoff"},
    "human_agent": "handoff",
}
TITLES = {"return_policy": "Returning something", "order_status": "Where is my order?", "complaint": "Complain"}
STAKES = Stakes(errors={"voice": 0.1}, keyed=lambda text: "LL-" in text)
Ask = Callable[..., tuple[Route, ...]]


@pytest.fixture(scope="module")
def ask() -> Ask:
    """A router trained on some of the demo brand's intents."""
    rows = [row for row in read_nlu(TEMPLATE / "nlu.yml").rows if row.intent in KINDS]
    encoder = MiniLM(user_cache(), threads=1)
    model, _ = fit(rows, encoder, max_error=0.05)
    router = Router(
        routes=KINDS, titles=TITLES, serving=lambda: model, encoder=encoder, soothing={"complaint"}, stakes=STAKES
    )

    def routes(text: str, *before: tuple[str, Route]) -> tuple[Route, ...]:
        turns = tuple(Turn(message=message(said), reply=Reply(text="", routes=(route,))) for said, route in before)
        return router.route(message(text), Conversation(id="c", brand="b", turns=turns))

    return routes


def message(text: str) -> Message:
    return Message(text=text, conversation_id="c", brand="b", channel="test", customer=Customer(id="a"), id="1")


def clarified(*choices: str) -> Route:
    alternatives = tuple((name, 0.3) for name in choices)
    return Route(kind="clarify", intent=choices[0], confidence=0.3, reason="test", alternatives=alternatives)


def test_both_requests_are_answered_in_order_each_with_its_own_words(ask: Ask) -> None:
    found = ask("where is my order? and how much is express shipping")
    assert [(route.kind, route.intent) for route in found] == [
        ("account", "order_status"),
        ("knowledge", "shipping_cost"),
    ]
    assert [route.text for route in found] == ["where is my order", "how much is express shipping"]


@pytest.mark.parametrize("text", ["hi, where is my order", "Good morning! where is my order LL-10423"])
def test_a_greeting_before_a_question_is_met_and_the_question_keeps_its_route(ask: Ask, text: str) -> None:
    said, route = ask(text)
    assert (said.kind, said.intent, bool(said.text)) == ("voice", "greeting", True)
    assert (route.kind, route.intent) == ("account", "order_status")


@pytest.mark.parametrize(
    "text",
    [
        "I bought a lamp last week and it flickers. Can I return it?",
        "My sister gave me a kettle for my birthday. It is the wrong size, and the box is gone. Can I return it?",
    ],
)
def test_what_happened_before_a_question_is_no_second_request(ask: Ask, text: str) -> None:
    *said, route = ask(text)
    assert (route.intent, route.text) == ("return_policy", "")  # read with what happened
    assert {one.kind for one in said} <= {"voice"}


def test_of_pleasantries_beside_a_request_one_is_answered_and_titled_ones_all(ask: Ask) -> None:
    found = ask("Hello! Thank you so much for your help. How much is express shipping?")
    assert [route.kind for route in found] == ["voice", "knowledge"]
    assert found[1].text == "How much is express shipping?"
    assert [route.intent for route in ask("Hi! I want to complain. Where is my order LL-10423?")] == [
        "complaint",
        "order_status",
    ]


def test_thanks_and_a_greeting_alone_are_for_the_voice(ask: Ask) -> None:
    assert [route.kind for route in ask("hello there")] == ["voice"]
    assert [route.kind for route in ask("ok, thanks")] == ["voice"]


@pytest.mark.parametrize("text", ["a" * 9000, ". " * 4000, " , and" * 900, "a\n" * 3000, "? ! ?", "\u202e, and x"])
def test_no_text_is_too_strange_to_part(ask: Ask, text: str) -> None:
    assert len(ask(text)) >= 1


def test_in_doubt_about_a_question_the_documents_are_asked_first(ask: Ask) -> None:
    (route,) = ask("does the big one have a copper bottom?")
    assert route.kind == "knowledge"
    assert route.otherwise is not None
    assert route.otherwise.kind == "clarify"
    assert "documents are asked first" in route.reason


def test_in_doubt_about_what_is_no_question_the_documents_may_be_asked_later(ask: Ask) -> None:
    (route,) = ask("the blanket left fluff on my couch")
    assert route.kind == "clarify"
    assert 0 < route.wanted < 1
    (route,) = ask("the one in LL-10423 left fluff on my couch")
    assert route.wanted == 0


def test_the_same_choices_are_never_offered_twice() -> None:
    def told(*routes: Route) -> Conversation:
        turns = [Turn(message=message("x"), reply=Reply(text="", routes=(route,))) for route in routes]
        return Conversation(id="c", brand="b", turns=tuple(turns))

    greeting = Route(kind="voice", intent="greeting", confidence=1, reason="")

    def decided(route: Route, before: Conversation) -> Kind:
        return not_twice(route, before, {"a", "b", "c", "x"}).kind

    again = clarified("a", "b")
    assert decided(again, told()) == "clarify"
    assert decided(again, told(clarified("a", "c"), greeting)) == "clarify"
    assert decided(again, told(clarified("b", "a"), greeting)) == "handoff"
    assert decided(again, told(clarified("b", "a", "no_title"), greeting)) == "handoff"
    assert decided(again, told(clarified("x"))) == "handoff"
    assert decided(clarified("out_of_scope"), told(clarified("out_of_scope"), greeting)) == "handoff"


def test_anger_again_leads_to_a_person_and_clear_questions_are_still_answered(ask: Ask) -> None:
    voice = Route(kind="voice", intent="complaint", confidence=1, reason="")
    (route,) = ask("this is so ridiculous, your service is awful", ("what a useless shop", voice))
    assert (route.kind, route.intent) == ("handoff", "human_agent")
    assert "ridiculous" in route.reason
    found = ask("this is ridiculous, where is my order")
    assert [(route.kind, route.intent) for route in found] == [("voice", "complaint"), ("account", "order_status")]


def test_what_asks_back_comes_last_once_and_not_beside_a_person() -> None:
    unsure, person = clarified("a"), Route(kind="handoff", intent="x", confidence=1, reason="")
    known = Route(kind="knowledge", intent="y", confidence=1, reason="")
    assert arranged([unsure, known, unsure]) == (known, unsure)
    assert arranged([unsure, known, person]) == (known, person)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("wo ist meine bestellung?", "de"),
        ("où est ma commande ?", "fr"),
        ("我的订单在哪里", "zh"),
        ("где мой заказ", "ru"),
    ],
)
def test_another_language_is_told_so_in_that_language(ask: Ask, text: str, language: str) -> None:
    (route,) = ask(text)
    assert (route.kind, route.intent, route.slots["language"]) == ("clarify", OTHER_LANGUAGE, language)
    assert sorry(language, ("en",)) == SORRY[language]


@pytest.mark.parametrize(
    ("text", "locale", "languages", "found"),
    [
        ("Wie lange kann ich etwas zurückgeben?", "en", ("en", "de"), "de"),
        ("how long can I return something?", "de-AT", ("en", "de"), "en"),
        ("und?", "de-AT", ("en", "de"), "de-AT"),
        ("ok", "es", ("en", "de"), ""),
        ("how long can I return something?", "zh", ("en",), ""),
        ("how long can I return something?", "en_GB", ("en",), "en_GB"),
    ],
)
def test_documents_are_read_in_the_language_of_the_message(
    text: str, locale: str, languages: tuple[str, ...], found: str
) -> None:
    brand = Brand(name="S", languages=languages)
    assert locale_of(replace(message(text), locale=locale), brand) == found


def test_words_for_other_languages_fall_back_to_english() -> None:
    assert "English" in sorry("fi", ("en",))
    assert "German or Dutch" in sorry("fr", ("de", "nl"))


@pytest.mark.parametrize("text", ["guten", "LL-10423", "ok", "danke", "😀", "where is my schnitzel pan"])
def test_too_little_to_tell_a_language(text: str) -> None:
    assert foreign(text, ("en",)) is None


@pytest.mark.parametrize(
    ("text", "angry"),
    [
        ("WHERE IS MY ORDER???", True),
        ("this is unacceptable", True),
        ("what the hell is going on", True),
        ("I NEED HELP", False),
        ("great, thanks!!", False),
        ("tell me a joke", False),
        ("do you ship to USA or UK?", False),
    ],
)
def test_anger(text: str, angry: bool) -> None:
    assert bool(anger(text)) is angry


@pytest.mark.parametrize("text", ["how long?", "hi what's your returns window", "tell me about the club", "is it blue"])
def test_questions(text: str) -> None:
    assert asks(text)


@pytest.mark.parametrize("text", ["hello there", "thanks a lot", "I want my money back", "is", ""])
def test_what_asks_nothing(text: str) -> None:
    assert not asks(text) or text == "is"


def test_places_to_cut_have_words_on_both_sides() -> None:
    text = "Where is it? Also, how much is express, and why..."
    assert [cut.kind for cut in cuts(text)] == ["end", "word"]
    assert cuts("hi") == cuts("... ?? !!") == cuts(", and ,") == []
    assert 0 < shipped().threshold < 1


def test_an_order_number_without_its_prefix_counts_only_where_it_is_wanted() -> None:
    brand = Brand.model_validate(
        {"name": "S", "slots": {"order_id": {"pattern": r"LL-\d{5}", "bare": r"\b\d{5}\b"}, "date": {}}}
    )
    assert slots_in("it is 10423", brand, bare=True) == {"order_id": "10423"}
    assert slots_in("LL-20000, not 10423", brand, bare=True) == {"order_id": "LL-20000"}
    assert slots_in("my zip is 10423", brand) == {}
    assert known_slots({"order_id": "x", "date": "2026-06-01", "other": "y"}, brand) == {"date": "2026-06-01"}
