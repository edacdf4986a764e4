"""Whether the router's fitted error bounds hold: `python -m benchmarks.router_bounds --data DIR [--max-error 0.05]`.

DIR holds clinc150, banking77 and bitext_intents (train.jsonl, dev.jsonl). A head learns from some training rows. Rows
that it has not seen, development rows among them, are split at random into halves: thresholds are fitted on one and
measured on the other, 20 times. Prints a row per set, or JSON with --json: how often the error on what is answered, and
the share of in-scope rows turned away, stayed within the target; how often the error was above it beyond chance (95 %
exact lower bound); the error at 80 % coverage against that at 100 %; the expected calibration error.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import beta

from frontdesk.adapters.encoder import MiniLM
from frontdesk.adapters.graphs import user_cache
from frontdesk.bot.commands.output import quiet_libraries
from frontdesk.bot.router.calibrate import HeldOut, calibrate, error_at
from frontdesk.bot.router.evaluate import calibration_error
from frontdesk.bot.router.features import clean
from frontdesk.bot.router.heads import Table, fit_heads, held_out, part_of, plans, some_outside, spoken
from frontdesk.bot.router.mix import fit_mix, mixed
from frontdesk.bot.router.model import ENOUGH_OUTSIDE
from frontdesk.bot.router.nlu import OUT_OF_SCOPE, intent_name
from frontdesk.bot.types import Encoder

SETS = ("clinc150", "banking77", "bitext_intents")


def rows_of(path: Path) -> list[tuple[str, str]]:
    """Return (text, intent) of every row."""
    rows = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return [(clean(row["text"]), intent_name(row["intent"])) for row in rows]


def table_of(rows: Sequence[tuple[str, str]], labels: tuple[str, ...], encoder: Encoder) -> Table:
    """Return the rows as the heads read them."""
    number = {label: k for k, label in enumerate(labels)}
    texts = tuple(text for text, _ in rows)
    vectors = np.concatenate([encoder.encode(texts[at : at + 256]) for at in range(0, len(texts), 256)])
    truth = np.asarray([number.get(intent, -1) for _, intent in rows], dtype=np.int64)
    names = encoder.encode([spoken(label) for label in labels])
    return Table(texts=texts, vectors=vectors, truth=truth, labels=labels, names=names)


def pooled(folder: Path, encoder: Encoder, learned: int, more: int) -> tuple[HeldOut, bool]:
    """Return what a head that learned from `learned` rows makes of the development rows and `more` training rows.

    And whether it learned from examples out of scope enough to fit on them what tells it.
    """
    train, dev = rows_of(folder / "train.jsonl"), rows_of(folder / "dev.jsonl")
    random.Random(0).shuffle(train)
    labels = tuple(sorted({intent for _, intent in train[:learned]} - {OUT_OF_SCOPE}))
    table = table_of(train[:learned], labels, encoder)
    asked = table_of([*dev, *train[learned : learned + more]], labels, encoder)
    mix = fit_mix([held_out(table, plan) for plan in plans(table) if not plan.strange])
    reading = mixed(fit_heads(table, outside=some_outside(table)), mix).read(asked.texts, asked.vectors)
    held = HeldOut(reading=reading, truth=asked.truth, rows=np.arange(len(asked.texts)))
    return held, int((table.truth < 0).sum()) >= ENOUGH_OUTSIDE


def resampled(held: HeldOut, taught: bool, seed: int, max_error: float) -> dict[str, float]:
    """Fit thresholds on one half and measure them on the other."""
    drawn = np.random.default_rng(seed).permutation(len(held.truth)) < len(held.truth) // 2
    fitting, fresh = part_of(held, drawn), part_of(held, ~drawn)
    fitted = calibrate(fitting, fitting, max_error, taught=taught)
    verdict = fitted.judge(fresh.reading)
    right = verdict.shares.argmax(axis=1) == fresh.truth
    confidence, turned = verdict.confidence.astype(float), verdict.outside > fitted.outside_threshold
    answered = ~turned & (confidence >= fitted.confidence_threshold)
    wrong, n = int((~right[answered]).sum()), int(answered.sum())
    return {
        "guaranteed": float(fitted.guaranteed),
        "error": wrong / max(n, 1),
        "beyond_chance": float(wrong > 0 and beta.ppf(0.05, wrong, n - wrong + 1) > max_error),
        "answered": n / len(right),
        "turned_away": float(turned[fresh.truth >= 0].mean()),
        "error_at_100": error_at(confidence, right, 1.0),
        "error_at_80": error_at(confidence, right, 0.8),
        "ece": calibration_error(confidence, right),
    }


def measured(held: HeldOut, taught: bool, max_error: float, draws: int) -> dict[str, Any]:
    """Return the figures of a set over all its resamples."""
    found = [resampled(held, taught, seed, max_error) for seed in range(draws)]
    mean = {key: float(np.mean([one[key] for one in found])) for key in found[0]}
    return {
        "rows": len(held.truth),
        "resamples": draws,
        "guaranteed": sum(one["guaranteed"] > 0 for one in found),
        "within_target": sum(one["error"] <= max_error for one in found),
        "above_beyond_chance": sum(one["beyond_chance"] > 0 for one in found),
        "turned_away_within_target": sum(one["turned_away"] <= max_error for one in found),
        "worst_error": max(one["error"] for one in found),
        **{key: mean[key] for key in ("error", "answered", "turned_away", "error_at_100", "error_at_80", "ece")},
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--max-error", type=float, default=0.05)
    parser.add_argument("--learned", type=int, default=3000)
    parser.add_argument("--more", type=int, default=2000)
    parser.add_argument("--resamples", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    quiet_libraries()
    encoder = MiniLM(user_cache(), threads=1)
    for name in asked.sets:
        held, taught = pooled(asked.data / name, encoder, asked.learned, asked.more)
        found = measured(held, taught, asked.max_error, asked.resamples)
        if asked.json:
            print(json.dumps({"set": name, **found}), flush=True)
        else:
            print(name, *(f"{key}={value:.4g}" for key, value in found.items()), flush=True)


if __name__ == "__main__":
    main()
