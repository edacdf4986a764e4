"""Train a router: examples -> head -> held-out predictions -> calibration -> a version on disk."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frontdesk.bot.intervals import wilson
from frontdesk.bot.router.calibrate import HeldOut, calibrate
from frontdesk.bot.router.features import Views, clean, seen
from frontdesk.bot.router.gate import examine
from frontdesk.bot.router.heads import (
    Table,
    few,
    fit_heads,
    held_out,
    joined,
    part_of,
    plans,
    some_outside,
    spoken,
    very_few,
)
from frontdesk.bot.router.mix import Heard, Mix, fit_mix, mixed
from frontdesk.bot.router.model import ENCODER, ENOUGH_OUTSIDE, LIKELY, Calibration, Head, Judged, Model, overruled
from frontdesk.bot.router.model import Verdict as Judgement
from frontdesk.bot.router.nlu import OUT_OF_SCOPE, Example, Examples, read_nlu
from frontdesk.bot.router.quick import Tiers, fit_quick
from frontdesk.bot.router.tuning import Learned, Progress, Tuner, learn
from frontdesk.bot.router.versions import RouterVersions, Verdict
from frontdesk.bot.types import Encoder

Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class TrainReport:
    """What training made, measured on held-out examples."""

    version: int
    verdict: Verdict
    examples: int
    intents: int
    out_of_scope_examples: int
    accuracy: float
    accuracy_ci: tuple[float, float]
    error_on_answered: float
    coverage: float
    confidence_threshold: float
    guaranteed: bool
    out_of_scope_recall: float | None
    settled: float
    """Share of the in-scope texts that n-grams settle alone."""
    tuned: bool
    """Whether an encoder was tuned on the examples."""
    seconds: float
    warnings: tuple[str, ...]


def train_router(
    nlu: Path,
    encoder: Encoder,
    *,
    max_error: float,
    out: Path,
    tuner: Tuner | None = None,
    progress: Progress | None = None,
    force: bool = False,
) -> TrainReport:
    """Train on `nlu.yml`, write the next version under `out`, and serve it if the gate passes it or `force` says so.

    `tuner` tunes the encoder where there are examples enough. Raises ConfigError (file, line, fix) for examples that
    cannot be read, ModelError when the encoder does not start.
    """
    started = time.perf_counter()
    examples = read_nlu(nlu)
    model, trial = fit(examples.rows, encoder, max_error=max_error, tuner=tuner, progress=progress)
    report = _report(model, trial, examples)
    facts = {
        "encoder": encoder.fingerprint,
        "max_error": max_error,
        "data_sha256": _data_hash(examples.rows),
        "metrics": report,
    }
    versions = RouterVersions(out)
    with tempfile.TemporaryDirectory() as folder:
        version = versions.add(model, facts, model.held, trial.files(Path(folder)))
    verdict = examine(versions, version, encoder)
    verdict = verdict.model_copy(update={"forced": force and not verdict.passed})
    versions.record(verdict)
    if verdict.served:
        versions.promote(verdict)
    seconds = round(time.perf_counter() - started, 1)
    return TrainReport(version=version.number, verdict=verdict, seconds=seconds, warnings=examples.warnings, **report)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Held-out predictions and what the finished router makes of them; `layers` of its encoder if one was tuned."""

    known: HeldOut
    verdict: Judgement
    layers: bytes = b""

    def files(self, folder: Path) -> dict[str, Path]:
        """Write the layers into `folder`, for the version to keep; none without tuning."""
        if self.layers:
            (folder / ENCODER).write_bytes(self.layers)
        return {ENCODER: folder / ENCODER} if self.layers else {}


def fit(
    rows: Sequence[Example],
    encoder: Encoder,
    *,
    max_error: float,
    tuner: Tuner | None = None,
    progress: Progress | None = None,
) -> tuple[Model, Trial]:
    """Return the trained model and the held-out predictions that its calibration was fitted on."""
    step = progress or (lambda what, done, total: None)
    table = _table(rows, encoder, step)
    learned = learn(table.texts, table.truth, encoder, tuner, step) if tuner else None
    made = list(plans(table))
    found: dict[bool, list[Heard]] = {True: [], False: []}
    for k, plan in enumerate(made):
        step("held-out predictions", k, len(made) + 1)
        found[plan.strange].append(held_out(table, plan))
    step("training", len(made), len(made) + 1)
    mix = fit_mix(found[False], learned)
    if learned:
        learned, mix = learned.weighed(mix[-1]), mix[:-1]
    head = mixed(fit_heads(table, outside=some_outside(table)), mix)
    step("trained", len(made) + 1, len(made) + 1)
    model, trial = _fitted(head, found, mix, learned, max_error)
    return replace(model, held=tuple(_judged(model, trial, rows))), trial


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """The same held-out texts, as the full tier and as the quick one read them."""

    full: HeldOut
    quick: HeldOut

    @classmethod
    def of(cls, parts: Sequence[Heard], mix: Mix) -> _Asked:
        full, quick = zip(*(part.mixed(mix) for part in parts), strict=True)
        return cls(full=joined(full), quick=joined(quick))

    def tiers(self, fitted: Calibration) -> Tiers:
        return Tiers(quick=self.quick, full=fitted.judge(self.full.reading), fitted=fitted)


