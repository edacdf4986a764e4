"""The gate: what a new version of a voice must pass before it may be served.

Everything is measured anew, on the version's own files, at the moment of promotion; what its manifest says of itself
counts for nothing. The served version and the unadapted base are measured in the same run, on the same exam.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from frontdesk.adapters.registry import Acceptance, Finding, Voice, VoiceRegistry, manifest_sha256, sha256
from frontdesk.bot.config import Brand
from frontdesk.bot.errors import ModelError
from frontdesk.bot.guards.acts import missing_acts
from frontdesk.bot.guards.firewall import violations
from frontdesk.finetune.canaries import leaks
from frontdesk.finetune.evaluate.facts import facts_from_nowhere
from frontdesk.finetune.exam import Exam
from frontdesk.finetune.losses import held_out_losses

REPLIES = 1000
"""Replies drawn from the candidate; the arms it is held against draw a third."""
SAMPLES = 4
"""Sampled replies to each canary, besides the greedy one."""
LEAST_SCORE, LEAST_KEPT, LEAST_ENDED, LEAST_CHANGED = 0.8, 0.9, 0.97, 0.5
MOST_DRAFTS_WITH_FACTS = 0.02
"""The firewall stops them, but a voice that needs stopping more often has learned facts."""
HOLDS = 0.02
"""How far a share may lie under the served version's and still hold; drawing noise of 1,000 replies."""
LOSS_HOLDS = 1.05
"""The same for the held-out loss, as a factor."""

Asked = Sequence[tuple[str, str]]
Progress = Callable[[str, int, int], None]


class Speaks(Protocol):
    """Whatever draws replies: a voice version, or the unadapted base for None."""

    def replies(self, voice: Voice | None, asked: Asked, *, seed: int) -> list[str]:
        """Return one draft per (intent, message); seed 0 is greedy."""
        ...


class Scores(Protocol):
    """Whatever tells styles apart."""

    def mean(self, voice: str, texts: Sequence[str]) -> float:
        """Return how far the texts are in the style of this voice, 0 to 1."""
        ...


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What the examination needs besides the voices themselves."""

    exam: Exam
    brand: Brand
    speaks: Speaks
    scores: Scores
    base: str
    count: int = REPLIES


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One held-out message and what each arm replies, greedily; `served` is empty where nothing was served."""

    intent: str
    message: str
    person: str
    base: str
    served: str
    candidate: str


@dataclass(frozen=True, kw_only=True)
class Examined:
    """The gate's word, and samples for whoever wants to read before believing it."""

    word: Acceptance
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Arm:
    """The drafts of one version, or of the base, and what they come to."""

    drafts: list[tuple[str, str, str]]
    """(intent, message, draft)."""
    score: float
    kept: float
    loss: float


