"""Measure a voice: what the customer gets from the voice path, and the raw drafts with the checks off, in one run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from frontdesk.bot.config import Brand
from frontdesk.bot.dialogue.values import slots_in
from frontdesk.bot.dialogue.voice import VoiceAnswerer, known_values
from frontdesk.bot.guards.acts import missing_acts
from frontdesk.bot.intervals import bootstrap, wilson
from frontdesk.bot.types import Conversation, Customer, Message, Route
from frontdesk.finetune.evaluate.facts import facts_from_nowhere
from frontdesk.finetune.evaluate.style import StyleScorer

BATCH = 32
"""Drafts drawn together."""
_CHANNEL = "eval"

Progress = Callable[[str, int, int], None]


class Speaking(Protocol):
    """What draws replies: candidates for the voice path, greedy drafts for the figures with the checks off."""

    def candidates(self, voice: str, intent: str, text: str, *, seeds: Sequence[int]) -> tuple[list[str], str]:
        """Return (one reply per seed, "" where there is none, the voice's version); raises ModelError."""
        ...

    def replies(self, voice: str | None, asked: Sequence[tuple[str, str]], *, seed: int) -> list[str]:
        """Return one draft per (intent, text), "" where there is none; None speaks without a voice."""
        ...


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One message and what it wants."""

    intent: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """What was said to one message: `reply` by the voice path, before values are filled in, and `draft` greedily.

    `voice` is who wrote the reply: a version, `approved`, or empty when there was none.
    """

    asked: Asked
    reply: str
    draft: str
    voice: str
    ms: float


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The figures of one voice, and the replies they rest on."""

    figures: Mapping[str, Any]
    rows: tuple[Spoken, ...]


def evaluate_voice(
    name: str,
    asked: Sequence[Asked],
    *,
    speaking: Speaking,
    brand: Brand,
    scorer: StyleScorer,
    others: Sequence[str] = (),
    count_tokens: Callable[[str], int],
    progress: Progress,
) -> Evaluation:
    """Measure one voice; rates come with Wilson's 95 % interval, means and medians with a bootstrap one.

    `voice_score`: share of replies that the scorer takes for this voice. `content_kept`: replies with every act their
    intent requires. `fact_leaks`: replies with a fact from nowhere. `base_score` and `other_scores`: the same share for
    greedy drafts of the unadapted base and of other voices. `..._raw` and `fact_leaks_firewall_off`: this voice's own
    greedy drafts. `tokens_per_second`: those drafts, BATCH at a time. Raises ModelError and ConfigError.
    """
    path = _through_the_path(name, asked, speaking, brand, progress)
    drafts, rates = _drafts(name, asked, speaking, count_tokens, progress)
    base, _ = _drafts(None, asked, speaking, count_tokens, progress)
    rows = tuple(
        Spoken(asked=each, reply=reply, draft=draft, voice=voice, ms=ms)
        for each, (reply, voice, ms), draft in zip(asked, path, drafts, strict=True)
    )
    figures = {
        "voice": next((row.voice for row in rows if "@" in row.voice), name),
        "n": len(rows),
        **_quality(name, rows, brand, scorer),
        **_pace([row.ms for row in rows], rates),
        **_score("base_score", name, base, scorer),
        "other_scores": _others(name, asked, speaking, scorer, [other for other in others if other != name], progress),
        "contrasts": list(scorer.contrasts(name)),
    }
    return Evaluation(figures=figures, rows=rows)


def _through_the_path(
    name: str, asked: Sequence[Asked], speaking: Speaking, brand: Brand, progress: Progress
) -> list[tuple[str, str, float]]:
    """Return (reply, who wrote it, milliseconds) per message, as the bot answers it; placeholders stay as they are."""
    unfilled = {key: f"{{{{{key}}}}}" for key in brand.profile}
    shown = brand.model_copy(update={"voice": name, "name": "{{brand}}", "profile": unfilled})
    answerer = VoiceAnswerer(speaking, {shown.voice: shown})

    async def run() -> list[tuple[str, str, float]]:
        found = []
        for number, each in enumerate(asked, start=1):
            found.append(await _answer(answerer, shown, each))
            progress("replies by the voice path", number, len(asked))
        return found

    return asyncio.run(run())


async def _answer(answerer: VoiceAnswerer, brand: Brand, asked: Asked) -> tuple[str, str, float]:
    message = _message(asked, brand.voice)
    route = Route(kind="voice", intent=asked.intent, confidence=1.0, reason=_CHANNEL)
    conversation = Conversation(id=_CHANNEL, brand=brand.voice)
    started = time.perf_counter()
    sentences = [sentence async for sentence in answerer.answer(message, conversation, route)]
    elapsed = (time.perf_counter() - started) * 1000
    reply = " ".join(sentence.text for sentence in sentences)
    for slot, value in slots_in(asked.text, brand).items():
        reply = reply.replace(value, f"{{{{{slot}}}}}")
    return reply, next((s.effect.voice for s in sentences if s.effect.voice), ""), elapsed


def _message(asked: Asked, brand: str) -> Message:
    return Message(
        text=asked.text, conversation_id=_CHANNEL, brand=brand, channel=_CHANNEL, customer=Customer(id=""), id=""
    )


def _drafts(
    voice: str | None,
    asked: Sequence[Asked],
    speaking: Speaking,
    count_tokens: Callable[[str], int],
    progress: Progress,
) -> tuple[list[str], list[float]]:
    """Return greedy drafts, and tokens per second of every batch of them."""
    drafts: list[str] = []
    rates: list[float] = []
    for start in range(0, len(asked), BATCH):
        part = [(each.intent, each.text) for each in asked[start : start + BATCH]]
        started = time.perf_counter()
        written = speaking.replies(voice, part, seed=0)
        rates.append(sum(map(count_tokens, written)) / (time.perf_counter() - started))
        drafts += written
        progress(f"drafts of {voice or 'the base'}", len(drafts), len(asked))
    return drafts, rates


def _quality(name: str, rows: Sequence[Spoken], brand: Brand, scorer: StyleScorer) -> dict[str, Any]:
    replies, drafts = [row.reply for row in rows], [row.draft for row in rows]
    scores = scorer.scores(name, replies)
    return {
        **_score("voice_score", name, replies, scorer),
        "voice_probability": round(scorer.mean(name, replies), 4),
        "voice_probability_ci": _rounded(bootstrap(scores)),
        **_score("voice_score_raw", name, drafts, scorer),
        **_rate("content_kept", [_kept(row.reply, row.asked, brand) for row in rows]),
        **_rate("content_kept_raw", [_kept(row.draft, row.asked, brand) for row in rows]),
        **_count("fact_leaks", [bool(facts_in_reply(row.reply, row.asked, brand)) for row in rows]),
        **_count("fact_leaks_firewall_off", [bool(facts_in_reply(row.draft, row.asked, brand)) for row in rows]),
        **_rate("fallback_rate", ["@" not in row.voice for row in rows]),
        "distinct_replies": round(len(set(replies)) / len(replies), 4),
    }


def facts_in_reply(text: str, asked: Asked, brand: Brand) -> list[str]:
    """Return the facts from nowhere in a reply, by the detector that is not the firewall."""
    known = known_values(brand, _message(asked, ""), Conversation(id=_CHANNEL, brand=""))
    return facts_from_nowhere(text, known, asked.text)


def _kept(text: str, asked: Asked, brand: Brand) -> bool:
    return bool(text) and not missing_acts(text, brand.acts.get(asked.intent, ()))


def _others(
    name: str,
    asked: Sequence[Asked],
    speaking: Speaking,
    scorer: StyleScorer,
    others: Sequence[str],
    progress: Progress,
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for other in others:
        drafts, _ = _drafts(other, asked, speaking, len, progress)
        found |= _score(other, name, drafts, scorer)
    return found


def _pace(ms: Sequence[float], rates: Sequence[float]) -> dict[str, Any]:
    import numpy as np

    times = np.asarray(ms)
    draws = np.median(times[np.random.default_rng(0).integers(0, len(times), (1000, len(times)))], axis=1)
    return {
        "p50_ms": round(float(np.median(times)), 2),
        "p50_ms_ci": _rounded(np.percentile(draws, [2.5, 97.5])),
        "tokens_per_second": round(float(np.mean(rates)), 1),
        "tokens_per_second_ci": _rounded(bootstrap(rates)),
    }


def _score(key: str, voice: str, texts: Sequence[str], scorer: StyleScorer) -> dict[str, Any]:
    return _rate(key, scorer.recognised(voice, texts))


def _rate(key: str, hits: Sequence[bool]) -> dict[str, Any]:
    return {key: round(sum(hits) / len(hits), 4), f"{key}_ci": _rounded(wilson(sum(hits), len(hits)))}


def _count(key: str, hits: Sequence[bool]) -> dict[str, Any]:
    low, high = wilson(sum(hits), len(hits))
    return {key: sum(hits), f"{key}_ci": _rounded((low * len(hits), high * len(hits)))}


def _rounded(interval: Any) -> list[float]:
    return [round(float(bound), 4) for bound in interval]