def _fitted(
    head: Head, found: Mapping[bool, Sequence[Heard]], mix: Mix, learned: Learned | None, max_error: float
) -> tuple[Model, Trial]:
    """Fit everything that depends on held-out predictions: of ordinary texts, and of intents kept from the learner."""
    asked = {strange: _Asked.of(parts, mix) for strange, parts in found.items() if parts}
    every, away, taught = asked[False], asked.get(True), len(head.outside) >= ENOUGH_OUTSIDE
    known, strange = every, away or every
    if learned:
        known = _heard(every, learned, learned.back, taught)
        strange = away or _heard(every, learned, learned.honest, taught)
        head = replace(head, directions=learned.made.directions, offsets=learned.made.offsets)
    fitted, partly = calibrate(known.full, strange.full, max_error, taught=taught), learned and not learned.back.all()
    tiers = known.tiers(fitted)
    settled = _without_tuning(found, max_error, taught) if partly else tiers
    quick = fit_quick(settled, strange.tiers(fitted), tiers if partly else None, max_error)
    verdict = fitted.judge(known.full.reading)
    if quick:
        fitted = fitted.model_copy(update={"quick": quick})
        first = quick.judge(known.quick.reading, fitted)
        rest = np.flatnonzero(~first.settled)
        verdict = overruled(first, rest, verdict.part(rest))
    model = Model(head=head, calibration=fitted, tuned=learned.encoder if learned else None)
    return model, Trial(known=known.full, verdict=verdict, layers=learned.made.layers if learned else b"")


def _without_tuning(found: Mapping[bool, Sequence[Heard]], max_error: float, taught: bool) -> Tiers:
    """What n-grams may not lose where the tuned encoder has learned from most texts: what the first head has right.

    The others' mixture has n-grams by themselves in it, and so too few of the errors that these would make.
    """
    alone = (1.0, *(0.0 for _ in found[False][0].heads[1:]))
    known, *rest = (_Asked.of(parts, alone) for parts in (found[False], found[True]) if parts)
    return known.tiers(calibrate(known.full, (rest or [known])[0].full, max_error, taught=taught))


def _heard(asked: _Asked, learned: Learned, rows: Flags, hint: bool) -> _Asked:
    """The given rows, the full tier's scores with those of the tuned encoder."""
    return _Asked(full=learned.heard(asked.full, rows, hint=hint), quick=part_of(asked.quick, rows[asked.quick.rows]))


def _table(rows: Sequence[Example], encoder: Encoder, step: Progress) -> Table:
    """Clean and encode the examples, in slices so that the wait shows."""
    labels = tuple(sorted({row.intent for row in rows} - {OUT_OF_SCOPE}))
    number = {label: k for k, label in enumerate(labels)}
    texts = tuple(clean(row.text) for row in rows)
    peaked, vectors = very_few(texts) and isinstance(encoder, Views), []
    for start in range(0, len(texts), 256):
        step("reading examples", start, len(texts))
        vectors.append(seen(texts[start : start + 256], encoder, peaks=peaked))
    truth = np.asarray([number.get(row.intent, -1) for row in rows], dtype=np.int64)
    names = seen([spoken(label) for label in labels if few(texts)], encoder, peaks=peaked)
    found = np.concatenate(vectors)
    return Table(texts=texts, vectors=found, truth=truth, labels=labels, names=names, peaked=peaked)


def _report(model: Model, trial: Trial, examples: Examples) -> dict[str, Any]:
    """Figures of the held-out predictions under the fitted thresholds."""
    fitted, known, verdict = model.calibration, trial.known, trial.verdict
    inside = known.truth >= 0
    right = verdict.shares.argmax(axis=1) == known.truth
    turned = verdict.outside > fitted.outside_threshold
    answered = ~turned & (verdict.confidence >= fitted.confidence_threshold)
    outside = sum(row.intent == OUT_OF_SCOPE for row in examples.rows)
    return {
        "examples": len(examples.rows),
        "intents": len(model.head.labels),
        "out_of_scope_examples": outside,
        "accuracy": float(right[inside].mean()),
        "accuracy_ci": wilson(int(right[inside].sum()), int(inside.sum())),
        "error_on_answered": float((~right[answered]).mean()) if answered.any() else 0.0,
        "coverage": float(answered[inside].mean()),
        "confidence_threshold": fitted.confidence_threshold,
        "guaranteed": fitted.guaranteed,
        "out_of_scope_recall": float(turned[~inside].mean()) if (~inside).any() else None,
        "settled": float(verdict.settled[inside].mean()),
        "tuned": model.tuned is not None,
    }


def _judged(model: Model, trial: Trial, rows: Sequence[Example]) -> Iterator[Judged]:
    """Yield every example with what the held-out predictions say of it."""
    place = {int(row): k for k, row in enumerate(trial.known.rows)}
    for row, example in enumerate(rows):
        judged = Judged(text=clean(example.text), intent=example.intent)
        if (k := place.get(row)) is not None:
            ranked = trial.verdict.ranked(k, model.head.labels)
            (said, confidence), outside = ranked[0], float(trial.verdict.outside[k])
            likely = tuple(one for one in ranked if one[1] >= LIKELY)
            found = {"said": said, "confidence": confidence, "outside": outside, "ranked": likely}
            judged = judged.model_copy(update=found)
        yield judged


def _data_hash(rows: Sequence[Example]) -> str:
    return hashlib.sha256("\n".join(f"{row.intent}\t{row.text}" for row in rows).encode("utf-8", "replace")).hexdigest()
