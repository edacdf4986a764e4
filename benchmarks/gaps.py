"""Group unanswered questions: how well groups follow intents, by linkage and distance, on real questions.

Run: python benchmarks/gaps.py [--split train] [--samples 12]; reads ../shared/data, prints one row per arm: B-cubed
precision, recall and F1 (Bagga and Baldwin 1998) and groups per intent, the mean of samples of 40, 150 or 500 questions
of 12 to 45 intents with Zipf's shares.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.cluster import AgglomerativeClustering

from frontdesk.adapters.encoder import MiniLM
from frontdesk.adapters.graphs import user_cache

DATA = Path(__file__).parent.parent.parent / "shared" / "data"
SETS = ("banking77", "bitext_intents", "clinc150")
DISTANCES = (0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)


def by_intent(name: str, split: str) -> dict[str, list[str]]:
    """Return the questions of a set by intent, those out of scope left out."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in (DATA / name / f"{split}.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["intent"] != "oos":
            found[row["intent"]].append(row["text"])
    return found


def sampled(questions: dict[str, list[str]], seed: int) -> list[tuple[str, str]]:
    """Return different (text, intent) pairs as a month might bring them: a few intents often, many once."""
    dice = random.Random(seed)
    count = dice.choice([40, 150, 500])
    intents = dice.sample(sorted(questions), min(len(questions), dice.randint(12, 45)))
    drawn = dice.choices(intents, [1 / (place + 1) ** 0.8 for place in range(len(intents))], k=count)
    return list({dice.choice(questions[intent]): intent for intent in drawn}.items())


def b_cubed(truth: Sequence[str], groups: Sequence[int]) -> tuple[float, float, float]:
    """Return precision, recall and F1, averaged over questions."""
    both, intents, sizes = Counter(zip(truth, groups, strict=True)), Counter(truth), Counter(groups)
    precision = sum(count * count / sizes[group] for (_, group), count in both.items()) / len(truth)
    recall = sum(count * count / intents[intent] for (intent, _), count in both.items()) / len(truth)
    return precision, recall, 2 * precision * recall / (precision + recall)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--split", default="dev")
    parser.add_argument("--samples", type=int, default=12)
    asked = parser.parse_args()
    encoder = MiniLM(user_cache())
    rows: dict[tuple[str, float, str], list[tuple[float, ...]]] = defaultdict(list)
    for name in SETS:
        questions = by_intent(name, asked.split)
        for seed in range(asked.samples):
            pairs = sampled(questions, seed)
            truth, vectors = [intent for _, intent in pairs], encoder.encode([text for text, _ in pairs])
            for linkage in ("average", "complete"):
                for distance in DISTANCES:
                    made = AgglomerativeClustering(
                        n_clusters=None, metric="cosine", linkage=linkage, distance_threshold=distance
                    ).fit_predict(vectors)
                    share = len(set(made)) / len(set(truth))
                    rows[linkage, distance, name].append((*b_cubed(truth, list(made)), share))
    for (linkage, distance, name), found in sorted(rows.items()):
        precision, recall, f1, share = np.mean(found, axis=0)
        figures = f"P {precision:.3f} R {recall:.3f} F1 {f1:.3f} groups/intent {share:.2f}"
        print(f"{linkage:8} {distance:.2f} {name:14} {figures}")


if __name__ == "__main__":
    main()
