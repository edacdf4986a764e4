"""Several requests in one message: `python -m benchmarks.router_parts --data DIR [--write]`.

DIR holds clinc150 and bitext_intents (train.jsonl, dev.jsonl). Two development rows are joined as people join them;
rows alone, two rows of one intent and rows out of scope are what must stay whole. Beside them stand messages written
for the demo brand (tests/bot/requests.jsonl): one request, often after what happened, or two or three; two requests of
one intent beside each other count as one. The weights are fitted on one half of everything, the threshold so that at
most 1 % of the public messages and 10 % of the own ones that are one request are cut; all is measured on the other
halves. `--write` puts the weights into the package. Prints a table, or JSON with --json.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from frontdesk.adapters.encoder import MiniLM
from frontdesk.adapters.graphs import user_cache
from frontdesk.bot.commands.output import quiet_libraries
from frontdesk.bot.intervals import wilson
from frontdesk.bot.router import parts as splitting
from frontdesk.bot.router.calibrate import CERTAINTY, conformal_limit
from frontdesk.bot.router.features import clean
from frontdesk.bot.router.judge import Judge, Judged
from frontdesk.bot.router.nlu import Example, intent_name, read_nlu
from frontdesk.bot.router.parts import Splitting, cuts, evidence, parts
from frontdesk.bot.router.train import fit

ROOT = Path(__file__).parents[1]
JOINS = [". ", "? ", " and ", ", and ", " also ", ", also ", " and also ", "; ", " plus ", "\n", " then ", ", "]
JOINS += [". also, ", " btw ", ". and ", " but "]
CUT_WRONGLY, OWN_CUT_WRONGLY = 0.01, 0.1
OWN_WEIGHT = 3.0
"""How much an own message counts against a public pair: there are few, and they are what customers write."""
PAIRS, TRAINED_ON = 300, 4000
Ask = Callable[[Sequence[str]], list[Judged]]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A message, the intents it asks for, where it was joined, and whether it was written for this."""

    text: str
    intents: tuple[str, ...]
    joined: tuple[int, ...] = ()
    fitted_on: bool = False
    own: bool = False


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
            yield Asked(text=a + seed.choice(JOINS) + b, intents=intents, joined=(len(a),), fitted_on=fitted_on)
        for a, first in seed.sample(inside, PAIRS // 3):
            alike = [b for b, second in inside if second == first and b != a]
            if alike:
                text = a.rstrip(" ?.!") + seed.choice(JOINS) + seed.choice(alike)
                yield Asked(text=text, intents=(first,), fitted_on=fitted_on)
        for text, intent in half[:PAIRS]:
            yield Asked(text=text, intents=(intent,), fitted_on=fitted_on)


def places(asked: Asked, judge: Ask) -> Iterator[Place]:
    """Yield the places of a message whose sides are of different intents."""
    for cut in cuts(asked.text):
        whole, left, right = judge([clean(asked.text), clean(asked.text[: cut.end]), clean(asked.text[cut.start :])])
        if left.likeliest[0] != right.likeliest[0]:
            hit = any(cut.end <= at <= cut.start for at in asked.joined)
            yield Place(evidence=evidence(whole, left, right, cut), right=hit)


def fitted(found: Sequence[tuple[Asked, list[Place]]]) -> Splitting:
    """Fit weights on all places, and the threshold on the likeliest place of each message that must stay whole."""
    rows = [(place, OWN_WEIGHT if a.own else 1.0) for a, several in found for place in several]
    data = np.asarray([place.evidence for place, _ in rows])
    mean, scale = data.mean(axis=0), np.maximum(data.std(axis=0), 1e-6)
    model = LogisticRegression(max_iter=5000)
    model.fit((data - mean) / scale, [place.right for place, _ in rows], sample_weight=[weight for _, weight in rows])
    weights = model.coef_[0] / scale
    made = Splitting(weights=tuple(weights), bias=float(model.intercept_[0] - weights @ mean), threshold=1.0)

    def limit(own: bool, rate: float) -> float:
        alone = [several for a, several in found if len(a.intents) == 1 and a.own is own]
        likeliest = [max((made.probability(p.evidence) for p in several), default=0.0) for several in alone]
        return conformal_limit(np.asarray(likeliest), rate, CERTAINTY)

    return made.model_copy(update={"threshold": max(limit(False, CUT_WRONGLY), limit(True, OWN_CUT_WRONGLY))})


def measured(asked: Sequence[Asked], judge: Ask, split: Splitting) -> dict[str, Any]:
    """Return precision and recall of cutting, and how often both requests were found and nothing was cut wrongly."""
    several = [a for a in asked if len(a.intents) > 1]
    single = [a for a in asked if len(a.intents) == 1]
    cut = [parts(a.text, judge, split) for a in several]
    right = [len(found) == len(a.intents) for a, found in zip(several, cut, strict=True)]
    both = [[one.likeliest[0] for one in found] == list(a.intents) for a, found in zip(several, cut, strict=True)]
    alone = [parts(a.text, judge, split) for a in single]
    wrongly = [len(found) > 1 for found in alone]
    whole = [[one.likeliest[0] for one in found] == list(a.intents) for a, found in zip(single, alone, strict=True)]
    made = sum(len(found) > 1 for found in cut) + sum(wrongly)
    return {
        "several_requests": len(several),
        "one_request": len(single),
        "recall": float(np.mean(right)),
        "recall_ci": wilson(sum(right), len(right)),
        "precision": sum(right) / max(made, 1),
        "precision_ci": wilson(sum(right), max(made, 1)),
        "all_intents_in_order": float(np.mean(both)),
        "all_intents_in_order_ci": wilson(sum(both), len(both)),
        "cut_wrongly": float(np.mean(wrongly)),
        "cut_wrongly_ci": wilson(sum(wrongly), len(wrongly)),
        "one_intent": float(np.mean(whole)),
        "one_intent_ci": wilson(sum(whole), len(whole)),
    }


def judge_of(rows: Sequence[Example], encoder: MiniLM) -> Ask:
    """Return a judge trained on examples; its routes play no part here."""
    model, _ = fit(rows, encoder, max_error=0.05)
    return Remembering(Judge(routes={}, serving=lambda: model, encoder=encoder))


class Remembering:
    """A judge that is asked about a text once."""

    def __init__(self, judge: Judge) -> None:
        self._judge, self._known = judge, dict[str, Judged]()

    def __call__(self, texts: Sequence[str]) -> list[Judged]:
        """Return one judgement per text."""
        fresh = [text for text in dict.fromkeys(texts) if text not in self._known]
        if fresh:
            self._known.update(zip(fresh, self._judge(fresh), strict=True))
        return [self._known[text] for text in texts]


def demo(judge: Ask) -> list[Asked]:
    """Return the demo brand's messages, in the halves that the file names."""
    rows = [json.loads(line) for line in (ROOT / "tests" / "bot" / "requests.jsonl").read_text().splitlines()]
    return [own(row["text"], [key for key, _ in groupby(row["intents"])], row["half"] == "tune", judge) for row in rows]


def own(text: str, intents: Sequence[str], fitted_on: bool, judge: Ask) -> Asked:
    """Return a message with the places where its parts are likeliest what it was labelled."""
    found = cuts(text)
    best: tuple[float, tuple[int, ...]] = (0.0, ())
    for chosen in combinations(found, len(intents) - 1):
        ends, starts = [*(cut.end for cut in chosen), len(text)], [0, *(cut.start for cut in chosen)]
        judged = judge([clean(text[a:b]) for a, b in zip(starts, ends, strict=True)])
        likely = float(np.prod([one.shares.get(name, 0.0) for one, name in zip(judged, intents, strict=True)]))
        best = max(best, (likely, tuple(cut.end for cut in chosen)))
    return Asked(text=text, intents=tuple(intents), joined=best[1], fitted_on=fitted_on, own=True)


def main() -> None:
    """Fit, measure, print; write on request."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--write", action="store_true")
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    quiet_libraries()
    encoder, seed = MiniLM(user_cache(), threads=1), random.Random(5)
    sets: dict[str, tuple[Ask, list[Asked]]] = {}
    for name in ("clinc150", "bitext_intents"):
        train = rows_of(chosen.data / name / "train.jsonl")
        seed.shuffle(train)
        judge = judge_of([Example(text=text, intent=intent) for text, intent in train[:TRAINED_ON]], encoder)
        sets[name] = judge, list(messages(rows_of(chosen.data / name / "dev.jsonl"), seed))
    own_judge = judge_of(read_nlu(ROOT / "bot" / "template" / "nlu.yml").rows, encoder)
    sets["demo"] = own_judge, demo(own_judge)
    split = fitted([(a, list(places(a, judge))) for judge, asked in sets.values() for a in asked if a.fitted_on])
    held = {name: ([a for a in asked if not a.fitted_on], judge) for name, (judge, asked) in sets.items()}
    results = {name: measured(asked, judge, split) for name, (asked, judge) in held.items()}
    if chosen.write:
        Path(splitting.__file__).with_name("parts.json").write_text(split.model_dump_json(indent=1) + "\n")
    print(json.dumps({"splitting": split.model_dump(), **results}, indent=1) if chosen.json else table(results))


def table(results: dict[str, dict[str, Any]]) -> str:
    """Return the figures in Markdown, with 95 % intervals."""
    names = ("recall", "precision", "all_intents_in_order", "cut_wrongly", "one_intent")
    lines = ["| set | several / one request | " + " | ".join(names) + " |", "|---" * (len(names) + 2) + "|"]
    for name, found in results.items():
        spans = {key: ", ".join(f"{value:.3f}" for value in found[f"{key}_ci"]) for key in names}
        cells = " | ".join(f"{found[key]:.3f} [{spans[key]}]" for key in names)
        lines.append(f"| {name} | {found['several_requests']} / {found['one_request']} | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
