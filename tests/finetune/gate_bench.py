"""What the gate is tried with: the demo brand, messages of its transcripts, its shipped voice, and replies kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from frontdesk.adapters.registry import Voice, VoiceRegistry
from frontdesk.adapters.voices import Voices
from frontdesk.bot.config import Brand
from frontdesk.bot.guards.acts import missing_acts
from frontdesk.bot.guards.firewall import violations
from frontdesk.bot.project import Project
from frontdesk.finetune.canaries import planted
from frontdesk.finetune.checks import known_values
from frontdesk.finetune.dataset import Dataset, build_dataset
from frontdesk.finetune.evaluate.contrast import StyleReply, contrast_replies
from frontdesk.finetune.evaluate.style import StyleScorer
from frontdesk.finetune.exam import Exam
from frontdesk.finetune.gate import Asked, Bench
from frontdesk.finetune.transcripts import Pair, Report, pairs, read_transcripts
from tests.finetune.planted import SECRETS

TEMPLATE = Path(__file__).parents[2] / "bot" / "template"


class Remembering:
    """Draws replies, those of shipped versions and of the base once only: they never change."""

    def __init__(self, voices: Voices) -> None:
        self._voices = voices
        self._said: dict[tuple[str, int, tuple[tuple[str, str], ...]], list[str]] = {}

    def replies(self, voice: Voice | None, asked: Asked, *, seed: int) -> list[str]:
        """Return one draft per (intent, message)."""
        if voice and voice.folder.parent.parent != self._voices.registry.shipped:
            return self._voices.replies(voice, asked, seed=seed)
        key = voice.id if voice else "", seed, tuple(asked)
        if key not in self._said:
            self._said[key] = self._voices.replies(voice, asked, seed=seed)
        return self._said[key]


def demo_brand() -> Brand:
    """The brand of the template."""
    return Project.load(TEMPLATE).settings.brand(None)


def demo_data(voice: str) -> Dataset:
    """The exchanges of the demo's transcripts that a voice may learn, split as `frontdesk tune` splits them."""
    brand = demo_brand()
    read = pairs(read_transcripts([TEMPLATE / "transcripts" / voice], report=Report()))
    return build_dataset(read, objection=lambda pair: _objection(pair, brand))


def _objection(pair: Pair, brand: Brand) -> str:
    if brand.routes.get(pair.intent) != "voice" or missing_acts(pair.reply, brand.acts.get(pair.intent, ())):
        return "not for the voice"
    return "a fact" if violations(pair.reply, known_values(brand, pair.message), pair.message) else ""


def some_of_each(found: Sequence[Pair], count: int, **more: int) -> list[Pair]:
    """Return the first exchanges of every intent, of some intents more."""
    by_intent: defaultdict[str, list[Pair]] = defaultdict(list)
    for pair in found:
        by_intent[pair.intent].append(pair)
    return [pair for intent, group in by_intent.items() for pair in group[: more.get(intent, count)]]


def _styles(own: Sequence[Pair]) -> list[StyleReply]:
    """A third of the shipped rows, whole, beside as many of the voice's own replies: all of them take long to learn."""
    shipped = [reply for number, reply in enumerate(contrast_replies()) if number // 3 % 3 == 0]
    return [*shipped, *(StyleReply(style="warm", intent=pair.intent, text=pair.reply) for pair in own[::4])]


def small_bench(registry: VoiceRegistry, *, canaries: int) -> Bench:
    """A bench of three messages of every intent that the shipped voice never saw, each asked twice."""
    held_out = some_of_each(demo_data("warm").held_out, 3)
    exam = Exam(held_out=tuple(held_out), canaries=tuple(canary for _, canary in planted(canaries, SECRETS)))
    scores = StyleScorer.fit(_styles(demo_data("warm").train), Project.load(TEMPLATE).settings.voices)
    return Bench(
        exam=exam,
        brand=demo_brand(),
        speaks=Remembering(Voices(registry)),
        scores=scores,
        base="frontdesk-base",
        count=2 * len(held_out),
    )
