"""Several requests in one message: `python -m benchmarks.router_parts --data DIR [--write]`.

DIR holds clinc150 and bitext_intents (train.jsonl, dev.jsonl). Two development rows are joined as people join them;
rows alone, two rows of one intent and rows out of scope are what must stay whole. The weights are fitted on one half,
with a threshold that cuts at most 1 % of what must stay whole, and measured on the other half and on the demo brand's
own messages (tests/bot/requests.jsonl). `--write` puts them into the package. Prints a table, or JSON with --json.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from frontdesk.adapters.encoder import MiniLM
from frontdesk.adapters.graphs import user_cache
from frontdesk.bot.commands.output import quiet_libraries
from frontdesk.bot.intervals import wilson
from frontdesk.bot.router import parts as splitting
from frontdesk.bot.router.calibrate import conformal_limit
from frontdesk.bot.router.features import clean
from frontdesk.bot.router.judge import Judge
from frontdesk.bot.router.nlu import Example, intent_name, read_nlu
from frontdesk.bot.router.parts import Splitting, cuts, evidence, parts
from frontdesk.bot.router.train import fit

ROOT = Path(__file__).parents[1]
JOINS = [". ", "? ", " and ", ", and ", " also ", ", also ", " and also ", "; ", " plus ", "\n", " then ", ", "]
JOINS += [". also, ", " btw ", ". and ", " but "]
CUT_WRONGLY = 0.01
PAIRS, TRAINED_ON = 300, 4000


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A message, the intents it asks for, and where it was joined (-1: nowhere)."""

    text: str
    intents: tuple[str, ...]
    joined: int = -1
    fitted_on: bool = False


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place where a message may be cut, what speaks for it, and whether it is right."""

    evidence: Any
    right: bool


def rows_of(path: Path) -> list[tuple[str, str]]:
    """Return (text, intent) of a file of rows."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(row["text"], intent_name(row["intent"])) for row in rows]


