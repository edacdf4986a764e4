"""The gate: a new router is compared with the served one before it may take its place.

Both are asked the same held-out texts, the examples of the new router; neither has learned from a text it is asked.
The new router's answers come from its cross-validation. So do the served one's where it learned from the same text;
texts that are new to it are put to it as it is. What decides first are the examples that both were given under the same
intent: there nobody has changed their mind about the truth, and no text was added because the served router failed it,
which would favour any successor. All examples of the new router, by its labels, decide second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from frontdesk.bot.errors import ConfigError, ModelError
from frontdesk.bot.router.calibrate import coverage_at
from frontdesk.bot.router.model import Calibration, Judged
from frontdesk.bot.router.nlu import OUT_OF_SCOPE
from frontdesk.bot.router.versions import Finding, RouterVersions, Verdict, Version
from frontdesk.bot.types import Encoder

DOUBT = 0.05
"""How often a check may refuse a router that is as good as the served one."""
_DRAWS = 300

Flags = NDArray[np.bool_]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What one router made of the asked texts under its own thresholds; `truth` are the new router's labels."""

    truth: Sequence[str]
    judged: Sequence[Judged]
    fitted: Calibration

    @cached_property
    def named(self) -> Flags:
        """Whether the likeliest intent is the right one; out of scope must be turned away."""
        said = [one.said == intent for one, intent in zip(self.judged, self.truth, strict=True)]
        return np.asarray(np.where(self._strange, self._turned, said), dtype=np.bool_)

    @cached_property
    def sureness(self) -> Doubles:
        """How sure it was; less than all others of what it turned away."""
        confidence = np.asarray([one.confidence for one in self.judged], dtype=float)
        return np.where(self._turned, confidence - 1, confidence)

    @cached_property
    def helpful(self) -> Flags:
        """Whether an answer would be right."""
        return self.named & ~self._strange

    @property
    def _strange(self) -> Flags:
        return np.asarray([intent == OUT_OF_SCOPE for intent in self.truth], dtype=bool)

    @property
    def _turned(self) -> Flags:
        limit = self.fitted.outside_threshold
        return np.asarray([one.outside > limit for one in self.judged], dtype=bool)


def examine(versions: RouterVersions, candidate: Version, encoder: Encoder) -> Verdict:
    """Return the gate's word on a version against the one that is served now; it records and promotes nothing."""
    try:
        served = versions.load()
    except (ModelError, ConfigError) as error:
        found = f"nothing to compare with: {error.what}"
        finding = Finding(check="compared with the served router", passed=True, found=found, allowed="")
        return Verdict(version=candidate.number, against=None, findings=(finding,))
    findings = compared(candidate, served, encoder)
    return Verdict(version=candidate.number, against=served.number, findings=tuple(findings))


def compared(candidate: Version, served: Version, encoder: Encoder) -> list[Finding]:
    """Return what every check found between two versions."""
    new = [row for row in candidate.examples() if row.said]
    known = {row.text.casefold(): row for row in served.examples()}
    old = _asked(new, known, served, encoder)
    rows = [(row, old[row.text]) for row in new if row.text in old]
    same = [_same(row, known.get(row.text.casefold())) for row, _ in rows]
    ours = Answers(
        truth=[a.intent for a, _ in rows], judged=[a for a, _ in rows], fitted=candidate.manifest.calibration
    )
    theirs = Answers(truth=ours.truth, judged=[b for _, b in rows], fitted=served.manifest.calibration)
    both, error = np.asarray(same, dtype=bool), candidate.manifest.max_error
    return [
        _right("right on examples that both have", ours.named[both], theirs.named[both]),
        _coverage(f"answered with {error:.0%} wrong, of those", ours, theirs, np.flatnonzero(both), error),
        _right("right on all its examples", ours.named, theirs.named),
    ]


def _same(row: Judged, before: Judged | None) -> bool:
    return before is not None and before.intent == row.intent


def _asked(rows: Sequence[Judged], known: Mapping[str, Judged], served: Version, encoder: Encoder) -> dict[str, Judged]:
    """Return what the served router says to each text it has not learned from, as far as it can be asked."""
    found = {row.text: before for row in rows if (before := known.get(row.text.casefold())) and before.said}
    fresh = [row for row in rows if row.text.casefold() not in known]
    try:
        model = served.model(encoder)
    except ModelError:
        return found
    if not fresh:
        return found
    verdict = model.judge([row.text for row in fresh], encoder)
    said = np.asarray(model.head.labels)[verdict.shares.argmax(axis=1)]
    for row, name, confidence, outside in zip(fresh, said, verdict.confidence, verdict.outside, strict=True):
        update = {"said": str(name), "confidence": float(confidence), "outside": float(outside)}
        found[row.text] = row.model_copy(update=update)
    return found


def _right(name: str, new: Flags, old: Flags) -> Finding:
    """Refuse when the new one loses more of the texts on which the two differ than chance would have it lose.

    The exact sign test of paired proportions (McNemar 1947), one-sided.
    """
    from scipy.stats import binomtest

    lost, won = int((old & ~new).sum()), int((new & ~old).sum())
    chance = float(binomtest(lost, lost + won, alternative="greater").pvalue) if lost + won else 1.0
    found = f"{int(new.sum())} of {len(new)}, served {int(old.sum())}; {won} won, {lost} lost (p = {chance:.2g})"
    return Finding(check=name, passed=chance > DOUBT, found=found, allowed=f"losses that chance explains: p > {DOUBT}")


def _coverage(name: str, ours: Answers, theirs: Answers, rows: NDArray[np.int64], error: float) -> Finding:
    """Refuse when the new one could answer less before too many of the answers are wrong.

    Thresholds play no part: each router's are fitted to its own examples, and harder examples make for stricter ones.
    The difference's paired-bootstrap interval (Efron 1979).
    """

    def covered(arm: Answers, drawn: NDArray[np.int64]) -> float:
        return coverage_at(arm.sureness[drawn], arm.helpful[drawn], error)

    random = np.random.default_rng(0)
    draws = [random.choice(rows, len(rows)) for _ in range(_DRAWS if len(rows) else 0)]
    gains = [covered(ours, drawn) - covered(theirs, drawn) for drawn in draws] or [0.0]
    low, high = np.percentile(gains, [100 * DOUBT, 100 - 100 * DOUBT])
    shares = [covered(arm, rows) if len(rows) else 0.0 for arm in (ours, theirs)]
    found = f"{shares[0]:.1%}, served {shares[1]:.1%}; {100 * low:+.1f} to {100 * high:+.1f} points"
    return Finding(check=name, passed=bool(high >= 0), found=found, allowed="an interval that is not all below 0")
