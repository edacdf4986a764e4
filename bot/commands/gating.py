"""The gate, as the commands call it: what `tune` and `voices promote` have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from frontdesk.bot.commands.output import progress
from frontdesk.bot.config import Brand
from frontdesk.bot.project import Project

if TYPE_CHECKING:
    from frontdesk.adapters.registry import Acceptance, Voice, VoiceRegistry
    from frontdesk.adapters.voices import Voices
    from frontdesk.finetune.evaluate.style import StyleScorer
    from frontdesk.finetune.gate import Bench, Examined


def examined(project: Project, voices: Voices, name: str, version: int, *, quiet: bool) -> tuple[Examined, Path | None]:
    """Put one version through the gate and write its report; returns the verdict and where the report is."""
    from frontdesk.bot.errors import ModelError
    from frontdesk.finetune.gate import examine
    from frontdesk.finetune.report import write_report

    registry, bench = voices.registry, bench_of(project, voices, name)
    with progress(quiet) as step:
        verdict = examine(registry, name, version, bench, step)
    try:
        voice = registry.load(name, version)
    except ModelError:
        return verdict, None
    report = project.state / "reports" / f"{voice.id}.html"
    return verdict, write_report(report, voice, verdict, lineage(registry, voice))


def bench_of(project: Project, voices: Voices, name: str) -> Bench:
    """Return what versions of a voice are examined with; raises ConfigError when it has no exam."""
    from frontdesk.finetune.exam import read_exam
    from frontdesk.finetune.gate import Bench

    return Bench(
        exam=read_exam(voices.registry, name),
        brand=brand_of(project, name),
        speaks=voices,
        scores=scorer_of(project, voices.registry),
        base=project.settings.models.base,
    )


def scorer_of(project: Project, registry: VoiceRegistry) -> StyleScorer:
    """Return the scorer of a project: every voice's own replies from its exam, the shipped styles beside them."""
    from frontdesk.finetune.evaluate.contrast import contrast_replies
    from frontdesk.finetune.evaluate.own import own_replies
    from frontdesk.finetune.evaluate.style import StyleScorer

    return StyleScorer.fit(contrast_replies(own_replies(registry)), project.settings.voices)


def brand_of(project: Project, voice: str) -> Brand:
    """Return the brand that speaks with this voice; the default brand when none does."""
    brands = project.settings.brands.values()
    return next((brand for brand in brands if brand.voice == voice), project.settings.brand(None))


def lineage(registry: VoiceRegistry, voice: Voice) -> list[str]:
    """Return the version and its ancestors, as far back as the registry knows them."""
    line, versions = [voice.id], registry.versions(voice.manifest.name)
    while voice.manifest.parent and voice.manifest.parent not in line:
        line.append(voice.manifest.parent)
        number = int(voice.manifest.parent.partition("@")[2])
        if number not in versions:
            break
        voice = registry.load(voice.manifest.name, number)
    return line


def lines(word: Acceptance) -> str:
    """Return the gate's word as a table for people."""
    width = max(len(finding.check) for finding in word.findings)
    rows = [
        f"  {'passed' if f.passed else 'FAILED'}  {f.check:<{width}}  {f.found}  (allowed: {f.allowed})"
        for f in word.findings
    ]
    return "\n".join([f"The gate {'accepts' if word.passed else 'refuses'} {word.voice}:", *rows])


def as_data(word: Acceptance) -> dict[str, Any]:
    """Return the gate's word as JSON values."""
    findings = [finding.model_dump() for finding in word.findings]
    return {"passed": word.passed, "findings": findings, "figures": word.figures}
