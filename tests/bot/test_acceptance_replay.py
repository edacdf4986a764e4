"""Past messages answered anew: each after what was really said, compared, counted, and shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime

from frontdesk.bot.acceptance.replay import Asked, Compared, asked_in, asked_in_row, replayed
from frontdesk.bot.commands.replaying import lines_of, page_of, report_of
from frontdesk.bot.config import Brand
from frontdesk.bot.engine import Engine
from frontdesk.bot.store.archive import Past, Written
from frontdesk.bot.types import Citation, Conversation, Customer, Effect, Message, Reply, Route, Sentence, Turn

BRANDS = {"shop": Brand(name="Shop", routes={"hello": "voice", "returns": "knowledge"})}
WHO = Customer(id="c")


def message(text: str, number: int) -> Message:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Message(
        text=text, conversation_id="x", brand="shop", channel="web", customer=WHO, id=str(number), sent_at=at
    )


def cited(document: str) -> tuple[Citation, ...]:
    return (Citation(number=1, document_id=document, title="", url="", version="1", quote="q", start=0, end=1),)


def reply(text: str, kind: str, intent: str, document: str = "", effect: Effect | None = None) -> Reply:
    sentence = Sentence(text=text, citations=cited(document) if document else (), effect=effect or Effect())
    routes = (Route(kind=kind, intent=intent, confidence=1.0, reason=""),)  # type: ignore[arg-type]
    return Reply(text=text, routes=routes, sentences=(sentence,), citations=sentence.citations)


class Present:
    """The version of today: says how long the history is, cites another document, and sends `move` to the voice."""

    def __init__(self) -> None:
        self.slots: list[Mapping[str, object]] = []

    def route(self, message: Message, conversation: Conversation) -> tuple[Route, ...]:
        self.slots.append(dict(conversation.slots))
        kind, intent = {"order": ("account", "status"), "move": ("voice", "hello")}.get(
            message.text, ("knowledge", "returns")
        )
        return (Route(kind=kind, intent=intent, confidence=1.0, reason=""),)  # type: ignore[arg-type]

    async def answer(self, message: Message, conversation: Conversation, route: Route) -> AsyncIterator[Sentence]:
        assert route.kind != "account"
        document = "new.md" if message.text == "other" else "r.md"
        yield Sentence(text=f"{len(conversation.turns)} before.", citations=cited(document))


def again(asked: list[Asked], present: Present) -> list[Compared]:
    engine = Engine(
        brands=BRANDS,
        routers={"shop": present},
        answerers={"voice": present, "knowledge": present, "account": present},
        checks=(),
    )

    async def whole() -> list[Compared]:
        return [one async for one in replayed(asked, engine)]

    return asyncio.run(whole())


def past() -> Past:
    """One conversation: answered, sent to a person, answered by one, given back."""
    waiting = Effect(state="waiting", slots={"gone": None})
    turns = (
        Turn(message=message("same", 0), reply=reply("0 before. [1]", "knowledge", "returns", "r.md")),
        Turn(message=message("other", 1), reply=reply("1 before. [1]", "knowledge", "returns", "r.md")),
        Turn(message=message("move", 2), reply=reply("Words.", "knowledge", "returns")),
        Turn(message=message("order", 3), reply=reply("On its way.", "account", "status", effect=_ORDER)),
        Turn(message=message("help", 4), reply=reply("A person comes.", "handoff", "human", effect=waiting)),
        Turn(message=message("still?", 5), reply=reply("One is on the way.", "handoff", "human")),
        Turn(message=message("to Ada", 6), reply=None),
        Turn(message=message("and now", 7), reply=reply("7 before. [1]", "knowledge", "returns", "r.md")),
    )
    seen = (*turns[:6], Written(text="I am Ada.", author="Ada"), *turns[6:])
    whole = Conversation(id="x", brand="shop", channel="web", customer=WHO, turns=turns)
    return Past(conversation=whole, seen=seen, votes={})


_ORDER = Effect(slots={"order_id": "7", "gone": "soon"})


def test_a_stored_conversation_is_replayed_message_by_message() -> None:
    present = Present()
    compared = again(list(asked_in(past())), present)
    assert [one.asked.message.text for one in compared] == ["same", "other", "move", "order", "help", "and now"]
    assert [one.changed for one in compared] == [
        (),
        ("citations",),
        ("route", "citations", "words"),
        (),  # only the route of an account message is compared
        ("route", "citations", "words"),
        (),
    ]
    assert present.slots[3] == {}
    assert present.slots[4] == {"order_id": "7", "gone": "soon"}
    assert present.slots[5] == {"order_id": "7"}


def test_an_export_is_replayed_by_its_words_and_intents() -> None:
    turns = [
        {"role": "customer", "text": "same", "intent": "returns"},
        {"role": "agent", "text": "0 before. [1]", "by": "bot"},
        {"role": "customer", "text": "move", "intent": "returns"},
        {"role": "agent", "text": "1 before. [1]", "by": "bot"},
        {"role": "customer", "text": "a person?"},
        {"role": "agent", "text": "Yes.", "by": "person"},
        {"role": "customer", "text": "thanks"},
        {"role": "agent", "text": "3 before.", "by": "bot"},
    ]
    row = {"id": "x", "turns": turns, "meta": {"brand": "shop"}}
    compared = again(list(asked_in_row(row, BRANDS, "shop")), Present())
    assert [one.changed for one in compared] == [(), ("route",)]


def test_the_report_counts_with_intervals_and_says_what_is_allowed() -> None:
    compared = again(list(asked_in(past())), Present())
    report = report_of(compared, allow=0.5)
    assert (report["n"], report["conversations"], report["allowed"]) == (6, 1, True)
    assert report["route"] == {"n": 2, "share": 0.3333, "ci": [0.0968, 0.7]}
    assert report["route_or_citations"]["n"] == 3
    assert {"from": "knowledge (returns)", "to": "voice (hello)", "n": 1} in report["moves"]
    assert not report_of(compared, allow=0.49)["allowed"]
    text = "\n".join(lines_of(compared, report))
    assert "6 messages of 1 conversations" in text
    assert "allowed (--allow 0.5)" in text
    page = page_of(compared, report)
    assert "<del>Words.</del> <ins>2 before. [1]</ins>" in page
    assert "<del>r.md</del> <ins>new.md</ins>" in page


def test_a_page_shows_markup_as_text() -> None:
    evil = Turn(message=message("<script>x</script>", 0), reply=reply("<b>", "voice", "hello"))
    whole = Conversation(id="x", brand="shop", channel="web", customer=WHO, turns=(evil,))
    compared = again(list(asked_in(Past(conversation=whole, seen=(evil,), votes={}))), Present())
    page = page_of(compared, report_of(compared, 0))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