def messages(rows: list[tuple[str, str]], seed: random.Random) -> Iterator[Asked]:
    """Yield joined pairs, pairs of one intent, and rows alone, in two halves that share no row."""
    seed.shuffle(rows)
    middle = len(rows) // 2
    for fitted_on, half in ((True, rows[:middle]), (False, rows[middle:])):
        inside = [row for row in half if row[1] != "out_of_scope"]
        for _ in range(PAIRS):
            (a, first), (b, second) = seed.sample(inside, 2)
            a = a.rstrip(" ?.!")
            intents = (first, second) if first != second else (first,)
            yield Asked(text=a + seed.choice(JOINS) + b, intents=intents, joined=len(a), fitted_on=fitted_on)
        for a, first in seed.sample(inside, PAIRS // 3):
            alike = [b for b, second in inside if second == first and b != a]
            if alike:
                text = a.rstrip(" ?.!") + seed.choice(JOINS) + seed.choice(alike)
                yield Asked(text=text, intents=(first,), fitted_on=fitted_on)
        for text, intent in half[:PAIRS]:
            yield Asked(text=text, intents=(intent,), fitted_on=fitted_on)


def places(asked: Asked, judge: Judge) -> Iterator[Place]:
    """Yield the places of a message whose sides are of different intents."""
    for start, end, between in cuts(asked.text):
        whole, left, right = judge([clean(asked.text), clean(asked.text[:start]), clean(asked.text[end:])])
        if left.likeliest[0] != right.likeliest[0]:
            hit = len(asked.intents) > 1 and start <= asked.joined <= end
            yield Place(evidence=evidence(whole, left, right, between), right=hit)


def fitted(found: Sequence[tuple[Asked, list[Place]]]) -> Splitting:
    """Fit weights on all places, and the threshold on the likeliest place of each message that must stay whole."""
    rows = [place for _, several in found for place in several]
    data = np.asarray([place.evidence for place in rows])
    mean, scale = data.mean(axis=0), np.maximum(data.std(axis=0), 1e-6)
    model = LogisticRegression(max_iter=2000).fit((data - mean) / scale, [place.right for place in rows])
    weights = model.coef_[0] / scale
    made = Splitting(weights=tuple(weights), bias=float(model.intercept_[0] - weights @ mean), threshold=1.0)
    whole = [
        max((made.probability(p.evidence) for p in several), default=0.0) for a, several in found if len(a.intents) == 1
    ]
    return made.model_copy(update={"threshold": conformal_limit(np.asarray(whole), CUT_WRONGLY)})


def measured(asked: Sequence[Asked], judge: Judge, split: Splitting) -> dict[str, Any]:
    """Return precision and recall of cutting, and how often both requests were found and nothing was cut wrongly."""
    several = [a for a in asked if len(a.intents) > 1]
    single = [a for a in asked if len(a.intents) == 1]
    cut = [parts(a.text, judge, split) for a in several]
    right = [len(found) == 2 for found in cut]
    both = [[one.likeliest[0] for one in found] == list(a.intents) for a, found in zip(several, cut, strict=True)]
    wrongly = [len(parts(a.text, judge, split)) > 1 for a in single]
    made = sum(len(found) > 1 for found in cut) + sum(wrongly)
    return {
        "two_requests": len(several),
        "one_request": len(single),
        "recall": float(np.mean(right)),
        "recall_ci": wilson(sum(right), len(right)),
        "precision": sum(right) / max(made, 1),
        "precision_ci": wilson(sum(right), max(made, 1)),
        "both_intents_in_order": float(np.mean(both)),
        "both_ci": wilson(sum(both), len(both)),
        "cut_wrongly": float(np.mean(wrongly)),
        "cut_wrongly_ci": wilson(sum(wrongly), len(wrongly)),
    }


def judge_of(rows: Sequence[Example], encoder: MiniLM) -> Judge:
    """Return a judge trained on examples; its routes play no part here."""
    model, _ = fit(rows, encoder, max_error=0.05)
    return Judge(routes={}, serving=lambda: model, encoder=encoder)


def demo(encoder: MiniLM) -> tuple[Judge, list[Asked]]:
    """Return the demo brand's judge and its messages."""
    judge = judge_of(read_nlu(ROOT / "bot" / "template" / "nlu.yml").rows, encoder)
    rows = [json.loads(line) for line in (ROOT / "tests" / "bot" / "requests.jsonl").read_text().splitlines()]
    return judge, [Asked(text=row["text"], intents=tuple(row["intents"])) for row in rows]


def main() -> None:
    """Fit, measure, print; write on request."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--write", action="store_true")
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    quiet_libraries()
    encoder, seed = MiniLM(user_cache(), threads=1), random.Random(5)
    sets: dict[str, tuple[Judge, list[Asked]]] = {}
    for name in ("clinc150", "bitext_intents"):
        train = rows_of(chosen.data / name / "train.jsonl")
        seed.shuffle(train)
        judge = judge_of([Example(text=text, intent=intent) for text, intent in train[:TRAINED_ON]], encoder)
        sets[name] = judge, list(messages(rows_of(chosen.data / name / "dev.jsonl"), seed))
    split = fitted([(a, list(places(a, judge))) for judge, asked in sets.values() for a in asked if a.fitted_on])
    held = {name: ([a for a in asked if not a.fitted_on], judge) for name, (judge, asked) in sets.items()}
    own, messages_of_own = demo(encoder)
    results = {name: measured(asked, judge, split) for name, (asked, judge) in held.items()}
    results["demo"] = measured(messages_of_own, own, split)
    if chosen.write:
        Path(splitting.__file__).with_name("parts.json").write_text(split.model_dump_json(indent=1) + "\n")
    print(json.dumps({"splitting": split.model_dump(), **results}, indent=1) if chosen.json else table(results))


def table(results: dict[str, dict[str, Any]]) -> str:
    """Return the figures in Markdown."""
    names = ("recall", "precision", "both_intents_in_order", "cut_wrongly")
    lines = ["| set | two / one request | " + " | ".join(names) + " |", "|---" * (len(names) + 2) + "|"]
    for name, found in results.items():
        cells = " | ".join(f"{found[key]:.3f}" for key in names)
        lines.append(f"| {name} | {found['two_requests']} / {found['one_request']} | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
