"""Train a router: examples -> head -> held-out predictions -> calibration -> a version on disk."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frontdesk.bot.intervals import wilson
from frontdesk.bot.router.calibrate import HeldOut, Ints, calibrate
from frontdesk.bot.router.features import Floats, NGrams, clean
from frontdesk.bot.router.gate import examine
from frontdesk.bot.router.model import SENTENCE_WEIGHT, Head, Model, Reading
from frontdesk.bot.router.nlu import OUT_OF_SCOPE, Example, Examples, read_nlu
from frontdesk.bot.router.versions import Judged, RouterVersions, Verdict
from frontdesk.bot.types import Encoder

Progress = Callable[[str, int, int], None]

_ENOUGH_OUTSIDE = 20
"""Out-of-scope examples from which on they are a class of their own."""
_MANY = 4000
_GROUPS = 3
_STRENGTH = 0.3
_NEVER = -2.0


@dataclass(frozen=True, kw_only=True)
class TrainReport:
    """What training made, measured by cross-validation on the examples themselves."""

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
    seconds: float
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Cleaned texts, their vectors (n × dimension) and labels: the number in `labels`, -1 for out of scope."""

    texts: tuple[str, ...]
    vectors: Floats
    truth: Ints
    labels: tuple[str, ...]

    def part(self, rows: NDArray[np.bool_]) -> Table:
        """Return the rows where `rows` is true."""
        texts = tuple(text for text, kept in zip(self.texts, rows, strict=True) if kept)
        return Table(texts=texts, vectors=self.vectors[rows], truth=self.truth[rows], labels=self.labels)


def train_router(
    nlu: Path,
    encoder: Encoder,
    *,
    max_error: float,
    out: Path,
    seed: int = 0,
    progress: Progress | None = None,
    force: bool = False,
) -> TrainReport:
    """Train on `nlu.yml`, write the next version under `out`, and serve it if the gate passes it or `force` says so.

    Raises ConfigError (file, line, fix) for examples that cannot be read, ModelError when the encoder does not start.
    """
    started = time.perf_counter()
    examples = read_nlu(nlu)
    model, known = fit(examples.rows, encoder, max_error=max_error, seed=seed, progress=progress)
    report = _report(model, known, examples)
    facts = {
        "encoder": encoder.fingerprint,
        "max_error": max_error,
        "data_sha256": _data_hash(examples.rows),
        "metrics": report,
    }
    versions = RouterVersions(out)
    version = versions.add(model, facts, _judged(model, known, examples.rows))
    verdict = examine(versions, version, encoder)
    verdict = verdict.model_copy(update={"forced": force and not verdict.passed})
    versions.record(verdict)
    if verdict.served:
        versions.promote(verdict)
    seconds = round(time.perf_counter() - started, 1)
    return TrainReport(version=version.number, verdict=verdict, seconds=seconds, warnings=examples.warnings, **report)


def fit(
    rows: Sequence[Example], encoder: Encoder, *, max_error: float, seed: int = 0, progress: Progress | None = None
) -> tuple[Model, HeldOut]:
    """Return the trained model and the held-out predictions that its calibration was fitted on."""
    step = progress or (lambda what, done, total: None)
    table = _table(rows, encoder, step)
    plans = list(_plans(table, seed))
    held: dict[bool, list[HeldOut]] = {True: [], False: []}
    for k, plan in enumerate(plans):
        step("held-out predictions", k, len(plans) + 1)
        held[plan.strange].append(_held_out(table, plan))
    step("training", len(plans), len(plans) + 1)
    head = fit_head(table, outside=_has_outside(table))
    known = _joined(held[False])
    strange = _joined(held[True]) if held[True] else known
    step("trained", len(plans) + 1, len(plans) + 1)
    return Model(head=head, calibration=calibrate(known, strange, max_error)), known


def _table(rows: Sequence[Example], encoder: Encoder, step: Progress) -> Table:
    """Clean and encode the examples, in slices so that the wait shows."""
    labels = tuple(sorted({row.intent for row in rows} - {OUT_OF_SCOPE}))
    number = {label: k for k, label in enumerate(labels)}
    texts = tuple(clean(row.text) for row in rows)
    vectors = []
    for start in range(0, len(texts), 256):
        step("reading examples", start, len(texts))
        vectors.append(encoder.encode(texts[start : start + 256]))
    truth = np.asarray([number.get(row.intent, -1) for row in rows], dtype=np.int64)
    return Table(texts=texts, vectors=np.concatenate(vectors), truth=truth, labels=labels)


