"""The support check against lexical overlap and cosine, on begin's held-out contexts and on pairs written by hand.

Run: python benchmarks/support.py --begin DEV.jsonl [--scorer FOLDER]; the bars of the other arms are set for the best
F1 on the contexts that the scorer was trained on. One JSON object is printed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from frontdesk.adapters.encoder import MiniLM
from frontdesk.adapters.graphs import user_cache
from frontdesk.adapters.pair_scorer import FILE, SHIPPED, PairScorer
from frontdesk.finetune.support.make import begin_row, part_of, written
from frontdesk.knowledge.claims import objection
from frontdesk.knowledge.support import Claim, SupportChecker, shared

Pairs = Sequence[tuple[str, str]]
Arm = Callable[[Pairs], NDArray[np.float32]]
"""Gives each (quote, sentence) a score: the higher, the better carried."""
DRAWS = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--begin", type=Path, required=True)
    parser.add_argument("--scorer", type=Path, default=SHIPPED / "support")
    chosen = parser.parse_args()
    rows = [json.loads(line) for line in chosen.begin.read_text(encoding="utf-8").splitlines()]
    fitted = [begin_row(row) for row in rows if part_of(row["context"]) != "report"]
    held = [begin_row(row) for row in rows if part_of(row["context"]) == "report"]
    mine = [row for row in written() if row["part"] == "test"]
    scorer, encoder = PairScorer(chosen.scorer, user_cache()), MiniLM(user_cache())
    arms: dict[str, Arm] = {"overlap": overlap, "cosine": lambda pairs: cosine(encoder, pairs), "scorer": scorer.score}
    found: dict[str, Any] = {"begin": {}, "written": {}}
    for name, arm in arms.items():
        bar = 0.5 if name == "scorer" else best_bar(arm(texts(fitted)), labels(fitted))
        found["begin"][name] = judged(arm(texts(held)), labels(held), bar)
        found["written"][name] = judged(arm(texts(mine)), labels(mine), bar)
    agreed = np.array([not objection(row["second"], row["first"]) for row in mine], dtype=np.float32)
    found["written"]["claims alone"] = judged(agreed, labels(mine), 0.5)
    found["written"]["scorer and claims"] = judged(scorer.score(texts(mine)) * agreed, labels(mine), 0.5)
    found["CPU ms an answer of three sentences"] = timed(SupportChecker(scorer), mine)
    found["bytes shipped"] = (chosen.scorer / FILE).stat().st_size
    print(json.dumps(found, indent=1))


def texts(rows: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(row["first"], row["second"]) for row in rows]


def labels(rows: Sequence[dict[str, Any]]) -> NDArray[np.int64]:
    return np.array([row["label"] for row in rows])


def overlap(pairs: Pairs) -> NDArray[np.float32]:
    return np.array([shared(second, first) for first, second in pairs], dtype=np.float32)


def cosine(encoder: MiniLM, pairs: Pairs) -> NDArray[np.float32]:
    firsts, seconds = (encoder.encode([pair[k] for pair in pairs]) for k in (0, 1))
    return np.asarray((firsts * seconds).sum(axis=1), dtype=np.float32)


def f1(truth: NDArray[np.bool_], said: NDArray[np.bool_]) -> float:
    return float(2 * (truth & said).sum() / max(truth.sum() + said.sum(), 1))


def best_bar(scores: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    """Return the bar with the best F1 of what is unsupported."""
    bars = np.unique(scores)
    return float(bars[int(np.argmax([f1(truth == 0, scores < bar) for bar in bars]))])


def judged(scores: NDArray[np.float32], truth: NDArray[np.int64], bar: float) -> dict[str, Any]:
    """Return F1 of the unsupported and of the supported, balanced accuracy and AUROC, with bootstrap intervals."""
    measures: dict[str, Callable[[NDArray[np.float32], NDArray[np.int64]], float]] = {
        "f1_unsupported": lambda s, t: f1(t == 0, s < bar),
        "f1_supported": lambda s, t: f1(t == 1, s >= bar),
        "balanced": lambda s, t: ((s[t == 0] < bar).mean() + (s[t == 1] >= bar).mean()) / 2,
        "auroc": lambda s, t: roc_auc_score(t, s),
    }
    rng = np.random.default_rng(0)
    result: dict[str, Any] = {"n": len(truth), "bar": round(bar, 3)}
    draws = [rng.integers(0, len(truth), len(truth)) for _ in range(DRAWS)]
    for name, measure in measures.items():
        spread = [measure(scores[at], truth[at]) for at in draws]
        low, high = np.percentile(spread, [2.5, 97.5])
        result[name] = [round(float(value), 3) for value in (measure(scores, truth), low, high)]
    return result


def timed(checker: SupportChecker, rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return the median and 95th percentile of checking three sentences, in CPU time: the machine may be shared."""
    claims = [Claim(sentence=row["second"], quote=row["first"]) for row in rows]
    spent = []
    for at in range(0, len(claims) - 2, 3):
        began = time.process_time()
        checker.objections(claims[at : at + 3])
        spent.append((time.process_time() - began) * 1000)
    cuts = statistics.quantiles(spent, n=20)
    return {"p50": round(cuts[9], 1), "p95": round(cuts[18], 1)}


if __name__ == "__main__":
    main()
