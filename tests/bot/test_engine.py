"""The path of a message: what is sent, what is dropped, what happens when a part fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace

import pytest

from frontdesk.bot.config import Brand
from frontdesk.bot.dialogue.clarify import ClarifyAnswerer
from frontdesk.bot.dialogue.voice import VoiceAnswerer
from frontdesk.bot.engine import Draft, Engine, moved_to
from frontdesk.bot.errors import ModelError
from frontdesk.bot.guards import FactFirewall, SupportCheck
from frontdesk.bot.handoff import HandoffAnswerer
from frontdesk.bot.types import (
    Answerer,
    Citation,
    Conversation,
    Customer,
    Kind,
    Message,
    Reply,
    Route,
    Sentence,
    State,
    Turn,
)

BRAND = Brand(
    name="Shop",
    profile={"support_hours": "every day"},
    titles={"returns": "Returning something", "greeting": "Say hello"},
    replies={"greeting": ("Hello from {{brand}}.",), "complaint": ("I'm sorry. Shall I bring in a person?",)},
    acts={"complaint": ("apologise", "offer_person")},
)
BRANDS = {"b": BRAND}


class FixedRouter:
    def __init__(self, *routes: Route) -> None:
        self.fixed = routes

    def route(self, message: Message, conversation: Conversation) -> tuple[Route, ...]:
        return self.fixed


class Scripted:
    """Answers with fixed sentences and remembers what it was asked."""

    def __init__(self, *sentences: Sentence, error: Exception | None = None) -> None:
        self.sentences, self.error = sentences, error
        self.asked: list[str] = []
        self.locales: list[str] = []

    async def answer(self, message: Message, conversation: Conversation, route: Route) -> AsyncIterator[Sentence]:
        self.asked.append(message.text)
        self.locales.append(message.locale)
        for sentence in self.sentences:
            yield sentence
        if self.error:
            raise self.error


class Drawing:
    """A voice whose candidates are its drafts."""

    def __init__(self, *drafts: str) -> None:
        self.drafts = list(drafts)

    def candidates(self, voice: str, intent: str, text: str, *, seeds: Sequence[int]) -> tuple[list[str], str]:
        if not self.drafts:
            raise ModelError("no draft left")
        return self.drafts[: len(seeds)], f"{voice}@1"


def message(text: str, file: str = "", locale: str = "") -> Message:
    return Message(
        text=text,
        conversation_id="x",
        brand="b",
        channel="web",
        customer=Customer(id="c"),
        id="1",
        locale=locale,
        metadata={"file": file} if file else {},
    )


def route(kind: Kind, intent: str = "returns", alternatives: tuple[tuple[str, float], ...] = ()) -> Route:
    return Route(kind=kind, intent=intent, confidence=0.9, reason="test", alternatives=alternatives)


def conversation(state: State = "bot", turns: tuple[Turn, ...] = ()) -> Conversation:
    return Conversation(id="x", brand="b", state=state, turns=turns)


def respond(
    text: str,
    to: Route | tuple[Route, ...],
    answerers: Mapping[Kind, Answerer] | None = None,
    about: Conversation | None = None,
    file: str = "",
    locale: str = "",
) -> tuple[Reply, list[str]]:
    """Return the reply and what was sent on the way."""
    everyone: dict[Kind, Answerer] = {"clarify": ClarifyAnswerer(BRANDS), "handoff": HandoffAnswerer(BRANDS)}
    engine = Engine(
        brands=BRANDS,
        routers={"b": FixedRouter(*(to if isinstance(to, tuple) else (to,)))},
        answerers={**everyone, **(answerers or {})},
        checks=(FactFirewall(), SupportCheck()),
    )
    sent: list[str] = []

    async def send(sentence: Sentence) -> Sentence:
        sent.append(sentence.text)
        return sentence

    return asyncio.run(engine.respond(message(text, file, locale), about or conversation(), send)), sent


def cited(text: str) -> Sentence:
    citation = Citation(number=1, document_id="d", title="t", url="", version="v", quote=text, start=0, end=len(text))
    return Sentence(text=text, citations=(citation,))


def test_a_cited_sentence_is_sent_with_its_mark() -> None:
    reply, sent = respond("how long?", route("knowledge"), {"knowledge": Scripted(cited("You have 45 days."))})
    assert sent == ["You have 45 days."]
    assert reply.text == "You have 45 days. [1]"
    assert [c.quote for c in reply.citations] == ["You have 45 days."]


def test_the_second_question_of_a_message_is_read_after_the_first() -> None:
    class Listening(Scripted):
        before: tuple[Turn, ...] = ()

        async def answer(self, message: Message, conversation: Conversation, route: Route) -> AsyncIterator[Sentence]:
            self.before = conversation.turns
            async for sentence in super().answer(message, conversation, route):
                yield sentence

    knowledge = Listening(cited("It is alder."))
    first, second = (
        replace(route("knowledge"), text=text) for text in ("what is the board made of", "how do I oil it")
    )
    earlier = Turn(message=replace(message("hello"), id="0"), reply=Reply(text="Hi.", routes=()))
    respond(
        "what is the board made of and how do I oil it",
        (first, second),
        {"knowledge": knowledge},
        conversation(turns=(earlier,)),
    )
    said, asked = knowledge.before
    assert (said, asked.message.text, asked.reply and asked.reply.text) == (earlier, first.text, "It is alder. [1]")
    respond(
        "hello! how do I oil it",
        (replace(route("voice", "greeting"), text="hello!"), second),
        {"knowledge": knowledge, "voice": Scripted()},
    )
    assert knowledge.before == ()
    express = replace(second, text="how much is express?")
    respond("what is the board made of, how much is express?", (first, express), {"knowledge": knowledge})
    assert knowledge.before == (), "it points back to nothing"


def test_documents_are_asked_in_a_language_of_the_brand_or_in_any() -> None:
    knowledge = Scripted(cited("You have 45 days."))
    for locale in ("en-GB", "es", ""):
        respond("how long?", route("knowledge"), {"knowledge": knowledge}, locale=locale)
    assert knowledge.locales == ["en-GB", "", ""]


def test_an_unsupported_sentence_is_dropped_and_the_rest_is_sent() -> None:
    knowledge = Scripted(Sentence(text="Invented in 3 days."), cited("You have 45 days."))
    reply, sent = respond("how long?", route("knowledge"), {"knowledge": knowledge})
    assert sent == ["You have 45 days."]
    assert "support: no citation" in reply.trace["notes"]


@pytest.mark.parametrize("sentences", [(), (Sentence(text="Invented in 3 days."),)])
def test_nothing_left_means_an_honest_abstention_with_a_way_to_a_person(sentences: tuple[Sentence, ...]) -> None:
    reply, sent = respond("how long?", route("knowledge"), {"knowledge": Scripted(*sentences)})
    assert sent == [BRAND.messages.abstain]
    assert [b.payload for b in reply.buttons] == ["/human_agent"]


def test_a_file_is_not_passed_over_in_silence() -> None:
    knowledge: Mapping[Kind, Answerer] = {"knowledge": Scripted(cited("You have 45 days."))}
    reply, sent = respond("how long?", route("knowledge"), knowledge, file="photo")
    assert sent == [BRAND.messages.files, "You have 45 days."]
    assert reply.buttons == ()
    reply, sent = respond("[photo]", route("knowledge"), knowledge, file="photo")
    assert sent == [BRAND.messages.files]
    assert [b.payload for b in reply.buttons] == ["/human_agent"]
    assert [r.reason for r in reply.routes] == ["a file that came without words"]
    _, sent = respond("[photo]", route("knowledge"), about=conversation("waiting"), file="photo")
    assert sent == [BRAND.messages.waiting]
    _, sent = respond("[photo]", route("knowledge"), knowledge)
    assert sent == ["You have 45 days."], "somebody typed that"


def test_a_failing_part_ends_in_an_apology_and_a_person() -> None:
    knowledge = Scripted(cited("You have 45 days."), error=RuntimeError("index gone"))
    reply, sent = respond("how long?", route("knowledge"), {"knowledge": knowledge})
    assert sent == ["You have 45 days.", BRAND.messages.apology]
    assert moved_to(reply) == "waiting"


def test_the_voice_is_drawn_again_until_it_states_no_fact() -> None:
    voice = VoiceAnswerer(Drawing("We will refund 40 dollars.", "Hello from {{brand}}! How are you?"), BRANDS)
    reply, sent = respond("hi", route("voice", "greeting"), {"voice": voice})
    assert sent == ["Hello from Shop!", "How are you?"]
    assert reply.voice == "warm@1"


def test_a_voice_that_misses_a_required_act_gives_way_to_an_approved_reply() -> None:
    voice = VoiceAnswerer(Drawing("Okay.", "Right.", "Fine."), BRANDS)
    reply, _ = respond("this is awful", route("voice", "complaint"), {"voice": voice})
    assert reply.text == "I'm sorry. Shall I bring in a person?"
    assert reply.voice == "approved"


def test_a_voice_with_nothing_approved_to_say_abstains() -> None:
    reply, _ = respond("hm", route("voice", "joke"), {"voice": VoiceAnswerer(Drawing(), BRANDS)})
    assert reply.text == BRAND.messages.abstain


def test_clarify_offers_titles_and_a_person() -> None:
    likely = (("returns", 0.4), ("untitled", 0.3), ("greeting", 0.1))
    reply, _ = respond("send back?", route("clarify", "returns", likely))
    assert [b.payload for b in reply.buttons] == ["/returns", "/greeting", "/human_agent"]


def test_a_pressed_button_asks_the_question_that_was_unclear() -> None:
    before = Turn(message=message("n send bck??"), reply=Reply(text="", routes=(route("clarify"),)))
    knowledge = Scripted(cited("Yes."))
    respond("/returns", route("knowledge"), {"knowledge": knowledge}, conversation(turns=(before,)))
    respond("/returns", route("knowledge"), {"knowledge": knowledge})
    assert knowledge.asked == ["n send bck??", "Returning something"]


def test_a_handoff_is_said_and_moves_the_state() -> None:
    reply, sent = respond("a person please", route("handoff", "human_agent"))
    assert sent == [BRAND.messages.handoff]
    assert moved_to(reply) == "waiting"


def test_while_a_person_has_the_conversation_the_bot_keeps_still() -> None:
    knowledge = Scripted(cited("You have 45 days."))
    waiting, _ = respond("and now?", route("knowledge"), {"knowledge": knowledge}, conversation("waiting"))
    assert waiting.text == BRAND.messages.waiting
    human, sent = respond("and now?", route("knowledge"), {"knowledge": knowledge}, conversation("human"))
    assert (human.text, sent, knowledge.asked) == ("", [], [])


class TestSeveralRoutes:
    """Several things in one message, and what is tried when the first has nothing to say."""

    def test_every_part_is_answered_with_its_own_text_and_citations_count_on(self) -> None:
        knowledge = Scripted(cited("You have 45 days."))
        parts = (replace(route("knowledge"), text="how long?"), replace(route("knowledge"), text="and how much?"))
        other = Scripted(cited("It costs $5."))
        reply, sent = respond("how long? and how much?", parts, {"knowledge": Alternating(knowledge, other)})
        assert sent == ["You have 45 days.", "It costs $5."]
        assert reply.text == "You have 45 days. [1] It costs $5. [2]"
        assert (knowledge.asked, other.asked) == (["how long?"], ["and how much?"])
        assert [r.text for r in reply.routes] == ["how long?", "and how much?"]

    def test_the_handoff_comes_last_and_once(self) -> None:
        parts = (route("handoff", "cancel"), route("knowledge"), route("handoff", "invoice"))
        reply, sent = respond("x", parts, {"knowledge": Scripted(cited("You have 45 days."))})
        assert sent == ["You have 45 days.", BRAND.messages.handoff]
        assert [r.intent for r in reply.routes] == ["cancel", "returns", "invoice"]

    def test_the_same_sentence_is_not_said_twice(self) -> None:
        reply, sent = respond("x", (route("knowledge"),) * 2, {"knowledge": Scripted(cited("You have 45 days."))})
        assert sent == ["You have 45 days."]
        assert len(reply.routes) == 2

    def test_knowledge_without_an_answer_gives_way_to_the_route_behind_it(self) -> None:
        behind = route("clarify", alternatives=(("returns", 0.5),))
        tried = replace(route("knowledge"), otherwise=behind)
        knowledge = Scripted()
        reply, sent = respond("what about it?", tried, {"knowledge": knowledge})
        assert knowledge.asked == ["what about it?"]
        assert sent == [BRAND.messages.clarify]
        assert [(r.kind, r.otherwise) for r in reply.routes] == [("clarify", None)]

    def test_knowledge_with_an_answer_is_what_is_reported(self) -> None:
        tried = replace(route("knowledge"), otherwise=route("clarify"))
        reply, sent = respond("how long?", tried, {"knowledge": Scripted(cited("You have 45 days."))})
        assert sent == ["You have 45 days."]
        assert [(r.kind, r.otherwise) for r in reply.routes] == [("knowledge", None)]

    def test_what_is_in_doubt_is_asked_of_the_documents_before_the_customer(self) -> None:
        doubt = replace(route("clarify", alternatives=(("returns", 0.5),)), wanted=0.6)
        knowledge = Scripted(cited("You have 45 days."))
        reply, sent = respond("sending back, days", doubt, {"knowledge": knowledge})
        assert sent == ["You have 45 days."]
        assert [r.kind for r in reply.routes] == ["knowledge"]
        reply, sent = respond("sending back, days", doubt, {"knowledge": Scripted()})
        assert sent == [BRAND.messages.clarify]
        assert [r.kind for r in reply.routes] == ["clarify"]

    def test_a_button_of_a_clarified_part_answers_that_part(self) -> None:
        asked_back = Reply(text="?", routes=(replace(route("clarify"), text="and the kettle?"),))
        before = Turn(message=message("hello there. and the kettle?"), reply=asked_back)
        knowledge = Scripted(cited("It is blue."))
        respond("/returns", route("knowledge"), {"knowledge": knowledge}, conversation(turns=(before,)))
        assert knowledge.asked == ["and the kettle?"]


class Alternating:
    """Gives every route in turn to another answerer."""

    def __init__(self, *answerers: Answerer) -> None:
        self.left = list(answerers)

    def answer(self, message: Message, conversation: Conversation, route: Route) -> AsyncIterator[Sentence]:
        return self.left.pop(0).answer(message, conversation, route)


def test_a_list_stands_in_a_paragraph_of_its_own() -> None:
    said = ["Do this:\n1. Unplug it.\n2. Wait.", "It takes a minute.", "Then it works."]
    draft = Draft(sentences=[Sentence(text=text) for text in said])
    assert draft.reply().text == "Do this:\n1. Unplug it.\n2. Wait.\n\nIt takes a minute. Then it works."
    assert Draft().reply().text == ""