def _has_outside(table: Table) -> bool:
    return int((table.truth < 0).sum()) >= _ENOUGH_OUTSIDE


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Which rows to learn from and which to ask; `strange`: whole intents are kept from the learner as out of scope."""

    learn: NDArray[np.bool_]
    ask: NDArray[np.bool_]
    strange: bool = False


def _plans(table: Table, seed: int) -> Iterator[Plan]:
    """Yield folds of rows; then, without examples of out of scope, folds of whole intents."""
    random = np.random.default_rng(seed)
    count = 5 if len(table.texts) <= _MANY else 3
    fold = _folds(table.truth, count, random)
    for k in range(count):
        if (fold == k).any():
            yield Plan(learn=fold != k, ask=fold == k)
    if _has_outside(table) or len(table.labels) <= _GROUPS:
        return
    group = np.append(random.permutation(len(table.labels)) % _GROUPS, -1)[table.truth]
    for k in range(_GROUPS):
        learn = (group != k) & (group >= 0) & (fold % _GROUPS != k)
        yield Plan(learn=learn, ask=(group == k) | (fold % _GROUPS == k), strange=True)


def _folds(truth: Ints, count: int, random: np.random.Generator) -> Ints:
    """Spread every label evenly over the folds."""
    fold = np.empty(len(truth), dtype=np.int64)
    start = 0
    for label in np.unique(truth):
        rows = random.permutation(np.flatnonzero(truth == label))
        fold[rows] = (np.arange(len(rows)) + start) % count
        start += len(rows)
    return fold


def _held_out(table: Table, plan: Plan) -> HeldOut:
    """Score the asked rows by a head trained without them; a label it never saw scores lowest."""
    head = fit_head(table.part(plan.learn), outside=_has_outside(table))
    asked = table.part(plan.ask)
    reading = head.read(asked.texts, asked.vectors)
    places = [table.labels.index(label) for label in head.labels]
    scores = np.full((len(asked.texts), len(table.labels)), _NEVER, dtype=np.float32)
    scores[:, places] = reading.scores
    truth = np.where(np.isin(asked.truth, places), asked.truth, -1) if plan.strange else asked.truth
    rows = np.flatnonzero(plan.ask)
    return HeldOut(reading=Reading(scores=scores, hints=reading.hints), truth=truth, rows=rows)


def _joined(parts: Sequence[HeldOut]) -> HeldOut:
    reading = Reading(
        scores=np.concatenate([part.reading.scores for part in parts]),
        hints=np.concatenate([part.reading.hints for part in parts]),
    )
    truth, rows = (np.concatenate([getattr(part, name) for part in parts]) for name in ("truth", "rows"))
    return HeldOut(reading=reading, truth=truth, rows=rows)


def fit_head(table: Table, *, outside: bool) -> Head:
    """Fit the linear classifier (one-against-rest SVM, squared hinge) on n-grams and sentence vectors together."""
    inside = table.truth >= 0
    used = table if outside else table.part(inside)
    seen = np.unique(used.truth[used.truth >= 0])
    classes = np.append(seen, -1) if outside else seen
    ngrams = NGrams.fit(used.texts)
    weights, bias = _svm(used, ngrams, classes)
    return Head(
        labels=tuple(table.labels[k] for k in seen),
        ngrams=ngrams,
        weights=weights,
        bias=bias,
        inside=table.vectors[inside],
        outside=table.vectors[~inside] if outside else table.vectors[:0],
    )


def _svm(table: Table, ngrams: NGrams, classes: Ints) -> tuple[Floats, Floats]:
    """Return weights (columns × classes) and bias, classes in the order given."""
    from scipy import sparse
    from sklearn.svm import LinearSVC

    rows = list(ngrams.rows(table.texts))
    starts = np.cumsum([0, *(len(columns) for columns, _ in rows)])
    values, columns = np.concatenate([v for _, v in rows]), np.concatenate([c for c, _ in rows])
    grams = sparse.csr_matrix((values, columns, starts), shape=(len(rows), len(ngrams.rarity)))
    data = sparse.hstack([grams, sparse.csr_matrix(SENTENCE_WEIGHT * table.vectors)]).tocsr()
    model = LinearSVC(C=_STRENGTH, tol=1e-2, random_state=0).fit(data, table.truth)
    weights, bias = model.coef_.T, model.intercept_
    if len(model.classes_) == 2:
        weights, bias = np.hstack([-weights, weights]), np.array([-bias[0], bias[0]])
    order = np.searchsorted(model.classes_, classes)
    return weights[:, order].astype(np.float32), bias[order].astype(np.float32)


def _report(model: Model, known: HeldOut, examples: Examples) -> dict[str, Any]:
    """Figures of the held-out predictions under the fitted thresholds."""
    fitted = model.calibration
    verdict = fitted.judge(known.reading)
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
        "out_of_scope_recall": float(turned[~inside].mean()) if outside else None,
    }


def _judged(model: Model, known: HeldOut, rows: Sequence[Example]) -> list[Judged]:
    """Return every example with what the held-out predictions say of it."""
    verdict = model.calibration.judge(known.reading)
    said = verdict.shares.argmax(axis=1)
    place = {int(row): k for k, row in enumerate(known.rows)}
    found = []
    for row, example in enumerate(rows):
        judged = Judged(text=clean(example.text), intent=example.intent)
        if (k := place.get(row)) is not None:
            name, confidence, outside = model.head.labels[said[k]], verdict.confidence[k], verdict.outside[k]
            judged = judged.model_copy(
                update={"said": name, "confidence": float(confidence), "outside": float(outside)}
            )
        found.append(judged)
    return found


def _data_hash(rows: Sequence[Example]) -> str:
    return hashlib.sha256("\n".join(f"{row.intent}\t{row.text}" for row in rows).encode("utf-8", "replace")).hexdigest()
