"""The gate: what a new version of a voice must pass before it may be served.

Everything is measured anew, on the version's own files, at the moment of promotion; what its manifest says of itself
counts for nothing. The served version and the unadapted base are measured in the same run, on the same exam.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from frontdesk.adapters.base_model import sha256
from frontdesk.adapters.registry import Acceptance, Finding, Voice, VoiceRegistry, manifest_sha256
from frontdesk.bot.config import Brand
from frontdesk.bot.errors import ModelError
from frontdesk.finetune.canaries import Leak, leaks
from frontdesk.finetune.checks import Arm, Draft, asked_enough, canary_check, fact_checks, style_checks
from frontdesk.finetune.exam import Exam
from frontdesk.finetune.losses import held_out_losses

REPLIES = 1000
"""Replies drawn from the candidate and from the served version, with the same seeds; from the base a third."""
SAMPLES = 4
"""Sampled replies to each canary, besides the greedy one."""
LONGEST_REASON = 300

Asked = Sequence[tuple[str, str]]
Progress = Callable[[str, int, int], None]


class Speaks(Protocol):
    """Whatever draws replies: a voice version, or the unadapted base for None."""

    def replies(self, voice: Voice | None, asked: Asked, *, seed: int) -> list[str]:
        """Return one draft per (intent, message), "" where it did not come to an end; seed 0 is greedy."""
        ...


class Scores(Protocol):
    """Whatever tells styles apart."""

    def share(self, voice: str, texts: Sequence[str]) -> float:
        """Return the share of the texts that are in the style of this voice."""
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


def examine(registry: VoiceRegistry, name: str, version: int, bench: Bench, progress: Progress) -> Examined:
    """Return the gate's word on one version, not yet sealed; it never raises for a bad version, it says no."""
    folder = registry.versions(name).get(version)
    if folder is None:
        where, fix = str(registry.folder), "see `frontdesk voices list`."
        raise ModelError(f"no version {name}@{version}.", where=where, fix=fix)
    enough = asked_enough(len(bench.exam.held_out))
    if not enough.passed:
        return Examined(word=_word(folder, f"{name}@{version}", bench, [enough]))
    try:
        candidate = registry.load(name, version)
        served = _served(registry, candidate)
        arms = [None, candidate, *([served] if served else [])]
        losses = held_out_losses(bench.base, arms, bench.exam.held_out)
        base = _arm(None, name, bench.count // 3, losses[0], bench, progress)
        new = _arm(candidate, name, bench.count, losses[1], bench, progress)
        old = _arm(served, name, bench.count, losses[2], bench, progress) if served else None
        probes, leaked = _probes(candidate, bench, progress)
    except (ModelError, OSError, RuntimeError, ValueError, LookupError, TypeError) as error:
        return Examined(word=_word(folder, f"{name}@{version}", bench, [_loads(error)]))
    person = bench.scores.share(name, [pair.reply for pair in bench.exam.held_out])
    findings = [enough, _loads(None), *style_checks(new, old, base, person)]
    findings += [*fact_checks([*new.drafts, *probes], bench.brand), canary_check(leaked, len(probes))]
    figures = {"voice_score": new.score, "content_kept": new.kept, "held_out_loss": new.loss, "base_score": base.score}
    return Examined(word=_word(folder, candidate.id, bench, findings, figures), samples=_samples(bench, base, old, new))


def _word(
    folder: Path, voice: str, bench: Bench, findings: Sequence[Finding], figures: dict[str, float] | None = None
) -> Acceptance:
    manifest = folder / "manifest.json"
    return Acceptance(
        voice=voice,
        manifest_sha256=sha256(manifest) if manifest.is_file() else "",
        exam_sha256=bench.exam.sha256,
        findings=tuple(findings),
        figures={key: round(value, 4) for key, value in (figures or {}).items()},
    )


def _loads(error: Exception | None) -> Finding:
    """Whether the files are whole and of this base; whatever a library raised over them is the reason."""
    found = " ".join(str(error).split())[:LONGEST_REASON] if error else "whole, of this base"
    if error and not isinstance(error, ModelError):
        found = f"{type(error).__name__}: {found}"
    return Finding(check="loads", passed=error is None, found=found, allowed="a whole adapter of this base")


def _samples(bench: Bench, base: Arm, old: Arm | None, new: Arm) -> tuple[Sample, ...]:
    served = [draft.text for draft in old.drafts] if old else [""] * len(new.drafts)
    rows = zip(bench.exam.held_out, base.drafts, served, new.drafts, strict=False)
    return tuple(
        Sample(
            intent=pair.intent,
            message=pair.message,
            person=pair.reply,
            base=theirs.text,
            served=before,
            candidate=ours.text,
        )
        for pair, theirs, before, ours in rows
    )


def _served(registry: VoiceRegistry, candidate: Voice) -> Voice | None:
    """The version to hold the candidate against; None when nothing else of this name and base is served."""
    try:
        served = registry.load(candidate.manifest.name)
    except ModelError:
        return None
    same = all(
        getattr(served.manifest, key) == getattr(candidate.manifest, key) for key in ("base_sha256", "template_sha256")
    )
    return served if same and manifest_sha256(served) != manifest_sha256(candidate) else None


def _arm(voice: Voice | None, name: str, count: int, loss: float, bench: Bench, progress: Progress) -> Arm:
    label = voice.id if voice else "the base"
    drafts: list[Draft] = []
    asked = [(pair.intent, pair.message) for pair in bench.exam.held_out]
    for seed in range(-(-count // len(asked))):
        drafts += _drafts(voice, asked[: count - len(drafts)], seed, bench)
        progress(f"replies of {label}", len(drafts), count)
    score = bench.scores.share(name, [draft.text for draft in drafts if draft.text])
    return Arm(drafts=drafts, greedy=min(count, len(asked)), score=score, loss=loss, brand=bench.brand)


def _drafts(voice: Voice | None, asked: Asked, seed: int, bench: Bench) -> list[Draft]:
    texts = bench.speaks.replies(voice, asked, seed=seed)
    return [
        Draft(intent=intent, message=message, text=text) for (intent, message), text in zip(asked, texts, strict=True)
    ]


def _probes(candidate: Voice, bench: Bench, progress: Progress) -> tuple[list[Draft], list[Leak]]:
    """Ask for every planted secret; return what was said and what came out."""
    canaries = bench.exam.canaries
    asked = [(canary.intent, canary.message) for canary in canaries]
    drafts: list[Draft] = []
    for seed in range(SAMPLES + 1 if asked else 0):
        drafts += _drafts(candidate, asked, seed, bench)
        progress("canaries", seed + 1, SAMPLES + 1)
    return drafts, leaks([draft.text for draft in drafts], canaries)
