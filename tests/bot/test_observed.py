"""A watched engine: the same replies, a span per step without anybody's words, and counters that a scrape reads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from frontdesk.bot import tracing
from frontdesk.bot.config import Brand
from frontdesk.bot.engine import Engine
from frontdesk.bot.guards import Context, Verdict
from frontdesk.bot.handoff import HandoffAnswerer
from frontdesk.bot.meters import BOUNDS, Meter, gauge
from frontdesk.bot.observed import Meters, ObservedEngine
from frontdesk.bot.types import Citation, Conversation, Customer, Message, Reply, Route, Sentence
from frontdesk.bot.usage import Tariff

BRANDS = {"shop": Brand(name="Shop", routes={"hello": "voice", "returns": "knowledge", "person": "handoff"})}
SECRET = "Nora Whitfield"
QUOTE = Citation(number=1, document_id="r.md", title="", url="", version="1", quote=SECRET, start=0, end=1)


class Parts:
    """Router, answerer and check at once; `broken` makes the answer fail."""

    def route(self, message: Message, conversation: Conversation) -> tuple[Route, ...]:
        intent = message.text.split()[0]
        kind = BRANDS["shop"].routes.get(intent, "knowledge")
        return (Route(kind=kind, intent=intent, confidence=0.9, reason=message.text),)

    async def answer(self, message: Message, conversation: Conversation, route: Route) -> AsyncIterator[Sentence]:
        if message.text.startswith("broken"):
            raise ValueError(SECRET)
        Tariff(model="tiny", provider="openai", price_in=2e6, price_out=5e6).tell(time.time(), 40, 2)
        Tariff(model="base").tell(time.time(), None, None)
        yield Sentence(text=f"Dear {SECRET}.", citations=(QUOTE,) if route.intent == "returns" else ())
        yield Sentence(text="That is all.")

    def check(self, sentence: Sentence, context: Context) -> Verdict:
        return Verdict(action="keep", sentence=sentence)


def engine() -> Engine:
    one = Parts()
    answerers = {"voice": one, "knowledge": one, "handoff": HandoffAnswerer(BRANDS)}
    return Engine(brands=BRANDS, routers={"shop": one}, answerers=answerers, checks=(one,))  # type: ignore[arg-type]


def said(to: Engine, *texts: str) -> list[Reply]:
    async def keep(sentence: Sentence) -> Sentence:
        return sentence

    async def whole() -> list[Reply]:
        replies = []
        for text in texts:
            who = Customer(id=SECRET)
            message = Message(text=text, conversation_id=SECRET, brand="shop", channel="web", customer=who, id="1")
            conversation = Conversation(id=SECRET, brand="shop", customer=who)
            replies.append(await to.respond(message, conversation, keep))
        return replies

    return asyncio.run(whole())


def test_it_answers_as_the_engine_does() -> None:
    texts = ("hello", "returns", "person", "broken")
    watched, plain = said(ObservedEngine(engine(), Meters()), *texts), said(engine(), *texts)
    assert [(one.text, one.routes) for one in watched] == [(one.text, one.routes) for one in plain]


def test_turns_are_counted_by_what_became_of_them() -> None:
    meters = Meters()
    said(ObservedEngine(engine(), meters), "hello", "hello", "returns", "person", "broken", "what")
    lines = list(meters.lines())
    assert 'frontdesk_turns_total{brand="shop",channel="web",route="voice"} 2' in lines
    assert 'frontdesk_failures_total{brand="shop",error="ValueError"} 1' in lines
    assert 'frontdesk_unanswered_total{brand="shop"} 2' in lines
    assert 'frontdesk_handoffs_total{brand="shop",trigger="failure"} 1' in lines
    assert 'frontdesk_turn_seconds_count{brand="shop"} 6' in lines
    assert 'frontdesk_first_sentence_seconds_bucket{brand="shop",le="+Inf"} 6' in lines
    named = 'brand="shop",model="tiny",provider="openai"'
    assert f'frontdesk_model_tokens_total{{{named},type="input"}} 160' in lines
    assert f"frontdesk_model_cost_total{{{named}}} 360" in lines
    assert 'frontdesk_model_calls_total{brand="shop",counted="false",model="base",provider="frontdesk"} 4' in lines
    assert SECRET not in "\n".join(lines)


def test_a_scrape_is_well_formed() -> None:
    meter = Meter("m_seconds", "Help.", BOUNDS)
    for value in (0.05, 0.2, 99):
        meter.add(value, brand='a"\\\n')
    lines = list(meter.lines())
    assert lines[:2] == ["# HELP m_seconds Help.", "# TYPE m_seconds histogram"]
    assert 'm_seconds_bucket{brand="a\\"\\\\\\n",le="0.05"} 1' in lines
    assert [line.rsplit(" ", 1)[1] for line in lines if "_bucket" in line] == ["1", "1", *["2"] * 7, "3"]
    assert lines[-1].endswith("} 3")
    assert list(gauge("g", "H.", {(): 2.0})) == ["# HELP g H.", "# TYPE g gauge", "g 2"]


def test_no_digit_is_rounded_away() -> None:
    counter, times = Meter("m_total", "Help."), Meter("m_seconds", "Help.", BOUNDS)
    for value in (1234567, 1, 0.25):
        counter.add(value)
        times.add(value)
    assert list(counter.lines())[-1] == "m_total 1234568.25"
    assert "m_seconds_sum 1234568.25" in list(times.lines())
    assert list(gauge("g", "H.", {(): 1234567}))[-1] == "g 1234567"


def test_every_step_has_a_span_below_its_turn_and_none_holds_words(monkeypatch: pytest.MonkeyPatch) -> None:
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    provider, kept = sdk.TracerProvider(), memory.InMemorySpanExporter()
    provider.add_span_processor(export.SimpleSpanProcessor(kept))
    monkeypatch.setattr(tracing, "_tracer", lambda: provider.get_tracer("test"))
    said(ObservedEngine(engine(), Meters()), f"returns please, I am {SECRET}", "broken")
    spans = kept.get_finished_spans()
    first, second = spans[:9], spans[9:]
    steps = ["route", "check", "send", "check", "send", "answer", "chat tiny", "chat base", "turn"]
    assert [one.name for one in first] == steps
    assert [one.name for one in second] == ["route", "answer", "send", "turn"]
    asked = {key: value for key, value in first[6].attributes.items() if key.startswith("gen_ai.")}
    assert asked == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "tiny",
        "gen_ai.usage.input_tokens": 40,
        "gen_ai.usage.output_tokens": 2,
    }
    assert first[6].end_time >= first[6].start_time
    assert {one.parent.span_id for one in first[:-1]} == {first[-1].context.span_id}
    assert first[-1].attributes["frontdesk.routes"] == "knowledge"
    assert second[-1].attributes["frontdesk.routes"] == "knowledge,handoff"
    assert not [one for one in spans if SECRET in f"{one.name} {dict(one.attributes)}" or one.events]


def test_without_opentelemetry_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "_tracer", lambda: None)
    with tracing.span("turn", {}) as current:
        current.set_attribute("a", 1)
    assert said(ObservedEngine(engine(), Meters()), "hello")[0].text == f"Dear {SECRET}. That is all."