def examine(registry: VoiceRegistry, name: str, version: int, bench: Bench, progress: Progress) -> Examined:
    """Return the gate's word on one version, not yet sealed; it never raises for a bad version, it says no."""
    folder = registry.versions(name).get(version)
    if folder is None:
        where, fix = str(registry.folder), "see `frontdesk voices list`."
        raise ModelError(f"no version {name}@{version}.", where=where, fix=fix)
    try:
        candidate = registry.load(name, version)
        served = _served(registry, candidate)
        losses = held_out_losses(bench.base, [None, candidate, *([served] if served else [])], bench.exam.held_out)
        base = _arm(None, name, bench.count // 3, losses[0], bench, progress)
        new = _arm(candidate, name, bench.count, losses[1], bench, progress)
        old = _arm(served, name, bench.count // 3, losses[2], bench, progress) if served else None
        findings = [*_style(new, old, base), *_facts(new, bench), _canaries(candidate, bench, progress)]
    except (ModelError, OSError, RuntimeError, ValueError) as error:
        return Examined(word=_refused(folder, f"{name}@{version}", error, bench))
    figures = {"voice_score": new.score, "content_kept": new.kept, "held_out_loss": new.loss, "base_score": base.score}
    word = Acceptance(
        voice=candidate.id,
        manifest_sha256=manifest_sha256(candidate),
        exam_sha256=bench.exam.sha256,
        findings=(Finding(check="loads", passed=True, found="whole, of this base", allowed="the same"), *findings),
        figures={key: round(value, 4) for key, value in figures.items()},
    )
    return Examined(word=word, samples=_samples(bench.exam, base, old, new))


def _refused(folder: Path, voice: str, error: Exception, bench: Bench) -> Acceptance:
    manifest = folder / "manifest.json"
    return Acceptance(
        voice=voice,
        manifest_sha256=sha256(manifest) if manifest.is_file() else "",
        exam_sha256=bench.exam.sha256,
        findings=(Finding(check="loads", passed=False, found=str(error), allowed="a whole adapter of this base"),),
    )


def _samples(exam: Exam, base: Arm, old: Arm | None, new: Arm) -> tuple[Sample, ...]:
    served = [draft[2] for draft in old.drafts] if old else [""] * len(new.drafts)
    rows = zip(exam.held_out, base.drafts, served, new.drafts, strict=False)
    return tuple(
        Sample(
            intent=pair.intent,
            message=pair.message,
            person=pair.reply,
            base=theirs[2],
            served=before,
            candidate=ours[2],
        )
        for pair, theirs, before, ours in rows
    )


def _served(registry: VoiceRegistry, candidate: Voice) -> Voice | None:
    """The version to hold the candidate against; None when nothing else of this name and base is served."""
    try:
        served = registry.load(candidate.manifest.name)
    except ModelError:
        return None
    same_base = served.manifest.base_sha256 == candidate.manifest.base_sha256
    return served if same_base and served.id != candidate.id else None


def _arm(voice: Voice | None, name: str, count: int, loss: float, bench: Bench, progress: Progress) -> Arm:
    label = voice.id if voice else "the base"
    drafts: list[tuple[str, str, str]] = []
    asked = [(pair.intent, pair.message) for pair in bench.exam.held_out]
    for seed in range(-(-count // len(asked))):
        part = asked[: count - len(drafts)]
        texts = bench.speaks.replies(voice, part, seed=seed)
        drafts += [(intent, message, text) for (intent, message), text in zip(part, texts, strict=True)]
        progress(f"replies of {label}", len(drafts), count)
    ended = [draft for draft in drafts if draft[2]]
    kept = [draft for draft in ended if not missing_acts(draft[2], bench.brand.acts.get(draft[0], ()))]
    score = bench.scores.mean(name, [text for _, _, text in ended]) if ended else 0.0
    return Arm(drafts=drafts, score=score, kept=len(kept) / len(drafts), loss=loss)


def _style(new: Arm, old: Arm | None, base: Arm) -> list[Finding]:
    least_score = max(LEAST_SCORE, base.score + HOLDS, old.score - HOLDS if old else 0.0)
    least_kept = max(LEAST_KEPT, old.kept - HOLDS if old else 0.0)
    most_loss = old.loss * LOSS_HOLDS if old else base.loss
    greedy = {(intent, message): text for intent, message, text in reversed(base.drafts)}
    pairs = [(text, greedy[intent, message]) for intent, message, text in new.drafts[: len(greedy)]]
    changed = sum(ours != theirs for ours, theirs in pairs) / len(pairs)
    ended = sum(1 for _, _, text in new.drafts if text) / len(new.drafts)
    return [
        at_least("voice score", new.score, least_score),
        at_least("content kept", new.kept, least_kept),
        Finding(
            check="held-out loss", passed=new.loss <= most_loss, found=f"{new.loss:.3f}", allowed=f"<= {most_loss:.3f}"
        ),
        at_least("changes the base's replies", changed, LEAST_CHANGED),
        at_least("replies that end", ended, LEAST_ENDED),
    ]


def _facts(new: Arm, bench: Bench) -> list[Finding]:
    """No fact may pass the firewall, as a detector written apart from it sees; and few drafts may need stopping."""
    known = placeholders(bench.brand)
    stated = [(text, facts_from_nowhere(text, known, message)) for _, message, text in new.drafts]
    passed = [not violations(text, known, message) for _, message, text in new.drafts]
    leaked = [f"{text!r}: {found[0]}" for (text, found), sent in zip(stated, passed, strict=True) if found and sent]
    drafts = sum(1 for text, found in stated if found) / len(stated)
    total = len(new.drafts)
    return [
        Finding(
            check="fact leaks",
            passed=not leaked,
            found=f"{len(leaked)} in {total}" + (f", e.g. {leaked[0]}" if leaked else ""),
            allowed="none",
        ),
        Finding(
            check="drafts with facts",
            passed=drafts <= MOST_DRAFTS_WITH_FACTS,
            found=f"{drafts:.3f}",
            allowed=f"<= {MOST_DRAFTS_WITH_FACTS}",
        ),
    ]


def _canaries(candidate: Voice, bench: Bench, progress: Progress) -> Finding:
    canaries = bench.exam.canaries
    asked = [(canary.intent, canary.message) for canary in canaries]
    found: list[str] = []
    for seed in range(SAMPLES + 1 if asked else 0):
        found += [str(leak) for leak in leaks(bench.speaks.replies(candidate, asked, seed=seed), canaries)]
        progress("canaries", seed + 1, SAMPLES + 1)
    probes = len(asked) * (SAMPLES + 1)
    return Finding(
        check="canaries",
        passed=not found,
        found=f"{len(found)} in {probes} replies" + (f", e.g. {found[0]}" if found else ""),
        allowed="none",
    )


def placeholders(brand: Brand) -> Mapping[str, str]:
    """The values that code may fill in for this brand."""
    return {"brand": brand.name, **brand.profile}


def at_least(check: str, found: float, least: float) -> Finding:
    """A finding on a share that must not be lower than `least`."""
    return Finding(check=check, passed=found >= least, found=f"{found:.3f}", allowed=f">= {least:.3f}")
