"""How sure the documents must be of a message in doubt: fitted, and measured on messages left out of the fit.

`python -m benchmarks.doubt [--project FOLDER] [--max-error E] [--save]` prints JSON; without --project the demo is made
and trained; --save replaces bot/router/doubt.json. Rows: the labelled messages of tests/bot/doubt_tuning.jsonl and
hybrid_tuning.jsonl and of tests/knowledge/questions.jsonl that the router would ask back, right where the documents'
best quote is of a document that answers; and the examples of nlu.yml that it would ask back had it not learned from
them, right as often as the documents' own confidence says for those of knowledge, never for others. Both halves weigh
the same. The bar is fitted on the labelled half, to the share of wrong answers that `--max-error` allows.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.hybrid import made
from frontdesk.bot.app import Bot, assemble, entities_of, stakes_of
from frontdesk.bot.intervals import wilson
from frontdesk.bot.project import Project
from frontdesk.bot.router.doubt import FILE, Doubt, evidence
from frontdesk.bot.router.features import clean
from frontdesk.bot.router.judge import Judge
from frontdesk.bot.router.versions import RouterVersions, Serving
from frontdesk.bot.types import Kind
from frontdesk.knowledge.base import Knowledge
from frontdesk.knowledge.calibrate import limit
from frontdesk.knowledge.confidence import Confidence
from frontdesk.knowledge.examples import named
from frontdesk.knowledge.values import Question

TESTS = Path(__file__).parent.parent / "tests"
LABELLED = ("bot/doubt_tuning.jsonl", "bot/hybrid_tuning.jsonl", "knowledge/questions.jsonl")
FOLDS, SEEDS = 10, 5
LOOSE = 10.0
"""The inverse strength of the penalty on the weights: three of them need next to none."""
_EDGE = 1e-2
"""Confidences nearer to 0 or 1 count as this near."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A message in doubt: how sure the documents are, the router's evidence, and how far the answer is right (0 to 1).

    `labelled` tells a labelled message from a held-out example.
    """

    text: str
    sure: float
    elsewhere: float
    outside: float
    right: float
    labelled: bool


def labelled() -> Iterator[tuple[str, Sequence[str]]]:
    """Yield every labelled message that is one request, with the documents that answer it."""
    for name in LABELLED:
        for line in (TESTS / name).read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row.get("kind") != "mixed" and not row.get("history"):
                yield row.get("text") or row["question"], row.get("doc_ids") or []


def cases(judge: Judge, base: Knowledge, routes: Mapping[str, Kind]) -> Iterator[Case]:
    """Yield every message in doubt with what the documents say to it."""
    for text, doc_ids in labelled():
        (judged,) = judge([clean(text)])
        if judged.route.kind == "clarify" and judged.ranked:
            found = base.explain(Question(text=text))
            best = found.considered[0].document_id if found.considered else ""
            at = evidence(judged.ranked, judged.outside, routes)
            right = float(named(best, doc_ids))
            yield Case(text=text, sure=found.probability, elsewhere=at[0], outside=at[1], right=right, labelled=True)
    for example in judge.doubted():
        sure = base.explain(Question(text=example.text)).probability
        at = evidence(example.ranked, example.outside, routes)
        right = sure if routes.get(example.intent) == "knowledge" else 0.0
        yield Case(text=example.text, sure=sure, elsewhere=at[0], outside=at[1], right=right, labelled=False)


@dataclass(frozen=True, kw_only=True)
class Table:
    """The cases as arrays: `signs` of shape (n, 3)."""

    signs: Doubles
    right: Doubles
    sure: Doubles
    labelled: NDArray[np.bool_]

    @classmethod
    def of(cls, found: Sequence[Case]) -> Table:
        """Line the cases up."""
        sure = np.array([one.sure for one in found])
        known = np.clip(sure, _EDGE, 1 - _EDGE)
        odds = np.log(known / (1 - known))
        return cls(
            signs=np.column_stack([odds, [one.elsewhere for one in found], [one.outside for one in found]]),
            right=np.array([one.right for one in found]),
            sure=sure,
            labelled=np.array([one.labelled for one in found]),
        )

    def fit(self, rows: NDArray[np.int64]) -> Any:
        """Return the logistic regression of "right" on the signs of some rows; both halves weigh the same."""
        from sklearn.linear_model import LogisticRegression

        ours = self.labelled[rows]
        weight = np.where(ours, 1.0, ours.sum() / max(1, (~ours).sum()))
        right, signs = self.right[rows], self.signs[rows]
        truth = np.repeat([1, 0], len(rows))
        weights = np.concatenate([right * weight, (1 - right) * weight])
        return LogisticRegression(C=LOOSE).fit(np.vstack([signs, signs]), truth, sample_weight=weights)

    def left_out(self) -> Doubles:
        """Return the probability of every row by fits that never saw it, the mean of several ways to cut folds."""
        from sklearn.model_selection import StratifiedKFold

        total = np.zeros(len(self.right))
        kinds = 2 * self.labelled + (self.right > 0.5)
        for seed in range(SEEDS):
            for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(self.signs, kinds):
                total[test] += self.fit(train).predict_proba(self.signs[test])[:, 1]
        return total / SEEDS


def fitted(table: Table, max_error: float) -> Doubt:
    """Return the doubt whose bar keeps the target on the labelled messages that the documents alone would answer."""
    model, likely = table.fit(np.arange(len(table.right))), table.left_out()
    asked = table.labelled & (table.sure >= Confidence.shipped().threshold)
    bar = limit(likely[asked], table.right[asked] > 0.5, max_error)
    given = asked & (likely >= bar)
    count, wrong = int(given.sum()), int((table.right[given] == 0).sum())
    low, high = wilson(wrong, count)
    sure, elsewhere, outside = (round(float(one), 4) for one in model.coef_[0])
    return Doubt(
        sure=sure,
        elsewhere=elsewhere,
        outside=outside,
        intercept=round(float(model.intercept_[0]), 4),
        bar=round(bar, 4),
        reach=round(float(table.sure.max()), 4),
        fit={
            "max_error": max_error,
            "labelled": int(table.labelled.sum()),
            "answerable": int(table.right[table.labelled].sum()),
            "held_out": int((~table.labelled).sum()),
            "answered": count,
            "wrong": wrong,
            "wrong_ci": (round(low, 3), round(high, 3)),
            "answered_without": int(asked.sum()),
            "wrong_without": int((table.right[asked] == 0).sum()),
        },
    )


def judge_of(bot: Bot, name: str) -> Judge:
    """Return the judge of a brand's router."""
    brand = bot.engine.brands[name]
    serving = Serving(RouterVersions(bot.project.state / "router"), bot.encoder)
    stakes = stakes_of(bot.project, brand, entities_of(bot.project, brand))
    return Judge(routes=brand.routes, serving=serving.now, encoder=bot.encoder, stakes=stakes)


def measured(folder: Path, max_error: float, *, save: bool) -> None:
    """Fit on a trained project's messages; print the outcome, and keep it when asked to."""
    bot = assemble(Project.load(folder))
    name = bot.project.settings.brand_id
    routes = bot.engine.brands[name].routes
    found = fitted(Table.of(list(cases(judge_of(bot, name), bot.knowledge.of(name), routes))), max_error)
    text = found.model_dump_json(indent=1) + "\n"
    sys.stdout.write(text)
    if save:
        FILE.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", type=Path)
    parser.add_argument("--max-error", type=float, default=0.17)
    parser.add_argument("--save", action="store_true")
    chosen = parser.parse_args()
    if chosen.project:
        measured(chosen.project, chosen.max_error, save=chosen.save)
        return
    with tempfile.TemporaryDirectory() as folder:
        measured(made(Path(folder) / "shop"), chosen.max_error, save=chosen.save)


if __name__ == "__main__":
    main()
