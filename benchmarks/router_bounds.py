"""Whether the router's fitted error bounds hold: `python -m benchmarks.router_bounds [SET ...] [--max-error 0.05]`.

A router is trained, its encoder tuned, on some of the training rows of a set of `benchmarks.router_rows`. Rows that it
has not seen, development rows among them, are split at random into halves, 20 times. `served` are the thresholds that
training fitted on its own held-out predictions, measured on one half; `fitted` are thresholds fitted on the other half.
Prints a row of each per set: how often the error on what is answered, and the share of rows in scope turned away,
stayed within the target, their means and worst; the error at 80 % and 100 % coverage; the calibration error.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.router_rows import Rows, rows_of
from frontdesk.adapters.encoder import MiniLM
from frontdesk.adapters.graphs import user_cache
from frontdesk.bot.commands.output import quiet_libraries
from frontdesk.bot.router.calibrate import HeldOut, calibrate, error_at
from frontdesk.bot.router.evaluate import calibration_error
from frontdesk.bot.router.heads import part_of
from frontdesk.bot.router.model import ENOUGH_OUTSIDE, Calibration, Model, Verdict
from frontdesk.bot.router.nlu import OUT_OF_SCOPE, Example
from frontdesk.bot.router.train import fit
from frontdesk.bot.types import Encoder
from frontdesk.finetune.router_encoder import tuner

SETS = ("clinc150", "banking77", "bitext_intents")
Flags = NDArray[np.bool_]


def parted(name: str, learned: int, more: int) -> tuple[Rows, Rows]:
    """Return rows to learn from and others to ask, of intents that the first have; no text is in both."""
    train, dev = rows_of(name)
    random.Random(0).shuffle(train)
    known = {intent for _, intent in train[:learned]} | {OUT_OF_SCOPE}
    read = {text.casefold() for text, _ in train[:learned]}
    fresh = [row for row in (*dev, *train[learned : learned + more]) if row[0].casefold() not in read]
    return train[:learned], [row for row in fresh if row[1] in known]


def heard(model: Model, rows: Rows, encoder: Encoder) -> HeldOut:
    """Return what the router reads in rows that it has not learned from."""
    number = {label: k for k, label in enumerate(model.head.labels)}
    truth = np.asarray([number.get(intent, -1) for _, intent in rows], dtype=np.int64)
    return HeldOut(reading=model.read([text for text, _ in rows], encoder), truth=truth, rows=np.arange(len(rows)))


def outcome(verdict: Verdict, fitted: Calibration, truth: NDArray[np.int64]) -> dict[str, float]:
    """Return what became of rows under thresholds."""
    right = verdict.shares.argmax(axis=1) == truth
    confidence, turned = verdict.confidence.astype(float), verdict.outside > fitted.outside_threshold
    answered = ~turned & (confidence >= fitted.confidence_threshold)
    return {
        "error": int((~right[answered]).sum()) / max(int(answered.sum()), 1),
        "answered": float(answered.mean()),
        "turned_away": float(turned[truth >= 0].mean()),
        "error_at_100": error_at(confidence, right, 1.0),
        "error_at_80": error_at(confidence, right, 0.8),
        "ece": calibration_error(confidence, right),
    }


def fitted_on(held: HeldOut, half: Flags, taught: bool, max_error: float) -> dict[str, float]:
    """Fit thresholds on one half and measure them on the other."""
    fitting, fresh = part_of(held, half), part_of(held, ~half)
    fitted = calibrate(fitting, fitting, max_error, taught=taught)
    return outcome(fitted.judge(fresh.reading), fitted, fresh.truth)


def summed(found: Sequence[dict[str, float]], max_error: float) -> dict[str, Any]:
    """Return the figures over all halves."""
    return {
        "within_target": sum(one["error"] <= max_error for one in found),
        "turned_away_within_target": sum(one["turned_away"] <= max_error for one in found),
        "worst_error": max(one["error"] for one in found),
        "worst_turned_away": max(one["turned_away"] for one in found),
        **{key: float(np.mean([one[key] for one in found])) for key in found[0]},
    }


def main() -> None:
    """Print the table, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=SETS)
    parser.add_argument("--max-error", type=float, default=0.05)
    parser.add_argument("--learned", type=int, default=2000)
    parser.add_argument("--more", type=int, default=3000, help="training rows asked beside the development rows")
    parser.add_argument("--halves", type=int, default=20)
    chosen = parser.parse_args()
    quiet_libraries()
    encoder = MiniLM(user_cache(), threads=1)
    for name in chosen.sets:
        learn, ask = parted(name, chosen.learned, chosen.more)
        examples = [Example(text=text, intent=intent) for text, intent in learn]
        model, _ = fit(examples, encoder, max_error=chosen.max_error, tuner=tuner(encoder))
        held, verdict = heard(model, ask, encoder), model.judge([text for text, _ in ask], encoder)
        taught = sum(one.intent == OUT_OF_SCOPE for one in examples) >= ENOUGH_OUTSIDE
        drawn = np.random.default_rng(0)
        halves = [drawn.permutation(len(ask)) < len(ask) // 2 for _ in range(chosen.halves)]
        rows = [np.flatnonzero(~half) for half in halves]
        served = [outcome(verdict.part(here), model.calibration, held.truth[here]) for here in rows]
        fitted = [fitted_on(held, half, taught, chosen.max_error) for half in halves]
        about = {"set": name, "learned": len(learn), "asked": len(ask), "halves": len(halves)}
        for what, found in (("served", served), ("fitted", fitted)):
            figures = {key: round(value, 4) for key, value in summed(found, chosen.max_error).items()}
            print(json.dumps(about | {"thresholds": what} | figures), flush=True)


if __name__ == "__main__":
    main()
