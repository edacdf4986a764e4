"""An engine that is watched: the same parts, each in a span of its own, and every turn counted.

Parts are wrapped, not changed: what runs is the engine's own path.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Mapping

from frontdesk.bot.engine import Engine, Router, Send, moved_to
from frontdesk.bot.guards import Check, Context, Verdict
from frontdesk.bot.handoff import why
from frontdesk.bot.meters import BOUNDS, Meter
from frontdesk.bot.tracing import Stopped, Value, past, span
from frontdesk.bot.types import Answerer, Conversation, Message, Reply, Route, Sentence
from frontdesk.bot.usage import ModelCall


class Meters:
    """What is counted of turns."""

    def __init__(self) -> None:
        self.turns = Meter("frontdesk_turns_total", "Messages answered, by brand, channel and the first route.")
        self.handoffs = Meter("frontdesk_handoffs_total", "Replies that brought a person in, by brand and trigger.")
        self.unanswered = Meter("frontdesk_unanswered_total", "Questions for the documents without a quote, by brand.")
        self.failures = Meter("frontdesk_failures_total", "Turns in which a part failed, by brand and kind of error.")
        self.calls = Meter(
            "frontdesk_model_calls_total", "Calls of language models; counted: whether their tokens are known."
        )
        self.tokens = Meter("frontdesk_model_tokens_total", "Tokens that language models read (input) and wrote.")
        self.cost = Meter("frontdesk_model_cost_total", "What those tokens cost, in the currency of the prices.")
        self.whole = Meter("frontdesk_turn_seconds", "Until the reply was whole, by brand.", BOUNDS)
        self.first = Meter("frontdesk_first_sentence_seconds", "Until its first sentence, by brand.", BOUNDS)

    def lines(self) -> Iterator[str]:
        """Yield all of it as it is scraped."""
        for meter in vars(self).values():
            yield from meter.lines()


class ObservedEngine(Engine):
    """An engine's parts in spans, its turns counted in `meters`."""

    def __init__(self, engine: Engine, meters: Meters) -> None:
        vars(self).update(vars(engine))
        self.meters = meters
        self.routers = {name: _Router(router, name) for name, router in engine.routers.items()}
        self.answerers = {kind: _Answerer(answerer) for kind, answerer in engine.answerers.items()}
        self.checks = tuple(_Check(check) for check in engine.checks)

    async def respond(self, message: Message, conversation: Conversation, send: Send) -> Reply:
        """Answer one message as the engine does, watched."""
        labels = {"brand": message.brand, "channel": message.channel}
        started, first = time.perf_counter(), list[float]()

        async def sent(sentence: Sentence) -> Sentence:
            with span("send", {"frontdesk.citations": len(sentence.citations)}):
                done = await send(sentence)
            first.append(time.perf_counter() - started)
            return done

        with span("turn", {f"frontdesk.{name}": value for name, value in labels.items()}) as current:
            reply = await super().respond(message, conversation, sent)
            for name, value in _told(reply).items():
                current.set_attribute(f"frontdesk.{name}", value)
            self._count_calls(labels["brand"], reply)
        self._count(labels, reply, time.perf_counter() - started, first)
        return reply

    async def suggest(self, message: Message, conversation: Conversation) -> Reply | None:
        """Suggest as the engine does; what its models read and wrote is counted."""
        with span("suggest", {"frontdesk.brand": message.brand}):
            reply = await super().suggest(message, conversation)
            if reply:
                self._count_calls(message.brand, reply)
        return reply

    def _count_calls(self, brand: str, reply: Reply) -> None:
        """Count what language models were asked, each in a span of its own."""
        for each in reply.trace.get("models", ()):
            call = ModelCall(**each)
            past(f"chat {call.model}", _used(call), call.began, call.seconds)
            labels = {"brand": brand, "model": call.model, "provider": call.provider}
            self.meters.calls.add(1, **labels, counted=str(call.counted).lower())
            for kind, tokens in (("input", call.tokens_in), ("output", call.tokens_out)):
                if tokens:
                    self.meters.tokens.add(tokens, **labels, type=kind)
            if call.cost:
                self.meters.cost.add(call.cost, **labels)

    def _count(self, labels: Mapping[str, str], reply: Reply, seconds: float, first: list[float]) -> None:
        meters, brand = self.meters, labels["brand"]
        route = reply.routes[0].kind if reply.routes and reply.sentences else "none"
        meters.turns.add(brand=brand, channel=labels["channel"], route=route)
        meters.whole.add(seconds, brand=brand)
        if first:
            meters.first.add(first[0], brand=brand)
        if moved_to(reply) == "waiting":
            meters.handoffs.add(brand=brand, trigger=why(reply)["trigger"])
        if any(route.kind == "knowledge" for route in reply.routes) and not reply.citations:
            meters.unanswered.add(brand=brand)
        for note in reply.trace.get("notes", ()):
            if str(note).startswith("failed: "):
                meters.failures.add(brand=brand, error=str(note).removeprefix("failed: "))


def _told(reply: Reply) -> dict[str, str | int]:
    """Return what a span may say of a reply."""
    return {
        "routes": ",".join(route.kind for route in reply.routes),
        "sentences": len(reply.sentences),
        "citations": len(reply.citations),
        "actions": ",".join(reply.actions),
        "voice": reply.voice or "",
    }


def _used(call: ModelCall) -> dict[str, Value]:
    """Return a call in the words of OpenTelemetry's conventions for generative AI."""
    known: dict[str, Value] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": call.provider,
        "gen_ai.request.model": call.model,
    }
    tokens = {"gen_ai.usage.input_tokens": call.tokens_in, "gen_ai.usage.output_tokens": call.tokens_out}
    return known | {name: value for name, value in tokens.items() if value is not None}


class _Router:
    def __init__(self, router: Router, brand: str) -> None:
        self.router, self.brand = router, brand

    def route(self, message: Message, conversation: Conversation) -> tuple[Route, ...]:
        """Route in a span."""
        with span("route", {"frontdesk.brand": self.brand}) as current:
            routes = self.router.route(message, conversation)
            current.set_attribute("frontdesk.routes", ",".join(f"{one.kind}:{one.intent}" for one in routes))
            current.set_attribute("frontdesk.confidence", routes[0].confidence)
            return routes


class _Answerer:
    def __init__(self, answerer: Answerer) -> None:
        self.answerer = answerer

    async def answer(self, message: Message, conversation: Conversation, route: Route) -> AsyncIterator[Sentence]:
        """Answer in a span; what others do between two sentences is not its time."""
        step = Stopped("answer", {"frontdesk.kind": route.kind, "frontdesk.intent": route.intent})
        sentences, given = 0, aiter(self.answerer.answer(message, conversation, route))
        try:
            while True:
                with step.piece():
                    sentence = await anext(given, None)
                if sentence is None:
                    return
                sentences += 1
                yield sentence
        finally:
            step.end(**{"frontdesk.sentences": sentences})


class _Check:
    def __init__(self, check: Check) -> None:
        self.inner = check

    def check(self, sentence: Sentence, context: Context) -> Verdict:
        """Check in a span."""
        with span("check", {"frontdesk.check": type(self.inner).__name__}) as current:
            verdict = self.inner.check(sentence, context)
            current.set_attribute("frontdesk.verdict", verdict.action)
            return verdict
